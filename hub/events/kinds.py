"""The types of events: what can happen in the hub, for those who want to know."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from hub.bridge.rules import Loss
from hub.core.directory import Platform
from hub.core.headers import RequestHeaders
from hub.core.message import Message, Reply
from hub.core.modules import Operation
from hub.core.outcome import Outcome
from hub.core.party import Party, PartyRole
from hub.core.route import Refuse, Route
from hub.core.status import ConnectionStatus
from hub.ocpi.rules import Finding


class Event(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Base of all events. Subscribing to it means: everything."""


class Handled(Event, frozen=True, kw_only=True, eq=False):
    """A message was answered. `seconds` is the time from its receipt to its answer."""

    message: Message
    route: Route | Refuse
    reply: Reply
    seconds: float


class Delivered(Event, frozen=True, kw_only=True, eq=False):
    """One attempt to hand a message to one platform came to its end.

    `outcome` is short and for people: `1000`, `2003`, `4002 no answer in time`. `seconds` is the time of the whole
    attempt. `lost` and `lost_back` are what could not be carried there, and what of the answer could not be carried
    back, where the two speak different versions of OCPI.
    """

    message: Message
    to: Party
    platform: str
    outcome: str
    seconds: float
    lost: tuple[Loss, ...] = ()
    lost_back: tuple[Loss, ...] = ()
    leg: "Leg"


class Leg(msgspec.Struct, kw_only=True, eq=False):
    """The second leg of a message: what went to a platform, and what came of it. Filled in on the way.

    `number` is microseconds since 1970 at its begin, `waited` the microseconds until the platform's answer was there.
    `http` and `ocpi` are None where nothing came that has them; `reason` says why there is no answer to give back.
    `broadcast`: it is one of many, and its sender was answered before it.
    """

    platform: Platform
    number: int
    request_id: str
    sent: bytes = b""
    waited: int = 0
    http: int | None = None
    ocpi: int | None = None
    answer: bytes = b""
    reason: str = ""
    ended: Outcome = Outcome.FAILED
    broadcast: bool = False

    def __repr__(self) -> str:
        """Without bodies."""
        return f"Leg({self.platform.name}, {self.ended})"


class Refused(Event, frozen=True, kw_only=True, eq=False):
    """A request that never became a message was answered with an error: whatever is known of it.

    `platform` is None where no valid token came; `claimed` is whom the request said to be from. `path` has no query.
    """

    number: int
    method: str
    path: str
    address: str | None
    headers: RequestHeaders
    platform: Platform | None
    http: int
    code: int
    reason: str
    seconds: float
    bytes_in: int
    bytes_out: int


class Served(Event, frozen=True, kw_only=True, eq=False):
    """The hub answered a request to a configuration module with success: versions, credentials or hubclientinfo.

    `version` is None for the list of versions. `platform` is the one that asked, as it was then.
    """

    number: int
    method: str
    module: str
    version: str | None
    headers: RequestHeaders
    platform: Platform
    http: int
    seconds: float
    bytes_in: int
    bytes_out: int


class Answered(Event, frozen=True, kw_only=True, eq=False):
    """A platform answered a message with success. `body` is the whole answer, as it came."""

    platform: Platform
    operation: Operation
    body: bytes
    exchange: int = 0


class Found(Event, frozen=True, kw_only=True, eq=False):
    """An object of a platform breaks rules of its OCPI version. `kind` is what it should be: `Location`.

    `exchange` is the number of the message that brought it.
    """

    platform_id: int
    platform: str
    kind: str
    findings: tuple[Finding, ...]
    exchange: int = 0


LimitKind = Literal["requests", "parallel", "broadcasts", "wrong_tokens"]


class Limited(Event, frozen=True, kw_only=True, eq=False):
    """A request was refused because a limit was reached: of a platform, or of an address that has no valid token."""

    platform: str | None
    limit: LimitKind
    address: str | None


class Reloaded(Event, frozen=True, kw_only=True, eq=False):
    """Another configuration came into force: `changed` are the keys that are not as before."""

    changed: tuple[str, ...]


class TokenRefused(Event, frozen=True, kw_only=True, eq=False):
    """A platform answered the hub with HTTP 401 or 403."""

    platform: str
    http: int


class Registered(Event, frozen=True, kw_only=True, eq=False):
    """A platform finished registering, or renewed its registration."""

    platform: str
    version: str
    roles: tuple[PartyRole, ...]


class Unregistered(Event, frozen=True, kw_only=True, eq=False):
    """A platform took back its registration."""

    platform: str


class PartnerChanged(Event, frozen=True, kw_only=True, eq=False):
    """The operator changed a partner: `change` says what, in words (`invited`, `suspended`, `resumed`)."""

    platform: str
    change: str


class StatusChanged(Event, frozen=True, kw_only=True, eq=False):
    """The published connection status of a platform changed. `parties` has that of each party and role of it.

    `before` is None where nothing was published before; `at` is in milliseconds since 1970.
    """

    platform: str
    platform_id: int
    before: ConnectionStatus | None
    status: ConnectionStatus
    parties: Mapping[PartyRole, ConnectionStatus]
    at: int


class PluginFault(Event, frozen=True, kw_only=True, eq=False):
    """A plugin failed once. `at` is the line in its file (`home_market.py:12`), empty where none is known."""

    plugin: str
    hook: str
    kind: Literal["raised", "slow", "answered wrong"]
    error: str
    at: str


class PluginSetAside(Event, frozen=True, kw_only=True, eq=False):
    """A plugin failed too often in a row and is not called any more, until it is reloaded or reset."""

    plugin: str
    hook: str
    faults: int


class PluginChanged(Event, frozen=True, kw_only=True, eq=False):
    """A plugin was started, reloaded, stopped, or its changed file rejected; `detail` says why."""

    plugin: str
    change: Literal["started", "reloaded", "stopped", "rejected"]
    detail: str = ""
