"""A table applied to an object: a new object, and what was lost on the way. The object given is left as it is."""

from typing import Any

from hub.bridge.rules import (
    ABSENT,
    Build,
    Drop,
    Facts,
    Json,
    Lose,
    Loss,
    Lost,
    Move,
    Only,
    Partly,
    Rule,
    Table,
    Within,
    Words,
)


class Walk:
    """One conversion. Collects losses while tables are applied from the outside in."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.losses: list[Loss] = []

    def apply(self, table: Table, value: Json, path: str = "", *, partial: bool = False) -> Json:
        """The object in the table's target version. `partial`: it is the body of a PATCH.

        Lost where it can not be told at all.
        """
        if table.first is not None:
            value = table.first(value, self._loser(table, path))
        built, used = self._built(table, value, path, partial=partial)
        told: Json = {}
        for name, held in value.items():
            if name not in table.shared:
                told[name] = held
                continue
            if name in used:
                continue
            rule = (table.patches.get(name) if partial else None) or table.fields.get(name)
            to = name if rule is None or isinstance(rule, Drop | Only) else rule.to or name
            carried = held if rule is None else self._carried(table, rule, held, _join(path, name))
            if carried is ABSENT:
                if not partial or isinstance(rule, Drop | Only):
                    continue
                # What was there before is no longer so: a PATCH that can not tell what is there now takes it away.
                carried = None
            # A field that the source version does not know may have a name that means another one in the target.
            kept, left = (told.get(to, built.get(to)), carried) if rule is None else (carried, told.get(to))
            if (to in told or to in built) and left not in (None, [], kept):
                self._lose(table, _join(path, to), f"another field in OCPI {table.target}")
            if rule is not None or to not in told:
                told[to] = carried
        return {**told, **built}

    def _built(self, table: Table, value: Json, path: str, *, partial: bool) -> tuple[Json, set[str]]:
        built: Json = {}
        used: set[str] = set()
        for name, build in table.builds.items():
            if not _has_place(build, value, partial=partial):
                continue
            made = build.how(value, self.facts)
            if isinstance(made, Partly):
                for below, why in made.lost:
                    self._lose(table, _join(path, below), why)
                made = made.value
            if made is not ABSENT:
                built[name] = made
                used.update(build.uses)
        return built, used

    def _carried(self, table: Table, rule: Rule, held: Any, path: str) -> Any:
        match rule:
            case Drop(why, parts):
                # What says nothing can not be lost.
                if held is not None and held != []:
                    for below in ("",) if parts is None else parts(held):
                        self._lose(table, path + below, why)
                return ABSENT
            case Only(when):
                return held if when(self.facts) else ABSENT
            case Move(how=how):
                if how is None or held is None:
                    return held
                try:
                    return how(held, self._loser(table, path))
                except Lost as reason:
                    self._lose(table, path, str(reason))
                    return ABSENT
            case Words():
                return self._words(table, rule, held, path)
            case Within():
                return self._within(table, rule, held, path)

    def _within(self, table: Table, rule: Within, held: Any, path: str) -> Any:
        if not isinstance(held, list):
            return self._inner(table, rule, held, path, needed=rule.needed)
        told = [self._inner(table, rule, each, f"{path}[{at}]") for at, each in enumerate(held)]
        left = [each for each in told if each is not ABSENT]
        if rule.needed and held and not left:
            raise Lost(f"none of its {_name(path)} can be told")
        return left

    def _inner(self, table: Table, rule: Within, held: Any, path: str, *, needed: bool = False) -> Any:
        if not isinstance(held, dict):
            return held
        before = len(self.losses)
        try:
            return self.apply(rule.table, held, path)
        except Lost as reason:
            # It is lost as a whole: its parts are not named again.
            del self.losses[before:]
            if needed:
                raise Lost(f"{_name(path)}: {reason}") from None
            self._lose(table, path, str(reason))
            return ABSENT

    def _words(self, table: Table, rule: Words, held: Any, path: str) -> Any:
        if isinstance(held, list):
            told = [self._word(table, rule, each, f"{path}[{at}]") for at, each in enumerate(held)]
            return [each for each in told if each is not ABSENT]
        return self._word(table, rule, held, path)

    def _word(self, table: Table, rule: Words, held: Any, path: str) -> Any:
        if not isinstance(held, str):
            return held
        word = rule.words.get(held, held)
        if word is not None and (rule.among is None or word in rule.among):
            return word
        if rule.needed:
            raise Lost(f"OCPI {table.target} has no word for its {_name(path)}")
        self._lose(table, path, f"OCPI {table.target} has no word for it")
        return ABSENT if rule.otherwise is None else rule.otherwise

    def _loser(self, table: Table, path: str) -> Lose:
        return lambda below, why: self._lose(table, (path + below).removeprefix("."), why)

    def _lose(self, table: Table, path: str, why: str) -> None:
        self.losses.append(Loss(table.source, path, why))


def _has_place(build: Build, value: Json, *, partial: bool) -> bool:
    """Whether a body is one that has the field."""
    if not partial:
        return not build.patch
    if build.patch:
        return True
    # A PATCH says only what changed: what is made from fields is made where one of them is there.
    return any(field in value for field in build.uses) if build.uses else not build.whole


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _name(path: str) -> str:
    return path.rpartition(".")[2]
