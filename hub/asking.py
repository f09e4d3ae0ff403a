"""What is asked through the control socket, and how: the side of the commands.

It imports next to nothing, so that a command is quick. The side of the hub is in `hub.control`.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import msgspec

from hub.ocpi.types import Hiding

MOST_EXCHANGES = 10_000
MOST_COUNTS = 1000
"""Rows of one answer, at most: of the journal, and of findings or losses."""
_LONGEST = 100


class ControlError(Exception):
    """A verb failed; the text says why, for the operator."""


class Arguments(Hiding, msgspec.Struct, forbid_unknown_fields=True):
    """What verbs are given; each takes those it needs."""

    ref: str = ""
    name: str = ""
    url: str = ""
    token: str = ""
    module: str = ""
    interface: str = ""
    method: str = ""
    body: str = ""
    mode: str = ""
    limits: dict[str, float | None] = {}
    scope: str = ""
    days: int | None = None
    outcome: str = ""
    since: int | None = None
    before: int | None = None
    after: int = -1
    limit: int = 50
    minutes: int = 0
    parties: tuple[str, ...] = ()


def sockets(folder: Path) -> list[Path]:
    """The control sockets of a data folder: that of the hub, or those of its workers. They may be of dead ones."""
    workers = [each for each in folder.glob("hub-*.sock") if each.stem.removeprefix("hub-").isdecimal()]
    return [folder / "hub.sock", *sorted(workers, key=lambda each: int(each.stem.removeprefix("hub-")))]


def ask_any(folder: Path, verb: str, arguments: Arguments, seconds: float) -> Any:
    """`ask` the first that listens. ConnectionError where none does."""
    for path in sockets(folder):
        try:
            return ask(path, verb, arguments, seconds)
        except ConnectionError as error:
            silent = error
    raise silent


def ask(path: Path, verb: str, arguments: Arguments, seconds: float) -> Any:
    """Run a verb in the hub that listens at `path`. ConnectionError where none does; raises ControlError.

    `seconds` is how long the hub may be silent.
    """
    with closing(_Connection("hub", timeout=seconds)) as connection:
        try:
            connection.open(path)
        except PermissionError:
            raise ControlError(f"{path} can not be opened: run this as the user that runs the hub") from None
        except OSError as error:
            raise ConnectionError(str(error)) from None
        try:
            connection.request("POST", f"/{verb}", msgspec.json.encode(arguments))
            response = connection.getresponse()
            answer = msgspec.json.decode(response.read())
        except (OSError, HTTPException) as error:
            reason = str(error) or "no answer in time"
            raise ControlError(f"the hub did not answer ({reason}); see what it did: ocpi-hub partner list") from None
    if response.status != 200:
        raise ControlError(answer["error"])
    return answer


@contextmanager
def address(path: Path) -> Iterator[str]:
    """The path of a Unix socket has about 100 bytes: a longer one is written by way of its opened folder."""
    if len(os.fsencode(path)) <= _LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


class _Connection(HTTPConnection):
    """HTTP through a Unix socket."""

    def open(self, path: Path) -> None:
        """Connect to the socket at `path`. Raises OSError."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        with address(path) as name:
            self.sock.connect(name)
