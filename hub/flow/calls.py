"""A request to the OCPI listener, and the events about those that are no messages."""

import time
from typing import Protocol

import msgspec

from hub.core.directory import Platform
from hub.core.headers import RequestHeaders
from hub.core.hiding import hide_in_path
from hub.core.message import Message, Reply
from hub.errors import OcpiError
from hub.events import Refused, Served
from hub.flow.response import Response
from hub.listener.request import Request
from hub.partners.access import Caller


class Timing(msgspec.Struct, frozen=True):
    """Limits of one request: seconds for the whole way, seconds and bytes for its body, bytes for its headers."""

    timeout: float
    slow_request: float
    request_body: int
    header_bytes: int


class Answering(Protocol):
    """Who answers messages: a hub's pipeline, or a platform that is one party."""

    async def handle(self, message: Message) -> Reply:
        """The answer to a message. Never raises OcpiError."""


class Call(msgspec.Struct, frozen=True):
    """A request, its number in the journal, when it began (perf_counter), and who sent it, where that is known."""

    request: Request
    headers: RequestHeaders
    number: int
    began: float
    caller: Caller | None


def served(call: Call, platform: Platform, module: str, version: str | None, response: Response) -> Served:
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
        bytes_out=len(response.body),
    )


def refused(call: Call, address: str | None, error: OcpiError, response: Response) -> Refused:
    """A request was refused before it was a message."""
    return Refused(
        number=call.number,
        method=call.request.method,
        path=hide_in_path(call.request.target),
        address=address,
        headers=_told(call.headers, response),
        platform=call.caller.platform if call.caller else None,
        http=error.http,
        code=error.code,
        reason=error.message,
        seconds=time.perf_counter() - call.began,
        bytes_in=call.request.content_length or 0,
        bytes_out=len(response.body),
    )


def _told(headers: RequestHeaders, response: Response) -> RequestHeaders:
    """Without the token, and with the ids that were given where none came."""
    return msgspec.structs.replace(
        headers, authorization=None, request_id=response.request_id, correlation_id=response.correlation_id
    )
