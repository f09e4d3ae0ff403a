"""WebSockets: who listens, and what waits for them. A client that reads too slowly is dropped, and never waited for."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import WSCloseCode, web

from hub.plugin import Problem
from hub.plugin.web import Pace

from .gate import Who
from .model import Live

_HEARD, _HEARD_BURST = 1.0, 20.0
"""What a client may say: nothing needs an answer."""
_LONGEST = 1024
_GOODBYE = 1.0


class _Listener:
    """One socket, and what waits for it."""

    def __init__(self, who: Who, most: int, transport: asyncio.Transport | None) -> None:
        self.who = who
        self.queue: asyncio.Queue[bytes] = asyncio.Queue(most)
        self._transport = transport

    def drop(self) -> None:
        """End it at once, without a goodbye."""
        if self._transport is not None:
            self._transport.abort()


class Sockets:
    """All sockets. `most` at all, `most_of_user` of one user, `waiting` messages that wait for one."""

    def __init__(self, most: int, most_of_user: int, waiting: int, patience: float, ping: float) -> None:
        """`patience`: seconds until a message is taken; `ping`: seconds between two questions whether it lives."""
        self.dropped = 0
        self._most, self._most_of_user, self._waiting = most, most_of_user, waiting
        self._patience, self._ping = patience, ping
        self._by_user: dict[str, set[_Listener]] = {}
        self._open: set[web.WebSocketResponse] = set()

    def __len__(self) -> int:
        return sum(map(len, self._by_user.values()))

    def check(self, user: str) -> None:
        """Problem 429 where there are too many."""
        if len(self._by_user.get(user, ())) >= self._most_of_user:
            raise Problem(429, "too many sockets of this user are open", "close one", {"Retry-After": "5"})
        if len(self) >= self._most:
            raise Problem(429, "too many sockets are open", "come back later", {"Retry-After": "30"})

    def tell(self, user: str, text: bytes) -> None:
        """Tell all sockets of a user. One that has not taken what came before is dropped."""
        for each in tuple(self._by_user.get(user, ())):
            try:
                each.queue.put_nowait(text)
            except asyncio.QueueFull:
                self._drop(each)

    async def serve(
        self, request: web.Request, who: Who, first: Callable[[], Awaitable[Live]]
    ) -> web.WebSocketResponse:
        """A socket from its beginning to its end. `first` gives what it is told first."""
        self.check(who.user)
        listener = _Listener(who, self._waiting, request.transport)
        self._by_user.setdefault(who.user, set()).add(listener)  # counted from here on: what comes now is not missed
        socket = web.WebSocketResponse(heartbeat=self._ping, max_msg_size=_LONGEST, timeout=_GOODBYE, compress=False)
        try:
            begun = await first()
            await socket.prepare(request)
            self._open.add(socket)
            await self._talk(socket, listener, msgspec.json.encode(begun))
        finally:
            self._open.discard(socket)
            self._leave(listener)
        return socket

    async def close(self) -> None:
        """The end of all sockets: their clients come again."""
        for socket in tuple(self._open):
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the service restarts")

    def all_who(self) -> set[Who]:
        """Whose the sockets are."""
        return {each.who for of_user in self._by_user.values() for each in of_user}

    def drop_where(self, gone: Callable[[Who], bool]) -> None:
        """The end of sockets: their users are no more, or have another token, or the key they came with is revoked."""
        for each in [each for of_user in self._by_user.values() for each in of_user if gone(each.who)]:
            each.drop()

    async def _talk(self, socket: web.WebSocketResponse, listener: _Listener, begun: bytes) -> None:
        writing = asyncio.create_task(self._write(socket, listener, begun), name="public_api: socket")
        pace = Pace(_HEARD, _HEARD_BURST)
        try:
            async for _ in socket:
                if pace.wait(time.monotonic()):
                    await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"nothing is to be said here")
        finally:
            writing.cancel()
            await asyncio.wait({writing})

    async def _write(self, socket: web.WebSocketResponse, listener: _Listener, text: bytes) -> None:
        try:
            while True:
                async with asyncio.timeout(self._patience):
                    await socket.send_str(text.decode())
                text = await listener.queue.get()
        except TimeoutError:
            self._drop(listener)
        except ConnectionError:
            listener.drop()

    def _drop(self, listener: _Listener) -> None:
        """It does not keep up: no goodbye, which would wait as well."""
        self.dropped += 1
        self._leave(listener)
        listener.drop()

    def _leave(self, listener: _Listener) -> None:
        of_user = self._by_user.get(listener.who.user, set())
        of_user.discard(listener)
        if not of_user:
            self._by_user.pop(listener.who.user, None)
