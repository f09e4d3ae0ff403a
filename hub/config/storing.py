"""The tables [store] and [journal] of config.toml: in which database, and how much."""

from typing import Annotated

from msgspec import Meta

from hub.config.section import Section


class Store(Section, frozen=True):
    """Where the hub keeps what it knows."""

    url: Annotated[
        str | None,
        Meta(
            description="PostgreSQL database to keep everything in. Without it: the file hub.db in the data folder.",
            examples=["postgresql://hub:PASSWORD@db.example/hub"],
        ),
    ] = None
    connections: Annotated[
        int,
        Meta(ge=1, le=100, description="Connections to the database that are for reading; two more are for writing."),
    ] = 4

    def __repr__(self) -> str:
        """Without the URL, which holds a password."""
        return f"Store(connections={self.connections})"


class Journal(Section, frozen=True):
    """What the hub keeps of the messages that passed it."""

    enabled: Annotated[bool, Meta(description="Whether a journal is kept.")] = True
    days: Annotated[int, Meta(ge=1, le=3650, description="Days that its rows are kept.")] = 30
    rows: Annotated[
        int,
        Meta(ge=1000, le=1_000_000_000, description="Most rows that are kept, of exchanges and deliveries together."),
    ] = 1_000_000
    sums_days: Annotated[int, Meta(ge=1, le=36_500, description="Days that sums of rows are kept, for charts.")] = 400
