"""A connection on which every statement is finished before a cancellation gets through."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar

from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

T = TypeVar("T")


class SteadyConnection(AsyncConnection):
    """An AsyncConnection that is never cancelled in the middle of a statement.

    SQLAlchemy throws a connection away that was. SQLite then keeps its transaction, and with it the lock that keeps
    every other writer out, for as long as anything still refers to the unfinished statement: a traceback is enough.
    """

    __slots__ = ()

    async def start(self, is_ctxmanager: bool = False) -> Self:
        await to_its_end(super().start(is_ctxmanager))
        return self

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        return await _answered(super().execute(*args, **kwargs))

    async def exec_driver_sql(self, *args: Any, **kwargs: Any) -> Any:
        return await _answered(super().exec_driver_sql(*args, **kwargs))

    async def run_sync(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return await _answered(super().run_sync(fn, *args, **kwargs))

    async def commit(self) -> None:
        await _answered(super().commit())

    async def close(self) -> None:
        await to_its_end(super().close())


@asynccontextmanager
async def steady(
    engine: AsyncEngine, start: Callable[[SteadyConnection], Awaitable[object]] = SteadyConnection.start
) -> AsyncIterator[SteadyConnection]:
    """A connection that is given back at the end; what is not committed then is rolled back."""
    connection = SteadyConnection(engine)
    try:
        await start(connection)
        yield connection
    finally:
        if connection.sync_connection:  # it started
            await connection.close()


async def _answered(step: Coroutine[Any, Any, T]) -> T:
    """`to_its_end`, and an error of the database where it did not answer in time: the driver has none for that."""
    try:
        return await to_its_end(step)
    except TimeoutError as error:
        raise OperationalError(None, None, error, hide_parameters=True) from error


async def to_its_end(step: Coroutine[Any, Any, T]) -> T:
    """Await `step` to its end even when cancelled meanwhile, and only then be cancelled."""
    task = asyncio.create_task(step)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return task.result()
    raise cancelled from task.exception()
