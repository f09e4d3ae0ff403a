"""The whole of routing in one pure function: `decide(message) -> Route | Refuse`, with the steps that led there.

OCPI 2.2.1, transport_and_format: Message Routing.
"""

from enum import StrEnum

import msgspec

from hub.core.directory import Platform, State
from hub.core.message import Message
from hub.core.party import Party
from hub.core.paths import origin
from hub.core.rights import check_owner
from hub.errors import InvalidParameters, OcpiError, ReceiverNotConnected, RoutingError, UnknownReceiver


class Way(StrEnum):
    """The ways a message can go."""

    DIRECT = "direct"
    REFUSE = "refuse"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Where a message goes, why, and the trail: the steps of the decision in words."""

    way: Way
    to: Party
    why: str
    trail: tuple[str, ...] = ()

    @classmethod
    def direct(cls, to: Party, why: str) -> "Route":
        """A direct route to one party."""
        return cls(way=Way.DIRECT, to=to, why=why)


class Refuse(msgspec.Struct, frozen=True):
    """A refusal: what the sender is told. Plugins give only the reason; the hub answers 2001 unless told else."""

    reason: str
    code: int = 2001
    trail: tuple[str, ...] = ()
    way: Way = Way.REFUSE

    @classmethod
    def by(cls, error: OcpiError, trail: tuple[str, ...]) -> "Refuse":
        return cls(error.message, error.code, trail)


def decide(message: Message) -> Route | Refuse:
    """Decide where a message goes. Total: every message gets a route or a refusal."""
    trail = [f"{message.operation} from {message.sender} ({message.platform.name})"]
    try:
        check_owner(message.owner, message.sender, message.platform)
        trail.append(_ownership(message))
        route = _route(message, trail)
    except OcpiError as error:
        return Refuse.by(error, (*trail, error.message))
    return msgspec.structs.replace(route, trail=(*trail, route.why))


def destination(message: Message, to: Party) -> tuple[Platform, str]:
    """The platform of a party and its endpoint for this message (or the URL that was unsealed for it).

    Raises UnknownReceiver (4001), ReceiverNotConnected (4003), or RoutingError (4000) where the platform does
    not have the module. Used by `decide`, and again for a route that a plugin chose: a URL that was unsealed
    leads to the platform which handed it out, and no other platform's token is ever sent there.
    """
    platform = message.directory.parties.get(to)
    if platform is None:
        raise UnknownReceiver(f"{to} is not known to this hub")
    if platform.state is State.SUSPENDED:
        raise ReceiverNotConnected(f"{to} is suspended; do not queue the message")
    if platform.state is State.INVITED or to not in platform.roles:
        raise ReceiverNotConnected(f"{to} has not connected yet; do not queue the message")
    if message.url is not None:
        if origin(message.url) not in platform.origins:
            raise RoutingError(f"{to} is not the party that handed out this URL")
        return platform, message.url
    if platform.version != message.version:
        raise RoutingError(f"{to} speaks OCPI {platform.version}, this message is OCPI {message.version}")
    endpoint = platform.endpoints.get((message.module, message.interface))
    if endpoint is None:
        raise RoutingError(f"{to} offers no {message.module} {message.interface} interface in OCPI {message.version}")
    return platform, endpoint


def _ownership(message: Message) -> str:
    if message.owner is None:
        return "no owner is named"
    if message.owner == message.sender:
        return f"owner {message.owner} is the sender"
    return f"owner {message.owner} is behind {message.sender}, which is a hub"


def _route(message: Message, trail: list[str]) -> Route:
    receiver = message.receiver
    if receiver is None:
        raise InvalidParameters("headers OCPI-to-* are missing; name the receiving party")
    trail.append(f"OCPI-to is {receiver}")
    if receiver == message.directory.hub:
        raise InvalidParameters(f"{receiver} is the hub itself; name the receiving party in OCPI-to-*")
    if receiver == message.sender:
        raise InvalidParameters(f"{receiver} is the sender itself; name another party in OCPI-to-*")
    platform, _ = destination(message, receiver)
    return Route.direct(receiver, f"direct to {receiver} at {platform.name}")
