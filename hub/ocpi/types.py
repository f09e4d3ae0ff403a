"""What the wire types of every version are made of: strings, times, numbers, and open enums.

OCPI 2.2.1, chapter 16 (types); 2.3.0, chapter 17. A struct says the rule of the specification in its annotations, so
that decoding checks it: `id: Annotated[str, ci(36)]` is a CiString(36). Two rules are beyond annotations, as they
would slow down every decoding: a CiString is printable ASCII, a DateTime is UTC. `hub.ocpi.check` looks after them.
"""

import datetime
from enum import StrEnum
from typing import Annotated, Self

import msgspec

CI = "ci"
"""In `msgspec.Meta.extra`: this string is a CiString."""


class Object(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """An OCPI object. What is optional is None when absent; unknown fields are passed over, never refused.

    `kw_only` is not inherited: every struct has to say it. Without `gc` they cost less: nothing in OCPI holds itself.
    """


class Hiding:
    """A struct whose token shows in no repr, and so in no log and no error."""

    __slots__ = ()
    __struct_fields__: tuple[str, ...]

    def __repr__(self) -> str:
        shown = (
            f"{name}=[hidden]" if "token" in name else f"{name}={getattr(self, name)!r}"
            for name in self.__struct_fields__
        )
        return f"{type(self).__name__}({', '.join(shown)})"


class Broken(ValueError):
    """A rule that no annotation can say, raised in the `__post_init__` of a struct: `Broken("kwh", "is required")`."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field} {rule}")
        self.field = field
        self.rule = rule


class OpenEnum(StrEnum):
    """An enum to which platforms may add values (2.3.0, types: OpenEnum): an unknown one is no error.

    An unknown value becomes a member of its own, equal to its text; it is in no list of members.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        unknown = str.__new__(cls, value)
        unknown._name_ = unknown._value_ = value
        return unknown


def ci(longest: int) -> msgspec.Meta:
    """A CiString: printable ASCII of at most so many characters, compared without regard to case."""
    return msgspec.Meta(max_length=longest, extra={CI: True})


def text(longest: int) -> msgspec.Meta:
    """A string: printable UTF-8 of at most so many characters."""
    return msgspec.Meta(max_length=longest)


def code(length: int) -> msgspec.Meta:
    """A string of a fixed length, as ISO codes of countries, languages and currencies are."""
    return msgspec.Meta(min_length=length, max_length=length)


AT_LEAST_ONE = msgspec.Meta(min_length=1)
"""For lists of cardinality +."""

DateTime = datetime.datetime
"""RFC 3339 in UTC, with or without Z and fractions. One without Z decodes as naive: `as_utc` makes them comparable."""

Number = float
Url = Annotated[str, msgspec.Meta(max_length=255, pattern=r"^[A-Za-z][A-Za-z0-9+.\-]*:\S+\Z", description="a URL")]
CountryCode = Annotated[str, msgspec.Meta(min_length=2, max_length=2, extra={CI: True})]
PartyId = Annotated[str, ci(3)]
Country = Annotated[str, code(3)]
Currency = Annotated[str, code(3)]
Language = Annotated[str, code(2)]
TimeOfDay = Annotated[
    str, msgspec.Meta(pattern=r"^([0-1][0-9]|2[0-3]):[0-5][0-9]\Z", description="a time of day, as 08:30")
]
Date = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^([12][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\Z", description="a date, as 2026-01-31"
    ),
]


def as_utc(moment: DateTime) -> DateTime:
    """A moment with its zone: what OCPI writes without a zone is UTC."""
    return moment.replace(tzinfo=datetime.UTC) if moment.tzinfo is None else moment.astimezone(datetime.UTC)


def same(one: str, other: str) -> bool:
    """Whether two CiStrings are equal."""
    return one.lower() == other.lower()
