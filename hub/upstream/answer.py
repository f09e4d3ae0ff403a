"""Reads one HTTP/1.1 answer after another from the bytes of one connection. No I/O."""

import re
from io import BytesIO
from typing import NoReturn

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from hub.upstream.body import Decoder
from hub.upstream.request import Fault, Headers, Response, SendError

_END = b"\r\n\r\n"
_TELLING = re.compile(rb"\n(?i:content-encoding|transfer-encoding|keep-alive)[ \t]*:")
"""Fields that say how an answer is to be read, or for how long its connection is kept."""
_KEEP_ALIVE_TIMEOUT = re.compile(rb"timeout\s*=\s*([0-9]{1,6})", re.IGNORECASE)


class _Plain:
    """What is asked of an answer whose header fields may stay as they came."""

    __slots__ = ("body", "keep", "parser")

    def __init__(self) -> None:
        self.body = b""
        self.keep: bool | None = None
        """Whether the connection can be used again; None as long as the answer is not whole."""
        self.parser = HttpResponseParser(self)

    def read(self, data: bytes) -> bytes | None:
        """The body of the answer that `data` is; None where it is not just one answer."""
        self.keep = None
        try:
            self.parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self.keep = None
        body, self.body = self.body, b""
        return None if self.keep is None else body

    def on_body(self, data: bytes) -> None:
        """Called by the parser for each piece of the body."""
        self.body = data

    def on_message_complete(self) -> None:
        """Called by the parser after the last byte of an answer."""
        self.keep = self.parser.should_keep_alive()


class AnswerReader:
    """Fed with what a connection received. Every failure is a SendError that names `peer`.

    `begun` says that a byte of the answer came, `keep` that the connection can carry another request once the
    answer is complete, and `keep_for` for how many seconds the partner promised to hold it open (None: no word).
    """

    __slots__ = (
        "_body",
        "_complete",
        "_decoder",
        "_fields",
        "_max_body",
        "_max_header",
        "_noise",
        "_parser",
        "_peer",
        "_piecewise",
        "_plain",
        "_room",
        "_status",
        "_until_eof",
        "begun",
        "keep",
        "keep_for",
    )

    def __init__(self, peer: str, max_header: int) -> None:
        self._peer = peer
        self._max_header = max_header
        self._plain: _Plain | None = None
        self._parser: HttpResponseParser
        self._piecewise = True
        self.let_go()
        self.expect(0)

    def expect(self, max_body: int) -> None:
        """A new answer comes, with at most `max_body` bytes of body."""
        self._max_body = max_body
        self.begun = False
        self.keep = False
        self.keep_for: int | None = None

    def feed(self, data: bytes) -> Response | None:
        """The answer, when `data` completes it."""
        if not self.begun:
            self.begun = True
            if (response := self._at_once(data)) is not None:
                return response
            self._begin(self._max_body)
        return self._feed(data)

    def eof(self) -> Response | None:
        """The answer, when the end of the connection completes it."""
        if self._until_eof:
            self._finish()
        return self._complete

    def let_go(self) -> None:
        """Keep nothing of the answer. A connection may be idle for long, and one that is closed is garbage for long."""
        if self._piecewise:
            self._begin(0)
            self._piecewise = False

    def close(self) -> None:
        """No more comes. Parsers go, too: in a circle with what they tell, they would not be freed at once."""
        if self._plain is not None:
            del self._plain.parser
        if hasattr(self, "_parser"):
            del self._parser

    def _at_once(self, data: bytes) -> Response | None:
        """The answer, where `data` is a head and, byte for byte, its body, as nearly always: no field is looked at
        that nobody asks for. Everything else is read again, piece by piece."""
        plain = self._plain or _Plain()
        self._plain = None
        body = plain.read(data)
        if body is None:
            del plain.parser  # it is in the middle of an answer; and would not be freed at once, in a circle with it
            return None
        self._plain = plain
        status = plain.parser.get_status_code()
        end = data.find(_END)
        if end + len(_END) + len(body) != len(data) or status < 200 or end > self._max_header:
            return None
        head = data[:end]
        headers = Headers(head)
        if _TELLING.search(head):
            fields = dict(headers.fields)
            if b"content-encoding" in fields or b"transfer-encoding" in fields:
                return None
            self.keep_for = _promised(fields[b"keep-alive"])
        if len(body) > self._max_body:
            self._body_too_large()
        self.keep = bool(plain.keep)
        return Response(status, headers, body)

    def _begin(self, max_body: int) -> None:
        """Read an answer piece by piece."""
        self._piecewise = True
        self._room = max_body
        self._fields: list[tuple[bytes, bytes]] = []
        self._body: bytes | BytesIO = b""
        self._decoder: Decoder | None = None
        self._complete: Response | None = None
        self._status = 0
        # Bytes since the last one of a body: headers, chunk extensions, trailers. Bounds all of them at once.
        self._noise = 0
        self._until_eof = False

    def _feed(self, data: bytes) -> Response | None:
        if not hasattr(self, "_parser"):  # most connections never need it
            self._parser = HttpResponseParser(self)
        self._noise += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self.keep = False
            if self._complete is None:
                cause = error.__context__
                if isinstance(cause, SendError):
                    raise cause from None
                raise SendError(
                    Fault.PROTOCOL, f"{self._peer} did not answer in HTTP/1.1: {error}", sent=True
                ) from None
        if self._complete is None and self._noise > self._max_header:
            self._headers_too_large()
        return self._complete

    def on_message_begin(self) -> None:
        """Called by the parser at the first byte of an answer."""
        if self._complete is not None:
            raise SendError(Fault.PROTOCOL, f"{self._peer} sent more than its answer", sent=True)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser for each header field, and for each field of a trailer."""
        if not self._status:
            self._fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Called by the parser before the body."""
        status = self._parser.get_status_code()
        if status < 200:
            self._interim(status)
            return
        self._status = status
        if self._noise > self._max_header and self._header_size() > self._max_header:
            self._headers_too_large()
        fields = dict(self._fields)
        length = fields.get(b"content-length")
        if b"content-encoding" in fields:
            self._choose_decoder()
        elif length is not None and int(length) > self._room:
            self._body_too_large()
        coding = fields.get(b"transfer-encoding")
        if coding is not None and coding.strip().lower() != b"chunked":
            raise SendError(Fault.PROTOCOL, f"{self._peer} sent a Transfer-Encoding other than chunked", sent=True)
        self._until_eof = length is None and coding is None and status not in {204, 304}
        if b"keep-alive" in fields:
            self.keep_for = _promised(fields[b"keep-alive"])

    def on_body(self, data: bytes) -> None:
        """Called by the parser for each piece of the body."""
        self._noise = 0
        if self._decoder is not None:
            data = self._decoder.decode(data, self._room)
        self._room -= len(data)
        if self._room < 0:
            self._body_too_large()
        if not self._body:
            self._body = data
        elif isinstance(self._body, BytesIO):
            self._body.write(data)
        else:
            first, self._body = self._body, BytesIO()
            self._body.write(first)
            self._body.write(data)

    def on_message_complete(self) -> None:
        """Called by the parser after the last byte of an answer."""
        if self._status:
            self.keep = self._parser.should_keep_alive()
            self._finish()

    def _finish(self) -> None:
        fields = self._fields
        if self._decoder is not None:
            self._decoder.finish()
            fields = [field for field in fields if field[0] not in {b"content-encoding", b"content-length"}]
        # What a BytesIO gives is what it has, and no copy: large answers are not there twice.
        body = self._body.getvalue() if isinstance(self._body, BytesIO) else self._body
        self._complete = Response(self._status, Headers(fields), body)

    def _interim(self, status: int) -> None:
        if status == 101:
            raise SendError(Fault.PROTOCOL, f"{self._peer} wants to switch to another protocol", sent=True)
        self._fields.clear()

    def _choose_decoder(self) -> None:
        encodings = b",".join(value for name, value in self._fields if name == b"content-encoding")
        encoding = encodings.decode("latin-1").strip().lower()
        if encoding not in {"", "identity"}:
            self._decoder = Decoder(encoding, self._peer)

    def _header_size(self) -> int:
        return sum(len(name) + len(value) + len(": \r\n") for name, value in self._fields)

    def _headers_too_large(self) -> NoReturn:
        text = f"{self._peer} sent more than {self._max_header} bytes of headers"
        raise SendError(Fault.TOO_LARGE, text, sent=True)

    def _body_too_large(self) -> NoReturn:
        text = f"the answer of {self._peer} is larger than {self._max_body} bytes"
        raise SendError(Fault.TOO_LARGE, text, sent=True)


def _promised(keep_alive: bytes) -> int | None:
    promised = _KEEP_ALIVE_TIMEOUT.search(keep_alive)
    return int(promised[1]) if promised else None
