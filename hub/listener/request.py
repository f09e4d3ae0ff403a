"""One HTTP request as it came: what a router needs of it, and no more."""

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import StreamReader, hdrs
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from multidict import CIMultiDictProxy

if TYPE_CHECKING:
    from hub.listener.connection import Connection


class Request:
    """A request. `target` is what stands in its first line, `task` what answers it."""

    __slots__ = ("connection", "content", "headers", "keep_alive", "method", "raw_headers", "target", "task", "version")

    def __init__(self, message: RawRequestMessage, content: StreamReader, connection: "Connection") -> None:
        self.method: str = message.method
        # aiohttp's parser lets a `CONNECT` without a target pass.
        self.target: str = message.path or ""
        self.version = message.version
        self.raw_headers: tuple[tuple[bytes, bytes], ...] = message.raw_headers
        self.headers: CIMultiDictProxy[str] = message.headers
        self.keep_alive = not message.should_close
        self.content = content
        self.connection = connection
        self.task: asyncio.Task[Any]  # set as soon as it is made

    @property
    def content_length(self) -> int | None:
        """What Content-Length says; None where there is none."""
        told = self.headers.get(hdrs.CONTENT_LENGTH)
        return None if told is None else int(told)

    def whole(self, limit: int) -> bytes | None:
        """The body, where all of it is there already; None where it is not, is broken, or has more bytes than that.

        Nearly every body is there as soon as its head is: to ask aiohttp for it would be the dearest step of all.
        """
        content = self.content
        if content is EMPTY_PAYLOAD:
            return b""
        if not content._eof or content._exception is not None or content.total_bytes > limit:  # noqa: SLF001
            return None
        return b"".join(content._buffer)  # noqa: SLF001

    def _cancel(self, error: BaseException) -> None:
        """The connection is lost: who waits for the body waits in vain. aiohttp's protocol calls this."""
        self.content.set_exception(error)
