"""What happens at the charge points of a simulated CPO: sessions, reservations, and the CDRs that come of them.

No I/O. A session is back-dated by `HEAD_START` when it begins, so that one which is stopped at once has something
to bill; energy and cost follow from its whole minutes, the connector's power, and the tariff.
"""

import datetime
from collections.abc import Iterable
from typing import Any

import msgspec

from hub.core.party import Party
from hub.ocpi.envelope import date_time
from hub.plugin.party import Command
from hub.sim.data import cdr_token
from hub.sim.messages import Json, now, party_of
from hub.sim.objects import Objects, descend

HEAD_START = datetime.timedelta(minutes=42)


class Reservation(msgspec.Struct, frozen=True):
    """A reservation of an EVSE. `command` is also how the CPO tells that it takes it back."""

    id: str
    command: Command[Any]
    session: Json


class Charging:
    """The charge points of all locations, and what is and was charged there."""

    def __init__(self) -> None:
        self.locations = Objects("id")
        self.tariffs = Objects("id")
        self.sessions = Objects("id")
        self.cdrs = Objects("id")
        self.reservations: dict[str, Reservation] = {}
        self.profiles: dict[str, Json] = {}

    def place_of(self, session: Json) -> list[Json]:
        """Location, EVSE and connector of a session."""
        location = self.locations[party_of(session), session["location_id"]]
        return descend(location, session["evse_uid"], session["connector_id"])

    def active_profile(self, session: Json, duration: int = 900) -> Json:
        """The ActiveChargingProfile of a session for so many seconds: what was set, else all that the EVSE has."""
        most = self.place_of(session)[2]["max_electric_power"]
        full = {"charging_rate_unit": "W", "charging_profile_period": [{"start_period": 0, "limit": float(most)}]}
        profile = self.profiles.get(session["id"], full)
        return {"start_date_time": date_time(now()), "charging_profile": {**profile, "duration": duration}}

    def start(self, place: list[Json], token: Json, reference: str | None) -> Json:
        """A new ACTIVE Session at location, EVSE and connector."""
        set_status(place, "CHARGING")
        return self._session(place, token, now() - HEAD_START, "ACTIVE", reference)

    def reserve(self, place: list[Json], token: Json, reference: str | None) -> Json:
        """A new Session for a reservation."""
        set_status(place, "RESERVED")
        return self._session(place, token, now(), "RESERVATION", reference)

    def activate(self, session: Json) -> None:
        """The driver of a reservation came and charges."""
        at = now()
        session |= {"status": "ACTIVE", "start_date_time": date_time(at - HEAD_START), "last_updated": date_time(at)}
        set_status(self.place_of(session), "CHARGING")

    def release(self, session: Json) -> Json:
        """The end of a reservation that was never used; what changed in its Session."""
        at = date_time(now())
        change: Json = {"status": "COMPLETED", "end_date_time": at, "last_updated": at}
        session |= change
        set_status(self.place_of(session), "AVAILABLE")
        return change

    def stop(self, session: Json) -> tuple[Json, Json]:
        """The end of a session: what changed in it, and its CDR."""
        set_status(self.place_of(session), "AVAILABLE")
        return self._finish(session, now())

    def past(self, place: list[Json], token: Json, start: datetime.datetime) -> None:
        """A session of some time ago, and its CDR."""
        self._finish(self._session(place, token, start, "ACTIVE", None), start + HEAD_START)

    def _session(
        self, place: list[Json], token: Json, start: datetime.datetime, status: str, reference: str | None
    ) -> Json:
        location, evse, connector = place
        session: Json = {
            "country_code": location["country_code"],
            "party_id": location["party_id"],
            "id": f"S{len(self.sessions) + 1:05d}",
            "start_date_time": date_time(start),
            "kwh": 0.0,
            "cdr_token": cdr_token(token),
            "auth_method": "COMMAND",
            "location_id": location["id"],
            "evse_uid": evse["uid"],
            "connector_id": connector["id"],
            "currency": "EUR",
            "status": status,
            "last_updated": date_time(now()),
        }
        if reference is not None:
            session["authorization_reference"] = reference
        self.sessions.put(session)
        return session

    def _finish(self, session: Json, end: datetime.datetime) -> tuple[Json, Json]:
        place = self.place_of(session)
        tariff = self.tariffs[party_of(session), place[2]["tariff_ids"][0]]
        start = datetime.datetime.fromisoformat(session["start_date_time"])
        hours = round((end - start).total_seconds() / 60) / 60
        kwh = round(hours * place[2]["max_electric_power"] / 1000, 3)
        period = {
            "start_date_time": session["start_date_time"],
            "dimensions": [{"type": "ENERGY", "volume": kwh}, {"type": "TIME", "volume": round(hours, 4)}],
            "tariff_id": tariff["id"],
        }
        cost = _cost(tariff, kwh)
        change: Json = {
            "end_date_time": date_time(end), "kwh": kwh, "charging_periods": [period],
            "total_cost": cost["total_cost"], "status": "COMPLETED", "last_updated": date_time(end),
        }  # fmt: skip
        session |= change
        cdr = _cdr(f"C{len(self.cdrs) + 1:05d}", session, place, tariff)
        cdr |= {"total_energy": kwh, "total_time": round(hours, 4), **cost}
        self.cdrs.put(cdr)
        return change, cdr


def set_status(place: list[Json], status: str) -> Json:
    """A new status of the EVSE of `place`, from now on; the PATCH that tells others."""
    change = {"status": status, "last_updated": date_time(now())}
    location, evse, *_ = place
    evse.update(change)
    location["last_updated"] = change["last_updated"]
    return change


def owner_path(value: Json) -> str:
    """Where a client owned object lives below a RECEIVER endpoint."""
    return f"{value['country_code']}/{value['party_id']}/{value.get('id') or value['uid']}"


def driver_of(session: Json) -> Party:
    """The eMSP whose driver it is."""
    return party_of(session["cdr_token"])


def _cost(tariff: Json, kwh: float) -> Json:
    parts = {each["type"]: each for element in tariff["elements"] for each in element["price_components"]}
    energy = _price(parts["ENERGY"], kwh)
    costs = {"total_energy_cost": energy}
    if "FLAT" in parts:
        costs["total_fixed_cost"] = _price(parts["FLAT"], 1)
    return {"total_cost": _sum(costs.values()), **costs}


def _price(component: Json, amount: float) -> Json:
    excl_vat = round(component["price"] * amount, 2)
    return {"excl_vat": excl_vat, "incl_vat": round(excl_vat * (1 + component["vat"] / 100), 2)}


def _sum(prices: Iterable[Json]) -> Json:
    listed = list(prices)
    return {field: round(sum(each[field] for each in listed), 2) for field in ("excl_vat", "incl_vat")}


def _cdr(cdr_id: str, session: Json, place: list[Json], tariff: Json) -> Json:
    location, evse, connector = place
    same = (
        "country_code", "party_id", "start_date_time", "end_date_time", "cdr_token", "auth_method",
        "authorization_reference", "currency", "charging_periods", "last_updated",
    )  # fmt: skip
    return {
        **{field: session[field] for field in same if field in session},
        "id": cdr_id,
        "session_id": session["id"],
        "cdr_location": {
            **{field: location[field] for field in ("id", "name", "address", "city", "postal_code", "country")},
            "coordinates": location["coordinates"],
            "evse_uid": evse["uid"],
            "evse_id": evse["evse_id"],
            "connector_id": connector["id"],
            "connector_standard": connector["standard"],
            "connector_format": connector["format"],
            "connector_power_type": connector["power_type"],
        },
        "tariffs": [tariff],
    }
