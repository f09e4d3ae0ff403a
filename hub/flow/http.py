"""The HTTP side: aiohttp's low-level server, made to answer everything with an OCPI envelope.

What aiohttp would let pass and a router must not: duplicate headers are refused in `core.headers`, a
Transfer-Encoding on HTTP/1.0 and compressed bodies here.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage, LineTooLong
from aiohttp.web_protocol import RequestHandler

from hub.errors import BadRequest, OcpiError, RequestTimeout, ServerError, TooLarge

log = structlog.get_logger()

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Answer = Callable[[OcpiError], web.Response]


class Protocol(RequestHandler):
    """One connection. What can not be read as HTTP gets an envelope, too; who never asks is cut off."""

    __slots__ = ("_answer", "_patience", "_silent")

    def __init__(self, server: "HttpServer", **options: Any) -> None:
        super().__init__(server, **options)
        self._answer = server.answer
        self._patience = server.patience
        self._silent: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock: the first request has to be there in time."""
        super().connection_made(transport)
        self._silent = asyncio.get_running_loop().call_later(self._patience, self._cut_if_silent)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop the clock."""
        if self._silent:
            self._silent.cancel()
        super().connection_lost(exc)

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

    def _cut_if_silent(self) -> None:
        if self._request_count == 0 and self._current_request is None and self.transport is not None:
            self.transport.abort()


class HttpServer(web.Server):
    """aiohttp's low-level server with the hub's protocol. `patience` is seconds until the first request."""

    def __init__(self, handler: Handler, answer: Answer, *, patience: float, body_limit: int, **options: Any) -> None:
        super().__init__(handler, request_factory=self._request, **options)
        self.answer = answer
        self.patience = patience
        self._body_limit = body_limit

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
    try:
        async with asyncio.timeout(seconds):
            return await request.read()
    except TimeoutError:
        raise RequestTimeout(f"the body did not arrive within {seconds:g} s") from None
    except web.HTTPRequestEntityTooLarge:
        raise TooLarge(f"the body is larger than {limit} bytes, which is all this hub takes") from None
    except web.RequestPayloadError:
        raise BadRequest("the body broke off or is framed wrongly") from None


def check_framing(request: web.BaseRequest) -> None:
    """Refuse what could be read in two ways. Raises BadRequest."""
    headers = request.headers
    if "Transfer-Encoding" in headers and request.version < (1, 1):
        raise BadRequest("Transfer-Encoding does not exist in HTTP/1.0; send a Content-Length")
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        raise BadRequest("a compressed body is not taken; send it without Content-Encoding")


def _unreadable(error: BaseException | None) -> OcpiError:
    if isinstance(error, LineTooLong):
        return BadRequest("the request line or a header is too long")
    reason = error.message.splitlines()[0] if isinstance(error, BadHttpMessage) and error.message else ""
    return BadRequest(f"the request is not valid HTTP{': ' + reason[:120] if reason else ''}")
