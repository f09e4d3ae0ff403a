"""One connection to a partner: writes a request, and hands back the answer, or what went wrong."""

import asyncio
from collections.abc import Callable
from typing import TypeAlias, cast

from hub.errors import bare
from hub.upstream.answer import AnswerReader
from hub.upstream.request import Fault, Response, SendError, seconds
from hub.upstream.url import Origin

Done: TypeAlias = Callable[[Response | SendError], None]
"""Called once, with how an exchange ended. May not raise."""


class Connection(asyncio.Protocol):
    """Carries one request at a time. Made by the dialer; the pool keeps it between requests.

    `lost` is done when the connection is closed for good. Times are of the loop's clock.
    """

    __slots__ = (
        "_done",
        "_reader",
        "_transport",
        "deadline",
        "idle_since",
        "keep_until",
        "lost",
        "origin",
        "started",
    )

    def __init__(self, origin: Origin, max_header: int) -> None:
        self.origin = origin
        self.started = self.deadline = self.idle_since = self.keep_until = 0.0
        self._reader = AnswerReader(origin.authority, max_header)
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._done: Done | None = None
        self._transport: asyncio.Transport

    @property
    def reusable(self) -> bool:
        """The last answer is complete and this connection can carry another request."""
        transport = self._transport
        # An answer may come before the request is written to its end; what is left would spoil the next one.
        return self._reader.keep and not transport.is_closing() and not transport.get_write_buffer_size()

    @property
    def alive(self) -> bool:
        """Nothing says yet that the partner closed it."""
        return not self._transport.is_closing()

    @property
    def answered(self) -> bool:
        """A byte of an answer to the last request came."""
        return self._reader.begun

    @property
    def keep_for(self) -> int | None:
        """For how many idle seconds the partner promised to hold this connection open, if it did."""
        return self._reader.keep_for

    def exchange(self, payload: bytes, max_body: int, started: float, deadline: float, done: Done) -> None:
        """Write a whole request; `done` is called when that came to its end. Times are of the loop's clock."""
        self._reader.expect(max_body)
        self.started = started
        self.deadline = deadline
        self._done = done
        if self._transport.is_closing():
            self._settle(SendError(Fault.RESET, f"{self.origin.authority} closed the connection at once"))
        else:
            self._transport.write(payload)

    def expire(self) -> None:
        """The deadline is over."""
        text = f"no whole answer from {self.origin.authority} within {seconds(self.deadline - self.started)}"
        self.fail(SendError(Fault.TIMEOUT, text, sent=True))

    def fail(self, error: SendError) -> None:
        """End the exchange with `error`, and the connection with it."""
        self._settle(error)
        self.abort()

    def abort(self) -> None:
        """Close now, whatever is still to be written."""
        self._transport.abort()

    def close(self) -> None:
        """Close an idle connection properly."""
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        if self._done is None:
            self.abort()  # nobody asked
            return
        try:
            response = self._reader.feed(data)
        except SendError as error:
            self.fail(error)
            return
        if response is not None:
            self._settle(response)

    def eof_received(self) -> None:
        """Called by the loop, which then closes the connection."""
        if self._done is None:
            return
        try:
            response = self._reader.eof()
        except SendError as error:
            self.fail(error)
            return
        self._settle(self._lost() if response is None else response)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Called by the loop."""
        if self._done is not None:
            self._settle(self._lost())
        self._reader.close()
        self.lost.set_result(None)

    def _lost(self) -> SendError:
        when = "in the middle of its answer" if self._reader.begun else "without an answer"
        return SendError(Fault.RESET, f"{self.origin.authority} closed the connection {when}", sent=True)

    def _settle(self, outcome: Response | SendError) -> None:
        done, self._done = self._done, None
        self._reader.let_go()
        if isinstance(outcome, SendError):
            bare(outcome)
        if done is not None:
            done(outcome)
