"""The page of agreements: who may reach whom as a grid, by which rule, and what can be changed about it."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hub.admin.problems import Problem
from hub.admin.routes import Query
from hub.core.agreements import ANY, Agreements, Rule
from hub.core.party import Party, Role
from hub.dashboard.pages import Done, Form, Visit
from hub.partners.operations import PartyView

MOST_DOWN, MOST_ACROSS, MOST_RULES = 40, 16, 200
"""So many parties and rules are shown at once; who looks for others names them."""
_NAMED = Annotated[str, Meta(max_length=100)]
_SIDES = Literal["CPO", "EMSP", "OTHER", "ALL"]


class Asked(Query, frozen=True, kw_only=True):
    """Which parties, by role and by a part of their id or name; `one` and `other` are the two of a chosen cell."""

    down: _SIDES = "CPO"
    across: _SIDES = "EMSP"
    name: _NAMED = ""
    one: _NAMED = ""
    other: _NAMED = ""


class Change(Form, frozen=True, kw_only=True):
    """A rule as it is filled in."""

    one: _NAMED
    other: _NAMED
    module: _NAMED = ANY
    verb: Literal["allow", "deny", "remove"]


class Member(msgspec.Struct, frozen=True, order=True):
    """A party of the network, and its partner."""

    party: str
    roles: tuple[str, ...]
    name: str
    partner_id: int


class Cell(msgspec.Struct, frozen=True):
    """Two parties: what holds for all modules but those in `otherwise`.

    `by` is the kind of rule: `exact` is about just these two, `*` about everybody; `default`: there is none.
    """

    one: str
    other: str
    allow: bool
    by: Literal["default", "*", "exact"]
    why: str
    otherwise: tuple[str, ...]


class ModuleVerdict(msgspec.Struct, frozen=True):
    """What holds between two parties for one module. `rule`: there is one for just these two and this module."""

    module: str
    allow: bool
    why: str
    rule: bool


class Chosen(msgspec.Struct, frozen=True):
    """The two parties that were asked for, and what holds for each module."""

    one: str
    other: str
    verdicts: tuple[ModuleVerdict, ...]


class AgreementsPage(msgspec.Struct, frozen=True, kw_only=True):
    """The rules, what holds without one (`open` or `closed`), and a grid: a row of cells for each member of `down`.

    A cell is None where both are one party. `more_down` and `more_across` count those that were asked for and left out.
    """

    default: str
    rules: tuple[Rule, ...]
    modules: tuple[str, ...]
    down: tuple[Member, ...]
    across: tuple[Member, ...]
    cells: tuple[tuple[Cell | None, ...], ...]
    more_down: int
    more_across: int
    chosen: Chosen | None

    def listed(self, name: str) -> Sequence[Rule]:
        """The rules about a party that is looked for; about everybody, too."""
        wanted = name.strip().upper()
        named = {each.party for each in (*self.down, *self.across)} if wanted else set()
        return [
            rule
            for rule in self.rules
            if not wanted or any(each in named or wanted in each or each == ANY for each in (rule.one, rule.other))
        ]


async def agreements(visit: Visit[Asked]) -> AgreementsPage:
    """The page."""
    asked, book = visit.given, visit.do.agreements
    view = book.all()
    judged = Agreements.of(view.rules, default=view.default == "open")
    modules = book.modules
    members = _members(visit.do.partners.parties())
    down = [each for each in members if _fits(each, asked.down, asked.name)]
    across = [each for each in members if _fits(each, asked.across, asked.name)]
    # A name may be of one side only: it is shown with everybody on the other one.
    if down and not across:
        across = [each for each in members if _fits(each, asked.across)]
    elif across and not down:
        down = [each for each in members if _fits(each, asked.down)]
    judge = _Judge(judged)
    return AgreementsPage(
        default=view.default,
        rules=view.rules,
        modules=modules,
        down=tuple(down[:MOST_DOWN]),
        across=tuple(across[:MOST_ACROSS]),
        cells=tuple(tuple(judge.cell(one, other) for other in across[:MOST_ACROSS]) for one in down[:MOST_DOWN]),
        more_down=max(0, len(down) - MOST_DOWN),
        more_across=max(0, len(across) - MOST_ACROSS),
        chosen=_chosen(judged, asked.one.strip(), asked.other.strip(), modules),
    )


async def change_agreement(visit: Visit[Change]) -> Done:
    """Allow, deny, or take a rule back."""
    given, book = visit.given, visit.do.agreements
    if given.verb == "remove":
        await book.remove(given.one, given.other, given.module)
    else:
        await book.set(given.one, given.other, given.module, allow=given.verb == "allow")
    what = "everything" if given.module == ANY else given.module
    done = {"allow": "allowed", "deny": "denied", "remove": "the rule is gone"}[given.verb]
    return Done("agreements", f"{what} between {_words(given.one)} and {_words(given.other)}: {done}")


class _Judge:
    """Judges many cells. Most pairs have few rules about them, so few modules have to be judged one by one."""

    def __init__(self, judged: Agreements) -> None:
        self._judged = judged
        self._modules: dict[tuple[str, str], set[str]] = {}
        for rule in judged.rules.values():
            if rule.module != ANY:
                self._modules.setdefault((rule.one, rule.other), set()).add(rule.module)
        self._parties: dict[str, Party] = {}

    def cell(self, one: Member, other: Member) -> Cell | None:
        """What holds between two; None where both are the same one."""
        if one.party == other.party:
            return None
        first, second = sorted((one.party, other.party))
        pairs = ((first, second), (ANY, first), (ANY, second), (ANY, ANY))
        verdict = self._judged.judge(self._party(first), self._party(second), ANY)
        named = sorted(set().union(*(self._modules.get(pair, ()) for pair in pairs)))
        otherwise = tuple(
            module
            for module in named
            if self._judged.permits(self._party(first), self._party(second), module) != verdict.allow
        )
        return Cell(one.party, other.party, verdict.allow, self._by(pairs), verdict.why, otherwise)

    def _by(self, pairs: Iterable[tuple[str, str]]) -> Literal["default", "*", "exact"]:
        """The most specific rule there is about all modules."""
        found = [pair for pair in pairs if (*pair, ANY) in self._judged.rules]
        if not found:
            return "default"
        return "*" if ANY in found[0] else "exact"

    def _party(self, text: str) -> Party:
        return self._parties.setdefault(text, Party.parse(text))


def _members(views: Iterable[PartyView]) -> list[Member]:
    found: dict[str, list[PartyView]] = {}
    for view in views:
        found.setdefault(view.party, []).append(view)
    return [
        Member(party, tuple(each.role.value for each in rows), rows[0].name or rows[0].partner, rows[0].partner_id)
        for party, rows in sorted(found.items())
    ]


def _fits(member: Member, side: str, name: str = "") -> bool:
    known = Role.CPO.value in member.roles, Role.EMSP.value in member.roles
    right = {"CPO": known[0], "EMSP": known[1], "OTHER": not any(known), "ALL": True}[side]
    wanted = name.strip().casefold()
    return right and (wanted in member.party.casefold() or wanted in member.name.casefold())


def _chosen(judged: Agreements, one: str, other: str, modules: Sequence[str]) -> Chosen | None:
    if not one or not other:
        return None
    try:
        pair = Rule.between(one, other, ANY, allow=True)
    except ValueError as reason:
        raise Problem(400, str(reason), "choose a cell of the grid") from None
    found = [_verdict(judged, pair.one, pair.other, module) for module in (ANY, *modules)]
    return Chosen(pair.one, pair.other, tuple(each for each in found if each))


def _verdict(judged: Agreements, one: str, other: str, module: str) -> ModuleVerdict | None:
    """What holds between two for a module; of everybody only what a rule says, as it may be otherwise for some."""
    rule = judged.rules.get((one, other, module))
    if ANY in (one, other):
        return ModuleVerdict(module, rule.allow, f"agreement: {rule}", True) if rule else None
    verdict = judged.judge(Party.parse(one), Party.parse(other), module)
    return ModuleVerdict(module, verdict.allow, verdict.why, rule is not None)


def _words(party: str) -> str:
    return "everybody" if party == ANY else party.upper()
