"""Between aiohttp and the simulated platform: requests read, answers written.

The paths are `/ocpi/versions`, `/ocpi/{version}`, `/ocpi/{version}/credentials` and
`/ocpi/{version}/{sender|receiver}/{module}/...`.
"""

from urllib.parse import parse_qsl

from aiohttp import web

from hub.core.headers import CORRELATION_ID, REQUEST_ID, RequestHeaders, routing
from hub.core.message import Reply
from hub.core.modules import Interface
from hub.core.party import Party
from hub.core.paths import segments, split_target
from hub.errors import NotFound
from hub.sim.messages import SimRequest, now


async def read_request(request: web.BaseRequest, headers: RequestHeaders) -> SimRequest:
    """The request in OCPI's terms. NotFound for a path that no OCPI platform of ours has."""
    path, query = split_target(request.raw_path)
    version, interface, module, tail = _place(path)
    shown = request.headers.copy()
    shown.pop("Authorization", None)
    return SimRequest(
        method=request.method,
        path=path,
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers=shown,
        body=await request.read(),
        at=now(),
        version=version,
        module=module,
        interface=interface,
        segments=tail,
        sender=headers.claimed,
        receiver=headers.receiver,
    )


async def write_answer(request: web.BaseRequest, headers: RequestHeaders, reply: Reply, own: Party) -> web.Response:
    """Send the answer, with the ids of the request and its routing headers swapped."""
    response = web.Response(
        status=reply.status,
        headers={**_echo(request, headers, own), **dict(reply.headers), "Content-Type": "application/json"},
        body=reply.body,
    )
    await response.prepare(request)
    await response.write_eof()
    return response


def _place(path: str) -> tuple[str, Interface, str, tuple[str, ...]]:
    match segments(path):
        case ("ocpi", "versions"):
            return "", Interface.SENDER, "versions", ()
        case ("ocpi", version):
            return version, Interface.SENDER, "versions", ()
        case ("ocpi", version, "credentials"):
            return version, Interface.SENDER, "credentials", ()
        case ("ocpi", version, "sender" | "receiver" as side, module, *tail):
            return version, Interface(side.upper()), module, tuple(tail)
    raise NotFound(f"{path} does not exist here")


def _echo(request: web.BaseRequest, headers: RequestHeaders, own: Party) -> dict[str, str]:
    ids = {name: request.headers[name] for name in (REQUEST_ID, CORRELATION_ID) if name in request.headers}
    if headers.claimed is None:
        return ids
    return ids | dict(routing(headers.receiver or own, headers.claimed))
