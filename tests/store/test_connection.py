"""A step that was begun is finished, however often the caller is cancelled."""

import asyncio

import pytest

from hub.store.connection import to_its_end


async def test_the_result_comes_back():
    async def step():
        return 7

    assert await to_its_end(step()) == 7


async def test_the_error_comes_back():
    async def step():
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await to_its_end(step())


@pytest.mark.parametrize("error", [None, RuntimeError("no")])
async def test_cancelled_again_and_again_the_step_is_finished_first(error):
    go_on, finished = asyncio.Event(), []

    async def step():
        await go_on.wait()
        finished.append(True)
        if error:
            raise error

    task = asyncio.create_task(to_its_end(step()))
    for _ in range(5):
        await asyncio.sleep(0)
        task.cancel()
    assert finished == []
    go_on.set()
    with pytest.raises(asyncio.CancelledError) as raised:
        await task
    assert finished == [True]
    assert raised.value.__cause__ is error
