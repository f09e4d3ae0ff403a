"""What a plugin is made of: its base class, its settings, what its hooks are given, and the hub as it sees it."""

from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, TypeVar

import msgspec
from sqlalchemy import MetaData
from structlog.typing import FilteringBoundLogger

from hub.bridge.rules import Loss
from hub.core.custom import CustomModule
from hub.core.message import Message, Reply, decode_json
from hub.core.modules import Interface
from hub.core.party import Party, PartyRole, Role
from hub.core.route import Refuse, Route
from hub.events import Event
from hub.plugin.parts import Http, Listen, Nodes, Store


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    """Base of a plugin's own settings: the keys of its `[plugins.<file stem>]` table, typed and with defaults."""

    def __repr__(self) -> str:
        """Without values: there may be secrets among them."""
        return f"{type(self).__name__}()"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """As `__repr__`, for rich's tracebacks."""
        return []


class Outgoing(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A message as it is about to be sent to one destination. `headers` are sent beside those that OCPI asks for.

    `body` is in the OCPI version that the destination speaks; `lost` is what of it that version has no words for.
    """

    to: Party
    platform: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    version: str = ""
    lost: tuple[Loss, ...] = ()

    def json(self) -> Any:
        """The decoded body (None where there is none)."""
        return decode_json(self.body) if self.body else None


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """A platform that asks to be connected: what its credentials and version details say."""

    platform: str
    version: str
    versions_url: str
    roles: tuple[PartyRole, ...]
    endpoints: Mapping[tuple[str, Interface], str]


class Push(Event, frozen=True, kw_only=True, eq=False):
    """A push that was answered: the message, where it went, and what came back."""

    message: Message
    route: Route | Refuse
    reply: Reply

    @property
    def ok(self) -> bool:
        """Whether the receiver accepted it."""
        return self.reply.ok

    def json(self) -> Any:
        """The decoded body of the message (None where there is none)."""
        return self.message.json()


class Later(msgspec.Struct, frozen=True):
    """What came of a request whose result comes later: the answer, and the result's JSON; None where none came."""

    reply: Reply
    result: Any = None


class Nearby(msgspec.Struct, frozen=True, kw_only=True):
    """A location of the mirror as OCPI 2.2.1 has it, and how far away it is. `key` is its place in the list.

    `location` is None where OCPI 2.2.1 has no words for it.
    """

    owner: Party
    metres: float
    location: Any
    key: tuple[int, int]


class Hub(Protocol):
    """The hub as a plugin sees it, at `self.hub`."""

    @property
    def party(self) -> Party:
        """The hub's own party."""

    def parties(self) -> Mapping[Party, frozenset[Role]]:
        """Every party that the hub knows at this moment, with its roles."""

    async def send(
        self,
        method: str,
        module: str,
        interface: Interface,
        *,
        to: Party,
        path: tuple[str, ...] = (),
        query: str = "",
        body: object = None,
        version: str | None = None,
        sender: Party | None = None,
    ) -> Reply:
        """Send an OCPI request to one party, once: in the hub's name, or in that of another party of the hub.

        `path` holds the segments below the module, not encoded. `body` is sent as it is when it is bytes, else as
        JSON; None sends none. `version` is the OCPI version that it is written in: without it the receiver's, and 2.2.1
        where the receiver is the hub itself or has not connected. The hub itself answers with 4000 to 4003 where the
        party could not be reached; `reply.by` is None then. Agreements hold for whoever is the `sender`. Raises
        OcpiError where OCPI has no such method and path.
        """

    async def ask(
        self,
        method: str,
        module: str,
        interface: Interface,
        *,
        to: Party,
        path: tuple[str, ...] = (),
        body: Mapping[str, Any],
        wait: float,
        version: str | None = None,
        sender: Party | None = None,
    ) -> Later:
        """Send a request with a `response_url` in its body, which the hub adds, and wait for its result, once.

        Where the answer says ACCEPTED, the result is waited for: as long as the receiver says, and `wait` seconds at
        most. It is as the receiver's version has it. See `send`.
        """

    async def told(self, message: Message, version: str = "2.2.1") -> Any:
        """The decoded body of a message as an OCPI version has it (None where there is none).

        What that version requires and the hub does not know is left out: the `cdr_token` of an unknown auth_id of
        OCPI 2.1.1. Raises OcpiError where it is not JSON, or that version has nothing of the kind.
        """

    async def held(
        self,
        module: Literal["locations", "tariffs"],
        owner: Party,
        object_id: str,
        *,
        seen_by: Party | None = None,
    ) -> Any:
        """An object of the hub's mirror as OCPI 2.2.1 has it; None where the hub does not hold it.

        None, too, where the party `seen_by` may not see it: agreements hold as if that one asked.
        """

    async def nearby(
        self,
        latitude: float,
        longitude: float,
        radius: float,
        *,
        seen_by: Party,
        limit: int,
        after: tuple[int, int] | None = None,
        free: bool = False,
    ) -> Sequence[Nearby]:
        """At most `limit` locations of the mirror within `radius` metres, the nearest first, that a party may see.

        `after` is the `key` of the last one of the answer before, `free` leaves out where no EVSE is available.
        """

    async def token_owners(self, uid: str, token_type: str) -> Sequence[Party]:
        """Who has told the hub of a token with this uid and type."""

    def offers(self, party: Party, module: str, interface: Interface) -> bool:
        """Whether a party is connected and has this interface."""


class Spawn(Protocol):
    """Starts a background task, at `self.spawn`."""

    def __call__(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Run `work` until it ends or the plugin stops. If it raises, that counts as a fault of the plugin."""


if TYPE_CHECKING:
    from typing_extensions import TypeVar as DefaultTypeVar

    S = DefaultTypeVar("S", bound=Settings, default=Settings)
else:
    S = TypeVar("S", bound=Settings)


class Plugin(Generic[S]):
    """Base of a plugin: a file holds one subclass, the hub makes one instance of it.

    The hub sets `settings`, `log`, `hub` and the others right after `__init__`, and then awaits `start`.
    `folder` is that of config.toml, which paths in settings are relative to.
    """

    enabled_by_default: ClassVar[bool] = True
    """Whether the plugin runs when its table does not say `enabled`."""

    modules: ClassVar[Mapping[str, CustomModule]] = {}
    """Modules that the plugin adds to the hub, by their ids."""

    tables: ClassVar[MetaData | None] = None
    """Tables of the plugin's own: `Tables()`. Only with them there is `self.store`."""

    settings: S
    log: FilteringBoundLogger
    hub: Hub
    spawn: Spawn
    store: Store
    http: Http
    listen: Listen
    folder: Path
    nodes: Nodes

    async def start(self) -> None:
        """Called before the first hook. Raising keeps the plugin, and at its start the hub, from running."""

    async def take_over(self) -> None:
        """Called when the version before this one has stopped, if there was one: to begin what only one can do."""

    async def changed_elsewhere(self) -> None:
        """Called when another node has changed this plugin's tables by a `write` with `tell`, or may have: read them.

        Several changes may be one call. Where it fails, it is called again a few times.
        """

    async def heard_from_node(self, body: bytes) -> None:
        """Called with what this plugin told by `nodes.tell` on another node, one after the other."""

    async def stop(self) -> None:
        """Called after the last hook, when the background tasks have ended."""


B = TypeVar("B", Message, Outgoing, Reply)


def with_body(original: B, body: object) -> B:
    """A copy of a message, an outgoing message or a reply with another body: bytes as they are, else as JSON."""
    return msgspec.structs.replace(original, body=body if isinstance(body, bytes) else msgspec.json.encode(body))
