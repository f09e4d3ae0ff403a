"""The whole of routing in one pure function: `decide(message, found) -> Route | Refuse`, with the steps to it.

OCPI 2.2.1, transport_and_format: Message Routing.
"""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from hub.core.content import called_owner, driver, keys_of
from hub.core.directory import Platform, State
from hub.core.message import Message
from hub.core.modules import Kept
from hub.core.party import Party, Role
from hub.core.paths import origin
from hub.core.recalled import Recalled
from hub.core.rights import check_owner
from hub.core.urls import RESULTS
from hub.errors import (
    InvalidParameters,
    NotInThatVersion,
    OcpiError,
    ReceiverNotConnected,
    RoutingError,
    UnknownReceiver,
)


class Way(StrEnum):
    """The ways a message can go: to one party, to many, asked of many, or answered by the hub itself."""

    DIRECT = "direct"
    BROADCAST = "broadcast"
    ASK = "ask"
    COLLECT = "collect"
    MIRROR = "mirror"
    LOCAL = "local"
    REFUSE = "refuse"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Where a message goes, why, and the trail: the steps of the decision in words.

    `destinations` holds one party for each platform that a push goes to, and every party that is asked.
    """

    way: Way
    destinations: tuple[Party, ...] = ()
    why: str
    trail: tuple[str, ...] = ()

    @property
    def to(self) -> Party:
        """The one party of a direct route."""
        return self.destinations[0]

    @classmethod
    def direct(cls, to: Party, why: str) -> "Route":
        """A direct route to one party."""
        return cls(way=Way.DIRECT, destinations=(to,), why=why)


class Refuse(msgspec.Struct, frozen=True):
    """A refusal: what the sender is told. Plugins give only the reason; the hub answers 2001 unless told else."""

    reason: str
    code: int = 2001
    trail: tuple[str, ...] = ()
    way: Way = Way.REFUSE

    @classmethod
    def by(cls, error: OcpiError, trail: tuple[str, ...]) -> "Refuse":
        return cls(error.message, error.code, trail)


_DRIVERS_SIDE = frozenset((Role.EMSP, Role.NSP, Role.NAP, Role.OTHER, Role.SCSP, Role.PTP, Role.HUB))
_CHARGERS_SIDE = frozenset((Role.CPO, Role.HUB))


def decide(message: Message, found: tuple[Party, ...] = ()) -> Route | Refuse:
    """Decide where a message goes. Total: every message gets a route or a refusal.

    `found` holds the parties that were seen behind one of `keys_of(message)`, for messages without a receiver.
    A route for which the content does not matter is found once in each snapshot of the directory.
    """
    operation, receiver = message.operation, message.receiver
    if message.url is not None or (receiver is None and operation.open_by_content):
        return _decide(message, found)
    routes: Recalled[Route] = message.directory.routes
    question = operation, message.platform, message.sender, receiver, message.owner
    if (known := routes.of(question)) is not None:
        return known
    route = _decide(message, found)
    return route if isinstance(route, Refuse) else routes.keep(question, route, 1 + len(route.destinations))


def _decide(message: Message, found: tuple[Party, ...]) -> Route | Refuse:
    trail = [f"{message.operation} from {message.sender} ({message.platform.name})"]
    try:
        check_owner(message.owner, message.sender, message.platform)
        _check_home(message)
        trail.append(_ownership(message))
        route = _route(message, found, trail)
    except OcpiError as error:
        return Refuse.by(error, (*trail, error.message))
    return msgspec.structs.replace(route, trail=(*trail, route.why))


def destination(message: Message, to: Party) -> tuple[Platform, str]:
    """The platform of a party and its endpoint for this message (or the URL that was unsealed for it).

    Raises UnknownReceiver (4001), ReceiverNotConnected (4003), NotInThatVersion (2000) where the platform's OCPI
    version has no such operation, or RoutingError (4000) where the platform does not have the module. Used by
    `decide`, and again for a route that a plugin chose: a URL that was unsealed leads to the platform which handed it
    out, and no other platform's token is ever sent there.
    """
    if message.url is not None:
        return _destination(message, to)
    endpoints, question = message.directory.endpoints, (message.operation, message.sender, to)
    return endpoints.of(question) or endpoints.keep(question, _destination(message, to))


def _destination(message: Message, to: Party) -> tuple[Platform, str]:
    directory = message.directory
    platform = directory.parties.get(to)
    if platform is None or not directory.agreements.permits(message.sender, to, message.module):
        # The same words for both: who is on this hub is told only to those who have an agreement.
        raise UnknownReceiver(f"{to} is not known to this hub, or has no agreement with {message.sender} here")
    if platform.state is State.SUSPENDED:
        raise ReceiverNotConnected(f"{to} is suspended; do not queue the message")
    if platform.state is State.INVITED or to not in platform.roles:
        raise ReceiverNotConnected(f"{to} is planned and has not connected yet; do not queue the message")
    if platform.id in directory.offline:
        raise ReceiverNotConnected(f"{to} is offline; do not queue the message")
    if platform.version != message.version and platform.version not in message.operation.versions:
        raise NotInThatVersion(f"{to} speaks OCPI {platform.version}, which has no {message.operation}")
    if message.url is not None:
        if origin(message.url) not in platform.origins:
            raise RoutingError(f"{to} is not the party that handed out this URL")
        return platform, message.url
    endpoint = platform.endpoints.get((message.module, message.interface))
    if endpoint is None:
        raise RoutingError(f"{to} offers no {message.module} {message.interface} interface in OCPI {platform.version}")
    return platform, endpoint


def _check_home(message: Message) -> None:
    """A hub speaks for the parties behind it, and not for one that is connected here itself."""
    home = message.directory.parties.get(message.owner) if message.owner else None
    if home is not None and home.id != message.platform.id:
        raise InvalidParameters(
            f"{message.owner} is connected to this hub itself; {message.sender} can not speak for it"
        )


def _ownership(message: Message) -> str:
    if message.owner is None:
        return "no owner is named"
    if message.owner == message.sender:
        return f"owner {message.owner} is the sender"
    return f"owner {message.owner} is behind {message.sender}, which is a hub"


def _route(message: Message, found: tuple[Party, ...], trail: list[str]) -> Route:
    receiver = message.receiver
    if receiver is None:
        trail.append("no OCPI-to: open routing, by content")
        return _open(message, found, trail)
    trail.append(f"OCPI-to is {receiver}")
    if receiver == message.directory.hub:
        return _to_hub(message, trail)
    if receiver == message.sender:
        raise InvalidParameters(f"{receiver} is the sender itself; name another party in OCPI-to-*")
    return _direct(message, receiver, "direct")


def _direct(message: Message, to: Party, why: str) -> Route:
    platform, _ = destination(message, to)
    return Route.direct(to, f"{why}: {to} at {platform.name}")


def _to_hub(message: Message, trail: list[str]) -> Route:
    """Broadcast Push and GET All via Hubs."""
    operation = message.operation
    trail.append("that is the hub itself")
    if message.url is not None and message.url.startswith(RESULTS):
        return Route(way=Way.LOCAL, why="the result of something that the hub itself asked for")
    if operation.broadcast:
        return _broadcast(message)
    if message.method == "GET" and operation.kept is Kept.MIRROR:
        return Route(way=Way.MIRROR, why="answered from the hub's mirror")
    if message.method == "GET" and operation.kept is Kept.COLLECT:
        return _collect(message)
    raise InvalidParameters(
        f"{message.receiver or message.directory.hub} is the hub itself, and {message.module} can not be "
        f"{'asked of' if message.method == 'GET' else 'broadcast by'} it this way; "
        "name the receiving party in OCPI-to-*, or leave OCPI-to-* out"
    )


def _broadcast(message: Message) -> Route:
    to = tuple(_receivers(message, _opposite(message)))
    return Route(way=Way.BROADCAST, destinations=to, why=f"broadcast to {len(to)} platform(s)")


def _collect(message: Message) -> Route:
    role = message.operation.owner_role
    roles = frozenset({role, Role.HUB}) if role else frozenset()
    to = tuple(party for platform in _connected(message) for party in _speakers(message, platform, roles))
    return Route(way=Way.COLLECT, destinations=to, why=f"GET All: asked of {len(to)} part{_ies(to)}, one by one")


def _open(message: Message, found: tuple[Party, ...], trail: list[str]) -> Route:
    """Open Routing Request: from the content, from what was seen before, or to everybody it is meant for."""
    if message.operation.is_list:
        trail.append("a whole list can only be meant for the hub")
        return _to_hub(message, trail)
    if message.operation.broadcast:
        trail.append(f"{message.module} are meant for everybody")
        return _broadcast(message)
    if message.is_push and (named := driver(message)) is not None:
        return _direct(message, _other(message, named), f"cdr_token names {named}")
    if (owner := called_owner(message)) is not None and owner != message.sender:
        return _direct(message, owner, "the path names the owner")
    tried = ["cdr_token"] if message.module in ("sessions", "cdrs") and message.is_push else []
    if keys := [f"{key.kind} {key.id[:64]!r}" for key in keys_of(message)]:
        tried += keys
        own = (message.sender, message.owner)
        seen = [party for party in found if party not in own and _permitted(message, party)]
        if len(seen) == 1:
            return _direct(message, seen[0], f"{' or '.join(keys)} belongs to")
        if seen:
            raise InvalidParameters(f"several parties have {' or '.join(keys)}; name one in OCPI-to-*")
    if message.operation.path[-1:] == ("authorize",):
        return _ask(message)
    raise InvalidParameters(
        f"no receiver was found{' by ' + ' or '.join(tried) if tried else ''}; name the receiving party in OCPI-to-*"
    )


def _ask(message: Message) -> Route:
    emsp = frozenset({Role.EMSP})
    to = tuple(party for platform in _connected(message) for party in _permitted_parties(message, platform, emsp))
    if not to:
        raise InvalidParameters("the token is not known, and there is no eMSP to ask")
    return Route(way=Way.ASK, destinations=to, why=f"the token is not known: asked of {len(to)} eMSP(s) at once")


def _other(message: Message, party: Party) -> Party:
    """A push must never come back to its sender, nor to the owner that a hub sends it for."""
    if party in (message.sender, message.owner):
        raise InvalidParameters(f"the cdr_token names {party}, which is the sender; name the receiver in OCPI-to-*")
    return party


def _opposite(message: Message) -> frozenset[Role]:
    """Who receives a broadcast: the other side of the market."""
    return _DRIVERS_SIDE if message.operation.owner_role is Role.CPO else _CHARGERS_SIDE


def _receivers(message: Message, roles: frozenset[Role]) -> Iterable[Party]:
    """One party for each connected platform that has such a role: a broadcast reaches a platform once."""
    for platform in _connected(message):
        yield from _speakers(message, platform, roles)[:1]


def _speakers(message: Message, platform: Platform, roles: frozenset[Role]) -> list[Party]:
    """The parties of a platform with such a role. What a hub brings goes to no further hub."""
    if not platform.is_hub:
        return _permitted_parties(message, platform, roles)
    if Role.HUB not in roles or message.platform.is_hub:
        return []
    # It speaks for all who are behind it; asked for one of them, it would reach only that one.
    return _permitted_parties(message, platform, frozenset({Role.HUB}))


def _ies(parties: tuple[Party, ...]) -> str:
    return "y" if len(parties) == 1 else "ies"


def _connected(message: Message) -> Iterable[Platform]:
    """The other platforms that are there and have the module."""
    for platform in message.directory.platforms.values():
        if (
            platform.id != message.platform.id
            and platform.state is State.REGISTERED
            and platform.id not in message.directory.offline
            and (platform.version == message.version or platform.version in message.operation.versions)
            and (message.module, message.interface) in platform.endpoints
        ):
            yield platform


def _permitted_parties(message: Message, platform: Platform, roles: frozenset[Role]) -> list[Party]:
    return [party for party, held in platform.roles.items() if held & roles and _permitted(message, party)]


def _permitted(message: Message, party: Party) -> bool:
    return message.directory.agreements.permits(message.sender, party, message.module)
