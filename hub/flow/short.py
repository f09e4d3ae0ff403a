"""The short way: a message like one before goes to its receiver and back without a task.

What follows from who sends to whom, and what, was found by the message that went the long way before it, and is kept as
a lane for as long as the directory and the hooks that it was found in are in force. Each message is still checked for
itself. What is not as in the lane, or would have to wait for more than its answer, goes the long way, from its begin:
nothing was counted, told or sent by then.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

import msgspec
import structlog

from hub.core.catalogue import WITHOUT_INTERFACES
from hub.core.directory import Directory, Platform
from hub.core.headers import ids, told
from hub.core.message import Message, Reply
from hub.core.modules import Catalogue, Interface, Operation, UrlIn
from hub.core.party import Party
from hub.core.paths import segments
from hub.core.recalled import Recalled
from hub.core.rights import owner_of
from hub.core.route import Refuse, Route, Way, decide, destination
from hub.errors import OcpiError, ServerError, bare
from hub.flow.bridging import goes_at_once
from hub.flow.calls import Call, Timing
from hub.flow.delivery import Begun
from hub.flow.limits import Gate, Meter
from hub.flow.numbers import Numbers
from hub.flow.pipeline import Pipeline
from hub.flow.response import Response
from hub.flow.under_way import UnderWay
from hub.ids import new_id
from hub.listener.request import Request
from hub.partners.directory import DirectoryKeeper
from hub.plugin.table import OperationHooks
from hub.upstream import Held, SendError
from hub.upstream import Response as Answer

log = structlog.get_logger()

_MOST_LANES = 20_000
_SEALED_IN = frozenset((UrlIn.BODY, UrlIn.QUERY))
_Key: TypeAlias = tuple[str | int | None, ...]


class Lane(msgspec.Struct, frozen=True, eq=False):
    """What messages of one sender to one receiver have in common that are of one operation."""

    operation: Operation
    platform: Platform
    sender: Party
    receiver: Party
    owner: Party | None
    route: Route
    hooks: OperationHooks
    to: Platform
    endpoint: str


class Front(msgspec.Struct, eq=False):
    """What the short way has in common with the long one on the side of the sender.

    `limits` are those of a request; None where none goes the short way. `told` makes the answer to one that was ended,
    `last` makes an answer the last on its connection, where the hub stops.
    """

    keeper: DirectoryKeeper
    catalogue: Catalogue
    gate: Gate
    seen: Callable[[int], None]
    numbers: Numbers
    under_way: UnderWay
    limits: Callable[[], Timing | None]
    told: Callable[[Call, OcpiError], Response]
    last: Callable[[Request, Response], Response]


class ShortWay:
    """Walks messages. `learn` is told of each that went the long way, `begin` asked of each that comes."""

    def __init__(self, front: Front, pipeline: Pipeline) -> None:
        self.front = front
        self.pipeline = pipeline
        self.validator = pipeline.validator
        self.plugins = pipeline.plugins
        self.deliverer = pipeline.ways.deliverer
        self.client = self.deliverer.client
        self._directory: Directory | None = None
        self._catalogue: Catalogue | None = None
        self._lanes: Recalled[Lane] = Recalled(_MOST_LANES)

    def learn(self, request: Request, message: Message, reply: Reply) -> None:
        """Open a lane, where a message that went the long way shows that those like it may go the short one."""
        named, operation, receiver = _named(request), message.operation, message.receiver
        if named is None or receiver is None or reply.by != receiver or message.url is not None:
            return
        if (known := self._lanes.of(named[0])) is not None and self._in_force(known):
            return
        hooks = self.plugins.hooks(operation)
        if not _is_plain(operation, message, hooks):
            return
        route = decide(message)
        if not isinstance(route, Route) or route.way is not Way.DIRECT or route.to != receiver:
            return
        to, endpoint = destination(message, receiver)
        if to.authorization is None or (to.version != operation.version and not goes_at_once(operation)):
            return
        if self._has(message):
            lane = Lane(
                operation, message.platform, message.sender, receiver, message.owner, route, hooks, to, endpoint
            )
            self._lanes.keep(named[0], lane)

    def begin(self, request: Request) -> "Walk | None":
        """Send a message on; None where it has to go the long way."""
        named = _named(request)
        lane = self._lanes.of(named[0]) if named else None
        limits = self.front.limits()
        if named is None or lane is None or limits is None or not self._in_force(lane):
            return None
        began = time.perf_counter()
        try:
            message = self._message(request, lane, named, limits)
            if message is None:
                return None
            begun = self.deliverer.begin(message, lane.receiver, lane.to, lane.endpoint)
            held = self.client.hold(begun.request)
        except (OcpiError, SendError):
            return None  # the long way says what is wrong
        if held is None:
            return None
        let_in = self.front.gate.admits(lane.platform)
        if let_in is None:
            self.client.let_go(held, sent=False)
            return None
        walk = Walk(self, request, lane, message, begun, held, let_in, began)
        walk.begin()
        return walk

    def _has(self, message: Message) -> bool:
        """Whether there may be a lane for an operation: no other one has paths as long."""
        operation, catalogue = message.operation, self.front.catalogue
        if (message.directory, catalogue) != (self._directory, self._catalogue):
            self._directory, self._catalogue, self._lanes = message.directory, catalogue, Recalled(_MOST_LANES)
        shape = operation.method, len(operation.path)
        # Where its URL does not say for which side a message is, it may be for both.
        sides = Interface if operation.version in WITHOUT_INTERFACES else (operation.interface,)
        found = [catalogue.module(operation.version, side, operation.module) for side in sides]
        return [each for rows in found if rows for each in rows.operations.get(shape, ())] == [operation]

    def _in_force(self, lane: Lane) -> bool:
        if self.front.keeper.current is not self._directory or self.front.catalogue is not self._catalogue:
            return False
        return self.plugins.hooks(lane.operation) is lane.hooks

    def _message(
        self, request: Request, lane: Lane, named: tuple[_Key, tuple[str, ...], str], limits: Timing
    ) -> Message | None:
        """The message, where it is as those of its lane. OcpiError where it is not as it should be."""
        operation, (_, found, query) = lane.operation, named
        body = request.whole(limits.request_body) if operation.has_body else b""
        if body is None or request.fields is None:
            return None
        request_id, correlation_id = ids(request.fields)
        value = self.validator.value(lane.platform, operation, body)
        owner = owner_of(operation, found, body, value)
        if owner != lane.owner:
            return None
        message = Message(
            operation=operation,
            segments=found,
            query=query,
            body=body,
            request_id=request_id or new_id(),
            correlation_id=correlation_id or new_id(),
            platform=lane.platform,
            sender=lane.sender,
            receiver=lane.receiver,
            owner=owner,
            deadline=asyncio.get_running_loop().time() + limits.timeout,
            directory=self.front.keeper.current,
            exchange=self.front.numbers.next(),
        )
        return message if value is not None or self.validator.passes(message) else None


class Walk:
    """One message on the short way. It is ended by the answer of its receiver, or cancelled before."""

    __slots__ = (
        "_began",
        "_begun",
        "_held",
        "_lane",
        "_let_in",
        "_message",
        "_request",
        "_route",
        "_sent",
        "_task",
        "_under_way",
        "_way",
    )

    def __init__(
        self,
        way: ShortWay,
        request: Request,
        lane: Lane,
        message: Message,
        begun: Begun,
        held: Held,
        let_in: Meter,
        began: float,
    ) -> None:
        self._way = way
        self._request = request
        self._lane = lane
        self._message = message
        self._begun = begun
        self._held: Held | None = held
        self._let_in = let_in
        self._began = began
        self._sent = 0.0
        self._task: asyncio.Task[None] | None = None
        self._route: Route | Refuse = lane.route
        self._under_way = True

    def begin(self) -> None:
        """Ask the plugins, and send. From here on the message counts."""
        way, lane, held = self._way, self._lane, self._held
        way.front.under_way.owners[self] = lane.platform.id
        way.front.seen(lane.platform.id)
        lane.hooks.__enter__()
        self._route = lane.hooks.route_at_once(self._message, lane.route)
        self._sent = time.perf_counter()
        if held is not None and self._route is lane.route:
            way.client.begin(held, self._came)
        elif held is not None:
            self._held = None
            way.client.let_go(held, sent=False)
            self._go_on(self._by_route())

    def cancel(self) -> None:
        """End it: with the answer that is found among the works under way, or with none."""
        if self._task is not None:
            self._task.cancel()
        elif self._held is not None:
            held, self._held = self._held, None
            self._way.client.let_go(held, sent=True)
            self._abandoned()
            self._ended()

    def _came(self, outcome: Answer | SendError) -> None:
        """The answer is there, or there will be none."""
        held, self._held = self._held, None
        if held is None:
            return  # it was cancelled
        try:
            whole = self._way.client.end(held, outcome)
            if whole is None:
                self._go_on(self._by_resuming(held, outcome))
            else:
                self._finish(self._reply(whole))
        except Exception as error:  # noqa: BLE001 - it is logged there
            self._failed(error)

    def _reply(self, outcome: Answer | SendError) -> Reply:
        way, lane = self._way, self._lane
        try:
            return way.deliverer.end(self._begun, lane.receiver, lane.endpoint, outcome, self._sent)
        except OcpiError as error:
            return way.pipeline.refused(self._message, bare(error))

    def _finish(self, reply: Reply) -> None:
        """Tell of it, and give the answer."""
        way, message = self._way, self._message
        self._left()
        way.pipeline.handled(message, self._route, reply, self._lane.hooks, self._began)
        self._answer(
            Response(
                reply.status,
                reply.body,
                message.request_id,
                message.correlation_id,
                (reply.by or way.front.keeper.current.hub, message.sender),
                reply.headers,
            )
        )

    def _answer(self, response: Response) -> None:
        request = self._request
        request.connection.answered(request, self._way.front.last(request, response))

    def _left(self) -> None:
        """It is under way no longer."""
        self._under_way = False
        self._lane.hooks.__exit__(None, None, None)
        self._let_in.leave()
        self._way.front.under_way.finish(self)

    def _ended(self) -> None:
        """It was cancelled."""
        error = self._way.front.under_way.answer(self)
        self._left()
        if error is None:
            self._request.connection.give_up()
        else:
            self._refuse(error)

    def _failed(self, error: Exception) -> None:
        """Something was raised that nobody has thought of."""
        log.error("request_failed", exc_info=error)
        if self._under_way:
            self._left()
            self._refuse(ServerError("the hub failed; its operator finds the reason in the log"))
        else:
            self._request.connection.give_up()

    def _refuse(self, error: OcpiError) -> None:
        request, message = self._request, self._message
        headers = told(request.fields or {})
        self._answer(self._way.front.told(Call(request, headers, message.exchange, self._began, None), error))

    def _go_on(self, work: Coroutine[Any, Any, Reply]) -> None:
        """Go on in a task: there is more to wait for than one answer."""
        self._task = asyncio.get_running_loop().create_task(self._run(work))

    async def _run(self, work: Coroutine[Any, Any, Reply]) -> None:
        try:
            reply = await work
            self._finish(reply)
        except asyncio.CancelledError:
            self._ended()
        except Exception as error:  # noqa: BLE001 - it is logged there
            self._failed(error)

    async def _by_route(self) -> Reply:
        """The reply, where a plugin wants another way."""
        return await self._way.pipeline.carry(self._message, self._route, self._lane.hooks)

    async def _by_resuming(self, held: Held, outcome: Answer | SendError) -> Reply:
        """The reply, where a connection was lost before the answer to a GET, or the receiver redirects."""
        try:
            return self._reply(await self._way.client.resume(held, outcome))
        except SendError as error:
            return self._reply(error)
        except asyncio.CancelledError:
            self._abandoned()
            raise

    def _abandoned(self) -> None:
        message, lost, leg, _ = self._begun
        self._way.deliverer.abandoned(message, self._lane.receiver, leg, self._sent, lost)


def _named(request: Request) -> tuple[_Key, tuple[str, ...], str] | None:
    """What tells lanes apart, and the segments and the query of the path; None where it is that of no module."""
    fields = request.fields
    path, _, query = request.target.partition("?")
    parts = path.split("/", 5)
    if fields is None or len(parts) < 5 or parts[0] or parts[1] != "ocpi":
        return None
    side, module, rest = parts[3], parts[4], parts[5:]
    if parts[2] in WITHOUT_INTERFACES:
        side, module, rest = "", parts[3], parts[4:]
    try:
        found = segments("/".join(rest)) if rest else ()
    except OcpiError:
        return None
    of = fields.get
    key = (
        request.method, parts[2], side, module, len(found), of("authorization"),
        of("ocpi-from-country-code"), of("ocpi-from-party-id"), of("ocpi-to-country-code"), of("ocpi-to-party-id"),
    )  # fmt: skip
    return key, found, query


def _is_plain(operation: Operation, message: Message, hooks: OperationHooks) -> bool:
    """Whether nothing of a message depends on more than its lane says, and on its own body."""
    if operation.literals or operation.url in _SEALED_IN or operation.bare or operation.alone:
        return False
    return hooks.quick and message.owner in (None, message.sender) and message.traceparent is None
