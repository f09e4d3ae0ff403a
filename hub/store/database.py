"""What the hub needs of a database, SQLite or PostgreSQL, and a promise: what was acknowledged is on disk."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.ids import new_id
from hub.store.errors import StoreUnavailable
from hub.store.rows import RowsWork
from hub.store.seat import Seat, SoleSeat

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

CONNECTIONS = 4
"""For reading, at once."""


class Part(Enum):
    """What is written at a time by one alone, of all nodes that share a database. The journal never holds up the rest.

    Work of one part must not decide by what the other one changes. SQLite has one writer for both.
    """

    HUB = 1
    JOURNAL = 2


class Database(ABC):
    """One database. Every use is one function that runs in one transaction: `write`, `write_rows` or `read`.

    Their errors are those of SQLAlchemy: IntegrityError where a row does not fit the others. What can be mended by
    people is a StoreError: StoreUnavailable where the database is not to be had right now, StoreClosed.
    """

    where: str
    """Which one it is, for people: a path, or a URL without its password."""
    shared = False
    """Whether other processes may change it meanwhile."""

    def __init__(self) -> None:
        self.node = new_id()
        """Who this process is among those that share the database."""
        self.away: StoreUnavailable | None = None
        """Why it is not to be had, as long as that is known: then nothing waits for it, but raises at once."""

    @staticmethod
    async def open(
        where: Path | str, *, connections: int = CONNECTIONS, patient: bool = False, apart: bool = False
    ) -> "Database":
        """Open the SQLite file at a path, or the PostgreSQL database at a URL, which has to be there.

        `patient`: a statement may take as long as it takes. `apart`: very many rows are written by a process of its
        own; to PostgreSQL there is one anyway.
        Raises StoreUnsuitable when data is not safe there, StoreDamaged and StoreUnavailable.
        """
        # Not at the top: each takes long to import, and of what PostgreSQL needs nothing has to be there.
        if isinstance(where, Path):
            from hub.store.sqlite import SqliteDatabase  # noqa: PLC0415

            return await SqliteDatabase.at(where, readers=connections, apart=apart)
        from hub.store.postgresql import PostgresDatabase  # noqa: PLC0415

        return await PostgresDatabase.at(where, readers=connections, patient=patient)

    def seat(self) -> Seat:
        """The seat of this process among those that share the database; it is not taken yet."""
        return SoleSeat()

    @abstractmethod
    async def close(self) -> None:
        """Close every connection. Waits for a write under way; reads have to be over."""

    @abstractmethod
    async def write(self, work: Work[T], part: Part = Part.HUB) -> T:
        """Run `work` in a transaction that no other write of its part overlaps, and commit.

        What it returned is on disk.

        Any exception of `work`, and being cancelled during it, rolls everything back. Cancelled during the commit
        itself, the commit is finished first: the caller, which learns nothing then, finds all of it or nothing.
        `work` must neither commit nor call `write`, and should await nothing but its connection: others wait.
        """

    @abstractmethod
    async def write_rows(self, work: RowsWork[T]) -> T:
        """`write` for very many rows of the journal. Once begun it comes to its end, whoever is cancelled.

        `work` may be begun a second time where a process died that did it: then it may find all of it done.
        """

    async def migrate(self, work: Work[T]) -> T:
        """`write` for a change of the schema: it waits for all other writes, and is done again where it got stuck."""
        return await self.write(work)

    async def keeps_on_disk(self) -> bool:
        """Whether what is acknowledged survives a power cut."""
        return True

    @abstractmethod
    async def fill(self, connection: AsyncConnection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows of all columns within a `write`, in the way that is the quickest for very many."""

    @abstractmethod
    async def read(self, work: Work[T]) -> T:
        """Run `work` on one unchanging view of the database, beside any writer. It can not write."""
