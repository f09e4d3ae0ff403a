"""OCPI 2.2.1 told in 2.1.1: sessions and CDRs, which hold the location with the one EVSE and connector in use."""

from typing import Any

from hub.bridge.apply import Walk
from hub.bridge.rules import (
    Build,
    CanNotBridge,
    Drop,
    Facts,
    Json,
    Lose,
    Lost,
    Move,
    Partly,
    Rule,
    Within,
    Words,
)
from hub.bridge.v2_1_1_up_locations import NOT_KNOWN
from hub.bridge.v2_2_1_down_locations import (
    ADDRESS,
    ONE_PHASE,
    OWNER,
    PLACE,
    POINT,
    POSTAL_CODE,
    POWER,
    STANDARDS,
    TARIFF,
    down,
    without_word,
)
from hub.ocpi import v2_1_1 as old
from hub.ocpi import v2_2_1 as new
from hub.ocpi.types import same

_LONGEST_ID = 36
_UNSAID: tuple[Any, ...] = (None, NOT_KNOWN)
_CONNECTOR_FIELDS = {
    "connector_id": "id",
    "connector_standard": "standard",
    "connector_format": "format",
    "connector_power_type": "power_type",
}


def _auth_id(token: Any, lose: Lose) -> Any:
    if not isinstance(token, dict):
        return token
    if token.get("contract_id") is None:
        raise Lost("it has no contract_id")
    if any(value is not None for name, value in token.items() if name != "contract_id"):
        lose("", "OCPI 2.1.1 names a token by its contract_id only")
    return token["contract_id"]


def _without_vat(price: Any, lose: Lose) -> Any:
    if not isinstance(price, dict):
        return price
    if price.get("excl_vat") is None:
        raise Lost("it has no excl_vat")
    for name, value in price.items():
        if name != "excl_vat" and value is not None:
            lose(f".{name}", "a cost is one number, without VAT, in OCPI 2.1.1")
    return price["excl_vat"]


def _short(cdr_id: Any, _lose: Lose) -> Any:
    if isinstance(cdr_id, str) and len(cdr_id) > _LONGEST_ID:
        raise CanNotBridge(f"id: OCPI 2.1.1 has ids of {_LONGEST_ID} characters at most; give it a shorter one")
    return cdr_id


# The location of a session


def _location(session: Json, facts: Facts) -> Any:
    """The location that the hub knows, cut to what the session is at. What of it is lost is not the session's."""
    if facts.location is None:
        raise CanNotBridge(
            "location_id: the location with this id is not known to the hub; its CPO has to send it first", "location"
        )
    uid, connector_id = session.get("evse_uid"), session.get("connector_id")
    evses = [_cut(evse, connector_id) for evse in _those(facts.location.get("evses"), "uid", uid)]
    told = Walk(facts).apply(PLACE, {**facts.location, "evses": evses})
    return Partly(told, tuple(_not_in(told["evses"], uid, connector_id)))


def _those(held: Any, name: str, wanted: Any) -> list[Json]:
    """The objects of a list that have an id, compared as 2.2.1 does."""
    if not isinstance(held, list) or not isinstance(wanted, str):
        return []
    return [one for one in held if isinstance(one, dict) and isinstance(one.get(name), str) and same(one[name], wanted)]


def _cut(evse: Json, connector_id: Any) -> Json:
    """The EVSE with the one connector; with all of them where it is not said, or not known, which one it is."""
    connectors = _those(evse.get("connectors"), "id", connector_id)
    return {**evse, "connectors": connectors} if connectors else evse


def _not_in(evses: list[Json], uid: Any, connector_id: Any) -> list[tuple[str, str]]:
    lost = []
    if uid not in _UNSAID and not evses:
        lost.append(("evse_uid", "the location that the hub knows has no such EVSE, or none for OCPI 2.1.1"))
    if connector_id not in _UNSAID and not any(_those(evse.get("connectors"), "id", connector_id) for evse in evses):
        lost.append(("connector_id", "the location that the hub knows has no such connector, or none for OCPI 2.1.1"))
    return lost


# The location of a CDR


def _stamped(cdr: Json, _lose: Lose) -> Json:
    """The location in a CDR is as old as the CDR: 2.1.1 wants to be told."""
    place, moment = cdr.get("cdr_location"), cdr.get("last_updated")
    if not isinstance(place, dict) or moment is None or "last_updated" in place:
        return cdr
    return {**cdr, "cdr_location": {**place, "last_updated": moment}}


def _evses(place: Json, _facts: Facts) -> Any:
    """The EVSE and connector of a CDR, or none where 2.1.1 has no word for the connector."""
    uid, evse_id = place.get("evse_uid"), place.get("evse_id")
    said = [name for name in ("evse_uid", "evse_id", "connector_id") if place.get(name) not in _UNSAID]
    if uid in _UNSAID:
        # No EVSE was used: of what kind it was is not to be looked at (2.2.1 section 10.4.4).
        return Partly([], tuple((name, "without an evse_uid there is no place for it") for name in said))
    connector = {to: place[name] for name, to in _CONNECTOR_FIELDS.items() if name in place}
    if _is_in(STANDARDS, connector.get("standard")):
        why = "OCPI 2.1.1 has no word for the connector_standard"
        kind = [name for name in _CONNECTOR_FIELDS if name != "connector_id" and place.get(name) is not None]
        return Partly([], tuple((name, why) for name in said + kind))
    lost: tuple[tuple[str, str], ...] = ()
    if _is_in(POWER, connector.get("power_type")):
        lost = (("connector_power_type", "OCPI 2.1.1 has no word for it"),)
        connector["power_type"] = ONE_PHASE
    moment = {name: place[name] for name in ("last_updated",) if name in place}
    evse = {"uid": uid, "status": "UNKNOWN", "connectors": [{**connector, "voltage": 0, "amperage": 0, **moment}]}
    return Partly([evse | moment | ({} if evse_id in _UNSAID else {"evse_id": evse_id})], lost)


def _is_in(words: dict[str, None], word: Any) -> bool:
    return isinstance(word, str) and word in words


_PERIOD = down(
    "ChargingPeriod",
    {
        "dimensions": Within(
            down(
                "CdrDimension",
                {"type": Words(without_word(new.CdrDimensionType, old.CdrDimensionType), needed=True)},
            ),
            needed=True,
        ),
        "tariff_id": Drop(),
    },
)
_COMMON: dict[str, Rule] = {
    **OWNER,
    "cdr_token": Move("auth_id", how=_auth_id, says="its contract_id; the rest is lost"),
    "auth_method": Words({"COMMAND": None}, otherwise="AUTH_REQUEST"),
    "authorization_reference": Drop(),
    "total_cost": Move(how=_without_vat, says="its `excl_vat`; the rest is lost"),
}
SESSION = down(
    "Session",
    {
        **_COMMON,
        "start_date_time": Move("start_datetime"),
        "end_date_time": Move("end_datetime"),
        "charging_periods": Within(_PERIOD),
        "status": Words({"RESERVATION": None}, otherwise="PENDING"),
    },
    {
        "location": Build(
            _location,
            "the location with this id, which the hub has to know, with the one EVSE and connector",
            uses=("location_id", "evse_uid", "connector_id"),
        )
    },
    {"charging_periods": Drop("in a PATCH they are added to what is there; in OCPI 2.1.1 they would replace it")},
)
_CDR_PLACE = down(
    "CdrLocation",
    {"address": ADDRESS, "state": Drop(), "coordinates": POINT},
    {
        **POSTAL_CODE,
        "type": Build(lambda _, __: "UNKNOWN", "`UNKNOWN`"),
        "evses": Build(
            _evses,
            "the one EVSE with the one connector, of status `UNKNOWN`, 0 volts and 0 amperes; none where OCPI 2.1.1 "
            "has no word for the connector",
            uses=("evse_uid", "evse_id", *_CONNECTOR_FIELDS),
        ),
    },
)
CDR = down(
    "CDR",
    {
        **_COMMON,
        "id": Move(how=_short, says="at most 36 characters, else the CDR is refused"),
        "end_date_time": Move("stop_date_time"),
        "cdr_location": Within(_CDR_PLACE, to="location"),
        "tariffs": Within(TARIFF),
        "charging_periods": Within(_PERIOD, needed=True),
        **dict.fromkeys(
            (
                "session_id",
                "signed_data",
                "total_fixed_cost",
                "total_energy_cost",
                "total_time_cost",
                "total_parking_cost",
                "total_reservation_cost",
                "invoice_reference_id",
                "credit",
                "credit_reference_id",
                "home_charging_compensation",
            ),
            Drop(),
        ),
    },
    first=_stamped,
    says="Its location gets the `last_updated` of the CDR.",
)
