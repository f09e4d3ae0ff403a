"""What can be asked of the tables: sums by anything, the charging log, running sessions and snapshots, by pages."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Select, exists, func, insert, literal, select, tuple_

from hub.plugin import Connection, Paging, Problem, after, cursor

from .reading import Row, Seen
from .tables import UNIT, charges, snapshots

_C, _S = charges.c, snapshots.c
BY = {
    "hour": _C.hour,
    "day": func.substr(_C.hour, 1, 10),
    "month": func.substr(_C.hour, 1, 7),
    "cpo": _C.cpo,
    "emsp": _C.emsp,
    "location": _C.cpo + " " + _C.location,
    "token": _C.token,
    "contract": _C.contract,
}
PERSONAL = frozenset(("token", "contract"))
_PART = 5000
_Text = Annotated[str, Meta(max_length=255)]


class Wanted(Paging, frozen=True, kw_only=True):
    """Which CDRs or sessions."""

    of: Annotated[Literal["cdr", "session"], Meta(description="CDRs, or sessions as they were told last.")] = "cdr"
    cpo: Annotated[_Text | None, Meta(description="Party, as NL-TNM.")] = None
    emsp: Annotated[_Text | None, Meta(description="Party, as DE-MSP.")] = None
    location: Annotated[_Text | None, Meta(description="Id of a location.")] = None
    currency: Annotated[_Text | None, Meta(description="As EUR.")] = None
    date_from: Annotated[_Text | None, Meta(description="Begun at this time (UTC) or later.")] = None
    date_to: Annotated[_Text | None, Meta(description="Begun before this time (UTC).")] = None


_By = Annotated[
    _Text,
    Meta(description="Any of hour, day, month, cpo, emsp, location, token, contract, with commas; or nothing."),
]


class WantedSums(Wanted, frozen=True, kw_only=True):
    """Which sums. `by` names what they are grouped by; there is always one for each currency."""

    by: _By = "month"


class OfTokens(Wanted, frozen=True, kw_only=True):
    """The same with what tells of drivers."""

    token: Annotated[_Text | None, Meta(description="Number (uid) of a card.")] = None
    contract: Annotated[_Text | None, Meta(description="Id of a contract.")] = None


class SumsOfTokens(OfTokens, frozen=True, kw_only=True):
    """Which sums, with what tells of drivers."""

    by: _By = "month"


class Sum(msgspec.Struct, frozen=True):
    """One sum. `count` is less the credits; `kwh`, `hours` and `cost` (without VAT) as well."""

    group: dict[str, str]
    currency: str
    count: int
    kwh: float
    hours: float
    cost: float


class Charge(msgspec.Struct, frozen=True):
    """One CDR or session. Times are in UTC; `time_zone` is the location's, empty where nobody told it."""

    cpo: str
    id: str
    emsp: str
    location: str
    place: str
    time_zone: str
    token: str
    contract: str
    started: str
    ended: str
    status: str
    kwh: float
    hours: float
    cost: float
    cost_vat: float | None
    currency: str


class Live(msgspec.Struct, frozen=True):
    """A running session as it was told last. `kw` is None where it is not known."""

    cpo: str
    id: str
    emsp: str
    location: str
    started: str
    updated: str
    kwh: float
    kw: float | None
    status: str


class Snapshot(msgspec.Struct, frozen=True):
    """A running session at one moment."""

    at: str
    kwh: float
    kw: float | None
    status: str


async def known(own: Connection, batch: list[Seen]) -> dict[tuple[str, str, str], Row]:
    """The rows that are there of what a batch is about."""
    keys = sorted({(each.kind, each.cpo, each.key) for each in batch})
    rows = await own.execute(select(charges).where(own.among((_C.kind, _C.cpo, _C.key), keys)))
    return {(row["kind"], row["cpo"], row["key"]): dict(row) for row in rows.mappings()}


async def sums(own: Connection, wanted: Wanted, names: Sequence[str]) -> tuple[list[Sum], str | None]:
    """Sums in the order of their groups, and the cursor of those that follow. `names` are some of `BY`."""
    keys = [BY[name] for name in names] + [_C.currency]
    totals = [func.sum(_C.sign), func.sum(_C.energy), func.sum(_C.seconds), func.sum(_C.cost)]
    statement = select(*keys, *totals).where(*_which(wanted)).group_by(*keys).order_by(*keys)
    rows = (await own.execute(_page(statement, keys, wanted))).all()
    shown = rows[: wanted.limit]
    found = [
        Sum(
            dict(zip(names, row[: len(names)], strict=True)), row[len(names)], int(row[-4]),
            _amount(row[-3]), round(int(row[-2]) / 3600, 4), _amount(row[-1]),
        )
        for row in shown
    ]  # fmt: skip
    return found, cursor(tuple(shown[-1][: len(keys)])) if len(rows) > len(shown) else None


async def log(own: Connection, wanted: OfTokens) -> tuple[list[Charge], str | None]:
    """CDRs or sessions, the oldest first, and the cursor of those that follow."""
    order = [_C.started, _C.cpo, _C.key]
    statement = select(charges).where(*_which(wanted)).order_by(*order)
    rows = (await own.execute(_page(statement, order, wanted))).mappings().all()
    shown = rows[: wanted.limit]
    last = shown[-1] if shown else None
    following = cursor((last["started"], last["cpo"], last["key"])) if last and len(rows) > len(shown) else None
    return [_charge(row) for row in shown], following


async def count(own: Connection, wanted: OfTokens) -> int:
    """How many rows the log has."""
    return int(await own.scalar(select(func.count()).select_from(charges).where(*_which(wanted))))


async def running(own: Connection, since: int, most: int) -> list[Live]:
    """Running sessions of which something was heard since then, the latest first."""
    statement = select(charges).where(_runs(since)).order_by(_C.updated.desc(), _C.cpo, _C.key).limit(most)
    return [
        Live(
            row["cpo"], row["id"], row["emsp"], row["location"], moment(row["started"]), moment(row["updated"]),
            _amount(row["energy"]), _kw(row["power"]), row["status"],
        )
        for row in (await own.execute(statement)).mappings()
    ]  # fmt: skip


async def take_snapshot(own: Connection, at: int, since: int) -> int:
    """Keep how all running sessions stand; how many those are. Done once for a moment, whoever asks."""
    there = exists().where(_S.at == at, _S.cpo == _C.cpo, _S.key == _C.key)
    now = select(literal(at), _C.cpo, _C.key, _C.energy, _C.power, _C.status).where(_runs(since), ~there)
    names = ["at", "cpo", "key", "energy", "power", "status"]
    return (await own.execute(insert(snapshots).from_select(names, now))).rowcount


async def history(own: Connection, cpo: str, session: str, asked: Paging) -> tuple[list[Snapshot], str | None]:
    """The snapshots of one session, the oldest first, and the cursor of those that follow."""
    statement = select(snapshots).where(_S.cpo == cpo.upper(), _S.key == session.upper()).order_by(_S.at)
    rows = (await own.execute(_page(statement, [_S.at], asked))).mappings().all()
    shown = rows[: asked.limit]
    found = [Snapshot(moment(row["at"]), _amount(row["energy"]), _kw(row["power"]), row["status"]) for row in shown]
    return found, cursor((shown[-1]["at"],)) if len(rows) > len(shown) else None


async def load(own: Connection, since: int) -> list[tuple[int, float]]:
    """The power of all running sessions together at each snapshot since then, in kW."""
    statement = select(_S.at, func.sum(_S.power)).where(_S.at >= since).group_by(_S.at).order_by(_S.at)
    return [(at, _kw(power) or 0.0) for at, power in (await own.execute(statement)).all()]


async def forget(own: Connection, table: Any, time: Any, before: int) -> bool:
    """Delete what is older, a part of it at a time; whether there may be more."""
    oldest = select(time).order_by(time).offset(_PART).limit(1)
    end = await own.scalar(oldest)
    end = before if end is None else min(before, end)
    gone = (await own.execute(table.delete().where(time < end))).rowcount
    return bool(gone) and end < before


def moment(milliseconds: int) -> str:
    """`2026-01-31T12:00:00Z`."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _charge(row: Any) -> Charge:
    vat = row["cost_vat"]
    return Charge(
        cpo=row["cpo"], id=row["id"], emsp=row["emsp"], location=row["location"], place=row["place"],
        time_zone=row["zone"], token=row["token"], contract=row["contract"], started=moment(row["started"]),
        ended=moment(row["ended"]), status=row["status"], kwh=_amount(row["energy"]),
        hours=round(row["seconds"] / 3600, 4), cost=_amount(row["cost"]),
        cost_vat=None if vat is None else _amount(vat), currency=row["currency"],
    )  # fmt: skip


def _which(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [_C.kind == wanted.of]
    for name, column in (("cpo", _C.cpo), ("emsp", _C.emsp), ("currency", _C.currency), ("token", _C.token)):
        if (value := getattr(wanted, name, None)) is not None:
            found.append(column == value.upper())
    if (contract := getattr(wanted, "contract", None)) is not None:
        found.append(_C.contract == contract.upper())
    if wanted.location is not None:
        found.append(_C.location == wanted.location)
    if wanted.date_from is not None:
        found.append(_C.started >= _point("date_from", wanted.date_from))
    if wanted.date_to is not None:
        found.append(_C.started < _point("date_to", wanted.date_to))
    return found


def _runs(since: int) -> ColumnElement[bool]:
    return (_C.kind == "session") & (_C.status == "ACTIVE") & (_C.updated >= since)


def groups(by: str) -> list[str]:
    """The names in a list with commas. Problem 400 where they can not be grouped by."""
    names = [each.strip() for each in by.split(",") if each.strip()]
    wrong = [each for each in names if each not in BY]
    if wrong or len(set(names)) != len(names):
        raise Problem(400, f"by: {', '.join(wrong) or 'one came twice'}", f"choose from {', '.join(BY)}")
    return names


def _page(statement: Select[Any], order: Sequence[Any], asked: Paging) -> Select[Any]:
    """One row more than a page has, so that it is known whether there is another one."""
    if asked.cursor is not None:
        last = after(asked.cursor)
        if len(last) != len(order):
            raise Problem(400, "cursor: it is not of this list", "leave it out to begin anew")
        statement = statement.where(tuple_(*order) > tuple_(*map(literal, last)))
    return statement.limit(asked.limit + 1)


def _point(name: str, text: str) -> int:
    try:
        found = datetime.fromisoformat(text.strip().upper())
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise Problem(400, f"{name}: it is no time", "write 2026-01-31 or 2026-01-31T12:00:00Z") from None


def _amount(units: Any) -> float:
    return round(int(units) / UNIT, 4)


def _kw(watts: Any) -> float | None:
    return None if watts is None else int(watts) / 1000
