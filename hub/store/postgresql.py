"""The store in PostgreSQL: a few connections to write and to read, and what was acknowledged is on disk.

One writer at a time, of all nodes: a transaction that writes first takes the lock of its part, and sees all that was
committed before. SERIALIZABLE would let them overlap and have some begin anew: then every piece of work, plugins'
too, had to bear being run twice. Who waits in this process holds no connection meanwhile.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar

import structlog
from sqlalchemy import Connection, String, Table, event, text
from sqlalchemy.dialects.postgresql.asyncpg import AsyncpgString
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from hub.core.redact import database_at
from hub.store import driver
from hub.store.connection import SteadyConnection, steady, to_its_end
from hub.store.database import CONNECTIONS, Database, Part, Work
from hub.store.driver import asyncpg
from hub.store.errors import (
    DatabaseSlow,
    SharedSession,
    StillAway,
    StoreClosed,
    StoreUnavailable,
    StoreUnsuitable,
)
from hub.store.faults import explained
from hub.store.journal_schema import places
from hub.store.journal_statements import STATEMENTS, counting_text
from hub.store.metadata import metadata
from hub.store.postgres_seat import PostgresSeat
from hub.store.rows import RowsWork, Values
from hub.store.seat import Seat
from hub.store.statements import insert_text, without_nul

log = structlog.get_logger()
T = TypeVar("T")

# A plan that was made for any values takes many times as long where there are a thousand, or an offset.
_READING = {"plan_cache_mode": "force_custom_plan", "jit": "off"}
_LOCK = text("SELECT pg_advisory_xact_lock(1330860105, :part)")  # "OSPI" as a number: nobody else's
_FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.TargetServerAttributeNotMatched, DBAPIError, OSError)
_TABLE = 500
"""Milliseconds that a change of the schema waits for a table: less than until PostgreSQL looks for a deadlock."""
_SEAT = 2.0
"""Seconds in which the database has to answer who holds a seat there."""
_TRIES = 60
_BREATH = 0.5
"""Seconds between two tries, in which others get to their tables."""
_COPIED = 8
"""From so many rows on, COPY is quicker than INSERT."""


class PostgresDatabase(Database):
    """One database of a PostgreSQL server, which other nodes may use at the same time."""

    shared = True

    def __init__(self, url: str, *, readers: int = CONNECTIONS, patient: bool = False) -> None:
        """Use `at`, which also looks whether data is safe there."""
        super().__init__()
        self.where = database_at(url)
        self._writer = _engine(url, connections=len(Part), patient=patient, usable=self._check_usable)
        self._readers = _engine(url, connections=readers, patient=patient, usable=self._check_usable, reading=True)
        # Functions, as the URL holds a password: no attribute may show it.
        self._migrating: Callable[[], AsyncEngine] = lambda: _engine(url, connections=1, patient=True)
        self._sitting: Callable[[], Awaitable[Any]] = lambda: driver.connect(
            url, role="seat", within=_SEAT, answer=_SEAT
        )
        self._locks = {part: asyncio.Lock() for part in Part}
        self._closed = False

    @classmethod
    async def at(cls, url: str, *, readers: int = CONNECTIONS, patient: bool = False) -> Self:
        """Open the database at a URL. Raises StoreUnavailable, and StoreUnsuitable where data is not safe there."""
        database = cls(url, readers=readers, patient=patient)
        try:
            await database._check_sessions(await database.write(database._check))
        except BaseException:
            await database.close()
            raise
        return database

    def seat(self) -> Seat:
        return PostgresSeat(self._sitting, self)

    async def close(self) -> None:
        async with self._locks[Part.HUB], self._locks[Part.JOURNAL]:
            self._closed = True
            await self._readers.dispose()
            await self._writer.dispose()

    async def write(self, work: Work[T], part: Part = Part.HUB) -> T:
        self._check_usable()
        async with self._turn(part), self._connect(self._writer) as connection:
            await connection.execute(_LOCK, {"part": part.value})
            result = await work(connection)
            await connection.commit()
            return result

    def _check_usable(self) -> None:
        # A closed engine would silently open new connections.
        if self._closed:
            raise StoreClosed
        if self.away:
            raise StillAway(self.away)

    @asynccontextmanager
    async def _turn(self, part: Part) -> AsyncIterator[None]:
        """The turn of this one among those of this process: who waits holds no connection meanwhile."""
        lock = self._locks[part]
        try:
            async with asyncio.timeout(driver.LOCKED):
                await lock.acquire()
        except TimeoutError:
            raise DatabaseSlow(self.where, "too much waits to be written") from None
        try:
            yield
        finally:
            lock.release()

    async def migrate(self, work: Work[T]) -> T:
        engine = self._migrating()
        try:
            for left in reversed(range(_TRIES)):
                try:
                    return await self._change_schema(engine, work)
                except DatabaseSlow:
                    if not left:
                        raise
                log.info("migration_waits", reason="tables are in use", tries_left=left)
                await asyncio.sleep(_BREATH)
        finally:
            await engine.dispose()
        raise AssertionError  # the last try returns or raises

    async def _change_schema(self, engine: AsyncEngine, work: Work[T]) -> T:
        async with self._connect(engine) as connection:
            for part in Part:
                await connection.execute(_LOCK, {"part": part.value})
            # What waits for a table keeps all others from it, too, that come later: not for long then.
            await connection.execute(text(f"SET LOCAL lock_timeout = {_TABLE}"))
            result = await work(connection)
            await connection.commit()
            return result

    async def write_rows(self, work: RowsWork[T]) -> T:
        return await to_its_end(self.write(lambda connection: _with_rows(connection, work), Part.JOURNAL))

    async def fill(self, connection: AsyncConnection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
        await connection.run_sync(lambda plain: PostgresRows(plain).insert(table.name, rows))

    async def read(self, work: Work[T]) -> T:
        async with self._connect(self._readers) as connection:
            return await work(connection)

    @asynccontextmanager
    async def _connect(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        self._check_usable()
        async with steady(engine, self._start) as connection:
            try:
                with explained(self.where, (DBAPIError,)):
                    yield connection
            except StoreUnavailable:
                await _give_up(connection)
                raise

    async def _start(self, connection: SteadyConnection) -> None:
        try:
            with explained(self.where, _FAULTS):
                await connection.start()
        except PoolTimeout:
            raise DatabaseSlow(self.where, "every connection for it is at work") from None
        except ValueError:
            # What it says may hold a part of the password.
            raise StoreUnsuitable(f"{self.where} can not be used: store.url is not well-formed.") from None
        except (asyncpg.PostgresError, DBAPIError) as error:
            raise StoreUnsuitable(f"{self.where} can not be used: {getattr(error, 'orig', error)}.") from error

    async def _check(self, connection: AsyncConnection) -> int:
        """What is acknowledged has to be on disk, and any text to fit in. The number of the server's process."""
        asked = "current_setting('synchronous_commit'), current_setting('server_encoding'), pg_backend_pid()"
        commit, encoding, process = (await connection.execute(text(f"SELECT {asked}"))).one()
        if commit == "off":
            raise StoreUnsuitable(
                f"{self.where} says that it has kept what is not on disk yet: synchronous_commit is off. "
                "Set it for the hub's user: ALTER ROLE ... SET synchronous_commit = on"
            )
        if encoding != "UTF8":
            raise StoreUnsuitable(
                f"{self.where} can not hold every text: its encoding is {encoding}. "
                "Make another one: createdb --encoding UTF8 --template template0"
            )
        number: int = process
        return number

    async def _check_sessions(self, process: int) -> None:
        """The connection that a process of the server was asked by is open: another one leads to another process."""
        if await self.read(_process) == process:
            raise SharedSession(self.where, "two connections lead to the same process of it")

    async def keeps_on_disk(self) -> bool:
        fsync: str = await self.read(lambda connection: connection.scalar(text("SHOW fsync")))
        return fsync == "on"


class PostgresRows:
    """A connection inside of SQLAlchemy's greenlet, which lets what looks like a plain function await."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def places(self, table: str, *columns: str) -> tuple[int, ...]:
        return places(metadata.tables[table], *columns)

    def insert(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        target = metadata.tables[table]
        if len(rows) < _COPIED:
            if rows:
                self._connection.exec_driver_sql(
                    insert_text("postgresql", target), [tuple(map(without_nul, row)) for row in rows]
                )
            return
        records = [tuple(map(without_nul, row)) for row in rows]
        plain: Any = self._connection.connection.driver_connection
        try:
            await_only(plain.copy_records_to_table(table, records=records, columns=target.columns.keys()))
        except asyncpg.IntegrityConstraintViolationError as error:
            raise IntegrityError(None, None, error, hide_parameters=True) from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise DBAPIError(None, None, error, hide_parameters=True) from error

    def insert_missing(self, table: str, rows: Sequence[Values]) -> list[Values]:
        statement = f"{insert_text('postgresql', metadata.tables[table])} ON CONFLICT DO NOTHING"
        return [
            row for row in rows if self._connection.exec_driver_sql(statement, tuple(map(without_nul, row))).rowcount
        ]

    def count(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            self._connection.exec_driver_sql(
                counting_text("postgresql", table), [tuple(map(without_nul, row)) for row in rows]
            )

    def all(self, statement: str, parameters: Mapping[str, Any] | None = None) -> list[Any]:
        return list(self._connection.execute(STATEMENTS[statement], parameters).all())

    def run(self, statement: str, parameters: Mapping[str, Any] | None = None) -> int:
        return self._connection.execute(STATEMENTS[statement], parameters).rowcount


async def _with_rows(connection: AsyncConnection, work: RowsWork[T]) -> T:
    return await connection.run_sync(lambda plain: work(PostgresRows(plain)))


async def _process(connection: AsyncConnection) -> int:
    """The number of the server's process that answers."""
    number: int = await connection.scalar(text("SELECT pg_backend_pid()"))
    return number


async def _give_up(connection: SteadyConnection) -> None:
    """Use a connection never again: it may be dead, not answer, or lead to a server that became a standby."""
    if connection.sync_connection and not connection.invalidated:
        plain = await connection.get_raw_connection()
        if plain.driver_connection:
            plain.driver_connection.terminate()  # without a goodbye, for which it would wait
        await connection.invalidate()


def _engine(
    url: str,
    *,
    connections: int,
    patient: bool,
    usable: Callable[[], None] = lambda: None,
    reading: bool = False,
) -> AsyncEngine:
    async def connect() -> Any:
        usable()  # who waited until an old connection turned out to be dead need not wait for a new one as well
        # The driver reads the URL by itself: it takes all that psql does, several hosts and sslmode among it.
        return await driver.connect(url, patient=patient, settings=_READING if reading else {})

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=driver.LOCKED,
        pool_pre_ping=True,  # PostgreSQL may have been started anew since the last time
        hide_parameters=True,  # they hold digests, and an error's text ends up in a log
        # One view for a whole transaction.
        isolation_level="REPEATABLE READ" if reading else "READ COMMITTED",
    )
    if reading:
        # No writing by mistake. Not as a setting of the session: with that, it would not be one for read-write.
        event.listen(engine.sync_engine, "connect", _read_only)
    dialect: Any = engine.dialect
    dialect.colspecs = {**dialect.colspecs, String: _Text}
    return engine


def _read_only(connection: Any, _record: object) -> None:
    connection.readonly = True


class _Text(AsyncpgString):
    """A text of a partner may hold what PostgreSQL can not: that must not cost the whole row."""

    def bind_processor(self, dialect: Any) -> Any:  # noqa: ARG002
        """What is done with each value."""
        return without_nul
