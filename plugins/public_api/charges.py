"""Commands, sessions and CDRs: kept as they come, told to the user whose card it was, and to nobody else."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import Select, and_, delete, func, or_, select, tuple_, update

from hub.ocpi import v2_2_1 as ocpi
from hub.plugin import Connection, Party, Problem

from .model import Command, Cost, Entry, LogQuery, Period, Session
from .people import Holder, milliseconds, moment
from .places import plain
from .tables import cdrs, commands, new_id, now, sessions

_OVER = ("COMPLETED", "INVALID")
_SENT = "sent"


async def begin(own: Connection, user: str, kind: str, session: str | None, most: int, node: str) -> Command:
    """A new command, which this node sends. Problem 429 where too many of the user's wait for an answer."""
    waiting = select(func.count()).select_from(commands).where(commands.c.user == user, commands.c.state == _SENT)
    if await own.scalar(waiting) >= most:
        raise Problem(429, "your last commands are not answered yet", "wait for them", {"Retry-After": "5"})
    row = {
        "id": new_id(), "user": user, "kind": kind, "state": _SENT, "message": "", "session": session,
        "created": now(), "ended": None, "node": node,
    }  # fmt: skip
    await own.execute(commands.insert().values(row))
    return _command(row)


async def end(own: Connection, command: str, state: str, message: str) -> tuple[str | None, Command]:
    """What came of a command: whose it was, and how it is told."""
    change = {"state": state, "message": plain(message), "ended": now()}
    await own.execute(update(commands).where(commands.c.id == command).values(change))
    row = (await own.execute(select(commands).where(commands.c.id == command))).mappings().one()
    return row["user"], _command(row)


async def give_up(own: Connection, but: Collection[str], node: str, there: Collection[str]) -> None:
    """What was sent by a hub that has stopped since will not be answered.

    `but` is what this `node` has under way; what the others that are `there` sent is theirs.
    """
    change = {"state": "failed", "message": "the hub was restarted before the answer came", "ended": now()}
    mine = and_(commands.c.node == node, commands.c.id.not_in(but))
    lost = commands.c.state == _SENT, or_(mine, commands.c.node.not_in(there))
    await own.execute(update(commands).where(*lost).values(change))


async def command_of(own: Connection, user: str, command: str) -> Command:
    """A command of a user. Problem 404."""
    query = select(commands).where(commands.c.id == command, commands.c.user == user)
    row = (await own.execute(query)).mappings().one_or_none()
    if row is None:
        raise Problem(404, "there is no such command")
    return _command(row)


async def keep_session(
    own: Connection, session: ocpi.Session, holder: Holder
) -> tuple[bool, str | None, Session | None]:
    """A session as it was pushed: whether it is new, whose, and how it is told. None: something newer is known already.

    The start that it comes of is known by its reference. It stays whose it was, whoever has the card by now.
    """
    owner, key = Party.of(session.country_code, session.party_id).id, session.id.lower()
    before = (await own.execute(_session(owner, key))).mappings().one_or_none()
    updated = milliseconds(session.last_updated)
    if before is not None and before["updated"] > updated:
        return False, before["user"], None
    row = {
        "id": before["id"] if before else new_id(), "owner": owner, "key": key,
        "user": before["user"] if before else holder.user, "card": before["card"] if before else holder.id,
        "active": session.status not in _OVER, "started": milliseconds(session.start_date_time), "updated": updated,
        "body": msgspec.json.encode(session),
    }  # fmt: skip
    await own.upsert(sessions, [row])
    if before is None and session.authorization_reference:
        mine = commands.c.id == session.authorization_reference.lower(), commands.c.user == row["user"]
        await own.execute(update(commands).where(*mine).values(session=row["id"]))
    return before is None, row["user"], session_told(row)


async def find_session(own: Connection, owner: Party, session_id: str) -> ocpi.Session | None:
    """A session as its owner sent it."""
    row = (await own.execute(_session(owner.id, session_id.lower()))).mappings().one_or_none()
    return msgspec.json.decode(row["body"], type=ocpi.Session) if row else None


async def session_row(own: Connection, user: str, session: str) -> Any:
    """A session of a user. Problem 404."""
    query = select(sessions).where(sessions.c.id == session, sessions.c.user == user)
    row = (await own.execute(query)).mappings().one_or_none()
    if row is None:
        raise Problem(404, "there is no such session")
    return row


async def list_sessions(
    own: Connection, user: str, *, active: bool, after: tuple[int, str] | None, limit: int
) -> list[tuple[int, Session]]:
    """Sessions of a user, the latest first, each with when it began."""
    query = select(sessions).where(sessions.c.user == user)
    if active:
        query = query.where(sessions.c.active)
    if after is not None:
        query = query.where(tuple_(sessions.c.started, sessions.c.id) < after)
    query = query.order_by(sessions.c.started.desc(), sessions.c.id.desc()).limit(limit)
    return [(row["started"], session_told(row)) for row in (await own.execute(query)).mappings()]


async def keep_cdr(own: Connection, cdr: ocpi.CDR, holder: Holder) -> tuple[bool, str | None, Entry]:
    """A CDR as it was posted: whether it is new, whose, and how it is told. One that is known stays as it is."""
    owner, key = Party.of(cdr.country_code, cdr.party_id).id, cdr.id.lower()
    session = (await own.execute(_session(owner, (cdr.session_id or "").lower()))).mappings().one_or_none()
    row = {
        "owner": owner, "key": key, "user": session["user"] if session else holder.user,
        "card": session["card"] if session else holder.id, "session": session["key"] if session else "",
        "ended": milliseconds(cdr.end_date_time), "body": msgspec.json.encode(cdr),
    }  # fmt: skip
    known = await own.scalar(select(cdrs.c.position).where(cdrs.c.owner == owner, cdrs.c.key == key))
    if known is None:
        await own.execute(cdrs.insert().values(row))
    return known is None, row["user"], entry_told({**row, "public": session["id"] if session else None})


async def find_cdr(own: Connection, owner: Party, cdr_id: str) -> ocpi.CDR | None:
    """A CDR as its owner sent it."""
    query = select(cdrs.c.body).where(cdrs.c.owner == owner.id, cdrs.c.key == cdr_id.lower())
    body = await own.scalar(query)
    return msgspec.json.decode(body, type=ocpi.CDR) if body else None


async def log_page(
    own: Connection, user: str, period: Period | LogQuery, after: tuple[int, int] | None, limit: int
) -> list[tuple[tuple[int, int], Entry]]:
    """The charging log of a user, the latest first: entries with their places."""
    mine = and_(sessions.c.owner == cdrs.c.owner, sessions.c.key == cdrs.c.session, sessions.c.user == user)
    query = select(cdrs, sessions.c.id.label("public")).outerjoin(sessions, mine).where(cdrs.c.user == user)
    if period.since is not None:
        query = query.where(cdrs.c.ended >= milliseconds(period.since))
    if period.until is not None:
        query = query.where(cdrs.c.ended < milliseconds(period.until))
    if after is not None:
        query = query.where(tuple_(cdrs.c.ended, cdrs.c.position) < after)
    query = query.order_by(cdrs.c.ended.desc(), cdrs.c.position.desc()).limit(limit)
    rows = (await own.execute(query)).mappings()
    return [((row["ended"], row["position"]), entry_told(row)) for row in rows]


async def forget(own: Connection, before: int) -> None:
    """Remove what is over since then."""
    await own.execute(delete(commands).where(commands.c.created < before))
    await own.execute(delete(sessions).where(sessions.c.updated < before))
    await own.execute(delete(cdrs).where(cdrs.c.ended < before))


def session_told(row: Any) -> Session:
    """A session as its user sees it."""
    session = msgspec.json.decode(row["body"], type=ocpi.Session)
    latest = _latest(session.charging_periods or ())
    return Session(
        id=row["id"],
        status=session.status,
        active=row["active"],
        party=row["owner"],
        location=session.location_id,
        evse=session.evse_uid,
        connector=session.connector_id,
        card=row["card"],
        started=session.start_date_time,
        ended=session.end_date_time,
        kwh=session.kwh,
        kw=round(latest["POWER"] / 1000, 2) if "POWER" in latest else None,
        charged=latest.get("STATE_OF_CHARGE"),
        cost=_cost(session.total_cost, session.currency) if session.total_cost else None,
        updated=session.last_updated,
    )


def entry_told(row: Any) -> Entry:
    """A CDR as its user sees it. `public` is what the session is called here."""
    cdr = msgspec.json.decode(row["body"], type=ocpi.CDR)
    sign = -1 if cdr.credit else 1
    place = cdr.cdr_location
    return Entry(
        id=plain(cdr.id),
        party=row["owner"],
        session=row["public"],
        started=cdr.start_date_time,
        ended=cdr.end_date_time,
        place=plain(place.name or ""),
        address=plain(place.address),
        city=plain(place.city),
        evse=plain(place.evse_id),
        card=row["card"],
        kwh=sign * abs(cdr.total_energy),
        hours=sign * abs(cdr.total_time),
        cost=_cost(cdr.total_cost, cdr.currency, sign if cdr.credit else 0),
        credit=bool(cdr.credit),
    )


def _latest(periods: Sequence[ocpi.ChargingPeriod]) -> dict[str, float]:
    """The values of the last period that has some."""
    last = periods[-1:]
    return {each.type: each.volume for period in last for each in period.dimensions}


def _cost(price: ocpi.Price, currency: str, sign: int = 0) -> Cost:
    """An amount; with a sign, it is that of a credit, whatever its own says."""
    amounts = [price.excl_vat, price.incl_vat]
    if sign:
        amounts = [None if each is None else sign * abs(each) for each in amounts]
    return Cost(excl_vat=amounts[0], incl_vat=amounts[1], currency=currency)


def _session(owner: str, key: str) -> Select[Any]:
    return select(sessions).where(sessions.c.owner == owner, sessions.c.key == key)


def _command(row: Any) -> Command:
    return Command(
        id=row["id"],
        kind=row["kind"],
        state=row["state"],
        message=row["message"],
        session=row["session"],
        created=moment(row["created"]),
        ended=None if row["ended"] is None else moment(row["ended"]),
    )


def ocpi_id(row: Any) -> str:
    """What its owner calls a session."""
    return msgspec.json.decode(row["body"], type=ocpi.Session).id
