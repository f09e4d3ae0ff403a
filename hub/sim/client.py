"""The client of a simulated platform: one request on one fresh connection, never a second time."""

import base64
import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import aiohttp
import msgspec
from yarl import URL

from hub.core.directory import Encoding, Secret
from hub.core.headers import CORRELATION_ID, REQUEST_ID
from hub.core.paths import origin
from hub.ocpi.envelope import receive
from hub.sim.messages import SimReply

_NEXT = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')


class CallFailed(Exception):
    """A call got no usable answer."""


class Refused(CallFailed):
    """A call was answered, but not with success. `reply` is that answer."""

    def __init__(self, what: str, reply: SimReply) -> None:
        told = f": {reply.status_message}" if reply.status_message else ""
        super().__init__(f"{what} was answered with HTTP {reply.status}, status_code {reply.status_code}{told}")
        self.reply = reply


class Client:
    """Makes requests, each on a connection of its own, so that none can fail because a kept-alive one was dead."""

    def __init__(self, encoding: Encoding, timeout: float) -> None:
        self._encoding = encoding
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout, middlewares=(_once,))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def request(
        self, method: str, url: str, token: Secret, *, headers: Mapping[str, str] | None = None, body: Any = None
    ) -> SimReply:
        """One request. `body` is JSON, or bytes that go out as they are. CallFailed where no answer came."""
        if self._session is None:
            raise CallFailed("this platform is offline; start it first")
        every = {
            "Authorization": self._authorization(token),
            REQUEST_ID: str(uuid4()),
            CORRELATION_ID: str(uuid4()),
            **({"Content-Type": "application/json"} if body is not None else {}),
            **(headers or {}),
        }
        data = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
        try:
            async with self._session.request(
                method, URL(url, encoded=True), headers=every, data=data, allow_redirects=False
            ) as response:
                return _reply(response, await response.read())
        except (aiohttp.ClientError, TimeoutError) as reason:
            raise _no_answer(method, url, reason) from reason

    def _authorization(self, token: Secret) -> str:
        text = token.reveal()
        return f"Token {text if self._encoding is Encoding.RAW else base64.b64encode(text.encode()).decode()}"


def succeeded(reply: SimReply, what: str) -> SimReply:
    """The reply; Refused where it is not a success."""
    if not reply.ok:
        raise Refused(what, reply)
    return reply


def next_page(reply: SimReply) -> str | None:
    """The URL of the page after this one; None on the last."""
    found = _NEXT.search(reply.headers.get("Link", ""))
    return found[1] if found else None


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a GET, PUT or DELETE again when the connection drops, as it does even on fresh ones.

    It does so on these two errors only, outside of middlewares: another one ends the request.
    """
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as reason:
        raise _no_answer(request.method, str(request.url), reason) from reason


def _no_answer(method: str, url: str, reason: Exception) -> CallFailed:
    return CallFailed(f"{method} {origin(url)} got no answer: {type(reason).__name__}")


def _reply(response: aiohttp.ClientResponse, body: bytes) -> SimReply:
    envelope = receive(body)
    return SimReply(
        status=response.status,
        headers=response.headers,
        status_code=envelope.status_code if envelope else None,
        status_message=envelope.status_message if envelope else None,
        data=msgspec.json.decode(envelope.data) if envelope else None,
        body=body,
    )
