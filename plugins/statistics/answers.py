"""What the routes and verbs of the statistics answer."""

from typing import Annotated

import msgspec
from msgspec import Meta

from hub.plugin import Paging

from .queries import Charge, Live, Snapshot, Sum


class Sums(msgspec.Struct, frozen=True):
    """A part of the sums. `next` is the cursor of the part that follows, null at the end."""

    sums: list[Sum]
    next: str | None


class Log(msgspec.Struct, frozen=True):
    """A part of the charging log. `next` is the cursor of the part that follows, null at the end."""

    charges: list[Charge]
    next: str | None


class CsvPart(msgspec.Struct, frozen=True):
    """A part of the charging log as CSV. `next` is the cursor of the part that follows, null at the end."""

    csv: str
    next: str | None


class Pdf(msgspec.Struct, frozen=True):
    """The charging log as a PDF, in Base64."""

    pdf: str


class Running(msgspec.Struct, frozen=True):
    """Running sessions, the latest first; 1000 at most."""

    sessions: list[Live]


class SnapshotsWanted(Paging, frozen=True, kw_only=True):
    """Which snapshots."""

    cpo: Annotated[str, Meta(max_length=255, description="Party, as NL-TNM.")]
    session: Annotated[str, Meta(max_length=255, description="Id of a session.")]


class Snapshots(msgspec.Struct, frozen=True):
    """A part of the snapshots of a session. `next` is the cursor of the part that follows, null at the end."""

    snapshots: list[Snapshot]
    next: str | None
