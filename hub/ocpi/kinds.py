"""Which struct a kind of object is in each version: `Location` of 2.1.1 is `hub.ocpi.v2_1_1.Location`."""

from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any

import msgspec

from hub.core.catalogue import WITHOUT_INTERFACES
from hub.core.modules import Operation
from hub.ocpi import v2_1_1, v2_2_1, v2_3_0
from hub.ocpi.check import Checker
from hub.ocpi.partial import partial

VERSIONS: Mapping[str, ModuleType] = {"2.1.1": v2_1_1, "2.2.1": v2_2_1, "2.3.0": v2_3_0}
_OTHER_NAMES = {("2.1.1", "CommandResult"): "CommandResponse"}
"""2.1.1 tells the outcome of a command in the words of its first answer."""


def struct_of(version: str, kind: str) -> Any:
    """The struct (or enum) of a kind; None where the version has nothing of that kind."""
    return getattr(VERSIONS[version], _OTHER_NAMES.get((version, kind), kind), None)


def patch_of(version: str, kind: str) -> Any:
    """The struct of a PATCH of a kind, which the version has to have."""
    return partial(struct_of(version, kind), stamped=version not in WITHOUT_INTERFACES)


def kinds(version: str) -> list[str]:
    """Every kind of object that a version has a struct for."""
    module = VERSIONS[version]
    others = [kind for told_in, kind in _OTHER_NAMES if told_in == version]
    return [name for name in module.__all__ if issubclass(getattr(module, name), msgspec.Struct)] + others


@cache
def body_checker(operation: Operation) -> Checker | None:
    """What checks the bodies of an operation; None where nothing is known of them (custom modules)."""
    kind = operation.body
    if kind is None or (struct := struct_of(operation.version, kind)) is None:
        return None
    return Checker(patch_of(operation.version, kind) if operation.method == "PATCH" else struct)


@cache
def data_checker(version: str, kind: str, *, many: bool) -> Checker | None:
    """What checks the data of answers."""
    struct = struct_of(version, kind)
    return None if struct is None else Checker(list.__class_getitem__(struct) if many else struct)
