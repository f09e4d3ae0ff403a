"""The HTTP side: aiohttp's low-level server, made to answer everything with an OCPI envelope.

What aiohttp would let pass and a router must not: duplicate headers are refused in `core.headers`, large heads,
doubtful transfer codings and compressed bodies here.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage, LineTooLong
from aiohttp.web_protocol import RequestHandler

from hub.errors import BadRequest, OcpiError, RequestTimeout, ServerError, TooLarge
from hub.listener.patience import PatientProtocol, with_target

log = structlog.get_logger()

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Answer = Callable[[OcpiError], web.Response]


class Protocol(PatientProtocol):
    """One connection. What can not be read as HTTP gets an envelope, too."""

    __slots__ = ("_answer",)

    def __init__(self, server: "HttpServer", **options: Any) -> None:
        super().__init__(server, patience=server.patience, write_patience=server.write_patience, **options)
        self._answer = server.answer

    @property
    def has_next(self) -> bool:
        """Whether a request waits behind the one that is being answered."""
        return bool(self._messages)

    @property
    def busy(self) -> bool:
        """Whether a request is being answered, or waits for it."""
        return self._request_in_progress or bool(self._messages)

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - aiohttp's signature
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        """Answer what failed before, or outside of, the hub's handler."""
        if status >= 500:
            log.error("request_failed", exc_info=exc)
            response = self._answer(ServerError("the hub failed; its operator finds the reason in the log"))
        else:
            response = self._answer(_unreadable(exc))
        response.force_close()
        return response


class HttpServer(web.Server):
    """aiohttp's low-level server with the hub's protocol.

    `patience` is seconds until the first request, `write_patience` seconds until an answer is taken.
    """

    def __init__(
        self,
        handler: Handler,
        answer: Answer,
        *,
        patience: float,
        write_patience: float,
        body_limit: int,
        **options: Any,
    ) -> None:
        super().__init__(handler, request_factory=with_target(self._request), **options)
        self.answer = answer
        self.patience = patience
        self.write_patience = write_patience
        self._body_limit = body_limit

    @property
    def busy(self) -> int:
        """Connections with a request that is not answered yet."""
        return sum(cast("Protocol", each).busy for each in self.connections)

    def reconfigure(self, *, patience: float, write_patience: float, body_limit: int, **options: Any) -> None:
        """Other limits: that of bodies from the next request on, the others for new connections."""
        self.patience, self.write_patience = patience, write_patience
        self._body_limit = body_limit
        self._kwargs.update(options)

    def __call__(self) -> RequestHandler:
        """A protocol for a new connection."""
        return Protocol(self, loop=self._loop, **self._kwargs)

    def _request(self, message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        return web.BaseRequest(message, payload, protocol, writer, task, self._loop, client_max_size=self._body_limit)


async def read_body(request: web.BaseRequest, limit: int, seconds: float) -> bytes:
    """The whole body. Raises TooLarge, RequestTimeout, or BadRequest where it breaks off."""
    if not request.body_exists:
        return b""
    if request.content_length is not None and request.content_length > limit:
        raise TooLarge(f"the body has {request.content_length} bytes; this hub takes {limit}")
    if _waits_for_a_word(request) and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        async with asyncio.timeout(seconds):
            return await request.read()
    except TimeoutError:
        raise RequestTimeout(f"the body did not arrive within {seconds:g} s") from None
    except web.HTTPRequestEntityTooLarge:
        raise TooLarge(f"the body is larger than {limit} bytes, which is all this hub takes") from None
    except (web.RequestPayloadError, ConnectionError):
        raise BadRequest("the body broke off or is framed wrongly") from None


def has_next(request: web.BaseRequest) -> bool:
    """Whether another request came after this one on its connection."""
    return cast("Protocol", request.protocol).has_next


def check_framing(request: web.BaseRequest, head_limit: int) -> None:
    """Refuse what is too large, and what could be read in two ways. Raises BadRequest."""
    if request.method == "CONNECT":
        # Any 2xx, also one around an OCPI error, would tell a proxy in front that a tunnel is open.
        raise BadRequest("this hub is no proxy")
    if sum(len(name) + len(value) for name, value in request.raw_headers) > head_limit:
        raise BadRequest(f"the headers are too large; this hub takes {head_limit} bytes of them")
    headers = request.headers
    if "Transfer-Encoding" in headers:
        if request.version < (1, 1):
            raise BadRequest("Transfer-Encoding does not exist in HTTP/1.0; send a Content-Length")
        if [each.lower() for each in headers.getall("Transfer-Encoding")] != ["chunked"]:
            raise BadRequest("the only Transfer-Encoding taken is chunked")
    if any(each.lower() != "identity" for each in headers.getall("Content-Encoding", ())):
        raise BadRequest("a compressed body is not taken; send it without Content-Encoding")


def _waits_for_a_word(request: web.BaseRequest) -> bool:
    """Whether the client sends its body only after an interim answer (RFC 9110, 10.1.1)."""
    return request.headers.get("Expect", "").lower() == "100-continue" and request.version >= (1, 1)


def _unreadable(error: BaseException | None) -> OcpiError:
    if isinstance(error, LineTooLong):
        return BadRequest("the request line or a header is too long")
    reason = error.message.splitlines()[0] if isinstance(error, BadHttpMessage) and error.message else ""
    return BadRequest(f"the request is not valid HTTP{': ' + reason.rstrip(' :')[:120] if reason else ''}")
