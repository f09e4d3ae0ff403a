"""What is wrong with partners' objects and what is lost between them, as an operator looks at it."""

from collections.abc import Awaitable, Callable

import msgspec

from hub.asking import MOST_COUNTS
from hub.core.directory import Platform
from hub.partners.directory import DirectoryKeeper
from hub.store.counts import FindingCount, LossCount, clear_findings, count_findings, findings_of, losses_of
from hub.store.database import Database


class FindingView(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that objects of a partner break at one place: `count` times. Times are milliseconds since 1970."""

    partner_id: int
    partner: str
    object: str
    path: str
    rule: str
    got: str
    count: int
    first_at: int
    last_at: int


class LossView(msgspec.Struct, frozen=True, kw_only=True):
    """A place in objects of one partner that could not be told to another. `path` is in the words of `version`."""

    sender_id: int
    sender: str
    receiver_id: int
    receiver: str
    object: str
    version: str
    path: str
    why: str
    count: int
    last_at: int


class Standing(msgspec.Struct, frozen=True):
    """How objects of a partner are checked, whether that is by a setting of its own, and how many findings it has."""

    validation: str
    validation_set: bool
    findings: int


class Cleared(msgspec.Struct, frozen=True):
    """How many findings of a partner were forgotten."""

    id: int
    name: str
    cleared: int


class CountBook:
    """What was counted. `validation` holds for partners without a setting; `flush` writes what is not written yet."""

    def __init__(
        self,
        database: Database,
        keeper: DirectoryKeeper,
        validation: str,
        flush: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._database = database
        self._keeper = keeper
        self._validation = validation
        self._flush = flush

    def reconfigure(self, validation: str) -> None:
        """Another way of validation for partners without a setting."""
        self._validation = validation

    async def findings(self, platform: Platform | None) -> list[FindingView]:
        """The findings of one partner, or of all."""
        await self._written()
        found = await self._database.read(lambda connection: findings_of(connection, _id(platform), MOST_COUNTS))
        return [self._finding(each) for each in found]

    async def losses(self, platform: Platform | None) -> list[LossView]:
        """What was lost from or to one partner, or between all."""
        await self._written()
        lost = await self._database.read(lambda connection: losses_of(connection, _id(platform), MOST_COUNTS))
        return [self._loss(each) for each in lost]

    async def clear(self, platform: Platform) -> Cleared:
        """Forget the findings of a partner, to see which of them come again."""
        await self._written()
        cleared = await self._database.write(lambda connection: clear_findings(connection, platform.id))
        return Cleared(platform.id, platform.name, cleared)

    async def standing(self, platform: Platform) -> Standing:
        """How a partner is checked, and what came of it."""
        await self._written()
        found = await self._database.read(lambda connection: count_findings(connection, platform.id))
        return Standing(platform.validation or self._validation, platform.validation is not None, found)

    async def _written(self) -> None:
        if self._flush and not self._database.away:
            await self._flush()

    def _finding(self, each: FindingCount) -> FindingView:
        return FindingView(
            partner_id=each.platform_id,
            partner=self._name(each.platform_id),
            object=each.kind,
            path=each.path,
            rule=each.rule,
            got=each.got,
            count=each.count,
            first_at=each.first_at,
            last_at=each.last_at,
        )

    def _loss(self, each: LossCount) -> LossView:
        return LossView(
            sender_id=each.sender_id,
            sender=self._name(each.sender_id),
            receiver_id=each.receiver_id,
            receiver=self._name(each.receiver_id),
            object=each.kind,
            version=each.version,
            path=each.path,
            why=each.why,
            count=each.count,
            last_at=each.last_at,
        )

    def _name(self, platform_id: int) -> str:
        record = self._keeper.records.get(platform_id)
        return record.name if record else str(platform_id)


def _id(platform: Platform | None) -> int | None:
    return platform.id if platform else None
