"""How the hub connects to PostgreSQL: to the first host that will do, and so that no wait is without end.

What limits a wait is set by a statement and not as the connection begins: PgBouncer refuses most settings there.
"""

import asyncio
import re
import socket
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from hub.store.errors import StoreUnsuitable
from hub.store.migrations import newest

try:
    import asyncpg  # type: ignore[import-untyped, unused-ignore]
except ImportError:
    raise StoreUnsuitable(
        "store.url names a PostgreSQL database, and the package for it is not there. "
        "Run: pip install 'ocpi-hub[postgresql]'"
    ) from None

__all__ = ["CONNECTING", "LOCKED", "NAME", "asyncpg", "connect", "each_host"]

NAME = "ocpi-hub"
"""What connections of hubs are called in pg_stat_activity; then a slash and the schema that the program is made for."""
CONNECTING = 10.0
"""Seconds for a new connection, whatever the number of hosts."""
LOCKED = 20.0
"""Seconds that a statement waits for a lock: longer than PostgreSQL takes to find that a node which held it is gone."""
_STATEMENT = 30.0
"""Seconds of a statement: as long as a message may take."""
_ANSWER = _STATEMENT + 5.0
"""Seconds until a server that says nothing at all is given up: it would have ended the statement by itself."""
_IDLE = 10.0
"""Seconds that a transaction may be open with nothing to do: a node that hangs must not keep a lock."""
# An end that has vanished is found out by both sides after 7 s, whether they wait for it or for nothing.
_KEEPALIVES = {"idle": 3, "interval": 2, "count": 2}
_UNHEARD = 7_000
Settings = Mapping[str, str | int]
_FOR_ALL: Settings = {
    **{f"tcp_keepalives_{name}": value for name, value in _KEEPALIVES.items()},
    "tcp_user_timeout": _UNHEARD,
}
_HURRIED: Settings = {
    "statement_timeout": round(_STATEMENT * 1000),
    "lock_timeout": round(LOCKED * 1000),
    "idle_in_transaction_session_timeout": round(_IDLE * 1000),
}
_NONE: Settings = MappingProxyType({})
_HOSTS = re.compile(r"(\w+://(?:[^/?#]*@)?)([^/?#]*)(.*)", re.DOTALL)


async def connect(
    url: str,
    *,
    role: str = "",
    settings: Settings = _NONE,
    patient: bool = False,
    within: float = CONNECTING,
    answer: float = _ANSWER,
) -> Any:
    """A connection to the first host of the URL that can be had and is what target_session_attrs says.

    `role` is shown in pg_stat_activity. `within` are the seconds that this may take, `answer` those of each command; a
    `patient` one takes what time it takes. Raises what the driver does.
    """
    connection = await _first(url, within, None if patient else answer, f"{NAME}/{newest()} {role}".rstrip())
    all_settings = {**_FOR_ALL, **({} if patient else _HURRIED), **settings}
    try:
        await connection.execute("; ".join(f"SET {name} = {value}" for name, value in all_settings.items()))
    except BaseException:
        connection.terminate()
        raise
    return connection


async def _first(url: str, within: float, answer: float | None, name: str) -> Any:
    """The driver tries one host after the other, too; but one that does not answer would take the time of all."""
    urls = each_host(url)
    for place, each in enumerate(urls, 1):
        try:
            return await asyncpg.connect(
                each,
                timeout=within / len(urls),
                command_timeout=answer,
                server_settings={"application_name": name},
                connection_class=_Watched,
            )
        except (OSError, asyncpg.CannotConnectNowError, asyncpg.TargetServerAttributeNotMatched):
            if place == len(urls):
                raise
    raise AssertionError  # a URL has at least one host


def each_host(url: str) -> list[str]:
    """A URL for each host that is in this one."""
    found = _HOSTS.fullmatch(url)
    if found is None or "," not in found[2]:
        return [url]
    return [f"{found[1]}{host}{found[3]}" for host in found[2].split(",")]


class _Watched(asyncpg.Connection):  # type: ignore[misc, unused-ignore]
    """A connection that ends by itself when the other side has vanished."""

    def __init__(self, protocol: Any, transport: asyncio.BaseTransport, *rest: Any) -> None:
        super().__init__(protocol, transport, *rest)
        plain = transport.get_extra_info("socket")
        if plain is not None and plain.family != socket.AF_UNIX:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVES["idle"])
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVES["interval"])
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPALIVES["count"])
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNHEARD)
