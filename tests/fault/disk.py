"""A disk that forgets: what is left of a folder when the power fails, from a record of all that was done to it.

What was synced stays. Of the rest any part may have come to the disk, sector by sector and in any order, a sector torn
or not; a file may be as long as it was at any moment since. A name that was given, moved or taken away is so for good
when its folder was synced, and before that it may be so or not, each on its own. The record is made by `recorder.c`.
"""

import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SECTOR = 512
_HEAD = struct.Struct("=c3xIQq")
MEMORY = "-shm"
"""Of SQLite: no file for the disk, so it comes back as anything."""


Names = dict[Path, "File | None"]


class Event(NamedTuple):
    """One thing that was done. `at` is where it stands in the record, and what comes before it was done before."""

    at: int
    kind: str
    inode: int
    offset: int
    data: bytes


def read(record: Path) -> list[Event]:
    """Everything in a record, in order."""
    return list(_events(record.read_bytes()))


def _events(record: bytes) -> Iterator[Event]:
    at = 0
    while at < len(record):
        kind, size, inode, offset = _HEAD.unpack_from(record, at)
        yield Event(at, kind.decode(), inode, offset, record[at + _HEAD.size : at + _HEAD.size + size])
        at += _HEAD.size + size


class File:
    """What is safe of a file, and what was done since: bytes written at an offset, or, without bytes, a new size."""

    def __init__(self, content: bytes = b"") -> None:
        self._safe = bytearray(content)
        self._since: list[tuple[int, bytes | None]] = []

    def write(self, offset: int, data: bytes) -> None:
        self._since.append((offset, data))

    def truncate(self, size: int) -> None:
        self._since.append((size, None))

    def sync(self) -> None:
        """Make all of it safe."""
        for offset, data in self._since:
            if data is None:
                _resize(self._safe, offset)
            else:
                _resize(self._safe, max(len(self._safe), offset))
                self._safe[offset : offset + len(data)] = data
        self._since = []

    def now(self) -> bytes:
        """As the process sees it."""
        copy = File(bytes(self._safe))
        copy._since = [*self._since]
        copy.sync()
        return bytes(copy._safe)

    def after_cut(self, chance: random.Random) -> bytes:
        """As one comes to see it when the power is back."""
        content = bytearray(self._safe)
        size, share = len(content), chance.choice([0.05, 0.5, 0.95])
        known = chance.randint(0, len(self._since))  # of what was done, so much of the file's size
        for number, (offset, data) in enumerate(self._since):
            if data is None:
                if number < known:
                    _resize(content, offset)
                    size = offset
                continue
            size = max(size, offset + len(data)) if number < known else size
            _resize(content, max(len(content), offset + len(data)))
            for start, piece in _sectors(offset, data):
                if chance.random() < share:
                    kept = piece if chance.random() < 0.9 else piece[: chance.randrange(len(piece))]
                    content[start : start + len(kept)] = kept
        _resize(content, size)
        return bytes(content)


class Disk:
    """All files below the folder `root`, taken as they are there now, and changed by what a record tells."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._by_inode: dict[int, File] = {}
        self._safe: Names = {}
        self._moved: dict[Path, list[Names]] = {root: []}
        for path in root.rglob("*"):
            if path.is_dir():
                self._moved[path] = []
            else:
                self._safe[path] = self._by_inode[path.stat().st_ino] = File(path.read_bytes())
        self._names = dict(self._safe)
        self._new_folders: set[Path] = set()

    def do(self, event: Event) -> None:
        """Go on by one event."""
        match event.kind:
            case "w":
                self._by_inode[event.inode].write(event.offset, event.data)
            case "t":
                self._by_inode[event.inode].truncate(event.offset)
            case "o" | "O":
                self._opened(Path(event.data.decode()), event.inode, emptied=event.kind == "O")
            case "s":
                self._synced(Path(event.data.decode()), event.inode)
            case "m":
                folder = Path(event.data.decode())
                self._moved[folder] = []
                self._new_folders.add(folder)
            case "u":
                self._move({Path(event.data.decode()): None})
            case "l" | "r":
                old, new = (Path(each.decode()) for each in event.data.split(b"\0"))
                if old in self._names:
                    file = self._names[old]
                    self._move({new: file} if event.kind == "l" else {old: None, new: file})

    def now(self) -> dict[Path, bytes]:
        """All files as processes see them, but for SQLite's shared memory."""
        return {path: file.now() for path, file in self._names.items() if file and not path.name.endswith(MEMORY)}

    def after_cut(self, chance: random.Random) -> dict[Path, bytes]:
        """What is left, by name."""
        names: Names = dict(self._safe)
        for moves in self._moved.values():
            for move in moves:
                if chance.random() < 0.5:
                    names |= move
        lost = {folder for folder in self._new_folders if chance.random() < 0.5}
        left = {path: file for path, file in names.items() if file is not None and not lost & set(path.parents)}
        return {
            path: chance.randbytes(32768) if path.name.endswith(MEMORY) else file.after_cut(chance)
            for path, file in left.items()
        }

    def _opened(self, path: Path, inode: int, *, emptied: bool) -> None:
        if self._names.get(path) is None or self._names[path] is not self._by_inode.get(inode):
            self._by_inode[inode] = File()  # the number may be that of a file which is gone
            self._move({path: self._by_inode[inode]})
        elif emptied:
            self._by_inode[inode].truncate(0)

    def _move(self, move: Names) -> None:
        self._names |= move
        for path in move:
            if self._names[path] is None:
                del self._names[path]
        self._moved[next(iter(move)).parent].append(move)

    def _synced(self, path: Path, inode: int) -> None:
        if path not in self._moved:
            self._by_inode[inode].sync()
            return
        for move in self._moved[path]:
            self._safe |= move
        self._moved[path] = []
        self._new_folders -= {each for each in self._new_folders if each.parent == path}


def _resize(content: bytearray, size: int) -> None:
    del content[size:]
    content.extend(bytes(size - len(content)))


def _sectors(offset: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """The pieces of a write, none over the border of a sector, and where each begins."""
    start = offset
    while start < offset + len(data):
        end = min((start // SECTOR + 1) * SECTOR, offset + len(data))
        yield start, data[start - offset : end - offset]
        start = end
