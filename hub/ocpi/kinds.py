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


def struct_in(operation: Operation, kind: str | None, version: str = "") -> Any:
    """The struct of a kind that an operation names, in its own version or another; None where nothing is known of it.

    What is no part of OCPI is the same in every version.
    """
    if kind is None:
        return None
    return operation.struct(kind) or struct_of(version or operation.version, kind)


def body_struct(operation: Operation) -> Any:
    """The struct of an operation's body, of a PATCH that of its changes; None where nothing is known of it."""
    struct = struct_in(operation, operation.body)
    if struct is None or operation.method != "PATCH":
        return struct
    if operation.struct(operation.body) is None:
        return patch_of(operation.version, str(operation.body))
    return partial(struct, stamped="last_updated" in _required(struct))


def _required(struct: type[msgspec.Struct]) -> list[str]:
    return [field.name for field in msgspec.structs.fields(struct) if field.required]


def kinds(version: str) -> list[str]:
    """Every kind of object that a version has a struct for."""
    module = VERSIONS[version]
    others = [kind for told_in, kind in _OTHER_NAMES if told_in == version]
    return [name for name in module.__all__ if issubclass(getattr(module, name), msgspec.Struct)] + others


@cache
def body_checker(operation: Operation) -> Checker | None:
    """What checks the bodies of an operation; None where nothing is known of them (most custom modules)."""
    struct = body_struct(operation)
    return None if struct is None else Checker(struct)


@cache
def answer_checker(operation: Operation, version: str, *, many: bool) -> Checker | None:
    """What checks the data of an operation's answers as a version has it; None where nothing is known of it."""
    struct = struct_in(operation, operation.data, version)
    return None if struct is None else Checker(list.__class_getitem__(struct) if many else struct)


@cache
def data_checker(version: str, kind: str, *, many: bool) -> Checker | None:
    """What checks the data of answers."""
    struct = struct_of(version, kind)
    return None if struct is None else Checker(list.__class_getitem__(struct) if many else struct)
