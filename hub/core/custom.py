"""Custom modules: from what an operator or a plugin writes down to rows of the catalogue.

OCPI 2.2.1, version_information_endpoint: Custom Modules. Bodies go through untouched: nothing is known of their
objects, unless a plugin says what they are, and then no version of OCPI has them otherwise.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from hub.core.catalogue import CATALOGUE, EXTRAS, VERSIONS
from hub.core.modules import METHODS, Interface, Kept, Operation, OwnerIn, UrlIn, is_placeholder
from hub.core.party import Role


class CustomModule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A module that is no part of OCPI. `sender` and `receiver` hold operations, as `PUT {id}`."""

    version: Annotated[
        str | None,
        Meta(description="OCPI version that has the module. Without it: every one.", examples=["2.2.1"]),
    ] = None
    owner: Annotated[Role | None, Meta(description="Role that owns the objects.", examples=[Role.CPO])] = None
    sender: Annotated[
        tuple[str, ...],
        Meta(description="Operations of the SENDER interface: method, and path.", examples=[("GET", "GET {id}")]),
    ] = ()
    receiver: Annotated[
        tuple[str, ...],
        Meta(
            description="Operations of the RECEIVER interface; {country_code}/{party_id} is the owner.",
            examples=[("GET {country_code}/{party_id}/{id}", "PUT {country_code}/{party_id}/{id}", "POST")],
        ),
    ] = ()
    share: Annotated[bool, Meta(description="Whether objects are for everybody: broadcast, and kept for GET All.")] = (
        False
    )
    collect: Annotated[bool, Meta(description="Whether GET All asks the owners, and puts their lists together.")] = (
        False
    )
    response_url: Annotated[
        Literal["body", "query"] | None,
        Meta(description="Where requests to a RECEIVER may hold a response_url.", examples=["body"]),
    ] = None
    identity: Annotated[
        Literal["id", "uid"] | None,
        Meta(description="Field of the body that must equal the end of the path. Without it: none.", examples=["id"]),
    ] = None


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """What one operation carries: structs of the request's body, the answer's data, and the result that comes later."""

    body: type[msgspec.Struct] | None = None
    data: type[msgspec.Struct] | None = None
    result: type[msgspec.Struct] | None = None

    @property
    def structs(self) -> tuple[type[msgspec.Struct], ...]:
        """Those that there are."""
        return tuple(dict.fromkeys(each for each in (self.body, self.data, self.result) if each is not None))


class TypedModule(CustomModule, frozen=True, kw_only=True):
    """A custom module of a plugin whose objects are known: structs, as those in `hub.ocpi`.

    `kind` is what a GET is answered with (a list of it where it is a list), and what a POST, PUT or PATCH carries: a
    PATCH some of its fields. `others` has the operations that carry something else, as they are written for `@serve`:
    `{"POST receiver/nltnm-diagnosis/{evse_uid}": Exchange(body=Wish, data=Answer)}`.
    """

    kind: type[msgspec.Struct] | None = None
    others: Mapping[str, Exchange] = {}

    @property
    def plain(self) -> CustomModule:
        """The same without its objects: what config.toml could say."""
        return CustomModule(**{name: getattr(self, name) for name in CustomModule.__struct_fields__})

    @property
    def structs(self) -> tuple[type[msgspec.Struct], ...]:
        """Every struct that it names."""
        kinds = (self.kind,) if self.kind is not None else ()
        return tuple(dict.fromkeys((*kinds, *(struct for each in self.others.values() for struct in each.structs))))


Fault = tuple[tuple[str | int, ...], str]
"""Way to a value of a `CustomModule` (empty for the whole of it), and what is wrong there."""

_CONFIGURATION = frozenset(("credentials", "hubclientinfo", "versions"))
_OWNER = ("{country_code}", "{party_id}")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_PART = re.compile(r"\{[a-z][a-z0-9_]*\}|[A-Za-z0-9_~-][A-Za-z0-9_.~-]*")
_PAYLOAD = ("POST", "PUT", "PATCH")


class _Call(NamedTuple):
    """A method on a path: one line of `sender` or `receiver`."""

    method: str
    path: tuple[str, ...]

    @classmethod
    def parse(cls, line: str) -> "_Call":
        """ValueError says what is wrong with a line."""
        method, _, path = line.strip().partition(" ")
        if method not in METHODS:
            raise ValueError(f"{line!r} must begin with {', '.join(METHODS[:-1])} or {METHODS[-1]}")
        call = cls(method, tuple(part for part in path.strip().split("/") if part))
        for part in call.path:
            if not _PART.fullmatch(part):
                raise ValueError(f"{part!r} can not be part of a path; write a word, or a placeholder as {{id}}")
        if not set(call.path[2:] if call.owned else call.path).isdisjoint(_OWNER):
            raise ValueError(f"{line!r}: the owner is written {'/'.join(_OWNER)}, once, at the beginning of the path")
        return call

    @property
    def shape(self) -> tuple[str, tuple[tuple[bool, str], ...]]:
        """Which requests it is for. In this order a word comes before a placeholder, which would fit it, too."""
        return self.method, tuple((True, "") if is_placeholder(part) else (False, part) for part in self.path)

    @property
    def owned(self) -> bool:
        return self.path[:2] == _OWNER

    @property
    def is_list(self) -> bool:
        return self.method == "GET" and not any(map(is_placeholder, self.path))

    @property
    def is_whole(self) -> bool:
        """Whether it is about one whole object of an owner: what the hub can keep."""
        return self.method != "POST" and self.owned and len(self.path) == 3 and is_placeholder(self.path[2])

    @property
    def names_object(self) -> bool:
        """Whether it has a body, and the id of what is in it at the end of its path."""
        last = self.path[-1] if self.path else ""
        return self.method in _PAYLOAD and is_placeholder(last) and last not in _OWNER


def operations(name: str, module: CustomModule) -> tuple[Operation, ...]:
    """The rows of a custom module that has no `faults`."""
    return tuple(
        _row(version, name, interface, call, module)
        for version in ((module.version,) if module.version else VERSIONS)
        for interface in Interface
        for call in sorted(_calls(module, interface), key=lambda each: each.shape)
    )


def faults(name: str, module: CustomModule) -> Iterator[Fault]:
    """All that is wrong with a custom module."""
    yield from _name_faults(name)
    if module.version not in (None, *VERSIONS):
        yield ("version",), f"version: this hub has no OCPI {module.version}; it has {', '.join(VERSIONS)}"
    lines = [*_line_faults(module)]
    yield from lines or _combination_faults(module)
    if isinstance(module, TypedModule) and not lines:
        yield from _object_faults(name, module)


def _name_faults(name: str) -> Iterator[Fault]:
    if not _NAME.fullmatch(name):
        yield (), f"{name!r} is no module id: use a-z, 0-9, - and _, as nltnm-tokens"
    elif name in EXTRAS:
        yield (), f'{name} comes with the hub; switch it on with extra_modules = ["{name}"] in [hub]'
    elif name in CATALOGUE.modules or name in _CONFIGURATION:
        yield (), f"{name} is a module of OCPI; give yours a name of its own, as nltnm-{name}"


def _line_faults(module: CustomModule) -> Iterator[Fault]:
    for interface in Interface:
        side = interface.lower()
        seen = set()
        for index, line in enumerate(_lines(module, interface)):
            try:
                shape = _Call.parse(line).shape
            except ValueError as reason:
                yield (side, index), f"{side}: {reason}"
                continue
            if shape in seen:
                yield (side, index), f"{side}: {line!r} is there twice"
            seen.add(shape)


def _combination_faults(module: CustomModule) -> Iterator[Fault]:
    """Keys that do not fit each other."""
    sender, receiver = (_calls(module, interface) for interface in Interface)
    if not sender and not receiver:
        yield (), "the module has no operation; write some into sender or receiver"
    if module.response_url and not any(_answers_later(call, module) for call in receiver):
        yield ("response_url",), f"response_url: no operation of the receiver has a {module.response_url} for it"
    if module.share and module.collect:
        yield ("collect",), "collect: what is shared is kept by the hub, and need not be collected"
    for key in ("share", "collect"):
        if getattr(module, key) and module.owner is None:
            yield (key,), f"{key}: the hub has to know whose the objects are; set owner"
    if module.collect and ("GET", ()) not in sender:
        yield ("collect",), 'collect: there is no list to collect; add "GET" to sender'
    if module.share and (
        module.identity is None or not any(call.is_whole and call.method == "PUT" for call in receiver)
    ):
        put = '"PUT {country_code}/{party_id}/{id}"'
        yield ("share",), f"share: the hub has to know objects by their id; set identity, and add {put} to receiver"


def _object_faults(name: str, module: TypedModule) -> Iterator[Fault]:
    """What the structs of a module do not fit."""
    there = {str(row) for row in operations(name, module)}
    for call in module.others.keys() - there:
        yield ("others", call), f"others: {call!r} is none of its operations; they are {', '.join(sorted(there))}"
    names = [each.__name__ for each in module.structs]
    for twice in sorted({each for each in names if names.count(each) > 1}):
        yield ("others",), f"others: two structs are named {twice}; give one another name"


def _exchange(name: str, interface: Interface, call: _Call, module: CustomModule) -> Exchange:
    """What an operation carries; nothing where that is not known."""
    if not isinstance(module, TypedModule):
        return Exchange()
    written = f"{call.method} {interface.lower()}/{'/'.join((name, *call.path))}"
    if (said := module.others.get(written)) is not None:
        return said
    return Exchange(
        body=module.kind if call.method in _PAYLOAD else None, data=module.kind if call.method == "GET" else None
    )


def _named(struct: type[msgspec.Struct] | None) -> str | None:
    return None if struct is None else struct.__name__


def _lines(module: CustomModule, interface: Interface) -> tuple[str, ...]:
    return module.sender if interface is Interface.SENDER else module.receiver


def _calls(module: CustomModule, interface: Interface) -> list[_Call]:
    return [_Call.parse(line) for line in _lines(module, interface)]


def _row(version: str, name: str, interface: Interface, call: _Call, module: CustomModule) -> Operation:
    """On the SENDER interface, an owner in the path is the party that is called, not the one that calls."""
    receiver = interface is Interface.RECEIVER
    carried = _exchange(name, interface, call, module)
    return Operation(
        version=version,
        module=name,
        interface=interface,
        method=call.method,
        path=call.path,
        owner=OwnerIn.PATH if receiver and call.owned else OwnerIn.NOWHERE,
        identity=module.identity if call.names_object else None,
        url=_receiver_url(call, module) if receiver else UrlIn.LINK if call.is_list else UrlIn.NOWHERE,
        bare=carried.body is None and (module.identity is None or not call.names_object),
        owner_role=module.owner,
        kept=_kept_by_receiver(call, module) if receiver else _kept_by_sender(call, module),
        body=_named(carried.body),
        data=_named(carried.data),
        result=_named(carried.result),
        structs=carried.structs,
    )


def _receiver_url(call: _Call, module: CustomModule) -> UrlIn:
    if _answers_later(call, module):
        return UrlIn.BODY if module.response_url == "body" else UrlIn.QUERY
    return UrlIn.LOCATION if call.method == "POST" else UrlIn.NOWHERE


def _answers_later(call: _Call, module: CustomModule) -> bool:
    return module.response_url == "query" or (module.response_url == "body" and call.method in _PAYLOAD)


def _kept_by_sender(call: _Call, module: CustomModule) -> Kept:
    if module.collect and call == ("GET", ()):
        return Kept.COLLECT
    one = len(call.path) == 1 and is_placeholder(call.path[0])
    return Kept.MIRROR if module.share and call.method == "GET" and (one or not call.path) else Kept.NO


def _kept_by_receiver(call: _Call, module: CustomModule) -> Kept:
    return Kept.MIRROR if module.share and call.is_whole else Kept.NO
