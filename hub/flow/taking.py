"""How the mirror takes pushes over: all that come while one transaction runs go into the next one.

A commit waits for the disk, and nobody is answered before it. With one commit for each push, the disk alone would
bound a hub to some hundred broadcasts a second.
"""

import asyncio
from collections.abc import Sequence

from sqlalchemy.exc import IntegrityError

from hub.partners.directory import now_ms
from hub.store.database import Database
from hub.store.errors import PlatformUnknown
from hub.store.pushes import Push, Subject, take

_Waiting = tuple[Push, asyncio.Future[bool]]
_MOST = 100
"""So many pushes go into one transaction."""


class Taking:
    """Takes pushes over in groups, those of one object in the order in which they came."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None

    async def take(self, push: Push) -> bool:
        """Take a push over; whether it made something new. What this returned from is on disk.

        OcpiError where it does not fit what is held, PlatformUnknown where its platform is gone.
        """
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((push, done))
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="mirror")
        return await done

    async def stop(self) -> None:
        """Wait for what is under way."""
        if self._task:
            await asyncio.wait((self._task,))

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._write(self._next())
        finally:
            self._task = None

    def _next(self) -> list[_Waiting]:
        """The next group: of each object the first push that waits. Who no longer waits for an answer is passed by."""
        group: dict[Subject, _Waiting] = {}
        left = []
        for push, done in self._waiting:
            if done.done():
                continue
            if len(group) < _MOST and push.subject not in group:
                group[push.subject] = push, done
            else:
                left.append((push, done))
        self._waiting = left
        return [*group.values()]

    async def _write(self, group: list[_Waiting]) -> None:
        pushes = [push for push, _ in group]
        outcomes: Sequence[bool | Exception]
        try:
            outcomes = await self._database.write(lambda connection: take(connection, pushes, now_ms()))
        except IntegrityError:
            # The one thing that they refer to is the platform, and one that is gone must not cost others their push.
            if len(group) > 1:
                for each in group:
                    await self._write([each])
                return
            outcomes = [PlatformUnknown(pushes[0].platform_id)]
        except Exception as error:  # noqa: BLE001 - whatever it is, it is for those who wait
            outcomes = [error] * len(group)
        for (_, done), outcome in zip(group, outcomes, strict=True):
            if done.done():
                continue
            if isinstance(outcome, Exception):
                done.set_exception(outcome)
            else:
                done.set_result(outcome)
