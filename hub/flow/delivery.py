"""One delivery: a message handed to one platform, once, and its answer made fit to go back.

No retry, no queue: what fails is told to the sender at once, and is gone (2.2.1, transport_and_format: Offline
behaviour).
"""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import msgspec
import structlog

from hub.bridge import Loss
from hub.core.directory import THE_HUB, Directory, Platform, State
from hub.core.message import Message, Reply, is_ok
from hub.core.modules import UrlIn
from hub.core.outcome import Outcome
from hub.core.pages import PageHeaders
from hub.core.party import Party
from hub.core.paths import join
from hub.core.route import destination
from hub.errors import OcpiError, PartnerNotFound, ReceiverNotConnected, ReceiverTimeout, RoutingError, ShutOut
from hub.events import Answered, Bus, Delivered, Leg, TokenRefused
from hub.flow.bridging import Bridging
from hub.flow.indirect import Indirect
from hub.flow.numbers import Numbers
from hub.ids import new_id
from hub.ocpi import envelope
from hub.ocpi.rows import LARGEST
from hub.partners.calls import Headers, Lines, values
from hub.plugin.api import Outgoing
from hub.plugin.table import OperationHooks
from hub.upstream import Client, Fault, Names, Request, Response, SendError

log = structlog.get_logger()
Losses: TypeAlias = tuple[Loss, ...]

Shared: TypeAlias = dict[str, tuple[Message, Losses]]
"""One message as versions of OCPI have it, with what could not be carried."""

_PASSED = Names.of("X-Total-Count", "X-Limit", "Retry-After")
_WORDS = {
    Fault.BUSY: "all connections to it are busy",
    Fault.CLOSED: "the hub is stopping, or lets nothing through to it any more",
    Fault.CONNECT: "it does not accept connections",
    Fault.FORBIDDEN: "its address is not allowed",
    Fault.PROTOCOL: "its answer is not valid HTTP",
    Fault.REDIRECT: "it redirects elsewhere",
    Fault.REQUEST: "the message can not be written as HTTP",
    Fault.RESET: "it closed the connection without an answer",
    Fault.RESOLVE: "its host name can not be found",
    Fault.TLS: "its TLS certificate or handshake failed",
    Fault.TIMEOUT: "it did not answer in time",
    Fault.TOO_LARGE: "its answer is too large",
    Fault.URL: "its endpoint is not a URL that can be called",
}
_NOT_CONNECTED = frozenset(
    (Fault.BUSY, Fault.CLOSED, Fault.CONNECT, Fault.FORBIDDEN, Fault.RESET, Fault.RESOLVE, Fault.TLS)
)


class Begun(NamedTuple):
    """A delivery that can be sent: the message as its receiver's version has it, and what could not be carried."""

    message: Message
    lost: Losses
    leg: Leg
    request: Request


class Deliverer:
    """Hands messages to platforms through the hub's own client."""

    def __init__(
        self,
        client: Client,
        indirect: Indirect,
        bridging: Bridging,
        bus: Bus,
        report: Callable[[int, Fault | int, float], None],
        numbers: Numbers,
        current: Callable[[], Directory],
    ) -> None:
        """`report` is told how each attempt at a platform ended, an HTTP status or what went wrong, and its seconds.

        `current` gives the snapshot that is in force.
        """
        self.client = client
        self._report = report
        self._indirect = indirect
        self._bridging = bridging
        self._bus = bus
        self._numbers = numbers
        self.current = current
        self.lines = Lines()

    async def deliver(
        self,
        message: Message,
        to: Party,
        hooks: OperationHooks,
        *,
        speaker: Party | None = None,
        until: float | None = None,
        shared: Shared | None = None,
    ) -> Reply:
        """One attempt. Raises OcpiError where there is no answer of the partner's to give back.

        `speaker` is the party in OCPI-from-*: the sender, but for a broadcast, which the hub speaks itself.
        `until` ends the attempt before the message's deadline; that a platform is slower than this is not held
        against it. `shared` is what those who get the same message at the same time have in common.
        """
        platform, endpoint = destination(message, to)
        began = time.perf_counter()
        leg = Leg(platform=platform, number=self._numbers.next(), request_id=new_id(), broadcast=speaker is not None)
        other = platform.version != message.operation.version
        lost: Losses = ()
        back: Losses = ()
        try:
            if other:
                message, lost = await self._bridged(message, platform, to, shared)
            query, body = self._indirect.request(message, platform, to)
            extra: Headers = ()
            if hooks.forwarders:
                outgoing = Outgoing(to=to, platform=platform.name, body=body, version=platform.version or "", lost=lost)
                body, extra = await _shown(message, outgoing, hooks)
            url = message.url or join(endpoint, message.segments, query)
            if platform.authorization is None:
                raise ReceiverNotConnected(
                    f"{to} can not be called: the hub has no token for it; do not queue the message"
                )
            self._check_not_shut_out(message, platform, to)
            leg.sent = body
            sent = time.perf_counter()
            try:
                request = self._request(message, to, leg, url, speaker or message.sender, until, extra)
                response = await self.client.send(request)
            except SendError as error:
                if error.fault is not Fault.TIMEOUT or until is None:
                    self._report(platform.id, error.fault, time.perf_counter() - sent)
                raise _told(error, to, platform) from None
            finally:
                leg.waited = round((time.perf_counter() - sent) * 1_000_000)
            reply = self._taken(message, to, leg, endpoint, response)
            ok = reply.ok
            if other and ok:
                reply, back = await self._back(message, to, platform, reply)
        except OcpiError as error:
            leg.reason = error.message
            self._tell(message, to, leg, f"{error.code} {error.message}", began, lost, back)
            raise
        except asyncio.CancelledError:
            self.abandoned(message, to, leg, began, lost, back)
            raise
        leg.ended = Outcome.DELIVERED if ok else Outcome.DECLINED
        self._tell(message, to, leg, str(reply.ocpi_status), began, lost, back)
        return reply

    def begin(self, message: Message, to: Party, platform: Platform, endpoint: str) -> Begun:
        """What goes out for a message of which no plugin has anything to see, and whose bridge waits for nothing.

        SendError where the endpoint can not be called, InvalidParameters where the path can not be sent on,
        NotInThatVersion where the platform's version has no words for it.
        """
        lost: Losses = ()
        if platform.version is not None and platform.version != message.operation.version:
            message, lost = self._bridging.at_once(message, platform.version, to)
        leg = Leg(platform=platform, number=self._numbers.next(), request_id=new_id(), sent=message.body)
        url = join(endpoint, message.segments, message.query)
        return Begun(message, lost, leg, self._request(message, to, leg, url, message.sender, None, ()))

    def end(self, begun: Begun, to: Party, endpoint: str, outcome: Response | SendError, began: float) -> Reply:
        """What came of such a one: as `deliver`. `began` is when it was sent."""
        message, lost, leg, _ = begun
        try:
            reply = self._taken(message, to, leg, endpoint, self._arrived(to, leg, outcome, began))
        except OcpiError as error:
            leg.reason = error.message
            self._tell(message, to, leg, f"{error.code} {error.message}", began, lost, ())
            raise
        leg.ended = Outcome.DELIVERED if reply.ok else Outcome.DECLINED
        self._tell(message, to, leg, str(reply.ocpi_status), began, lost, ())
        return reply

    def leg(self, platform: Platform, request_id: str, body: bytes) -> Leg:
        """What goes to one of many."""
        return Leg(platform=platform, number=self._numbers.next(), request_id=request_id, sent=body, broadcast=True)

    def request(self, message: Message, to: Party, leg: Leg, endpoint: str) -> Request:
        """The same, as a request of its own."""
        url = join(endpoint, message.segments, message.query)
        return self._request(message, to, leg, url, message.directory.hub, None, ())

    def pushed(self, message: Message, to: Party, leg: Leg, outcome: Response | SendError, began: float) -> None:
        """Tell what came of one of many, whose answer nobody waits for. `began` is when it was sent."""
        try:
            answer = self._arrived(to, leg, outcome, began)
            code = self._code(message, to, leg, answer)
        except OcpiError as error:
            leg.reason = error.message
            self._tell(message, to, leg, f"{error.code} {error.message}", began, (), ())
            return
        leg.ended = Outcome.DELIVERED if is_ok(_http(answer), code) else Outcome.DECLINED
        self._tell(message, to, leg, str(code), began, (), ())

    def _arrived(self, to: Party, leg: Leg, outcome: Response | SendError, began: float) -> Response:
        """The answer of a platform. OcpiError where there is none, which is told to who keeps account of platforms."""
        seconds = time.perf_counter() - began
        leg.waited = round(seconds * 1_000_000)
        if isinstance(outcome, SendError):
            self._report(leg.platform.id, outcome.fault, seconds)
            raise _told(outcome, to, leg.platform)
        return outcome

    def abandoned(
        self, message: Message, to: Party, leg: Leg, began: float, lost: Losses = (), back: Losses = ()
    ) -> None:
        """Tell of a delivery whose end nobody waited for."""
        leg.ended, leg.reason = Outcome.ABANDONED, "nobody waited for the answer any more"
        self._tell(message, to, leg, "not waited for", began, lost, back)

    def too_late(self, message: Message, to: Party) -> None:
        """Tell of a delivery whose time was over before its turn came: nothing is sent."""
        leg = Leg(
            platform=message.directory.parties[to],
            number=self._numbers.next(),
            request_id=new_id(),
            reason="the time of the message was over before it was this party's turn; nothing was sent",
            ended=Outcome.ABANDONED,
            broadcast=True,
        )
        self._tell(message, to, leg, "too late", time.perf_counter(), (), ())

    async def _bridged(
        self, message: Message, platform: Platform, to: Party, shared: Shared | None
    ) -> tuple[Message, Losses]:
        """The message as the platform's version has it, told once for all who get it at the same time."""
        if shared is None or platform.version is None:
            return await self._bridging.request(message, platform, to)
        if (known := shared.get(platform.version)) is None:
            known = shared[platform.version] = await self._bridging.request(message, platform, to)
        return known

    async def _back(self, message: Message, to: Party, platform: Platform, reply: Reply) -> tuple[Reply, Losses]:
        """The answer as the sender's version has it."""
        carried = await self._bridging.answer(message, platform, to, reply.body)
        return msgspec.structs.replace(reply, body=carried.body), carried.losses

    def _request(
        self, message: Message, to: Party, leg: Leg, url: str, speaker: Party, until: float | None, extra: Headers
    ) -> Request:
        platform, method = leg.platform, message.operation.method
        line = self.lines.to(message.directory, platform, url, body=bool(leg.sent))
        given = values(line, message.correlation_id, leg.request_id, speaker, to)
        headers = (*line.headers(given), *extra) if extra else ()
        return Request(
            method=method,
            url=url,
            headers=headers,
            line=None if extra else line,
            values=given,
            body=leg.sent,
            pool=platform.id,
            sender=message.platform.id,
            deadline=message.deadline if until is None else min(until, message.deadline),
            max_body=None if method == "GET" else LARGEST,
        )

    def _taken(self, message: Message, to: Party, leg: Leg, endpoint: str, response: Response) -> Reply:
        """The answer of a platform, told to who keeps account of platforms and their objects."""
        platform, operation = leg.platform, message.operation
        reply = Reply(
            ocpi_status=self._code(message, to, leg, response),
            status=_http(response),
            body=response.body,
            headers=self._passed(message, to, platform, endpoint, response),
            by=to,
        )
        if operation.data and reply.ok and self._bus.wants(Answered):
            self._bus.publish(
                Answered(platform=platform, operation=operation, body=response.body, exchange=message.exchange)
            )
        return reply

    def _code(self, message: Message, to: Party, leg: Leg, response: Response) -> int:
        """The status_code of an answer, which is noted in the leg and told to who keeps account of platforms."""
        platform, status = leg.platform, response.status
        leg.http, leg.answer = status, response.body
        self._report(platform.id, status, leg.waited / 1_000_000)
        if status in (401, 403):
            log.warning("token_refused_by_partner", platform=platform.name, http=status)
            self._bus.publish(TokenRefused(platform=platform.name, http=status))
            raise RoutingError(f"{to} does not accept this hub's token; the hub's operator has to renew it")
        leg.ocpi = code = envelope.status_code(response.body)
        if code is None:
            raise _not_ocpi(message, to, status)
        return code

    def _check_not_shut_out(self, message: Message, platform: Platform, to: Party) -> None:
        """A message may have waited, for plugins or its turn: nothing goes from or to who was shut out meanwhile."""
        current = self.current()
        if current is message.directory:
            return
        sender, receiver = current.platforms.get(message.platform.id), current.platforms.get(platform.id)
        if message.platform.id != THE_HUB and (sender is None or sender.state is State.SUSPENDED):
            raise ShutOut
        if receiver is None or receiver.state is not State.REGISTERED:
            raise ReceiverNotConnected(f"{to} is not connected any more; do not queue the message")

    def _passed(
        self, message: Message, to: Party, platform: Platform, endpoint: str, response: Response
    ) -> tuple[tuple[str, str], ...]:
        """The headers of an answer that mean something to the sender; URLs in them are sealed."""
        said, where = response.headers, message.operation.url
        passed = said.among(_PASSED)
        if where is UrlIn.LINK:
            links = said.getall("Link")
            pages = PageHeaders(", ".join(links) if links else None, said.get("X-Total-Count"), said.get("X-Limit"))
            if link := self._indirect.link(message, platform, to, endpoint, pages):
                passed = (*passed, ("Link", link))
        location = said.get("Location") if where is UrlIn.LOCATION else None
        if location and (sealed := self._indirect.location(message, platform, to, endpoint, location)):
            passed = (*passed, ("Location", sealed))
        return passed

    def _tell(
        self, message: Message, to: Party, leg: Leg, outcome: str, began: float, lost: Losses, back: Losses
    ) -> None:
        self._bus.publish(
            Delivered(
                message=message,
                to=to,
                platform=leg.platform.name,
                outcome=outcome,
                seconds=time.perf_counter() - began,
                lost=lost,
                lost_back=back,
                leg=leg,
            )
        )


async def _shown(message: Message, outgoing: Outgoing, hooks: OperationHooks) -> tuple[bytes, Headers]:
    """Body and further headers, as the plugins want them that see what is about to be sent."""
    wanted = await hooks.forward(message, outgoing)
    if not isinstance(wanted, Outgoing):
        raise RoutingError(wanted.reason)
    return wanted.body, wanted.headers


def _http(response: Response) -> int:
    """What is OCPI travels as OCPI: an HTTP 5xx around it would read as a failure of the hub."""
    return response.status if response.status < 500 else 200


def _told(error: SendError, to: Party, platform: Platform) -> OcpiError:
    """The partner's addresses stay in the hub's log; the sender learns what kind of failure it was."""
    log.info("delivery_failed", platform=platform.name, fault=str(error.fault), reason=str(error), sent=error.sent)
    words = f"{to}: {_WORDS[error.fault]}"
    if error.fault is Fault.TIMEOUT:
        if error.sent:
            return ReceiverTimeout(f"{words}; do not repeat the message, GET the state later")
        return ReceiverNotConnected(f"{to}: no connection in time; do not queue the message")
    if error.fault in _NOT_CONNECTED:
        return ReceiverNotConnected(f"{words}; do not queue the message")
    return RoutingError(words)


def _not_ocpi(message: Message, to: Party, status: int) -> OcpiError:
    words = f"{to} answered {message.method} {message.module} with HTTP {status} and a body that is not OCPI"
    asked = message.method == "GET" or message.operation.path[-1:] == ("authorize",)
    return PartnerNotFound(words) if status == 404 and asked else RoutingError(words)
