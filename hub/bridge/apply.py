"""A table applied to an object: a new object, and what was lost on the way. The object given is left as it is."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, ClassVar

from hub.bridge.rules import (
    ABSENT,
    Build,
    Drop,
    Facts,
    Json,
    Loss,
    Lost,
    Move,
    Only,
    Partly,
    Table,
    Within,
    Words,
)

Place = tuple["Place", str | int] | None
"""Where a value is: the place of what holds it, and its field or index in there. Text only where something is lost."""


class Walk:
    """One conversion. Collects losses while tables are applied from the outside in."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.losses: list[Loss] = []
        self._table: Table
        self._place: Place = None
        self._reported = self._report

    def apply(self, table: Table, value: Json, place: Place = None, *, partial: bool = False) -> Json:
        """The object in the table's target version. `partial`: it is the body of a PATCH.

        Lost where it can not be told at all.
        """
        if table.first is not None:
            self._table, self._place = table, place
            value = table.first(value, self._reported)
        steps = table.patch_steps if partial else table.steps
        builds = table.makes if not partial else [each for each in table.builds.items() if _has_place(each[1], value)]
        built, used = self._built(table, builds, value, place) if builds else ({}, ())
        told = value.copy()
        for name in used:
            told.pop(name, None)
        for name, to, rule in steps:
            if name not in told:
                continue
            held = told[name] if to == name else told.pop(name)
            carried = held if rule is None else self._carry[type(rule)](self, table, rule, held, (place, name))
            if carried is ABSENT:
                if not partial or isinstance(rule, Drop | Only):
                    told.pop(name, None)
                    continue
                # What was there before is no longer so: a PATCH that can not tell what is there now takes it away.
                carried = None
            if to != name and to in told:
                self._lose_one(table, (place, to), carried, told[to])
            told[to] = carried
        for name, made in built.items():
            if name in told:
                self._lose_one(table, (place, name), made, told[name])
            told[name] = made
        return told

    def _built(
        self, table: Table, builds: Iterable[tuple[str, Build]], value: Json, place: Place
    ) -> tuple[Json, Collection[str]]:
        """The fields that are made, and the names of those that they were made from."""
        built: Json = {}
        used: set[str] = set()
        for name, build in builds:
            made = build.how(value, self.facts)
            if isinstance(made, Partly):
                for below, why in made.lost:
                    self._lose(table, (place, below), why)
                made = made.value
            if made is not ABSENT:
                built[name] = made
                used.update(build.uses)
        return built, used

    def _lose_one(self, table: Table, place: Place, kept: Any, left: Any) -> None:
        """Of two fields that get one name, one is lost.

        A field that the source version does not know may have a name that means another one in the target.
        """
        if left not in (None, [], kept):
            self._lose(table, place, f"another field in OCPI {table.target}")

    def _moved(self, table: Table, rule: Move, held: Any, place: Place) -> Any:
        if rule.how is None or held is None:
            return held
        self._table, self._place = table, place
        try:
            return rule.how(held, self._reported)
        except Lost as reason:
            self._lose(table, place, str(reason))
            return ABSENT

    def _only(self, _table: Table, rule: Only, held: Any, _place: Place) -> Any:
        return held if rule.when(self.facts) else ABSENT

    def _drop(self, table: Table, rule: Drop, held: Any, place: Place) -> Any:
        # What says nothing can not be lost.
        if held is not None and held != []:
            for below in ("",) if rule.parts is None else rule.parts(held):
                self.losses.append(Loss(table.source, _text(place) + below, rule.why))
        return ABSENT

    def _within(self, table: Table, rule: Within, held: Any, place: Place) -> Any:
        if not isinstance(held, list):
            return self._inner(table, rule, held, place, needed=rule.needed)
        told = [self._inner(table, rule, each, (place, at)) for at, each in enumerate(held)]
        left = [each for each in told if each is not ABSENT]
        if rule.needed and held and not left:
            raise Lost(f"none of its {_name(place)} can be told")
        return left

    def _inner(self, table: Table, rule: Within, held: Any, place: Place, *, needed: bool = False) -> Any:
        if not isinstance(held, dict):
            return held
        before = len(self.losses)
        try:
            return self.apply(rule.table, held, place)
        except Lost as reason:
            # It is lost as a whole: its parts are not named again.
            del self.losses[before:]
            if needed:
                raise Lost(f"{_name(place)}: {reason}") from None
            self._lose(table, place, str(reason))
            return ABSENT

    def _words(self, table: Table, rule: Words, held: Any, place: Place) -> Any:
        if isinstance(held, list):
            told = [self._word(table, rule, each, (place, at)) for at, each in enumerate(held)]
            return [each for each in told if each is not ABSENT]
        return self._word(table, rule, held, place)

    def _word(self, table: Table, rule: Words, held: Any, place: Place) -> Any:
        if not isinstance(held, str):
            return held
        word = rule.words.get(held, held)
        if word is not None and (rule.among is None or word in rule.among):
            return word
        if rule.needed:
            raise Lost(f"OCPI {table.target} has no word for its {_name(place)}")
        self._lose(table, place, f"OCPI {table.target} has no word for it")
        return ABSENT if rule.otherwise is None else rule.otherwise

    def _report(self, below: str, why: str) -> None:
        """What a table's function is given, while it runs, to say what is lost of its value."""
        self.losses.append(Loss(self._table.source, (_text(self._place) + below).removeprefix("."), why))

    def _lose(self, table: Table, place: Place, why: str) -> None:
        self.losses.append(Loss(table.source, _text(place), why))

    _carry: ClassVar[Mapping[type, Callable[..., Any]]] = {
        Move: _moved, Within: _within, Words: _words, Only: _only, Drop: _drop,
    }  # fmt: skip
    """What carries a value over, by the kind of its rule."""


def _has_place(build: Build, value: Json) -> bool:
    """Whether the body of a PATCH is one that has the field."""
    if build.patch:
        return True
    # A PATCH says only what changed: what is made from fields is made where one of them is there.
    return any(field in value for field in build.uses) if build.uses else not build.whole


def _text(place: Place) -> str:
    path = ""
    while place is not None:
        place, step = place
        path = f"[{step}]{path}" if isinstance(step, int) else f".{step}{path}"
    return path.removeprefix(".")


def _name(place: Place) -> str:
    return _text(place).rpartition(".")[2]
