"""Platforms that live in the hub itself: called with the same requests as all others, and without a socket."""

from collections import Counter
from collections.abc import Awaitable, Callable

from hub.upstream.request import Fault, Limits, Request, Response, SendError

Local = Callable[[Request], Awaitable[Response]]
"""Answers a request before its deadline. May raise SendError."""


class Locals:
    """Who is at which host name. The bounds of the client hold here, too."""

    def __init__(self) -> None:
        self._mounted: dict[str, Local] = {}
        self._busy: Counter[str] = Counter()

    def mount(self, host: str, local: Local) -> None:
        """From now on `local` answers what goes to this host."""
        self._mounted[host] = local

    def unmount(self, host: str) -> None:
        """Nobody is at this host any more."""
        self._mounted.pop(host, None)

    async def send(self, host: str, request: Request, limits: Limits) -> Response:
        """The answer to a request, or SendError, as of a platform elsewhere."""
        local = self._mounted.get(host)
        if local is None:
            raise SendError(Fault.CONNECT, f"nobody is at {host}: its plugin does not run")
        if self._busy[host] >= limits.connections:
            raise SendError(Fault.BUSY, f"{limits.connections} requests to {host} are under way")
        self._busy[host] += 1
        try:
            response = await local(request)
        finally:
            self._busy[host] -= 1
        if len(response.body) > request.most(limits):
            raise SendError(Fault.TOO_LARGE, f"the answer of {host} is too large", sent=True)
        return response
