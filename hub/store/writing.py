"""The process that writes the journal for a hub: `python -m hub.store.writing FILE`. It ends when the hub does.

What it is told stands on standard input, what came of it goes to standard output: frames of a length and a pickle, the
first with the SQL. Pickle is safe where both ends are one program and the pipe between them is nobody else's.
"""

import os
import pickle
import signal
import sqlite3
import struct
import sys
from contextlib import suppress
from typing import Any

from hub.store.sqlite_rows import Texts, connect, transact

HEAD = struct.Struct("!Q")
"""Before each frame: its length."""
_PROTOCOL = 5


def packed(thing: Any) -> bytes:
    """A frame."""
    data = pickle.dumps(thing, _PROTOCOL)
    return HEAD.pack(len(data)) + data


def unpacked(data: bytes) -> Any:
    """What is in a frame, without its head."""
    return pickle.loads(data)  # noqa: S301 - see above


def main(path: str) -> None:
    """Write until the hub has no more, or is no more."""
    # What was noted before the hub was told to stop is written while it stops: it alone decides when that is over.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    with suppress(BrokenPipeError):
        _serve(path)
    # Without closing the file: whoever does so last removes the write-ahead log, by its name. After a kill of the hub
    # there may be another log of that name by now.
    os._exit(0)


def _serve(path: str) -> None:
    texts: Texts = unpacked(_heard() or b"")
    connection: sqlite3.Connection | None = None
    _tell(None, None)
    while frame := _heard():
        try:
            connection = connection or connect(path)
            result, error = transact(connection, texts, unpacked(frame)), None
        except Exception as failed:  # noqa: BLE001 - the hub decides what that means
            result, error = None, failed
        _tell(result, error)


def _heard() -> bytes | None:
    """The next frame; None where there is no more, or the hub was killed while it told it."""
    head = sys.stdin.buffer.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    (size,) = HEAD.unpack(head)
    frame = sys.stdin.buffer.read(size)
    return frame if len(frame) == size else None


def _tell(result: Any, error: Exception | None) -> None:
    sys.stdout.buffer.write(packed((result, error)))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1])
