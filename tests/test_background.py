"""A task that should go on for as long as the hub does, and fails, is told of; one that ends as it should is not."""

import asyncio

from structlog.testing import capture_logs

from hub.background import background


async def fail() -> None:
    await asyncio.sleep(0)
    raise ValueError("nobody expected this")


async def answer() -> int:
    return 42


async def test_what_fails_is_told_of():
    with capture_logs() as logs:
        await asyncio.wait([task := background(fail(), "a part")])
        await asyncio.sleep(0)
    ((event, level, name, error),) = [
        (each["event"], each["log_level"], each["task"], each["exc_info"]) for each in logs
    ]
    assert (event, level, name, task.get_name()) == ("background_ended", "error", "a part", "a part")
    assert error is task.exception()


async def test_what_ends_or_is_ended_is_not():
    with capture_logs() as logs:
        assert await background(answer(), "an answer") == 42
        task = background(asyncio.sleep(60), "a pause")
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await asyncio.sleep(0)
    assert logs == []
