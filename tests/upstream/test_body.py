"""Decompression that never makes more bytes than it was given room for."""

import gzip
import tracemalloc
import zlib

import pytest

from hub.upstream.body import Decoder
from hub.upstream.request import Fault, SendError

TEXT = b"the quick brown fox " * 50


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize("step", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("x-gzip", gzip.compress(TEXT, mtime=0)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", raw_deflate(TEXT)),
    ],
)
def test_a_body_in_pieces(encoding: str, packed: bytes, step: int):
    decoder = Decoder(encoding, "example.org")
    parts = [decoder.decode(packed[at : at + step], len(TEXT)) for at in range(0, len(packed), step)]
    decoder.finish()
    assert b"".join(parts) == TEXT


def test_a_bomb_makes_one_byte_too_many_and_no_more():
    bomb = gzip.compress(b"\0" * 50_000_000)
    tracemalloc.start()
    try:
        assert len(Decoder("gzip", "example.org").decode(bomb, 1000)) == 1001
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "x" * 500])
def test_another_encoding_is_refused(encoding: str):
    with pytest.raises(SendError) as caught:
        Decoder(encoding, "example.org")
    assert caught.value.fault is Fault.PROTOCOL
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "pieces",
    [
        [b"not gzip"],
        [gzip.compress(TEXT, mtime=0)[:-1]],
        [gzip.compress(TEXT, mtime=0)[:20]],
        [gzip.compress(TEXT, mtime=0)[:-8] + b"\0" * 8],
        [gzip.compress(TEXT) + b"x"],
        [gzip.compress(TEXT), b"x"],
        [gzip.compress(TEXT), gzip.compress(TEXT)],
    ],
)
def test_a_broken_body_is_refused(pieces: list[bytes]):
    decoder = Decoder("gzip", "example.org")
    with pytest.raises(SendError) as caught:
        [decoder.decode(piece, 10_000) for piece in pieces] and decoder.finish()
    assert caught.value.fault is Fault.PROTOCOL
    assert caught.value.sent


def test_no_byte_at_all_is_a_whole_body():
    Decoder("gzip", "example.org").finish()
