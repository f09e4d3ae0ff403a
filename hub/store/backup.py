"""Copies of the database: made while the hub writes to it, judged before one takes the database's place.

A copy is one file, mode 0600, complete at one moment. Tokens in it are hashed or encrypted: without the hub's key,
which is a file of its own, nobody can read them, the hub included.
"""

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from hub.store.crypto import Keyring, load_or_create_key
from hub.store.errors import BackupExists, KeyFileMissing, SchemaTooNew, StoreDamaged, StoreUnsuitable, WrongKey
from hub.store.files import sync_file, sync_folder
from hub.store.meta import KEY_CHECK, key_check
from hub.store.migrations import newest
from hub.store.migrations.due import known_revisions

Progress = Callable[[int, int], None]
"""Called with the bytes that are copied and those that there are."""

_PAGES = 2_000
_BUSY = 10.0
BEFORE = "before-restore"


class Backup(msgspec.Struct, frozen=True):
    """A copy of a database. `schema` is its revision, `partners` how many there are in it."""

    file: str
    bytes: int
    schema: str
    partners: int


class Restored(msgspec.Struct, frozen=True):
    """What is in place now, and where that is which was before; None where nothing was."""

    backup: Backup
    replaced: str | None
    key_restored: bool


def back_up(database: Path, to: Path, progress: Progress, *, force: bool = False, running: bool = False) -> Backup:
    """Copy the database at one moment into the file `to`. `running`: a hub has it open, and is only read from.

    Raises BackupExists, StoreDamaged where the copy is not whole, StoreUnsuitable where it can not be made.
    """
    if to.exists() and not force:
        raise BackupExists(to)
    if to.parent.resolve() == database.parent.resolve():
        raise StoreUnsuitable(f"{to.parent} is what is backed up; put the backup elsewhere, best on another disk.")
    with _explained(to), _draft(to) as draft:
        mode = "ro" if running else "rw"
        with closing(_open(database, mode)) as source, closing(sqlite3.connect(draft)) as copy:
            # Everything is read in one transaction: else the copy would begin anew at each commit of the hub.
            source.execute("BEGIN")
            size = source.execute("PRAGMA page_size").fetchone()[0]
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(
                copy, pages=_PAGES, progress=lambda _, left, all_: progress((all_ - left) * size, all_ * size)
            )
            copy.execute("PRAGMA journal_mode = DELETE")
        made = examine(draft)
        _put(draft, to, force=force)
    return msgspec.structs.replace(made, file=str(to))


def copy_key(key: Path, to: Path, *, force: bool = False) -> None:
    """Copy the key file. Raises BackupExists."""
    if to.exists() and not force:
        raise BackupExists(to)
    with _explained(to), _draft(to) as draft:
        draft.write_bytes(key.read_bytes())
        _put(draft, to, force=force)


def examine(file: Path) -> Backup:
    """Look whether a file is a whole database of the hub. Raises StoreDamaged, SchemaTooNew and StoreUnsuitable."""
    if not file.is_file():
        raise StoreUnsuitable(f"There is no file {file}.")
    try:
        with closing(_open(file, "ro", immutable=True)) as database:
            if (found := [row[0] for row in database.execute("PRAGMA integrity_check(3)")]) != ["ok"]:
                raise StoreDamaged(f"{file} is damaged: {'; '.join(found)}. Take another backup.")
            revision = database.execute("SELECT version_num FROM alembic_version").fetchone()[0]
            partners = database.execute("SELECT count(*) FROM platform").fetchone()[0]
            needed = None
            if revision not in known_revisions():
                needed = database.execute("SELECT works_from FROM alembic_version").fetchone()[0]
    except sqlite3.Error as error:
        raise StoreDamaged(f"{file} is no database of a hub, or damaged: {error}. Take another backup.") from None
    if revision not in known_revisions() and (needed is None or needed > newest()):
        raise SchemaTooNew(file, revision, newest(), needed)
    return Backup(str(file), file.stat().st_size, revision, partners)


def restore(file: Path, folder: Path, key: Path, progress: Progress) -> Restored:
    """Put a backup in the place of the database in `folder`, whose lock the caller holds. `key` is the key's place.

    Judged first, wholly: then nothing has changed where one of StoreDamaged, SchemaTooNew, WrongKey or KeyFileMissing
    is raised. The key has to be the one in place, or, where there is none, the one beside the backup (`FILE.key`).
    """
    backup, database = examine(file), folder / "hub.db"
    key_file = key if key.exists() else key_beside(file)
    if not key_file.exists():
        raise KeyFileMissing(key, file)
    if not _belongs(file, key_file):
        raise WrongKey(key_file, file)
    with _explained(database), _draft(database) as draft:
        _copy(file, draft, progress)
        sync_file(draft)
        if key_file != key:
            copy_key(key_file, key)
        replaced = _set_aside(database)
        draft.replace(database)
        sync_folder(folder)
    return Restored(backup, str(replaced) if replaced else None, key_file != key)


def key_beside(file: Path) -> Path:
    """Where the key is that was saved with a backup."""
    return file.with_name(f"{file.name}.key")


def _belongs(file: Path, key: Path) -> bool:
    """Whether a database was made with a key."""
    with closing(_open(file, "ro", immutable=True)) as database:
        row = database.execute("SELECT value FROM meta WHERE key = ?", (KEY_CHECK,)).fetchone()
    return row is not None and secrets.compare_digest(row[0], key_check(Keyring(load_or_create_key(key))))


def _set_aside(database: Path) -> Path | None:
    """Keep the database that is to be replaced under another name, with what its log still holds."""
    if not database.exists():
        return None
    try:
        with closing(_open(database, "rw")) as before:
            before.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.Error:
        pass  # it is damaged: that may be why it is replaced
    kept = _free_name(database)
    os.link(database, kept)
    for end in ("-wal", "-shm"):
        # What belongs to the old database must never be taken for a part of the new one.
        part = database.with_name(database.name + end)
        if part.exists():
            part.replace(kept.with_name(kept.name + end))
    sync_folder(database.parent)  # before the new one comes: a power cut must not leave that one with the old log
    return kept


def _free_name(database: Path) -> Path:
    first = database.with_name(f"{database.name}.{BEFORE}")
    number, name = 1, first
    while name.exists():
        number += 1
        name = first.with_name(f"{first.name}.{number}")
    return name


def _copy(file: Path, to: Path, progress: Progress) -> None:
    size, done = file.stat().st_size, 0
    with file.open("rb") as source, to.open("wb") as target:
        while piece := source.read(2**20):
            target.write(piece)
            done += len(piece)
            progress(done, size)


def _open(path: Path, mode: str, *, immutable: bool = False) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}{'&immutable=1' if immutable else ''}"
    return sqlite3.connect(uri, uri=True, timeout=_BUSY, isolation_level=None)


@contextmanager
def _draft(of: Path) -> Iterator[Path]:
    """A file beside `of` for its owner alone, gone at the end unless it was moved."""
    draft = of.with_name(f"{of.name}.{secrets.token_hex(8)}")
    os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        yield draft
    finally:
        for end in ("", "-journal", "-wal", "-shm"):
            draft.with_name(draft.name + end).unlink(missing_ok=True)


def _put(draft: Path, at: Path, *, force: bool) -> None:
    """Give a finished draft its name, on disk for good; never that of a file which has come there meanwhile."""
    sync_file(draft)
    if not force:
        try:
            os.close(os.open(at, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            raise BackupExists(at) from None
    draft.replace(at)
    sync_folder(at.parent)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """What the system says, in words that name the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreUnsuitable(f"{path} can not be written: {error}.") from None
    except OSError as error:
        raise StoreUnsuitable(f"{error.filename or path}: {error.strerror}.") from None
