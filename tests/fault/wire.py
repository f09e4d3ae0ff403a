"""A client of raw sockets: one request on one connection, sent once, whatever happens."""

import asyncio
import base64
from typing import Any
from urllib.parse import urlsplit

import msgspec

from hub.core.headers import routing
from hub.core.party import Party


class Answer(msgspec.Struct, frozen=True):
    """An answer as it came. `code` is the OCPI status_code, None where the body is no envelope."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> int | None:
        try:
            return msgspec.json.decode(self.body).get("status_code")
        except msgspec.DecodeError:
            return None

    @property
    def data(self) -> Any:
        return msgspec.json.decode(self.body)["data"]


class NoAnswer(Exception):
    """The connection ended before an answer: what was asked for may have been done, or not."""


def authorization(token: str, *, raw: bool = False) -> str:
    return f"Token {token if raw else base64.b64encode(token.encode()).decode()}"


async def call(
    method: str,
    url: str,
    token: str,
    body: Any = None,
    *,
    sender: Party | None = None,
    to: Party | None = None,
    raw: bool = False,
    within: float = 20.0,
) -> Answer:
    """Send one request. `body` is JSON; `raw` sends the token as it is. NoAnswer where the connection fails."""
    parts = urlsplit(url)
    payload = b"" if body is None else msgspec.json.encode(body)
    lines = [
        f"{method} {parts.path}{'?' + parts.query if parts.query else ''} HTTP/1.1",
        f"Host: {parts.netloc}",
        f"Authorization: {authorization(token, raw=raw)}",
        f"Content-Length: {len(payload)}",
        "Content-Type: application/json",
        "Connection: close",
        *(f"{name}: {value}" for name, value in (routing(sender, to) if sender and to else ())),
    ]
    try:
        async with asyncio.timeout(within):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            try:
                writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + payload)
                return await _read(reader)
            finally:
                writer.transport.abort()
    except (OSError, EOFError) as reason:
        raise NoAnswer(f"{method} {parts.path}: {type(reason).__name__}") from None


async def _read(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")[:-2]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Answer(int(first.split(" ")[1]), headers, body)
