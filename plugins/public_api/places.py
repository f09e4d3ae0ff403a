"""Locations and tariffs of OCPI 2.2.1 as apps are told of them. Partners' text is one line, and of some length at most.

What is read here was kept as it was received: what is missing or strange in it is left out, and the rest is told.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from hub.plugin import Nearby

from .model import Connector, Evse, Opening, Place, Price

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_PHASES = {"AC_2_PHASE": 2, "AC_2_PHASE_SPLIT": 2, "AC_3_PHASE": 3}
_USUAL = (None, "REGULAR")
_NUMBERS = {"ENERGY": "per_kwh", "TIME": "per_hour", "PARKING_TIME": "parking_per_hour", "FLAT": "once"}
_WORDS = {
    "per_kwh": "{} per kWh", "per_hour": "{} per hour of charging", "parking_per_hour": "{} per hour of parking",
    "once": "{} at the start",
}  # fmt: skip
_LONGEST = 255

Number = float | int


class _Geo(msgspec.Struct):
    latitude: str | Number
    longitude: str | Number


class _Connector(msgspec.Struct):
    id: str
    standard: str = ""
    format: str = ""
    power_type: str = ""
    max_voltage: Number = 0
    max_amperage: Number = 0
    max_electric_power: Number | None = None
    tariff_ids: list[str] | None = None


class _Evse(msgspec.Struct):
    uid: str
    evse_id: str | None = None
    status: str = "UNKNOWN"
    capabilities: list[str] | None = None
    connectors: list[_Connector] | None = None
    floor_level: str | None = None
    physical_reference: str | None = None


class _Named(msgspec.Struct):
    name: str = ""


class _Day(msgspec.Struct):
    weekday: int
    period_begin: str
    period_end: str


class _Exception(msgspec.Struct):
    period_begin: datetime
    period_end: datetime

    def holds(self, at: datetime) -> bool:
        return _utc(self.period_begin) <= at < _utc(self.period_end)


class _Hours(msgspec.Struct):
    twentyfourseven: bool = False
    regular_hours: list[_Day] | None = None
    exceptional_openings: list[_Exception] | None = None
    exceptional_closings: list[_Exception] | None = None


class _Location(msgspec.Struct):
    country_code: str
    party_id: str
    id: str
    coordinates: _Geo
    publish: bool = True
    name: str | None = None
    address: str = ""
    city: str = ""
    postal_code: str | None = None
    country: str = ""
    operator: _Named | None = None
    evses: list[_Evse] | None = None
    opening_times: _Hours | None = None
    time_zone: str = "UTC"
    facilities: list[str] | None = None
    last_updated: str = ""


class _Component(msgspec.Struct):
    type: str
    price: Number
    vat: Number | None = None


class _Element(msgspec.Struct):
    price_components: list[_Component]
    restrictions: dict[str, Any] | None = None


class _Text(msgspec.Struct):
    language: str
    text: str


class _Tariff(msgspec.Struct):
    currency: str
    elements: list[_Element]
    type: str | None = None
    tariff_alt_text: list[_Text] | None = None
    start_date_time: datetime | None = None
    end_date_time: datetime | None = None

    def holds(self, at: datetime) -> bool:
        begin, end = self.start_date_time, self.end_date_time
        return (begin is None or _utc(begin) <= at) and (end is None or at < _utc(end))


def location_of(body: Any) -> _Location | None:
    """A location that may be shown to everybody; None where it is none (2.2.1, locations 8.3.1: publish)."""
    try:
        found = msgspec.convert(body, _Location)
        float(found.coordinates.latitude), float(found.coordinates.longitude)
    except (msgspec.ValidationError, ValueError):
        return None
    return found if found.publish else None


def tariffs_of(location: _Location) -> set[str]:
    """The ids of all tariffs that a location names."""
    return {each for evse in _there(location) for plug in evse.connectors or () for each in plug.tariff_ids or ()}


def place_of(location: _Location, prices: dict[str, Price | None], near: Nearby | None, at: datetime) -> Place:
    """A location as it is told. `prices` are those of its tariffs."""
    evses = tuple(_evse(each, prices) for each in _there(location))
    return Place(
        party=f"{location.country_code}-{location.party_id}".upper(),
        id=location.id,
        name=plain(location.name or location.address),
        operator=plain(location.operator.name) if location.operator else "",
        address=plain(location.address),
        city=plain(location.city),
        postal_code=plain(location.postal_code or ""),
        country=plain(location.country),
        latitude=float(location.coordinates.latitude),
        longitude=float(location.coordinates.longitude),
        metres=round(near.metres) if near else None,
        available=sum(each.status == "AVAILABLE" for each in evses),
        evses=evses,
        opening=_opening(location, at),
        facilities=tuple(map(plain, location.facilities or ())),
        updated=plain(location.last_updated),
    )


def price_of(body: Any, at: datetime) -> Price | None:
    """What a tariff says; None where it does not hold now, or is only for some."""
    try:
        tariff = msgspec.convert(body, _Tariff)
    except msgspec.ValidationError:
        return None
    if tariff.type not in _USUAL or not tariff.holds(at):
        return None
    usual, conditional = _usual(tariff.elements)
    with_vat = bool(usual) and all(each.vat is not None for each in usual.values())
    numbers = {
        _NUMBERS[kind]: round(each.price * (1 + (each.vat or 0) / 100 if with_vat else 1), 4)
        for kind, each in usual.items()
    }
    return Price(
        words=_in_words(tariff, numbers, with_vat=with_vat, conditional=conditional),
        currency=plain(tariff.currency),
        vat="included" if with_vat else "excluded",
        conditional=conditional,
        **numbers,
    )


def plain(text: str, longest: int = _LONGEST) -> str:
    """The text as one line, with nothing in it that can not be seen."""
    text = text[: longest + 1]
    if not text.isprintable():
        text = "".join(each if each.isprintable() else " " for each in text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _usual(elements: Sequence[_Element]) -> tuple[dict[str, _Component], bool]:
    """The price of each dimension: the first that holds always, else the first; and whether there are others."""
    always: dict[str, _Component] = {}
    sometimes: dict[str, _Component] = {}
    for element in elements:
        restricted = {name: value for name, value in (element.restrictions or {}).items() if value is not None}
        if "reservation" in restricted:
            continue
        for each in element.price_components:
            if each.type in _NUMBERS:
                (sometimes if restricted else always).setdefault(each.type, each)
    return sometimes | always, bool(sometimes)


def _in_words(tariff: _Tariff, numbers: dict[str, float], *, with_vat: bool, conditional: bool) -> str:
    own = {each.language.lower(): each.text for each in tariff.tariff_alt_text or ()}
    if own:
        return plain(own.get("en") or next(iter(own.values())), 512)
    if not any(numbers.values()):
        return "free of charge" if not conditional else "depends on time or amount"
    parts = [_WORDS[name].format(f"{_amount(number)} {tariff.currency}") for name, number in numbers.items() if number]
    words = plain(", ".join(parts) + ("" if with_vat else ", without VAT"))
    return f"{words}; other prices at some times or for some amounts" if conditional else words


def _amount(number: float) -> str:
    """At least two digits, and no more than it has."""
    text = f"{number:.4f}".rstrip("0")
    whole, _, cents = text.partition(".")
    return f"{whole}.{cents:0<2}"


def _evse(evse: _Evse, prices: dict[str, Price | None]) -> Evse:
    return Evse(
        uid=evse.uid,
        id=plain(evse.evse_id or ""),
        status=plain(evse.status.upper()),
        remote_start="REMOTE_START_STOP_CAPABLE" in (evse.capabilities or ()),
        floor=plain(evse.floor_level or ""),
        reference=plain(evse.physical_reference or ""),
        connectors=tuple(_connector(each, prices) for each in evse.connectors or ()),
    )


def _connector(plug: _Connector, prices: dict[str, Price | None]) -> Connector:
    watts = plug.max_electric_power or plug.max_voltage * plug.max_amperage * _PHASES.get(plug.power_type, 1)
    return Connector(
        id=plug.id,
        standard=plain(plug.standard),
        format=plain(plug.format),
        power_type=plain(plug.power_type),
        kw=round(watts / 1000, 1),
        price=next((found for each in plug.tariff_ids or () if (found := prices.get(each))), None),
    )


def _there(location: _Location) -> Iterable[_Evse]:
    return (each for each in location.evses or () if each.status.upper() != "REMOVED")


def _opening(location: _Location, at: datetime) -> Opening | None:
    hours = location.opening_times
    if hours is None:
        return None
    closed = any(each.holds(at) for each in hours.exceptional_closings or ())
    opened = any(each.holds(at) for each in hours.exceptional_openings or ())
    if hours.twentyfourseven:
        return Opening(words="always open", always=True, now=not closed)
    days = [each for each in hours.regular_hours or () if 1 <= each.weekday <= 7]
    try:
        local = at.astimezone(ZoneInfo(location.time_zone))
    except (ValueError, OSError):  # a zone that nobody has heard of
        now = None
    else:
        time = local.strftime("%H:%M")
        usual = any(each.weekday == local.isoweekday() and _during(each, time) for each in days)
        now = opened or (usual and not closed)
    return Opening(words=_days(days) or "not told", always=False, now=now)


def _during(day: _Day, time: str) -> bool:
    return day.period_begin <= time < ("24:00" if day.period_end == "00:00" else day.period_end)


def _days(days: Sequence[_Day]) -> str:
    """`Mon-Fri 08:00-18:00, Sat 10:00-16:00`."""
    hours: dict[int, list[str]] = {}
    for each in sorted(days, key=lambda each: (each.weekday, each.period_begin)):
        hours.setdefault(each.weekday, []).append(f"{plain(each.period_begin, 5)}-{plain(each.period_end, 5)}")
    runs: list[tuple[int, int, str]] = []
    for day, times in hours.items():
        text = " and ".join(times)
        if runs and runs[-1][1] == day - 1 and runs[-1][2] == text:
            runs[-1] = runs[-1][0], day, text
        else:
            runs.append((day, day, text))
    return ", ".join(
        f"{_DAYS[first - 1]}{f'-{_DAYS[last - 1]}' if last > first else ''} {text}" for first, last, text in runs
    )


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
