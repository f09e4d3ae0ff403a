"""The listening socket: bound, so that an error says what to do, and opened with or without TLS."""

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import urlsplit

from hub.config import Config
from hub.listener.tls import Tls, TlsError, exposed, load

Section = Literal["listen", "admin"]
EVERYWHERE = frozenset(("0.0.0.0", "::"))  # noqa: S104 - compared with, not bound to
"""Hosts that stand for all addresses of the machine."""

_GOODBYE = 2.0
"""Seconds that the other side has to take part in the end of a TLS connection."""


class CannotStart(Exception):
    """The hub can not start; the text says why and what to do."""


def open_tls(config: Config) -> Tls | None:
    """TLS as [listen] has it, None where it has none. Raises CannotStart."""
    if config.tls_files is None:
        return None
    try:
        return Tls(config.tls_files)
    except TlsError as error:
        raise CannotStart(config.origin.problem(("listen", error.key), str(error))) from None


def checked_tls(config: Config) -> tuple[list[str], list[str]]:
    """What keeps TLS from working, and what partners will not like."""
    files = config.tls_files
    if files is None:
        return [], []
    try:
        identity = load(files)
    except TlsError as error:
        return [config.origin.problem(("listen", error.key), str(error))], []
    url = urlsplit(config.listen.public_url or "")
    plain = ["listen.public_url begins with http://, but the hub speaks TLS: partners would call it without"]
    return [], [*identity.doubts(url.hostname), *exposed(files), *(plain if url.scheme == "http" else [])]


async def listen(
    protocol: Callable[[], asyncio.BaseProtocol], listener: socket.socket, config: Config, tls: Tls | None
) -> asyncio.Server:
    """Accept connections, each with a new `protocol`. Raises CannotStart, as `begin` does."""
    begin(listener, "listen", config.listen.backlog)
    options: dict[str, Any] = {}
    if tls is not None:
        # For the first request limits.slow_request counts from here, too: the handshake has a clock of its own.
        options = {
            "ssl": tls.context,
            "ssl_handshake_timeout": config.limits.slow_request,
            "ssl_shutdown_timeout": _GOODBYE,
        }
    loop = asyncio.get_running_loop()
    return await loop.create_server(protocol, sock=listener, backlog=config.listen.backlog, **options)


async def accept_no_more(server: asyncio.Server) -> None:
    """Let a server be closed: what it has accepted is made a connection first, and nothing more is accepted.

    asyncio forgets one whose server closes before that (github.com/python/cpython/issues/109564): who asked something
    there waits for ever.
    """
    loop = asyncio.get_running_loop()
    for listener in server.sockets:
        loop.remove_reader(listener.fileno())
    await asyncio.sleep(0)


def begin(listener: socket.socket, section: Section, backlog: int = 128) -> None:
    """Let connections to a bound socket wait to be accepted. CannotStart where another program listens there by now.

    Two may bind a port on which neither listens yet; the second one that begins to is refused. uvloop would not tell.
    """
    try:
        listener.listen(backlog)
    except OSError as error:
        host, port = listener.getsockname()[:2]
        raise CannotStart(_not_bound(section, host, port, error)) from None


def bind(config: Config, section: Section = "listen", *, shared: bool | None = None) -> socket.socket:
    """The socket of a section. CannotStart says that the port is in use, or what else is wrong with the address.

    A `shared` port may be bound by more than one process, each of which is given a part of the connections: that is
    how it is where there are several workers.
    """
    where = config.listen if section == "listen" else config.admin
    host, port = where.host, where.port
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, proto)
    except (OSError, UnicodeError) as error:
        raise CannotStart(f"{section}.host {host!r} is no address of this machine ({error}); use 127.0.0.1") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if config.worker > 0 if shared is None else shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise CannotStart(_not_bound(section, host, port, error)) from None
    return listener


def _not_bound(section: str, host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{section}.host {host!r} is no address of this machine; use 127.0.0.1, or 0.0.0.0 for all it has"
    another = f"OCPI_HUB__{section.upper()}__PORT={port + 1 if 1024 <= port < 65535 else 8000} ocpi-hub serve"
    if error.errno == errno.EACCES:
        return f"can not listen on port {port}: this user may not use ports below 1024. Choose another: {another}"
    return (
        f"can not listen on {host} port {port}: {error.strerror}. Stop what uses it, or choose another port: {another}"
    )
