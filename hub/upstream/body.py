"""Decompresses an answer's body piece by piece, never making more bytes than there is room for.

The hub asks for no compression; some servers compress all the same.
"""

import zlib

from hub.upstream.request import Fault, SendError

_GZIP = 16 + zlib.MAX_WBITS
_ZLIB = zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS


class Decoder:
    """One gzip or deflate body. Every failure is a SendError(PROTOCOL) that names `peer`."""

    __slots__ = ("_decoder", "_gzip", "_peer")

    def __init__(self, encoding: str, peer: str) -> None:
        if encoding not in {"gzip", "x-gzip", "deflate"}:
            raise SendError(
                Fault.PROTOCOL,
                f"{peer} compressed its answer with {encoding[:40]!r}, which the hub can not read",
                sent=True,
            )
        self._peer = peer
        self._gzip = encoding != "deflate"
        self._decoder: zlib._Decompress | None = None

    def decode(self, data: bytes, room: int) -> bytes:
        """At most `room` + 1 bytes: one too many says that the body is too large."""
        if self._decoder is None:
            self._decoder = zlib.decompressobj(self._window(data[0]))
        if self._decoder.eof:
            raise self._broken()
        try:
            return self._decoder.decompress(data, room + 1)
        except zlib.error:
            raise self._broken() from None

    def finish(self) -> None:
        """Called at the end of the body, which has to be whole. A body without a byte is."""
        if self._decoder is not None and (not self._decoder.eof or self._decoder.unused_data):
            raise self._broken()

    def _window(self, first: int) -> int:
        if self._gzip:
            return _GZIP
        # "deflate" means with zlib's header, whose first byte ends in 8; some servers leave the header out.
        return _ZLIB if first & 0x0F == 8 else _RAW

    def _broken(self) -> SendError:
        return SendError(Fault.PROTOCOL, f"{self._peer} sent an answer whose compression is broken", sent=True)
