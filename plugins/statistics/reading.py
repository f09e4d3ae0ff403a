"""From objects of OCPI 2.2.1 to rows of the table. What can not be read as numbers and times is told by Unreadable."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from .tables import NOT_KNOWN, UNIT

Row = dict[str, Any]
_LONGEST = 255
_Amount = Annotated[float, Meta(ge=-1e9, le=1e9)]


class Unreadable(Exception):
    """An object that can not be counted: the text says why, and quotes nothing of it."""


class _Price(msgspec.Struct, frozen=True):
    excl_vat: _Amount = 0.0
    incl_vat: _Amount | None = None


class _Card(msgspec.Struct):
    country_code: str = ""
    party_id: str = ""
    uid: str = NOT_KNOWN
    contract_id: str = NOT_KNOWN


class _Place(msgspec.Struct, frozen=True):
    id: str = NOT_KNOWN
    name: str | None = None
    address: str = ""
    time_zone: str | None = None


class _Dimension(msgspec.Struct):
    type: str = ""
    volume: _Amount = 0.0


class _Period(msgspec.Struct):
    dimensions: list[_Dimension] = []


class _Cdr(msgspec.Struct, kw_only=True):
    id: Annotated[str, Meta(min_length=1, max_length=_LONGEST)]
    start_date_time: datetime
    end_date_time: datetime
    cdr_token: _Card | None = None
    cdr_location: _Place = _Place()
    currency: str
    total_cost: _Price = _Price()
    total_energy: _Amount = 0.0
    total_time: _Amount = 0.0
    credit: bool | None = None
    last_updated: datetime | None = None


class _Session(msgspec.Struct, kw_only=True):
    """Of a PATCH as well: what is None was not told."""

    id: Annotated[str, Meta(min_length=1, max_length=_LONGEST)] | None = None
    start_date_time: datetime | None = None
    end_date_time: datetime | None = None
    cdr_token: _Card | None = None
    location_id: str | None = None
    currency: str | None = None
    kwh: _Amount | None = None
    total_cost: _Price | None = None
    status: str | None = None
    charging_periods: list[_Period] | None = None
    last_updated: datetime | None = None


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What one push says of a CDR or session. `told` is what of the row it says; all of it, where it is `whole`."""

    kind: str
    cpo: str
    key: str
    whole: bool
    told: Row


def cdr(value: Any, cpo: str, emsp: str, contract: str) -> Seen:
    """A CDR. `emsp` and `contract` hold where it does not say those itself."""
    read = _read(value, _Cdr)
    card, place, sign = read.cdr_token, read.cdr_location, -1 if read.credit else 1
    started, ended = _moment(read.start_date_time), _moment(read.end_date_time)
    told = {
        "id": _text(read.id),
        **_of_card(card, emsp, contract),
        "location": _text(place.id),
        "place": _text(place.name or place.address),
        "zone": _text(place.time_zone or ""),
        "started": started,
        "ended": ended,
        "updated": _moment(read.last_updated) if read.last_updated else _now(),
        "hour": hour(started),
        "currency": _text(read.currency).upper(),
        "sign": sign,
        "energy": _signed(sign, read.total_energy, UNIT),
        "seconds": _signed(sign, read.total_time, 3600),
        "cost": _signed(sign, read.total_cost.excl_vat, UNIT),
        "cost_vat": None if read.total_cost.incl_vat is None else _signed(sign, read.total_cost.incl_vat, UNIT),
        "status": "CREDIT" if read.credit else "FINAL",
        "power": None,
    }
    return Seen(kind="cdr", cpo=cpo, key=_text(read.id).upper(), whole=True, told=told)


def session(value: Any, cpo: str, session_id: str, emsp: str, contract: str, *, whole: bool) -> Seen:
    """A session, or what of it changes."""
    read = _read(value, _Session)
    if whole and (read.start_date_time is None or read.kwh is None or read.status is None or read.currency is None):
        raise Unreadable("a field that every session has is missing")
    told: Row = {"updated": _moment(read.last_updated) if read.last_updated else _now()}
    if whole:
        told |= {**_of_card(read.cdr_token, emsp, contract), "place": "", "zone": "", "sign": 1}
        told |= {"id": _text(session_id), "location": _text(read.location_id or NOT_KNOWN)}
        told |= {"energy": 0, "cost": 0, "cost_vat": None, "power": None}
    if read.start_date_time is not None:
        started = _moment(read.start_date_time)
        told |= {"started": started, "hour": hour(started)}
    if read.end_date_time is not None:
        told["ended"] = _moment(read.end_date_time)
    if read.currency is not None:
        told["currency"] = _text(read.currency).upper()
    if read.kwh is not None:
        told["energy"] = round(read.kwh * UNIT)
    if read.total_cost is not None:
        vat = read.total_cost.incl_vat
        told |= {"cost": round(read.total_cost.excl_vat * UNIT), "cost_vat": None if vat is None else round(vat * UNIT)}
    if read.status is not None:
        told["status"] = _text(read.status).upper()
    if read.charging_periods and (power := _power(read.charging_periods[-1])) is not None:
        told["power"] = power
    return Seen(kind="session", cpo=cpo, key=_text(session_id).upper(), whole=whole, told=told)


def merged(before: Mapping[str, Any] | None, seen: Seen) -> Row | None:
    """The row after a push; None where it changes nothing, or is about what nobody knows."""
    if before is None and not seen.whole:
        return None
    if before is not None and (seen.kind == "cdr" or seen.told["updated"] < before["updated"]):
        return None
    row: Row = {"kind": seen.kind, "cpo": seen.cpo, "key": seen.key, **(before or {}), **seen.told}
    if seen.kind == "session":
        if "ended" not in seen.told:  # it lasts, as far as anybody has heard
            row["ended"] = max(row["updated"], row["started"])
        row["seconds"] = max(0, (row["ended"] - row["started"]) // 1000)
        if seen.told.get("power") is None:
            row["power"] = _power_between(before, row)
        if row["status"] != "ACTIVE":
            row["power"] = None
    return row


def hour(milliseconds: int) -> str:
    """`2026-01-31T12`, in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H")


def _of_card(card: _Card | None, emsp: str, contract: str) -> Row:
    card = card or _Card(contract_id=contract)
    named = f"{card.country_code}-{card.party_id}".upper() if card.country_code and card.party_id else emsp
    return {"emsp": _text(named), "token": _text(card.uid).upper(), "contract": _text(card.contract_id).upper()}


def _power(period: _Period) -> int | None:
    """W; OCPI tells kW."""
    return next((round(each.volume * 1000) for each in period.dimensions if each.type == "POWER"), None)


def _power_between(before: Mapping[str, Any] | None, row: Row) -> int | None:
    """W, from the energy between two pushes; what was known before, where there is no time between them."""
    if before is None:
        return None
    hours = (row["updated"] - before["updated"]) / 3_600_000
    if hours <= 0:
        return before["power"]
    watts = (row["energy"] - before["energy"]) / (UNIT / 1000) / hours
    return round(watts) if abs(watts) < 1e9 else None


def _signed(sign: int, amount: float, unit: int) -> int:
    """A credit subtracts, whether its amounts are written below zero or not (2.2.1, cdrs: Credit CDRs)."""
    return -abs(round(amount * unit)) if sign < 0 else round(amount * unit)


def _read(value: Any, kind: Any) -> Any:
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Unreadable(str(error)) from None


def _moment(when: datetime) -> int:
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)


def _now() -> int:
    return time.time_ns() // 1_000_000


def _text(value: str) -> str:
    return value[:_LONGEST].replace("\0", "")
