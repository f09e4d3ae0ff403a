"""Agreements: who may reach whom, with which module. The most specific rule wins.

A rule is between two parties, whichever of them sends: a roaming contract binds both. `*` stands for every party
or every module. HubClientInfo shows a party only those that it may reach (2.2.1, hubclientinfo 15).
"""

from collections.abc import Iterable, Mapping

import msgspec

from hub.core.party import Party

ANY = "*"


class Rule(msgspec.Struct, frozen=True, order=True):
    """One agreement. Parties are written `NL-TNM` or `*`; `one` is never greater than `other`."""

    one: str
    other: str
    module: str
    allow: bool

    @classmethod
    def between(cls, one: str, other: str, module: str, *, allow: bool) -> "Rule":
        """A rule from what a person wrote; ValueError says what is wrong with it."""
        first, second = sorted(ANY if each == ANY else Party.parse(each).id for each in (one, other))
        return cls(first, second, module.lower(), allow)

    def __str__(self) -> str:
        what = "everything" if self.module == ANY else self.module
        return f"{'allow' if self.allow else 'deny'} {what} between {self.one} and {self.other}"


class Verdict(msgspec.Struct, frozen=True):
    """Whether two parties may reach each other, and by which rule, in words."""

    allow: bool
    why: str


class Agreements(msgspec.Struct, frozen=True):
    """All rules, and what holds where there is none (`open` allows, `closed` does not)."""

    default: bool = True
    rules: Mapping[tuple[str, str, str], Rule] = {}
    modules: frozenset[str] = frozenset()

    @classmethod
    def of(cls, rules: Iterable[Rule], *, default: bool) -> "Agreements":
        every = {(rule.one, rule.other, rule.module): rule for rule in rules}
        return cls(default, every, frozenset(rule.module for rule in every.values() if rule.module != ANY))

    def judge(self, one: Party, other: Party, module: str) -> Verdict:
        """Two parties and a module. Of equally specific rules a denial wins."""
        if not self.rules:
            return _OPEN if self.default else _CLOSED
        first, second = sorted((one.id, other.id))
        levels = (((first, second),), ((ANY, first), (ANY, second)), ((ANY, ANY),))
        for pairs in levels:
            for name in (module, ANY):
                found = [rule for pair in pairs if (rule := self.rules.get((*pair, name)))]
                if found:
                    rule = min(found, key=lambda each: each.allow)
                    return Verdict(rule.allow, f"agreement: {rule}")
        return _OPEN if self.default else _CLOSED

    def permits(self, one: Party, other: Party, module: str) -> bool:
        """Whether these two may exchange messages of this module."""
        return self.judge(one, other, module).allow if self.rules else self.default

    def uses(self, party: Party, module: str) -> bool:
        """Whether this party may exchange messages of a module with anybody, on this hub by now or not."""
        named = {
            each
            for rule in self.rules.values()
            if rule.allow and rule.module in (module, ANY) and {rule.one, rule.other} & {party.id, ANY}
            for each in (rule.one, rule.other)
        }
        others = [_STRANGER, *(Party.parse(each) for each in named - {party.id, ANY})]
        return any(self.permits(party, other, module) for other in others)

    def visible(self, one: Party, other: Party) -> bool:
        """Whether these two may exchange anything at all: then each sees the other's connection status."""
        return any(self.permits(one, other, module) for module in (*self.modules, ANY))


_STRANGER = Party("", "")
_OPEN = Verdict(True, "agreements: everything is allowed that no rule denies")
_CLOSED = Verdict(False, "agreements: nothing is allowed that no rule allows")
