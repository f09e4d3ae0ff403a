"""`explain`: the route of a message and the steps to it, by the code that routes, without sending anything.

Plugins with receive and route hooks are asked, too: they decide as much as the hub does.
"""

import math
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from hub.bridge import Loss
from hub.core.directory import Directory
from hub.core.message import Message
from hub.core.modules import Catalogue, Interface, Operation, OwnerIn
from hub.core.party import Party
from hub.core.paths import segments, split_target
from hub.core.rights import owner_of
from hub.core.route import Refuse, Route
from hub.errors import InvalidParameters, NotFound, OcpiError
from hub.flow.bridging import Bridging
from hub.flow.pipeline import Pipeline
from hub.flow.validation import Validator, body_of
from hub.ocpi.check import describe

_MOST = 20
"""So many losses are named for each destination."""


class Explanation(msgspec.Struct, frozen=True):
    """What would happen to a message. `status_code` is what the sender would be told of a refusal."""

    way: str
    destinations: tuple[str, ...]
    why: str
    status_code: int | None
    trail: tuple[str, ...]


class Explainer:
    """Builds the message that a person describes, and asks the pipeline where it would go."""

    def __init__(
        self,
        catalogue: Catalogue,
        pipeline: Pipeline,
        bridging: Bridging,
        validator: Validator,
        current: Callable[[], Directory],
    ) -> None:
        self._catalogue = catalogue
        self._pipeline = pipeline
        self._bridging = bridging
        self._validator = validator
        self._current = current

    async def explain(self, method: str, path: str, sender: str, receiver: str, body: bytes) -> Explanation:
        """Explain `PUT receiver/locations/NL/TNM/LOC1` from one party, to another or to nobody named."""
        message = self._message(method.upper(), path, _party(sender), _party(receiver) if receiver else None, body)
        message, route = await self._pipeline.plan(message)
        trail = (*route.trail, *_agreement(message))
        if isinstance(route, Refuse):
            return Explanation(route.way, (), route.reason, route.code, trail)
        trail += (*self._validity(message), *[line async for line in self._bridged(message, route)])
        return Explanation(route.way, tuple(str(party) for party in route.destinations), route.why, None, trail)

    def _validity(self, message: Message) -> tuple[str, ...]:
        """What is wrong with a body that goes on all the same."""
        if not (found := self._validator.judge(message).findings):
            return ()
        return (f"not a {body_of(message)}, passed on all the same: {describe(found)}",)

    async def _bridged(self, message: Message, route: Route) -> AsyncIterator[str]:
        """What is lost on the way to destinations of other versions, where a body was given."""
        for to in route.destinations if message.body else ():
            platform = message.directory.parties.get(to)
            if platform is None or platform.version in (None, message.version):
                continue
            try:
                _, losses = await self._bridging.request(message, platform, to)
            except OcpiError as error:
                yield f"not sent: {error.message}"
            else:
                yield f"OCPI {platform.version} at {to}: {_lost(losses)}"

    def _message(self, method: str, path: str, sender: Party, receiver: Party | None, body: bytes) -> Message:
        directory = self._current()
        platform = directory.parties.get(sender)
        if platform is None or platform.version is None:
            raise InvalidParameters(f"{sender} is not a registered party of this hub; see: ocpi-hub partner list")
        plain, query = split_target("/" + path.lstrip("/"))
        side, module, *tail = (*segments(plain), "", "")
        parts = tuple(part for part in tail if part)
        interface = Interface.__members__.get(side.upper())
        rows = interface and self._catalogue.module(platform.version, interface, module)
        operation = rows.find(method, parts) if rows else None
        if operation is None:
            raise NotFound(
                f"OCPI {platform.version} has no {method} {path}; write it as PUT receiver/locations/NL/TNM/LOC1"
            )
        return Message(
            operation=operation,
            segments=parts,
            query=query,
            body=body,
            request_id="explain",
            correlation_id="explain",
            platform=platform,
            sender=sender,
            receiver=receiver,
            owner=owner_of(operation, parts, body) if body or not operation.has_body else _owner(operation, parts),
            deadline=math.inf,
            directory=directory,
        )


def _lost(losses: Sequence[Loss]) -> str:
    if not losses:
        return "nothing is lost"
    more = f", and {len(losses) - _MOST} more" if len(losses) > _MOST else ""
    return f"loses {', '.join(map(str, losses[:_MOST]))}{more}"


def _agreement(message: Message) -> tuple[str, ...]:
    """The rule between the two, which is for operators only: partners are not told that there is one."""
    directory, receiver = message.directory, message.receiver
    if receiver is None or receiver == directory.hub or receiver not in directory.parties:
        return ()
    return (directory.agreements.judge(message.sender, receiver, message.module).why,)


def _owner(operation: Operation, parts: tuple[str, ...]) -> Party | None:
    """The owner in the path, where no body was given to compare it with."""
    try:
        return Party.of(parts[0], parts[1]) if operation.owner is OwnerIn.PATH else None
    except ValueError as reason:
        raise InvalidParameters(f"path: {reason}") from None


def _party(text: str) -> Party:
    try:
        return Party.parse(text)
    except ValueError as reason:
        raise InvalidParameters(str(reason)) from None
