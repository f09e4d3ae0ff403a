"""The coarse timer: it ticks while there is work, once per interval, and not after that."""

import asyncio

from hub.upstream.ticker import Ticker


async def test_it_ticks_until_nothing_is_left_and_can_be_woken_again():
    left, ticks, done = 3, 0, asyncio.Event()

    def work() -> bool:
        nonlocal left, ticks
        left, ticks = left - 1, ticks + 1
        if left <= 0:
            done.set()
        return left > 0

    ticker = Ticker(0.005, work)
    for expected in (3, 4):
        ticker.wake()
        ticker.wake()
        await done.wait()
        await asyncio.sleep(0.03)  # nothing must happen in this time, so there is nothing to wait for
        assert ticks == expected
        done.clear()


async def test_stopped():
    ticks = []
    ticker = Ticker(0.005, lambda: bool(ticks.append(1)))
    ticker.stop()
    ticker.wake()
    ticker.stop()
    await asyncio.sleep(0.03)  # nothing must happen in this time, so there is nothing to wait for
    assert ticks == []
