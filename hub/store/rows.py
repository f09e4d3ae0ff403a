"""A connection for very many rows of the journal. Tables and statements have names here, so it needs no SQLAlchemy.

Neither does what is imported with it: it runs in a small process of its own, too.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

Values = list[Any]
"""A row as a list: one value for each column of its table, in their order."""


class Rows(Protocol):
    """Used from start to end by one function, which never awaits. Statements are those of journal_statements."""

    def places(self, table: str, *columns: str) -> tuple[int, ...]:
        """Where the values of columns stand in a row."""

    def insert(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows; IntegrityError where one is there already."""

    def insert_missing(self, table: str, rows: Sequence[Values]) -> list[Values]:
        """Insert those of the rows that are not there yet, and return them."""

    def count(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        """Insert sums; where one is there, add to its `count`, and keep the greater `last`, if it has one."""

    def all(self, statement: str, parameters: Mapping[str, Any] | None = None) -> list[Any]:
        """Every row that a query finds."""

    def run(self, statement: str, parameters: Mapping[str, Any] | None = None) -> int:
        """Run a statement that finds nothing; how many rows it changed."""


RowsWork = Callable[[Rows], T]
"""Picklable: a function of a module that imports little, or a `partial` of one."""
