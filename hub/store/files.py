"""Files and folders that only their owner may read, and that survive a power cut."""

import os
from pathlib import Path

from hub.store.errors import StoreUnsuitable


def private_folder(path: Path) -> None:
    """Make the folder (mode 0700) unless it exists. Its parent has to."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return
    except OSError as error:
        raise StoreUnsuitable(f"The folder {path} can not be made: {error.strerror}. Make it first.") from error
    sync_folder(path.parent)


def private_file(path: Path) -> None:
    """Make the file (mode 0600, empty) unless it exists; take it away from group and others if it does.

    An existing file is not opened: closing it would drop the locks that SQLite holds on it in this process.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        path.chmod(0o600)
    else:
        sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Make sure that what is in this file survives a power cut. Not for one that SQLite has open: see above."""
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Make sure that the names in this folder survive a power cut."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    file = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
