"""What is published of each platform: in memory, and in the store."""

from collections.abc import Collection, Iterable, Mapping
from typing import Self

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.status import ConnectionStatus
from hub.partners.directory import now_ms
from hub.store.changes import Topic, note
from hub.store.database import Database
from hub.store.statuses import StatusRecord, load_statuses, set_status

log = structlog.get_logger()


class Statuses:
    """The published status of each platform, in memory and in the store. `changed_at` of a platform only ever grows.

    It is the `last_updated` of the platform's client infos, in milliseconds since 1970.
    """

    def __init__(self, database: Database, known: dict[int, StatusRecord]) -> None:
        """Use `load`."""
        self._database = database
        self._known = known

    @classmethod
    async def load(cls, database: Database) -> Self:
        """Everything that was published before."""
        return cls(database, await database.read(load_statuses))

    def get(self, platform_id: int) -> StatusRecord | None:
        """What was published of a platform; None where nothing was."""
        return self._known.get(platform_id)

    async def set(self, platform_id: int, status: ConnectionStatus) -> StatusRecord:
        """Publish a status. In force at once; partners learn it also where it can not be kept."""
        return (await self._keep({platform_id: status}))[platform_id]

    async def renew(self, platform_ids: Iterable[int]) -> None:
        """Give platforms a new `changed_at`: something else than their status changed."""
        await self._keep({each: self._known[each].status for each in platform_ids if each in self._known})

    async def _keep(self, statuses: Mapping[int, ConnectionStatus]) -> dict[int, StatusRecord]:
        now = now_ms()
        for platform_id, status in statuses.items():
            before = self._known.get(platform_id)
            self._known[platform_id] = StatusRecord(status, max(now, before.changed_at + 1 if before else 0))
        records = {platform_id: self._known[platform_id] for platform_id in statuses}

        async def work(connection: AsyncConnection) -> None:
            for platform_id, record in records.items():
                await set_status(connection, platform_id, record.status, record.changed_at)
                await note(connection, self._database.node, Topic.STATUS, str(platform_id))

        try:
            await self._database.write(work)
        except Exception as error:  # noqa: BLE001 - a full disk is no reason to let partners send into the void
            log.warning("statuses_not_kept", platform_ids=sorted(statuses), error=repr(error))
        return records

    async def follow(self, _: Collection[str] | None) -> None:
        """Take over what other nodes published."""
        for platform_id, record in (await self._database.read(load_statuses)).items():
            known = self._known.get(platform_id)
            if known is None or record.changed_at > known.changed_at:
                self._known[platform_id] = record

    async def doubt(self, platform_id: int) -> None:
        """Give the node that leads reason to ask whether a platform is there. Raises StoreError."""
        node = self._database.node
        await self._database.write(lambda connection: note(connection, node, Topic.DOUBT, str(platform_id)))

    def forget(self, platform_id: int) -> None:
        """The platform is gone, and the store has forgotten it."""
        self._known.pop(platform_id, None)
