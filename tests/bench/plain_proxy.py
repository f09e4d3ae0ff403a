"""The reverse proxy that anybody writes with aiohttp in an afternoon: what the hub is compared with.

`python plain_proxy.py PORT BACKEND-URL`. It checks nothing and knows nobody.
"""

import sys
from collections.abc import AsyncIterator

import uvloop
from aiohttp import ClientSession, TCPConnector, web

_BACKEND = web.AppKey("backend", str)
_SESSION = web.AppKey("session", ClientSession)
_HOP_BY_HOP = {"connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}


async def forward(request: web.Request) -> web.Response:
    """Send a request on, and its answer back."""
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
    async with request.app[_SESSION].request(
        request.method,
        request.app[_BACKEND] + request.path_qs,
        headers=headers,
        data=await request.read(),
        allow_redirects=False,
    ) as answer:
        body = await answer.read()
        back = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
        return web.Response(status=answer.status, headers=back, body=body)


async def session(app: web.Application) -> AsyncIterator[None]:
    """One session with kept connections, for all requests."""
    async with ClientSession(connector=TCPConnector(limit=0), auto_decompress=False) as opened:
        app[_SESSION] = opened
        yield


def main(port: int, backend: str) -> None:
    app = web.Application()
    app[_BACKEND] = backend
    app.cleanup_ctx.append(session)
    app.router.add_route("*", "/{tail:.*}", forward)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, loop=uvloop.new_event_loop(), print=None)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
