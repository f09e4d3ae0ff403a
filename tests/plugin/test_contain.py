"""Whatever a plugin's code does, its caller goes on, in time."""

import asyncio
import time
from contextvars import ContextVar
from pathlib import Path

import pytest

from hub.plugin.contain import Container, Fault

HERE = Path(__file__)
WORD = ContextVar("WORD", default="nothing")


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


async def test_code_without_await_is_run_right_here(container):
    async def fine(a, b):
        return a + b

    turns = []
    asyncio.get_running_loop().call_soon(turns.append, "one")
    assert container.step(fine, (1, 2))[0] == 3
    assert turns == []
    assert container.running == 0


@pytest.mark.parametrize(
    "error", [ValueError, SystemExit, KeyboardInterrupt, asyncio.CancelledError, GeneratorExit, StopAsyncIteration]
)
async def test_whatever_a_step_raises_becomes_a_fault(container, error):
    task = asyncio.current_task()

    async def bad():
        raise error("oops")

    with pytest.raises(Fault) as caught:
        container.step(bad, ())
    assert (caught.value.kind, caught.value.line) == ("raised", bad.__code__.co_firstlineno + 1)
    assert asyncio.current_task() is task
    await asyncio.sleep(0)


async def test_stop_iteration_is_no_answer(container):
    async def bad():
        raise StopIteration(3)

    with pytest.raises(Fault, match="RuntimeError: coroutine raised StopIteration"):
        container.step(bad, ())
    with pytest.raises(Fault, match="RuntimeError: coroutine raised StopIteration"):
        await call(container, bad)


async def test_a_step_does_not_see_the_task_of_its_caller(container):
    async def suicidal():
        seen.append(asyncio.current_task())
        asyncio.current_task().cancel()

    async def fine():
        seen.append(asyncio.current_task())

    seen = []
    for _ in range(2):
        with pytest.raises(Fault, match="it cancelled its own task"):
            container.step(suicidal, ())
        container.step(fine, ())
        container.step(fine, ())
        await asyncio.sleep(0)
    assert asyncio.current_task() not in seen
    assert asyncio.current_task().cancelling() == 0
    assert len(set(seen)) == 3
    assert seen[1] is seen[2] is seen[3]


async def test_a_step_sees_the_context_of_its_caller_and_leaves_nothing_in_it(container):
    async def fine():
        before = WORD.get()
        WORD.set("of the plugin")
        return before

    WORD.set("of the message")
    assert container.step(fine, ())[0] == "of the message"
    assert WORD.get() == "of the message"


async def test_a_step_may_start_tasks(container):
    async def starts():
        return asyncio.create_task(asyncio.sleep(0, "done")), asyncio.timeout(1)

    (task, _), _ = container.step(starts, ())
    assert await task == "done"


async def test_a_step_is_made_without_any_task_as_well(container):
    async def fine():
        return asyncio.current_task() is not None

    told = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(lambda: told.set_result(container.step(fine, ())[0]))
    assert await told
    assert asyncio.current_task() is not None


async def test_when_all_is_over_no_step_is_made(container):
    async def fine():
        steps.append("one")

    steps = []
    container.kill()
    with pytest.raises(Fault, match="runs any more"):
        container.step(fine, ())
    with pytest.raises(Fault, match="CancelledError"):
        await call(container, fine)
    assert steps == []


async def test_an_awaitable_that_is_no_coroutine_is_awaited(container):
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, "well")
    assert (await call(container, lambda: future)).value == "well"
    with pytest.raises(Fault, match="TypeError"):
        await call(container, lambda: 42)


async def blocks():
    time.sleep(0.15)


async def blocks_perhaps(wait=False):
    time.sleep(0.15)
    if wait:
        await asyncio.sleep(0)


@pytest.mark.parametrize("function", [blocks, blocks_perhaps])
async def test_what_another_plugin_takes_does_not_count(container, function):
    other = Container(Path("other.py"))

    async def asks_the_hub():
        if function is blocks:
            return other.step(blocks, ())[1]
        return (await call(other, function)).step

    answer = await call(container, asks_the_hub)
    assert answer.value >= 0.15
    assert answer.step < 0.1
    assert await other.end(seconds=1) == 0
