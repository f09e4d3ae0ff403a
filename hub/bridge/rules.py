"""What a bridge between two versions is made of: one table for each kind of object, one rule for each field.

A field without a rule is carried over as it is, also one that neither version knows. A table is data: the code that
applies it, the documentation of what is lost, and the tests read the same rows.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from hub.core.party import Party

Json: TypeAlias = dict[str, Any]


class Loss(msgspec.Struct, frozen=True, order=True):
    """One value that did not get across. `path` is written in the words of OCPI `version`, the one it was lost in.

    `evses[0].capabilities[2]`; the value itself is never told.
    """

    version: str
    path: str
    why: str

    def __str__(self) -> str:
        return f"{self.path} ({self.why})"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What an object does not say itself, and the other version wants to be told.

    `owner` is the party whose object it is. `token` and `location` are the Token and the Location that a session or
    CDR is about, as OCPI 2.2.1 has them. `number` stands for a reservation_id that is no number. `show_owner`: whether
    country_code and party_id stay in an object for 2.1.1, which does not know them there. `received`, a DateTime, is
    the last_updated of a PATCH of 2.1.1 that has none. `role` is that of the party whose credentials they are.
    """

    owner: Party | None = None
    token: Json | None = None
    location: Json | None = None
    number: int | None = None
    show_owner: bool = True
    received: str | None = None
    role: str | None = None


class CanNotBridge(Exception):
    """The other version can not be told this at all. The text says what is missing, in the words of OCPI.

    `fact` names the one of `Facts` that it would take, where it is one of those.
    """

    def __init__(self, reason: str, fact: str = "") -> None:
        super().__init__(reason)
        self.fact = fact


class Lost(Exception):
    """This can not be told; the text says why. What is lost is the value of the rule whose function raised it.

    From a table's `first`, or a rule that is `needed`, it is the object that the table is for: an element of a list
    is left out, and so is an object in a field that others can do without. At the outermost it is CanNotBridge.
    """


class Drop(msgspec.Struct, frozen=True):
    """The other version has no such field.

    `parts` tells what of a value is lost by that, as paths below it (`""` is all of it), where the other version
    knows the rest in another way.
    """

    why: str = "no such field"
    parts: Callable[[Any], Iterable[str]] | None = None


class Only(msgspec.Struct, frozen=True):
    """The field as it is, or nothing, as the facts want it. The other version knows it from elsewhere: no loss."""

    when: Callable[["Facts"], bool]


Lose: TypeAlias = Callable[[str, str], None]
"""Reports that a part of a value is lost: its path below the value (`.incl_vat`, `[1]`), and why."""


class Move(msgspec.Struct, frozen=True):
    """The field, under another name or told in another way.

    `how` gets the value, and a function that takes what is lost of it; it raises Lost where nothing can be told, and
    returns ABSENT where there is nothing to tell. `says` is what the documentation tells of it.
    """

    to: str | None = None
    how: Callable[[Any, Lose], Any] | None = None
    says: str = ""


class Within(msgspec.Struct, frozen=True):
    """An object, or a list of them, that has a table of its own.

    `needed`: the object around it can not be told without it, or without one at least of the list.
    """

    table: "Table"
    to: str | None = None
    needed: bool = False


class Words(msgspec.Struct, frozen=True):
    """An enum value, or a list of them. What is not in `words` is the same word in both versions.

    None as a word: the other version has none for it, nor for what is not `among` its words where those are given.
    Then the value is dropped, or is `otherwise`; lost both times. Where it is `needed` the object around it is lost.
    """

    words: Mapping[str, str | None] = {}
    to: str | None = None
    otherwise: str | None = None
    among: frozenset[str] | None = None
    needed: bool = False


class Build(msgspec.Struct, frozen=True):
    """A field made from the whole object and the facts. `says` is what the documentation tells of it.

    `uses` are the fields it is made from; they have been carried by that. `how` returns ABSENT where there is nothing
    to say, Partly where not all that it uses is told, and raises CanNotBridge where the other version can not do
    without. Only `whole` ones are left out of PATCH bodies: a default must not overwrite what is there. Those for a
    `patch` are for nothing else.
    """

    how: Callable[[Json, Facts], Any]
    says: str
    uses: tuple[str, ...] = ()
    whole: bool = True
    patch: bool = False


class Partly(msgspec.Struct, frozen=True):
    """What a Build makes where something is lost by it: paths in the object, and why."""

    value: Any
    lost: tuple[tuple[str, str], ...]


ABSENT: Final = msgspec.UNSET
Rule: TypeAlias = Drop | Only | Move | Within | Words
Step: TypeAlias = tuple[str, str, Rule | None]
"""A field that has a rule, what it is called in the other version, and the rule, where its value changes."""


class Table(msgspec.Struct, frozen=True):
    """How one kind of object of one version is told in the next one.

    `fields` are the rules for fields of the source, `builds` those for fields of the target that are no mere moves.
    `first` puts what depends on several fields into words that the rules can carry one by one, still in those of the
    source: it gets the object, which it leaves as it is, and takes what is lost by that. It may raise Lost.
    `says` is what the documentation tells of it. `patches` are the rules for fields that mean another thing in a PATCH.
    """

    kind: str
    source: str
    target: str
    fields: Mapping[str, Rule] = {}
    builds: Mapping[str, Build] = {}
    patches: Mapping[str, Rule] = {}
    first: Callable[[Json, Lose], Json] | None = None
    says: str = ""
    steps: tuple[Step, ...] = ()
    patch_steps: tuple[Step, ...] = ()
    makes: tuple[tuple[str, Build], ...] = ()

    def __post_init__(self) -> None:
        """What follows from the rows, for the code that applies them.

        `steps` and, for a PATCH, `patch_steps` are the rules, `makes` the builds for whole objects.
        """
        known = {
            "steps": _steps(self.fields),
            "patch_steps": _steps({**self.fields, **self.patches}),
            "makes": tuple((name, build) for name, build in self.builds.items() if not build.patch),
        }
        for field, value in known.items():
            msgspec.structs.force_setattr(self, field, value)


def _steps(rules: Mapping[str, Rule]) -> tuple[Step, ...]:
    """A field that gets the name of another one that has a rule comes after that."""
    steps = [_step(name, rule) for name, rule in rules.items()]
    return tuple(sorted(steps, key=lambda step: step[1] != step[0] and step[1] in rules))


def _step(name: str, rule: Rule) -> Step:
    to = name if isinstance(rule, Drop | Only) else rule.to or name
    return name, to, None if isinstance(rule, Move) and rule.how is None else rule


def default(value: Any) -> Build:
    """A documented default for what the other version requires."""
    return Build(lambda _, __: value, f"`{msgspec.json.encode(value).decode()}`")
