"""The requests that are being answered, each by its work: whose they are, and which of them are ended before."""

from typing import Protocol

from hub.errors import OcpiError


class Work(Protocol):
    """What answers a request: a task, mostly."""

    def cancel(self) -> object:
        """End it."""


class UnderWay:
    """Ends requests with an answer that says why: the work is cancelled, and finds that answer here.

    `owners` are the requests that are not answered yet, and the platforms whose messages they are, where they are any.
    """

    def __init__(self) -> None:
        self.owners: dict[Work, int | None] = {}
        self._ended: dict[Work, OcpiError] = {}

    def finish(self, work: Work) -> None:
        """A request is answered."""
        del self.owners[work]
        if self._ended:
            self._ended.pop(work, None)

    def answer(self, work: Work) -> OcpiError | None:
        """What the request is answered that was ended here; None where its work was cancelled by somebody else."""
        return self._ended.get(work)

    def end_all(self, reason: OcpiError) -> int:
        """End every request; how many there are."""
        works = tuple(self.owners)
        for work in works:
            self._end(work, reason)
        return len(works)

    def end_of(self, platform_id: int, reason: OcpiError) -> None:
        """End the messages of one platform."""
        for work in [work for work, owner in self.owners.items() if owner == platform_id]:
            self._end(work, reason)

    def _end(self, work: Work, reason: OcpiError) -> None:
        self._ended[work] = reason
        work.cancel()
