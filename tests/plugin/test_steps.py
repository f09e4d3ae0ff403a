"""Which code can be run to its end in one step."""

import asyncio
import functools
import inspect

import pytest

from hub.plugin.steps import never_waits


def waiting(function):
    @functools.wraps(function)
    async def wrapped(self):
        return await function(self)

    return wrapped


def bare(function):
    @functools.wraps(function)
    def wrapped(self):
        return function(self)

    return getattr(inspect, "markcoroutinefunction", lambda same: same)(wrapped)


class Some:
    async def plain(self):
        return sum(each for each in range(3))

    async def raises(self):
        try:
            raise ValueError
        finally:
            self.plain()

    async def has_another_inside(self):
        async def inside():
            await asyncio.sleep(0)

        return inside, (each for each in range(3))

    async def awaits(self):
        await asyncio.sleep(0)

    async def awaits_perhaps(self, wanted=False):
        return wanted and await asyncio.sleep(0)

    async def enters(self):
        async with asyncio.timeout(1):
            return 1

    async def iterates(self, some=()):
        async for _ in some:
            pass

    async def gathers(self, some=()):
        return [each async for each in some]

    async def generates(self):
        yield 1

    @waiting
    async def wrapped(self):
        return 1

    @bare
    async def barely_wrapped(self):
        return 1

    def no_coroutine(self):
        return 1

    def generator(self):
        yield 1


@pytest.mark.parametrize("name", [name for name in vars(Some) if not name.startswith("_")])
def test_only_what_has_no_await_never_waits(name):
    assert never_waits(getattr(Some(), name)) == (name in {"plain", "raises", "has_another_inside"})


def test_what_a_plugin_puts_in_the_place_of_a_method_is_not_trusted():
    some = Some()
    some.plain = lambda: asyncio.sleep(0)
    assert not never_waits(some.plain)
