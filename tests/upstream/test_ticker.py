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


async def test_stopped_by_its_own_work():
    ticks = []
    ticker = Ticker(0.005, lambda: ticker.stop() or not ticks.append(1))
    ticker.wake()
    await asyncio.sleep(0.03)  # as above
    assert ticks == [1]


async def test_what_fails_for_one_deadline_does_not_end_it_for_all():
    told, ticks, done = [], 0, asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(str(context["exception"])))

    def work() -> bool:
        nonlocal ticks
        ticks += 1
        if ticks < 3:
            raise ValueError("this one")
        done.set()
        return False

    Ticker(0.005, work).wake()
    async with asyncio.timeout(5):
        await done.wait()
    assert told == ["this one"] * 2
