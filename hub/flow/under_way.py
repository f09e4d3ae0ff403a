"""The requests that are being answered, each by its task: whose they are, and which of them are ended before."""

import asyncio
from typing import Any

from hub.errors import OcpiError

Task = asyncio.Task[Any]


class UnderWay:
    """Ends requests with an answer that says why: the task is cancelled, and finds that answer here."""

    def __init__(self) -> None:
        self._platforms: dict[Task, int | None] = {}
        self._ended: dict[Task, OcpiError] = {}

    def begin(self, task: Task) -> None:
        """A request is there; it is not known yet whose."""
        self._platforms[task] = None

    def belongs(self, task: Task, platform_id: int) -> None:
        """It is a message of this platform."""
        self._platforms[task] = platform_id

    def finish(self, task: Task) -> None:
        """It is answered."""
        del self._platforms[task]
        self._ended.pop(task, None)

    def answer(self, task: Task) -> OcpiError | None:
        """What the request is answered that was ended here; None where its task was cancelled by somebody else."""
        return self._ended.get(task)

    def end_all(self, reason: OcpiError) -> int:
        """End every request; how many there are."""
        for task in self._platforms:
            self._end(task, reason)
        return len(self._platforms)

    def end_of(self, platform_id: int, reason: OcpiError) -> None:
        """End the messages of one platform."""
        for task, owner in self._platforms.items():
            if owner == platform_id:
                self._end(task, reason)

    def _end(self, task: Task, reason: OcpiError) -> None:
        self._ended[task] = reason
        task.cancel()
