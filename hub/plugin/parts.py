"""What the hub gives a plugin beside itself: tables of its own, an HTTP client, and the ports that it listens on."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
from aiohttp import web
from sqlalchemy import ColumnElement, CursorResult, MetaData, Table
from sqlalchemy.sql.base import Executable

T = TypeVar("T")

_CONVENTION = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}


class Tables(MetaData):
    """The tables of one plugin: SQLAlchemy's MetaData. Their names begin with `plugin_<file stem>_`."""

    def __init__(self) -> None:
        super().__init__(naming_convention=_CONVENTION)


class Connection(Protocol):
    """The plugin's tables within one transaction. A statement is one of SQLAlchemy's, about these tables alone."""

    async def execute(self, statement: Executable, rows: Sequence[dict[str, Any]] | None = None) -> CursorResult[Any]:
        """Execute a select, insert, update or delete; for each of `rows`, where they are given.

        Raises ValueError for text as SQL, and for tables that are not the plugin's.
        """

    async def scalar(self, statement: Executable) -> Any:
        """The first column of the first row; None where there is none."""

    def among(self, columns: Sequence[ColumnElement[Any]], rows: Sequence[tuple[str, ...]]) -> ColumnElement[bool]:
        """Whether columns have, together, the texts of one of the rows: a condition with one parameter for all."""

    async def now(self) -> int:
        """Milliseconds since 1970 by the clock of the database: those of several nodes may differ by a minute."""

    async def upsert(
        self, table: Table, rows: Sequence[dict[str, Any]], *, adding: Sequence[str] = (), keeping: Sequence[str] = ()
    ) -> None:
        """Insert rows, or change those whose primary key is there.

        The columns in `adding` are added to what is there, those in `keeping` stay as they are, others are replaced.
        """


Work = Callable[[Connection], Awaitable[T]]


class Store(Protocol):
    """The plugin's own tables, at `self.store`. They are in the hub's database, and so in its backups."""

    async def read(self, work: Work[T]) -> T:
        """Run `work` on one unchanging view. It can not write."""

    async def write(self, work: Work[T], *, tell: bool = False) -> T:
        """Run `work` in a transaction that no other write overlaps, and commit: what this returned is on disk.

        An exception of `work` rolls everything back. It awaits nothing but its connection: the whole hub's writes wait.
        `tell`: other nodes learn of it, and their `changed_elsewhere` is called, within a second.
        """


class Nodes(Protocol):
    """This node of the hub and the others that share its database, at `self.nodes`."""

    @property
    def own(self) -> str:
        """The id of this node, 22 letters: another one after each start of the hub."""

    @property
    def name(self) -> str:
        """What this node is called."""

    @property
    def several(self) -> bool:
        """Whether there may be other nodes."""

    @property
    def leads(self) -> bool:
        """Whether this node does what only one may do: never true of two nodes at once. It may change at any time."""

    async def there(self) -> frozenset[str]:
        """The ids of all nodes that are there, with this one."""

    async def tell(self, body: bytes) -> None:
        """Have `heard_from_node` called on all other nodes, at once, and keep it nowhere: some may miss it.

        Raises OcpiError where they can not be told now, or it has more than 256 KiB.
        """


class Alone:
    """`self.nodes` where there is no hub, or can be no other node."""

    own = "A" * 22
    name = ""
    several = False
    leads = True

    async def there(self) -> frozenset[str]:
        """This one."""
        return frozenset((self.own,))

    async def tell(self, body: bytes) -> None:
        """There is nobody to tell."""


class HttpAnswer(msgspec.Struct, frozen=True):
    """An answer to an HTTP request, whatever its status."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class HttpFailed(Exception):
    """A request that brought no answer. `kind` is a word such as `timeout`; `sent`: some of it may have arrived."""

    def __init__(self, kind: str, text: str, *, sent: bool) -> None:
        super().__init__(text)
        self.kind = kind
        self.sent = sent


class Http(Protocol):
    """An HTTP client, at `self.http`. It calls no address that the hub may not call, and follows no redirect."""

    async def send(
        self, method: str, url: str, *, headers: Sequence[tuple[str, str]] = (), body: bytes = b"", seconds: float
    ) -> HttpAnswer:
        """Send a request once, and bring the answer within `seconds`. Raises HttpFailed."""


class HttpLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a port puts up with. Connections beyond `connections`, or `per_address` of one, are closed (0: any number).

    `patience` is seconds until the first request, `keepalive` between two, `write_patience` until what was written is
    taken; `line` and `header` are bytes of the first line and of each of `headers` headers.
    """

    connections: int = 0
    per_address: int = 0
    patience: float = 30.0
    keepalive: float = 75.0
    write_patience: float = 30.0
    line: int = 8190
    header: int = 8190
    headers: int = 128


NO_LIMITS = HttpLimits()


class Listen(Protocol):
    """Opens a port of the plugin's own, at `self.listen`."""

    def __call__(self, application: web.Application, *, host: str, port: int, limits: HttpLimits = NO_LIMITS) -> str:
        """Serve `application` on a port (0: any) and give its URL. To be called in `start`.

        OSError where the hub itself or another program has the port. It answers as soon as the plugin runs, and the
        version before it has answered all that it had taken.
        """


class Parts(msgspec.Struct, frozen=True):
    """Who gives a plugin its parts: all are called with its name."""

    http: Callable[[str], Http]
    store: Callable[[str, MetaData], Awaitable[Store]]
    nodes: Callable[[str], Nodes] = lambda _: Alone()
