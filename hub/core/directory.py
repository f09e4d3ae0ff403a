"""The directory: an immutable snapshot of who is connected, swapped whole when something changes.

A message pins one snapshot for its whole way, so that no change can take effect halfway.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any

import msgspec

from hub.core.agreements import Agreements
from hub.core.limits import OwnLimits
from hub.core.modules import Interface
from hub.core.party import Party, Role
from hub.core.recalled import Recalled

THE_HUB = 0
"""The id of a platform that is the hub itself, where it sends messages of its own."""
_MOST_RECALLED = 20_000
"""Some megabytes, where each of thousands of parties talks to many others."""


class State(StrEnum):
    """Where a platform stands with this hub."""

    INVITED = "INVITED"
    REGISTERED = "REGISTERED"
    SUSPENDED = "SUSPENDED"


class TokenKind(StrEnum):
    """What an inbound token opens: A and PENDING only versions and credentials, C everything."""

    A = "A"
    C = "C"
    PENDING = "PENDING"


class Encoding(StrEnum):
    """How a platform writes tokens into the Authorization header."""

    BASE64 = "BASE64"
    RAW = "RAW"


class Secret:
    """A text that shows in no log, repr or error. It is no str: nothing can join, slice or encode it unnoticed."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "[hidden]"

    def reveal(self) -> str:
        """The text itself."""
        return self._text


class Platform(msgspec.Struct, frozen=True, eq=False, dict=True):
    """One connected system. `authorization` is the finished header value the hub calls it with.

    `roles` are the parties that the platform speaks for, `reserved` all those that are kept for it. `validation`
    (`enforce`, `report`, `off`) and `limits` are what its operator set for it alone.
    """

    id: int
    name: str
    state: State
    version: str | None = None
    versions_url: str | None = None
    authorization: Secret | None = None
    roles: Mapping[Party, frozenset[Role]] = {}
    reserved: Mapping[Party, frozenset[Role]] = {}
    endpoints: Mapping[tuple[str, Interface], str] = {}
    origins: frozenset[str] = frozenset()
    validation: str | None = None
    limits: OwnLimits = OwnLimits()

    @cached_property
    def parties(self) -> frozenset[Party]:
        """Every party that is this platform's, presented or not."""
        return frozenset((*self.roles, *self.reserved))

    @cached_property
    def is_hub(self) -> bool:
        """Whether it is a hub itself, and its other parties are behind it."""
        return any(Role.HUB in held for held in self.roles.values())


class Credential(msgspec.Struct, frozen=True):
    """An inbound token: whose it is and what it opens."""

    platform: Platform
    kind: TokenKind


class Directory(msgspec.Struct, frozen=True, eq=False, dict=True):
    """Everything that routing needs to know, at one moment. `offline` holds the platforms that do not answer.

    What follows from a snapshot alone is found once in it: `routes` and `endpoints` are `core.route`'s.
    """

    hub: Party
    platforms: Mapping[int, Platform] = {}
    parties: Mapping[Party, Platform] = {}
    credentials: Mapping[bytes, Credential] = {}
    agreements: Agreements = Agreements()
    offline: frozenset[int] = frozenset()

    @cached_property
    def routes(self) -> Recalled[Any]:
        """Where messages go whose content does not matter for that. They weigh what they have of destinations."""
        return Recalled(_MOST_RECALLED)

    @cached_property
    def endpoints(self) -> Recalled[tuple[Platform, str]]:
        """The platforms and endpoints to which messages go."""
        return Recalled(_MOST_RECALLED)

    @classmethod
    def of(
        cls,
        hub: Party,
        platforms: Iterable[Platform],
        credentials: Iterable[tuple[bytes, int, TokenKind]] = (),
    ) -> "Directory":
        by_id = {platform.id: platform for platform in platforms}
        return cls(
            hub=hub,
            platforms=by_id,
            parties={party: platform for platform in by_id.values() for party in platform.parties},
            credentials={digest: Credential(by_id[owner], kind) for digest, owner, kind in credentials},
        )
