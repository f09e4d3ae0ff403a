"""A connection that cuts off who never asks, and who does not take the answers."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler, _ErrInfo
from yarl import URL

from hub.errors import bare

Factory = Callable[..., web.BaseRequest]
_QUOTED = 200


def with_target(factory: Factory) -> Factory:
    """A request factory that also takes `CONNECT` without a target.

    aiohttp's parser lets that pass, and its server dies of it: nobody would ever close the connection.
    """

    def make(message: Any, *more: Any) -> web.BaseRequest:
        return factory(message._replace(path="", url=URL()) if message.path is None else message, *more)

    return make


class PatientProtocol(RequestHandler):
    """One connection. `patience` is seconds until the first request, `write_patience` until an answer is taken."""

    __slots__ = ("_patience", "_silent", "_stuck", "_transport", "_unreadable", "_write_patience")

    def __init__(self, server: "web.Server", *, patience: float, write_patience: float, **options: Any) -> None:
        super().__init__(server, **options)
        self._patience = patience
        self._write_patience = write_patience
        self._silent: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport
        self._unreadable = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock: the first request has to be there in time."""
        super().connection_made(transport)
        # aiohttp lets go of its transport before what was written is out; this one stays to the end.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)
        self._silent = self._loop.call_later(self._patience, self._cut_if_silent)

    def data_received(self, data: bytes) -> None:
        """Take what came. After something that is no HTTP nothing more is read, and the body it stands in is over."""
        if self._unreadable:
            return
        super().data_received(data)
        if not self._messages or not isinstance(found := self._messages[-1][0], _ErrInfo):
            return
        self._unreadable = True
        error = found.exc
        if isinstance(error, HttpProcessingError):
            # aiohttp quotes all that it read, some times over.
            bare(error).message, error.args = error.message[:_QUOTED], ()
            self._messages[-1] = _ErrInfo(found.status, error, ""), self._messages[-1][1]
        request = self._current_request
        if request is not None and not request.content.is_eof():
            request.content.set_exception(web.RequestPayloadError("the body can not be read"))

    def pause_writing(self) -> None:
        """The other side does not keep up: start the clock."""
        super().pause_writing()
        self._stuck = self._loop.call_later(self._write_patience, self._transport.abort)

    def resume_writing(self) -> None:
        """All that was written is out: stop the clock."""
        super().resume_writing()
        if self._stuck:
            self._stuck.cancel()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop the clocks."""
        for clock in (self._silent, self._stuck):
            if clock:
                clock.cancel()
        super().connection_lost(exc)

    def _cut_if_silent(self) -> None:
        if self._request_count == 0:
            self._transport.abort()
