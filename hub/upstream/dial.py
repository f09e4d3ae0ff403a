"""Opens a connection: finds the addresses, has each judged by the guard, connects to one of them, speaks TLS."""

import asyncio
import socket
import ssl
from collections.abc import Hashable
from functools import lru_cache
from pathlib import Path

from hub.marks import Mark, mark
from hub.upstream.connection import Connection
from hub.upstream.guard import Guard
from hub.upstream.request import Fault, Limits, SendError
from hub.upstream.resolver import Resolver
from hub.upstream.url import Origin

_LEAST_SHARE = 1.0
"""Seconds that one of several addresses gets at least."""
_TLS_GOODBYE = 1.0


def tls_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """Verified TLS 1.2 or later. `ca_file` (PEM) is trusted besides the system's authorities: for labs.

    One and the same as long as the files of authorities are: hundreds of certificates take long to read, and megabytes.
    Raises OSError where `ca_file` can not be read, ssl.SSLError where no certificate is in it.
    """
    system = ssl.get_default_verify_paths()
    files = (ca_file, system.cafile, system.capath)
    return _tls_context(ca_file, tuple(mark(each) for each in files if each is not None))


@lru_cache(maxsize=1)
def _tls_context(ca_file: Path | None, _marks: tuple[Mark | None, ...]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


class Dialer:
    """Makes connections. Nothing of a request is sent here, so a second address may be tried after a first."""

    def __init__(self, limits: Limits, guard: Guard, tls: ssl.SSLContext, resolver: Resolver) -> None:
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._guard = guard
        self._tls = tls
        self._resolver = resolver

    def follows(self, limits: Limits, guard: Guard, tls: ssl.SSLContext) -> bool:
        """Whether these are the bounds that it works under."""
        return limits == self._limits and guard.allowed == self._guard.allowed and tls is self._tls

    def check(self, address: str) -> None:
        """SendError FORBIDDEN where no connection would be made to this address."""
        self._guard.check(address)

    async def dial(self, origin: Origin, asker: Hashable = None) -> Connection:
        """A new connection to `origin`, or SendError FORBIDDEN, RESOLVE, CONNECT or TLS. `asker`: see `Resolver`."""
        addresses = (origin.host,) if origin.literal else await self._resolver.resolve(origin.host, origin.port, asker)
        addresses = self._permitted(addresses)
        give_up = self._loop.time() + self._limits.connect_timeout
        sock = await self._connect(addresses, origin.port, give_up)

        def connection() -> Connection:
            return Connection(origin, self._limits.max_header)

        if origin.scheme == "http":
            return (await self._loop.create_connection(connection, sock=sock))[1]
        try:
            async with asyncio.timeout_at(give_up):
                return (
                    await self._loop.create_connection(
                        connection,
                        sock=sock,
                        ssl=self._tls,
                        server_hostname=origin.host,
                        ssl_shutdown_timeout=_TLS_GOODBYE,
                    )
                )[1]
        except OSError as error:
            raise SendError(Fault.TLS, f"no TLS with {origin.authority}: {_tls_reason(error)}") from None

    def _permitted(self, addresses: tuple[str, ...]) -> tuple[str, ...]:
        permitted = []
        refusal: SendError | None = None
        for address in addresses:
            try:
                self._guard.check(address)
            except SendError as error:
                refusal = refusal or error
            else:
                permitted.append(address)
        if refusal is not None and not permitted:
            raise refusal
        return tuple(permitted)

    async def _connect(self, addresses: tuple[str, ...], port: int, give_up: float) -> socket.socket:
        """A connected socket to the first address that answers, tried in order until the time `give_up`."""
        failure = ""
        for index, address in enumerate(addresses):
            now = self._loop.time()
            if failure and now >= give_up:
                break
            share = max((give_up - now) / (len(addresses) - index), _LEAST_SHARE)
            peer = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
            try:
                async with asyncio.timeout_at(min(now + share, give_up)):
                    return await self._connect_one(address, port)
            except OSError as error:
                failure = failure or _connect_reason(error, peer)
        raise SendError(Fault.CONNECT, failure)

    async def _connect_one(self, address: str, port: int) -> socket.socket:
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.sock_connect(sock, (address, port))
        except BaseException:
            sock.close()
            raise
        return sock


def _connect_reason(error: OSError, peer: str) -> str:
    if isinstance(error, ConnectionRefusedError):
        return f"connection refused by {peer}"
    if isinstance(error, TimeoutError):
        return f"no connection to {peer} in time"
    return f"no connection to {peer}: {error.strerror or error}"


def _tls_reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return error.reason or str(error)
    if isinstance(error, TimeoutError):
        return "the handshake took too long"
    return "the connection was closed during the handshake"
