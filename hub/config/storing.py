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
    key_file: Annotated[
        str | None,
        Meta(
            description="File with the key that tokens are encrypted with. Without it: hub.key in the data folder.",
            examples=["/key/hub.key"],
        ),
    ] = None
    connections: Annotated[
        int,
        Meta(ge=1, le=100, description="Connections to the database that are for reading; two more are for writing."),
    ] = 4

    def __repr__(self) -> str:
        """Without the URL, which holds a password."""
        return f"Store(connections={self.connections})"


class Node(Section, frozen=True):
    """This hub, where several share one PostgreSQL database."""

    name: Annotated[
        Annotated[str, Meta(min_length=1, max_length=100)] | None,
        Meta(
            description="Name of this node, for people. Without it: the name of the machine.",
            examples=["hub-1"],
        ),
    ] = None
    alone: Annotated[
        float,
        Meta(ge=0, le=86_400, description="Seconds that it goes on with what it knows when the database is away."),
    ] = 300.0


class Journal(Section, frozen=True):
    """What the hub keeps of the messages that passed it."""

    enabled: Annotated[bool, Meta(description="Whether a journal is kept.")] = True
    days: Annotated[int, Meta(ge=1, le=3650, description="Days that its rows are kept.")] = 30
    rows: Annotated[
        int,
        Meta(ge=1000, le=1_000_000_000, description="Most rows that are kept, of exchanges and deliveries together."),
    ] = 1_000_000
    sums_days: Annotated[int, Meta(ge=1, le=36_500, description="Days that sums of rows are kept, for charts.")] = 400
