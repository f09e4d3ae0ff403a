"""What a party offers: derived from the methods that its class has, once, when its file is loaded."""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import FunctionType
from typing import Any, get_type_hints

import msgspec

from hub.core.catalogue import rows
from hub.core.modules import Catalogue, Interface, Operation, is_placeholder
from hub.core.party import Party, Role
from hub.plugin.errors import PluginError, problem
from hub.plugin.party.base import PartyPlugin, PartySettings
from hub.plugin.party.serving import SERVED, Served

Key = tuple[Interface, str, str, tuple[str, ...]]
"""Interface, module, method and path of an operation."""


class Handler(msgspec.Struct, frozen=True, eq=False):
    """A method that answers an operation: its name, and the names and types of what it is given.

    `path` is that of the operation, with the placeholders named as the method does.
    """

    method: str
    operation: Operation
    path: tuple[str, ...]
    parameters: Mapping[str, Any]


class Offer(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Who a party is, and all that it answers. `catalogue` has just these operations."""

    party: Party
    roles: frozenset[Role]
    version: str
    name: str
    website: str | None
    catalogue: Catalogue
    handlers: Mapping[Key, Handler]

    def handler(self, operation: Operation) -> Handler:
        """Who answers an operation of `catalogue`."""
        return self.handlers[key_of(operation)]

    def endpoints(self) -> list[tuple[str, Interface]]:
        """Module and interface of all that is offered."""
        return self.catalogue.offered(self.version)


def key_of(operation: Operation) -> Key:
    """How a handler is found."""
    return _key(operation.interface, operation.module, operation.method, operation.path)


def _key(interface: Interface, module: str, method: str, path: tuple[str, ...]) -> Key:
    """Without the names of placeholders, which mean nothing."""
    return interface, module, method, tuple("{}" if is_placeholder(part) else part for part in path)


def offer_of(kind: type[PartyPlugin[Any]], settings: PartySettings, file: Path, catalogue: Catalogue) -> Offer:
    """What a party's class offers in the hub with this catalogue. Raises PluginError with all that is wrong with it."""
    problems: list[str] = []
    try:
        party = Party.parse(settings.party or kind.party)
    except ValueError as reason:
        advice = f'write party = "NL-TNM" in the class, or in [plugins.{file.stem}]'
        wrong = f"{kind.__name__} does not say which party it is: {reason}; {advice}"
        raise PluginError([problem(file, None, wrong)]) from None
    if kind.version not in catalogue.versions:
        there = ", ".join(catalogue.versions)
        raise PluginError([problem(file, None, f"version: there is no OCPI {kind.version!r} here; there is {there}")])
    known = {key_of(row): row for row in (*own_rows(kind.version), *_version(catalogue, kind.version))}
    handlers: dict[Key, Handler] = {}
    for name, declaration, served in _implemented(kind):
        key = _key(served.interface, served.module, served.method, served.path)
        function = inspect.getattr_static(kind, name)
        if (row := known.get(key)) is None:
            absent = f"{served} is no operation of OCPI {kind.version} here; write its path as the module has it"
            problems.append(problem(file, _line(function), absent))
        elif key in handlers:
            problems.append(problem(file, _line(function), f"{name} and {handlers[key].method} both answer {served}"))
        elif misfit := _misfit(name, function, declaration):
            problems.append(problem(file, _line(function), misfit))
        else:
            handlers[key] = Handler(name, row, served.path, _parameters(declaration))
    if not handlers and not problems:
        advice = "write a method of its base class, as: async def locations(self, page)"
        problems.append(problem(file, None, f"{kind.__name__} offers nothing; {advice}"))
    if problems:
        raise PluginError(problems)
    return Offer(
        party=party,
        roles=roles_of(kind) or frozenset({Role.OTHER}),
        version=kind.version,
        name=settings.name or kind.name or kind.__name__,
        website=settings.website,
        catalogue=Catalogue.of(each.operation for each in handlers.values()),
        handlers=handlers,
    )


def roles_of(kind: type[PartyPlugin[Any]]) -> frozenset[Role]:
    """The roles of a party: one that inherits from two bases has both."""
    direct = vars(kind).get("role")
    if direct is not None:
        return frozenset({Role(direct)})
    inherited: set[Role] = set()
    return frozenset(inherited.union(*(roles_of(base) for base in kind.__bases__ if issubclass(base, PartyPlugin))))


def own_rows(version: str) -> tuple[Operation, ...]:
    """What a party answers, and a hub does not route: client infos, and URLs that a party hands out itself."""
    receiver, sender = Interface.RECEIVER, Interface.SENDER
    owned = "{country_code}/{party_id}"
    return (
        *rows(version, "hubclientinfo", receiver, "GET PUT", owned, kind="ClientInfo"),
        *rows(version, "cdrs", receiver, "GET", "{cdr_id}", kind="CDR"),
        *rows(version, "chargingprofiles", sender, "POST", "{uid}"),
    )


def _version(catalogue: Catalogue, version: str) -> Iterable[Operation]:
    return (row for table in catalogue.rows.values() for same in table.operations.values() for row in same
            if row.version == version)  # fmt: skip


def _implemented(kind: type[PartyPlugin[Any]]) -> Iterator[tuple[str, FunctionType, Served]]:
    """The methods that answer something: name, what declares it, and what it is declared to answer."""
    declared = {name: found for name in dir(kind) if (found := _declaration(kind, name))}
    had = {name for name in declared if _has(kind, name)}
    commands = {name for name, each in declared.items() if _is_command(getattr(each, SERVED))}
    for name in sorted(had | commands if had & commands else had):
        yield name, declared[name], getattr(declared[name], SERVED)


def _is_command(served: Served) -> bool:
    """Whether OCPI has an answer for it where it is not supported."""
    return served.module == "commands" and served.interface is Interface.RECEIVER


def _declaration(kind: type[PartyPlugin[Any]], name: str) -> FunctionType | None:
    for base in kind.__mro__:
        if hasattr(vars(base).get(name), SERVED):
            found: FunctionType = vars(base)[name]
            return found
    return None


def _has(kind: type[PartyPlugin[Any]], name: str) -> bool:
    """Whether a method is written by the party, or has all that it is made of."""
    declaration = _declaration(kind, name)
    if declaration is None:
        return False
    if inspect.getattr_static(kind, name) is not declaration:
        return True
    needs = getattr(declaration, SERVED).needs
    return needs is not None and all(_has(kind, need) for need in needs)


def _misfit(name: str, function: Any, declaration: FunctionType) -> str | None:
    """What is wrong with how a party writes a method."""
    names = ", ".join(("self", *_parameters(declaration)))
    wanted = f"async def {name}({names})"
    if not inspect.isfunction(function) or not inspect.iscoroutinefunction(function):
        return f"{name} is not a plain async method; write: {wanted}"
    try:
        inspect.signature(function).bind(*names.split(", "))
    except TypeError:
        return f"the signature of {name} does not fit; write: {wanted}"
    return None


def _parameters(declaration: FunctionType) -> dict[str, Any]:
    hints = get_type_hints(declaration)
    names = list(inspect.signature(declaration).parameters)[1:]
    return {name: hints.get(name, Any) for name in names}


def _line(function: Any) -> int | None:
    code = getattr(function, "__code__", None)
    return code.co_firstlineno if code else None
