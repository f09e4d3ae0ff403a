"""A request to the OCPI listener, and the events about those that are no messages."""

import time

import msgspec
from aiohttp import web

from hub.core.directory import Platform
from hub.core.headers import CORRELATION_ID, REQUEST_ID, RequestHeaders
from hub.core.hiding import hide_in_path
from hub.errors import OcpiError
from hub.events import Refused, Served


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request, its number in the journal, when it began (perf_counter), and who sent it, where that is known."""

    request: web.BaseRequest
    headers: RequestHeaders
    number: int
    began: float
    platform: Platform | None


def served(call: Call, platform: Platform, module: str, version: str | None, response: web.Response) -> Served:
    """A request to a configuration module was answered."""
    return Served(
        number=call.number,
        method=call.request.method,
        module=module,
        version=version,
        headers=_told(call.headers, response),
        platform=platform,
        http=response.status,
        seconds=time.perf_counter() - call.began,
        bytes_in=call.request.content_length or 0,
        bytes_out=response.content_length or 0,
    )


def refused(call: Call, address: str | None, error: OcpiError, response: web.Response) -> Refused:
    """A request was refused before it was a message."""
    return Refused(
        number=call.number,
        method=call.request.method,
        path=hide_in_path(call.request.raw_path),
        address=address,
        headers=_told(call.headers, response),
        platform=call.platform,
        http=error.http,
        code=error.code,
        reason=error.message,
        seconds=time.perf_counter() - call.began,
        bytes_in=call.request.content_length or 0,
        bytes_out=response.content_length or 0,
    )


def _told(headers: RequestHeaders, response: web.Response) -> RequestHeaders:
    """Without the token, and with the ids that were given where none came."""
    ids = {"request_id": response.headers[REQUEST_ID], "correlation_id": response.headers[CORRELATION_ID]}
    return msgspec.structs.replace(headers, authorization=None, **ids)
