"""Agreements as an operator sees them: set, remove, list. In force when the call returns."""

from collections.abc import Awaitable, Callable

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.agreements import ANY, Agreements, Rule
from hub.core.modules import Catalogue
from hub.errors import InvalidParameters, NotFound
from hub.partners.directory import DirectoryKeeper, now_ms
from hub.store.agreements import load_rules, remove_rule, set_rule

log = structlog.get_logger()


Changed = Callable[[Agreements, Agreements], Awaitable[None]]


class AgreementsView(msgspec.Struct, frozen=True):
    """All rules, and what holds without one."""

    default: str
    rules: tuple[Rule, ...]


class AgreementBook:
    """The agreements of this hub."""

    def __init__(self, keeper: DirectoryKeeper, catalogue: Catalogue, changed: Changed | None = None) -> None:
        """`changed` is told what the agreements were and are, so that both sides learn of it."""
        self._keeper = keeper
        self._catalogue = catalogue
        self._changed = changed

    @property
    def modules(self) -> tuple[str, ...]:
        """What can be agreed on."""
        return tuple(sorted(self._catalogue.modules))

    async def set(self, one: str, other: str, module: str, *, allow: bool) -> AgreementsView:
        """Allow or deny a module (`*`: all) between two parties (`*`: every party)."""
        rule = self._rule(one, other, module, allow=allow)
        return await self._change(lambda connection: set_rule(connection, rule, now_ms()), str(rule))

    async def remove(self, one: str, other: str, module: str) -> AgreementsView:
        """Take a rule back. NotFound where there is none."""
        rule = self._rule(one, other, module, allow=True)
        if (rule.one, rule.other, rule.module) not in self._keeper.current.agreements.rules:
            raise NotFound(
                f"there is no agreement on {rule.module} between {rule.one} and {rule.other}; "
                "see: ocpi-hub agreement list"
            )
        return await self._change(
            lambda connection: remove_rule(connection, rule.one, rule.other, rule.module), f"removed: {rule}"
        )

    def all(self) -> AgreementsView:
        """Every rule, ordered by parties and module."""
        agreements = self._keeper.current.agreements
        return AgreementsView("open" if agreements.default else "closed", tuple(sorted(agreements.rules.values())))

    async def set_default(self, default: str) -> None:
        """Set what holds between two parties without a rule: `open` or `closed`."""
        before = self._keeper.current.agreements
        self._keeper.set_default(agreed=default == "open")
        if self._changed and before.default != (default == "open"):
            await self._changed(before, self._keeper.current.agreements)

    async def _change(self, work: Callable[[AsyncConnection], Awaitable[object]], what: str) -> AgreementsView:
        async def apply(connection: AsyncConnection) -> list[Rule]:
            await work(connection)
            return await load_rules(connection)

        before = self._keeper.current.agreements
        await self._keeper.change_agreements(apply)
        if self._changed:
            await self._changed(before, self._keeper.current.agreements)
        log.info("agreement_changed", change=what)
        return self.all()

    def _rule(self, one: str, other: str, module: str, *, allow: bool) -> Rule:
        module = module.lower()
        if module != ANY and module not in self._catalogue.modules:
            raise InvalidParameters(
                f"{module!r} is no module of this hub; they are {', '.join(sorted(self._catalogue.modules))}"
            )
        try:
            return Rule.between(one, other, module, allow=allow)
        except ValueError as reason:
            raise InvalidParameters(str(reason)) from None
