"""Objects from any version to any other, step by step along the versions."""

from functools import cache
from typing import Any

import msgspec

from hub.bridge.apply import Walk
from hub.bridge.rules import CanNotBridge, Facts, Json, Loss, Lost, Table
from hub.bridge.tables import TABLES

STEPS = ("2.1.1", "2.2.1", "2.3.0")
"""The versions in their order. Whoever speaks the first and the last meets in the middle."""


class Bridged(msgspec.Struct, frozen=True):
    """An object as the other version has it, and what could not be carried."""

    value: Any
    losses: tuple[Loss, ...] = ()


def convert(
    kind: str, value: Json, source: str, target: str, facts: Facts | None = None, *, partial: bool = False
) -> Bridged:
    """Tell an object of OCPI version `source` in version `target`.

    `kind` is its name in OCPI 2.2.1 (`Location`, `EVSE`, `StartSession` ...), `partial` says that it is the body of a
    PATCH. Raises CanNotBridge where the target version has nothing of the kind, or requires what nobody knows.
    """
    if not isinstance(value, dict):
        raise CanNotBridge(f"a {kind} has to be an object")
    walk = Walk(facts or Facts())
    for table in path(kind, source, target):
        try:
            value = walk.apply(table, value, partial=partial)
        except Lost as reason:
            raise CanNotBridge(f"{reason}; it takes a platform on OCPI {table.source}") from None
    return Bridged(value, tuple(walk.losses))


@cache
def path(kind: str, source: str, target: str) -> tuple[Table, ...]:
    """The tables from one version to another. Raises CanNotBridge where one is missing."""
    first, last = STEPS.index(source), STEPS.index(target)
    step = 1 if last >= first else -1
    tables = []
    for at in range(first, last, step):
        table = TABLES.get((kind, STEPS[at], STEPS[at + step]))
        if table is None:
            raise CanNotBridge(f"OCPI {STEPS[at + step]} has no {kind}")
        tables.append(table)
    return tuple(tables)


def bridges(kind: str, source: str, target: str) -> bool:
    """Whether objects of this kind can be told in the other version at all."""
    try:
        path(kind, source, target)
    except CanNotBridge:
        return False
    return True
