"""One hub per data folder: an exclusive lock that ends with its process, however that ends."""

import fcntl
import os
from pathlib import Path

from hub.store.errors import StoreLocked


class FolderLock:
    """The lock file `path` (`hub.lock` in the data folder), which holds the process id of whoever has the lock.

    The file stays when the lock is released: removing it would let two processes lock two different files.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock, or raise StoreLocked that names the process which holds it. Never waits."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(file, 32).decode("ascii", "replace").strip()
            os.close(file)
            raise StoreLocked(self._path, int(holder) if holder.isdecimal() else None) from None
        os.ftruncate(file, 0)
        os.pwrite(file, b"%d\n" % os.getpid(), 0)
        self._file = file

    def release(self) -> None:
        """Give the lock back; does nothing when it is not held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
