"""The HTTP side: connections of partners, on which everything is answered with an OCPI envelope.

What aiohttp would let pass and a router must not: duplicate headers are refused in `core.headers`, large heads,
doubtful transfer codings and compressed bodies here.
"""

import asyncio
from collections.abc import Callable
from itertools import chain
from typing import Any

import structlog
from aiohttp import hdrs, web
from aiohttp.http_exceptions import BadHttpMessage, LineTooLong
from aiohttp.http_writer import HttpVersion11

from hub.errors import BadRequest, OcpiError, RequestTimeout, ServerError, TooLarge
from hub.flow.response import Response
from hub.listener.connection import Handle, Site
from hub.listener.request import Request

log = structlog.get_logger()


class HttpServer(Site):
    """The connections of the OCPI listener. `answer` is how an error is told."""

    def __init__(self, handle: Handle, answer: Callable[[OcpiError], Response], **options: Any) -> None:
        super().__init__(handle, **options)
        self._answer = answer

    def reconfigure(self, *, patience: float, write_patience: float, **options: Any) -> None:
        """Other limits for new connections."""
        self.patience, self.write_patience = patience, write_patience
        self._kwargs.update(options)

    def failed(self, error: Exception) -> Response:
        """The answer where the hub's handler failed."""
        log.error("request_failed", exc_info=error)
        return self._last(ServerError("the hub failed; its operator finds the reason in the log"))

    def unreadable(self, error: BaseException) -> Response:
        """The answer to what is no HTTP."""
        return self._last(_unreadable(error))

    def _last(self, error: OcpiError) -> Response:
        response = self._answer(error)
        response.close = True
        return response


async def read_body(request: Request, limit: int, seconds: float) -> bytes:
    """The whole body. Raises TooLarge, RequestTimeout, or BadRequest where it breaks off."""
    body = request.whole(limit)
    if body is not None:
        return body
    if request.content_length is not None and request.content_length > limit:
        raise TooLarge(f"the body has {request.content_length} bytes; this hub takes {limit}")
    if _waits_for_a_word(request) and request.connection.transport is not None:
        request.connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        async with asyncio.timeout(seconds):
            return await _read(request, limit)
    except TimeoutError:
        raise RequestTimeout(f"the body did not arrive within {seconds:g} s") from None
    except (web.RequestPayloadError, ConnectionError):
        raise BadRequest("the body broke off or is framed wrongly") from None


async def _read(request: Request, limit: int) -> bytes:
    request.content.set_read_chunk_size(limit)
    body = bytearray()
    while chunk := await request.content.readany():
        body += chunk
        if len(body) > limit:
            raise TooLarge(f"the body is larger than {limit} bytes, which is all this hub takes")
    return bytes(body)


def check_framing(request: Request, head_limit: int) -> None:
    """Refuse what is too large, and what could be read in two ways. Raises BadRequest."""
    if request.has_head_within(head_limit):
        return
    if request.method == hdrs.METH_CONNECT:
        # Any 2xx, also one around an OCPI error, would tell a proxy in front that a tunnel is open.
        raise BadRequest("this hub is no proxy")
    if sum(map(len, chain.from_iterable(request.raw_headers))) > head_limit:
        raise BadRequest(f"the headers are too large; this hub takes {head_limit} bytes of them")
    headers = request.headers
    if hdrs.TRANSFER_ENCODING in headers:
        if request.version < HttpVersion11:
            raise BadRequest("Transfer-Encoding does not exist in HTTP/1.0; send a Content-Length")
        if [each.lower() for each in headers.getall(hdrs.TRANSFER_ENCODING)] != ["chunked"]:
            raise BadRequest("the only Transfer-Encoding taken is chunked")
    if hdrs.CONTENT_ENCODING in headers and any(
        each.lower() != "identity" for each in headers.getall(hdrs.CONTENT_ENCODING)
    ):
        raise BadRequest("a compressed body is not taken; send it without Content-Encoding")


def _waits_for_a_word(request: Request) -> bool:
    """Whether the client sends its body only after an interim answer (RFC 9110, 10.1.1)."""
    return request.headers.get("Expect", "").lower() == "100-continue" and request.version >= HttpVersion11


def _unreadable(error: BaseException) -> OcpiError:
    if isinstance(error, LineTooLong):
        return BadRequest("the request line or a header is too long")
    reason = error.message.splitlines()[0] if isinstance(error, BadHttpMessage) and error.message else ""
    return BadRequest(f"the request is not valid HTTP{': ' + reason.rstrip(' :')[:120] if reason else ''}")
