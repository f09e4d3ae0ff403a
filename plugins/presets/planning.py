"""What a preset is, which one a token has, and what is to be sent for a session. No I/O, and no clock."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from hub.plugin import Body, Problem

Json = dict[str, Any]
NAME = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_CLOCK = "^([01][0-9]|2[0-3]):[0-5][0-9]$"
_HOURS = "^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
_Id = Annotated[str, Meta(min_length=1, max_length=36)]


class Preset(Body, frozen=True, kw_only=True):
    """What a driver wants of sessions with a card (`uid`), or with any token of a contract."""

    uid: Annotated[_Id | None, Meta(description="Number of a card, or id of an app user's token.")] = None
    contract: Annotated[_Id | None, Meta(description="Id of a contract: all its tokens.")] = None
    emsp: Annotated[str | None, Meta(description="Party whose tokens are meant, as DE-MSP; else anybody's.")] = None
    profile_type: Annotated[
        Literal["CHEAP", "FAST", "GREEN", "REGULAR"] | None, Meta(description="What smart charging is to aim for.")
    ] = None
    departure: Annotated[
        Annotated[str, Meta(pattern=_CLOCK)] | None, Meta(description="Time of day, as 07:30: when the driver leaves.")
    ] = None
    energy_need: Annotated[Annotated[float, Meta(gt=0, le=10_000)] | None, Meta(description="kWh until then.")] = None
    discharge_allowed: Annotated[bool | None, Meta(description="Whether the car may be discharged.")] = None
    limit_kw: Annotated[Annotated[float, Meta(gt=0, le=10_000)] | None, Meta(description="Most power, in kW.")] = None
    limit_kwh: Annotated[
        Annotated[float, Meta(gt=0, le=10_000)] | None, Meta(description="Most energy, in kWh; it needs limit_kw.")
    ] = None
    hours: Annotated[
        tuple[Annotated[str, Meta(pattern=_HOURS)], ...],
        Meta(max_length=10, description="When a session may begin, as 22:00-06:00; none: at any time."),
    ] = ()
    time_zone: Annotated[
        Annotated[str, Meta(max_length=64)] | None, Meta(description="Of times of day; else that of the location.")
    ] = None


class Written(Preset, frozen=True, kw_only=True):
    """A preset as it is filled in on the dashboard, with its name."""

    name: Annotated[str, Meta(pattern=NAME, description="What it is called, as company-car-7.")]

    def preset(self) -> Preset:
        """Without the name."""
        return Preset(**{each: getattr(self, each) for each in Preset.__struct_fields__})


class Gone(Body, frozen=True, kw_only=True):
    """A preset to remove."""

    name: Annotated[str, Meta(pattern=NAME)]


class Named(msgspec.Struct, frozen=True):
    """A preset with its name."""

    name: str
    preset: Preset


class Charging(msgspec.Struct, frozen=True, kw_only=True):
    """A session, as far as a preset is concerned. `started` is a time in UTC; `speaker` is in whose name is sent."""

    cpo: str
    id: str
    speaker: str
    emsp: str
    uid: str
    contract: str
    location: str
    started: datetime


class Step(msgspec.Struct, frozen=True):
    """One thing to send: `preferences`, `profile` or `stop`, with its body; `hours` is sent to nobody."""

    what: str
    body: Json = {}


class Book:
    """All presets, to be found by token."""

    def __init__(self, named: Iterable[Named]) -> None:
        self.all = {each.name: each.preset for each in sorted(named, key=lambda each: each.name)}
        self._by: dict[tuple[str, str], list[str]] = {}
        for name, preset in self.all.items():
            self._by.setdefault(_key(preset), []).append(name)

    def find(self, uid: str, contract: str, emsp: str) -> Named | None:
        """That of a card comes before that of its contract, and one for the eMSP before one for any."""
        for key in (("uid", uid.upper()), ("contract", contract.upper())):
            fitting = [Named(name, self.all[name]) for name in self._by.get(key, ())]
            for owner in (emsp.upper(), None):
                for each in fitting:
                    if each.preset.emsp == owner:
                        return each
        return None


def checked(name: str, preset: Preset) -> Preset:
    """The preset, as it is kept. Problem 400 says what can not be meant."""
    if (preset.uid is None) == (preset.contract is None):
        raise Problem(400, f"preset {name[:80]}: it is for a card or for a contract", "give one: uid or contract")
    if preset.limit_kwh is not None and preset.limit_kw is None:
        raise Problem(400, "limit_kwh: OCPI limits power over time, so this takes limit_kw, too", "give both")
    wishes = (preset.profile_type, preset.departure, preset.energy_need, preset.discharge_allowed, preset.limit_kw)
    if all(each is None for each in wishes) and not preset.hours:
        raise Problem(400, f"preset {name[:80]}: it says nothing", "give profile_type, departure, limit_kw, hours ...")
    if preset.time_zone is not None and zone_of(preset.time_zone) is None:
        raise Problem(400, "time_zone: there is none of this name", "write it as Europe/Amsterdam")
    return msgspec.structs.replace(preset, emsp=preset.emsp.upper() if preset.emsp else None)


def plan(preset: Preset, charging: Charging, zone: ZoneInfo, now: datetime, *, stop: bool) -> list[Step]:
    """What is to be done for a session that has begun. `stop`: one outside of the hours is to be stopped."""
    steps = []
    if not allowed(preset.hours, charging.started.astimezone(zone).time()):
        steps.append(Step("hours"))
        if stop:
            return [*steps, Step("stop", {"session_id": charging.id})]
    if preferences := _preferences(preset, zone, now):
        steps.append(Step("preferences", preferences))
    if preset.limit_kw is not None:
        steps.append(Step("profile", {"charging_profile": _profile(preset.limit_kw, preset.limit_kwh)}))
    return steps


def allowed(hours: tuple[str, ...], at: time) -> bool:
    """Whether a time of day is in one of the spans. One that ends before it begins goes over midnight."""
    clock = at.strftime("%H:%M")
    for span in hours:
        begin, _, end = span.partition("-")
        if begin <= clock < end if begin < end else clock >= begin or clock < end:
            return True
    return not hours


def zone_of(name: object) -> ZoneInfo | None:
    """The time zone of this name; None where there is none."""
    try:
        return ZoneInfo(name) if isinstance(name, str) and name else None
    except (ValueError, OSError, LookupError):
        return None


def words(preset: Preset) -> str:
    """What it wants, in short."""
    told = (
        (preset.profile_type, "{}"), (preset.departure, "leaves at {}"), (preset.energy_need, "needs {:g} kWh"),
        (preset.limit_kw, "{:g} kW at most"), (preset.limit_kwh, "{:g} kWh at most"),
        (" or ".join(preset.hours), "begins {}"),
    )  # fmt: skip
    found = [form.format(value) for value, form in told if value]
    if preset.discharge_allowed is not None:
        found.append("may be discharged" if preset.discharge_allowed else "not to be discharged")
    return ", ".join(found)


def _key(preset: Preset) -> tuple[str, str]:
    return ("uid", preset.uid.upper()) if preset.uid is not None else ("contract", (preset.contract or "").upper())


def _preferences(preset: Preset, zone: ZoneInfo, now: datetime) -> Json:
    """ChargingPreferences (2.2.1, sessions 9.3.2); empty where the preset has no such wish."""
    wishes: Mapping[str, Any] = {
        "departure_time": _next(preset.departure, zone, now) if preset.departure else None,
        "energy_need": preset.energy_need,
        "discharge_allowed": preset.discharge_allowed,
    }
    found = {name: value for name, value in wishes.items() if value is not None}
    return {"profile_type": preset.profile_type or "REGULAR", **found} if found or preset.profile_type else {}


def _next(clock: str, zone: ZoneInfo, now: datetime) -> str:
    """The next time that a clock shows this, as a DateTime."""
    at = time.fromisoformat(clock)
    here = now.astimezone(zone)
    leaves = datetime.combine(here.date(), at, zone)
    if leaves <= here:
        leaves = datetime.combine(here.date() + timedelta(days=1), at, zone)
    return leaves.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _profile(kw: float, kwh: float | None) -> Json:
    """A ChargingProfile (2.2.1, chargingprofiles 14.6.6). At its limit, power brings so much energy, and then none."""
    periods: list[Json] = [{"start_period": 0, "limit": round(kw * 1000, 1)}]
    if kwh is not None:
        periods.append({"start_period": max(1, int(kwh / kw * 3600)), "limit": 0.0})
    return {"charging_rate_unit": "W", "charging_profile_period": periods}
