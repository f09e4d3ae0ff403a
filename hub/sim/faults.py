"""Ways in which a simulated platform can fail on functional requests, for tests of whoever calls it."""

import asyncio
import socket
import struct
from enum import StrEnum

from aiohttp import web


class Fault(StrEnum):
    """How functional requests fail. They are recorded, but do not take effect."""

    NONE = "none"
    HANG = "hang"
    RESET = "reset"
    STATUS_500 = "status 500"
    NOT_JSON = "not json"


async def fail(fault: Fault, request: web.BaseRequest) -> web.StreamResponse:
    """Fail in the given way. HANG never returns: it is cancelled when the platform stops."""
    match fault:
        case Fault.HANG:
            await asyncio.Event().wait()
        case Fault.RESET:
            _reset(request)
        case Fault.STATUS_500:
            return web.Response(status=500, text="Internal Server Error")
    return web.Response(text="<html><body>It works!</body></html>", content_type="text/html")


def _reset(request: web.BaseRequest) -> None:
    transport = request.transport
    if transport is None:
        return
    # Without lingering, closing sends RST instead of FIN.
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
