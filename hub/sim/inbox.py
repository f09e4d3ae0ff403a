"""Things that come in, kept until somebody asks for them."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """What came in and was not taken yet, in order of arrival."""

    def __init__(self) -> None:
        self._items: list[T] = []
        self._arrived = asyncio.Event()

    def add(self, item: T) -> None:
        self._items.append(item)
        self._arrived.set()

    async def take(self, fits: Callable[[T], bool], within: float, what: str) -> T:
        """The first that fits, once: it is not given out again. TimeoutError where none came within the seconds."""
        try:
            async with asyncio.timeout(within):
                while True:
                    for position, item in enumerate(self._items):
                        if fits(item):
                            return self._items.pop(position)
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            raise TimeoutError(f"{what} did not arrive within {within:g} s") from None
