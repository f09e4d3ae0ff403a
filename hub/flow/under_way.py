"""The requests that are being answered, each by its task: whose they are, and which of them are ended before."""

import asyncio
from typing import Any

from hub.errors import OcpiError

Task = asyncio.Task[Any]


class UnderWay:
    """Ends requests with an answer that says why: the task is cancelled, and finds that answer here.

    `owners` are the requests that are not answered yet, and the platforms whose messages they are, where they are any.
    """

    def __init__(self) -> None:
        self.owners: dict[Task, int | None] = {}
        self._ended: dict[Task, OcpiError] = {}

    def finish(self, task: Task) -> None:
        """A request is answered."""
        del self.owners[task]
        if self._ended:
            self._ended.pop(task, None)

    def answer(self, task: Task) -> OcpiError | None:
        """What the request is answered that was ended here; None where its task was cancelled by somebody else."""
        return self._ended.get(task)

    def end_all(self, reason: OcpiError) -> int:
        """End every request; how many there are."""
        for task in self.owners:
            self._end(task, reason)
        return len(self.owners)

    def end_of(self, platform_id: int, reason: OcpiError) -> None:
        """End the messages of one platform."""
        for task, owner in self.owners.items():
            if owner == platform_id:
                self._end(task, reason)

    def _end(self, task: Task, reason: OcpiError) -> None:
        self._ended[task] = reason
        task.cancel()
