"""One HTTP request as it came: what a router needs of it, and no more."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import StreamReader, hdrs
from aiohttp.http_parser import RawRequestMessage
from aiohttp.http_writer import HttpVersion11
from aiohttp.streams import EMPTY_PAYLOAD
from multidict import CIMultiDict, CIMultiDictProxy

from hub.listener.alike import Plain

if TYPE_CHECKING:
    from hub.listener.connection import Connection


class Request:
    """A request. `target` is what stands in its first line, `task` what answers it.

    Where it came without a parser, `plain` is all of it, and `fields` the headers that a router reads, by their names.
    """

    __slots__ = (
        "_content",
        "_message",
        "connection",
        "fields",
        "keep_alive",
        "method",
        "plain",
        "target",
        "task",
        "version",
    )

    def __init__(self, message: RawRequestMessage, content: StreamReader, connection: "Connection") -> None:
        self.method: str = message.method
        # aiohttp's parser lets a `CONNECT` without a target pass.
        self.target: str = message.path or ""
        self.version = message.version
        self.fields: Mapping[str, str] | None = None
        self.keep_alive = not message.should_close
        self.connection = connection
        self.task: asyncio.Task[Any]  # set as soon as it is made
        self.plain: Plain | None = None
        self._message: RawRequestMessage = message
        self._content = content

    @classmethod
    def of(cls, plain: Plain, connection: "Connection") -> "Request":
        """A request that is whole, and came without a parser."""
        self = cls.__new__(cls)
        self.plain = plain
        self.method, self.target, self.fields, _, _ = plain
        self.version = HttpVersion11
        self.keep_alive = True
        self.connection = connection
        return self

    @property
    def content(self) -> StreamReader:
        """The body, as aiohttp has it."""
        if self.plain is not None and not hasattr(self, "_content"):
            self._content = StreamReader(self.connection, max(1, len(self.plain.body)), loop=self.connection.loop)
            self._content.feed_data(self.plain.body)
            self._content.feed_eof()
        return self._content

    @property
    def raw_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """Names and values of all headers, as they came."""
        if self.plain is None:
            return self._message.raw_headers
        parts = (line.partition(b":") for line in self.plain.head.split(b"\r\n")[1:])
        return tuple((name, value.strip()) for name, _, value in parts)

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """All headers, by their names."""
        if self.plain is None:
            return self._message.headers
        return CIMultiDictProxy(CIMultiDict((name.decode(), value.decode()) for name, value in self.raw_headers))

    def has_head_within(self, size: int) -> bool:
        """Whether it is known already that its head is no larger than this, and says nothing of another framing."""
        return self.plain is not None and len(self.plain.head) <= size

    @property
    def content_length(self) -> int | None:
        """What Content-Length says; None where there is none."""
        told = self.headers.get(hdrs.CONTENT_LENGTH)
        return None if told is None else int(told)

    def whole(self, limit: int) -> bytes | None:
        """The body, where all of it is there already; None where it is not, is broken, or has more bytes than that.

        Nearly every body is there as soon as its head is: to ask aiohttp for it would be the dearest step of all.
        """
        if self.plain is not None:
            return self.plain.body if len(self.plain.body) <= limit else None
        content = self._content
        if content is EMPTY_PAYLOAD:
            return b""
        if not content._eof or content._exception is not None or content.total_bytes > limit:  # noqa: SLF001
            return None
        return b"".join(content._buffer)  # noqa: SLF001

    def _cancel(self, error: BaseException) -> None:
        """The connection is lost: who waits for the body waits in vain. aiohttp's protocol calls this."""
        if self.plain is None:
            self._content.set_exception(error)
