"""Whatever a plugin's code does, its caller goes on, in time."""

import asyncio
import time
from pathlib import Path

import pytest

from hub.plugin.contain import Container, Fault

HERE = Path(__file__)


@pytest.fixture
async def container():
    container = Container(HERE)
    yield container
    assert await container.end(seconds=1) == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def call(container, function, seconds=5):
    return await container.call(function, seconds=seconds)


async def test_the_value_comes_back(container):
    async def fine(a, b):
        await asyncio.sleep(0)
        return a + b

    assert (await container.call(fine, 1, 2, seconds=1)).value == 3


@pytest.mark.parametrize(
    "error", [ValueError, SystemExit, KeyboardInterrupt, asyncio.CancelledError, GeneratorExit, TimeoutError]
)
async def test_whatever_it_raises_becomes_a_fault(container, error):
    async def bad():
        raise error("oops")

    with pytest.raises(Fault) as caught:
        await call(container, bad)
    assert caught.value.kind == "raised"
    assert caught.value.line == bad.__code__.co_firstlineno + 1
    assert asyncio.current_task().cancelling() == 0


async def test_what_is_no_coroutine_function_may_raise_at_once(container):
    def bad():
        raise ValueError("at once")

    with pytest.raises(Fault, match="ValueError: at once"):
        await call(container, bad)


async def test_the_line_is_that_of_the_plugin_and_not_of_a_library(container):
    async def bad():
        await asyncio.wait_for(asyncio.Event(), "never")

    with pytest.raises(Fault) as caught:
        await call(container, bad)
    assert caught.value.line == bad.__code__.co_firstlineno + 1


async def test_a_slow_one_is_cut_off_and_told_where_it_waited(container):
    async def deep():
        await asyncio.sleep(60)

    async def slow():
        await deep()

    with pytest.raises(Fault, match=r"took longer than 0\.01 s") as caught:
        await call(container, slow, 0.01)
    assert caught.value.kind == "slow"
    assert caught.value.line == deep.__code__.co_firstlineno + 1


async def test_a_deadline_holds_for_one_that_will_not_be_cancelled(container):
    release = asyncio.Event()

    async def stubborn():
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    with pytest.raises(Fault, match="took longer"):
        await call(container, stubborn, 0.01)
    assert await container.end(seconds=0.01) == 1
    release.set()


async def test_blocking_code_is_measured(container):
    async def blocking():
        time.sleep(0.05)
        return "late"

    answer = await call(container, blocking, 0.01)
    assert answer.value == "late"
    assert answer.step >= 0.05


async def test_time_in_which_another_held_up_the_loop_is_given_back(container):
    async def patient():
        for _ in range(5):
            await asyncio.sleep(0)
        await asyncio.sleep(0.02)
        return "well"

    calls = asyncio.create_task(call(container, patient, 0.1))
    for _ in range(3):
        await asyncio.sleep(0)
    time.sleep(0.5)
    answer = await calls
    assert answer.value == "well"
    assert answer.step < 0.1
    assert answer.seconds > 0.5


async def test_what_swallows_its_end_gets_no_step_more(container):
    steps = []

    async def stubborn():
        while True:
            steps.append("one")
            try:
                await asyncio.sleep(0)
            except BaseException:
                steps.append("swallowed")

    container.spawn(stubborn(), "stubborn", lambda _: None)
    while len(steps) < 3:
        await asyncio.sleep(0)
    container.kill()
    assert await container.end(seconds=1) == 0
    assert "swallowed" not in steps


async def test_only_coroutines_run_in_the_background(container):
    with pytest.raises(TypeError, match="int can not run in the background"):
        container.spawn(42, "nonsense", lambda _: None)


@pytest.mark.parametrize("then", [0, 1])
async def test_one_that_cancels_its_own_task_does_not_cancel_the_caller(container, then):
    async def suicidal():
        asyncio.current_task().cancel()
        for _ in range(then):
            await asyncio.sleep(0)

    with pytest.raises(Fault, match="CancelledError"):
        await call(container, suicidal)
    assert asyncio.current_task().cancelling() == 0


async def test_the_callers_own_cancellation_goes_through(container):
    started, ended = asyncio.Event(), asyncio.Event()

    async def waiting():
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    caller = asyncio.create_task(call(container, waiting))
    await started.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await ended.wait()


async def test_an_exception_that_can_not_be_printed(container):
    class Nasty(Exception):
        def __str__(self):
            raise RuntimeError

    async def bad():
        raise Nasty

    with pytest.raises(Fault, match="Nasty"):
        await call(container, bad)


async def background(container, work):
    ended = asyncio.get_running_loop().create_future()
    container.spawn(work, "test", ended.set_result)
    return await ended


async def test_background_work_tells_how_it_ended(container):
    async def fine():
        await asyncio.sleep(0)

    async def bad():
        raise SystemExit(1)

    assert await background(container, fine()) is None
    assert (await background(container, bad())).error == "SystemExit: 1"


async def test_background_work_ends_at_the_end(container):
    told = []

    async def forever():
        await asyncio.Event().wait()

    container.spawn(forever(), "running", told.append)
    await asyncio.sleep(0)
    container.spawn(forever(), "not yet begun", told.append)
    assert await container.end(seconds=1) == 0
    assert told == []
