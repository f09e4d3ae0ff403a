"""OCPI 2.1.1 told in 2.2.1: sessions and CDRs, which name their token in full, and their location by id."""

from collections.abc import Callable, Iterator
from typing import Any

from hub.bridge.rules import ABSENT, Build, CanNotBridge, Drop, Facts, Json, Lose, Move, Within, Words
from hub.bridge.v2_1_1_up_locations import COUNTRY, NOT_KNOWN, OWNER, STAMP, TARIFF, an_id, short, up

_TOKEN_FIELDS = ("country_code", "party_id", "uid", "type", "contract_id")
_NOTHING: tuple[Any, ...] = (None, [])


def _cdr_token(holder: Json, facts: Facts) -> Any:
    if holder.get("auth_id", ABSENT) is None:
        return None
    if facts.token is None:
        raise CanNotBridge(
            "auth_id: the token with this auth_id is not known to the hub; its eMSP has to send it first", "token"
        )
    return {name: facts.token[name] for name in _TOKEN_FIELDS if name in facts.token}


def _total(cost: Any, _lose: Lose) -> Any:
    return {"excl_vat": cost} if type(cost) in (int, float) else cost


def _first(holder: Json, name: str) -> Json:
    """The first of a list of objects; an empty object where there is none."""
    match holder.get(name):
        case [dict(first), *_]:
            return first
    return {}


def _evse(location: Json) -> Json:
    return _first(location, "evses")


def _connector(location: Json) -> Json:
    return _first(_evse(location), "connectors")


def _or(otherwise: str, value: Any) -> Any:
    return otherwise if value is None else value


def _location_id(location: Json) -> Any:
    return short("location.id", location.get("id", ABSENT))


def _evse_uid(location: Json) -> Any:
    return _or(NOT_KNOWN, short("location.evses.uid", _evse(location).get("uid")))


def _connector_id(location: Json) -> Any:
    return _or(NOT_KNOWN, _connector(location).get("id"))


def _of_location(how: Callable[[Json], Any], says: str) -> Build:
    """A field of a session that is made from its location."""

    def build(session: Json, _facts: Facts) -> Any:
        location = session.get("location")
        return how(location) if isinstance(location, dict) else ABSENT

    return Build(build, says, whole=False)


def _more_than_ids(location: Any) -> Iterator[str]:
    """All of the location, where it is more than the ids of itself, of one EVSE and of one connector."""
    held = [location]
    for name, below in (("id", "evses"), ("uid", "connectors"), ("id", "")):
        match held:
            case [dict(one)] if not {each for each in one if one[each] not in _NOTHING} - {name, below}:
                held = one.get(below) or []
            case []:
                return
            case _:
                yield ""
                return


def _more_than_kept(evses: Any) -> Iterator[str]:
    """What a CDR of 2.2.1 does not keep of EVSE and connector: it has their ids, and what kind of connector it is."""
    if not isinstance(evses, list):
        yield ""
        return
    for at, evse in enumerate(evses):
        if at or not isinstance(evse, dict):
            yield f"[{at}]"
            continue
        for name, value in evse.items():
            if name == "connectors" and isinstance(value, list):
                yield from (f"[0].connectors{below}" for below in _more_than_connector(value))
            elif name not in ("uid", "evse_id") and value not in _NOTHING and (name, value) != ("status", "UNKNOWN"):
                yield f"[0].{name}"


def _more_than_connector(connectors: list[Any]) -> Iterator[str]:
    for at, connector in enumerate(connectors):
        if at or not isinstance(connector, dict):
            yield f"[{at}]"
            continue
        for name, value in connector.items():
            if name not in ("id", "standard", "format", "power_type") and value not in _NOTHING:
                yield f"[0].{name}"


_PERIOD = up(
    "ChargingPeriod",
    {"dimensions": Within(up("CdrDimension", {"type": Words({"FLAT": None}, needed=True)}), needed=True)},
)
_TOTAL_COST = Move(how=_total, says="as `excl_vat`")
_CDR_TOKEN = {
    "cdr_token": Build(_cdr_token, "the token with this auth_id, which the hub has to know", uses=("auth_id",))
}

SESSION = up(
    "Session",
    {
        "start_datetime": Move("start_date_time"),
        "end_datetime": Move("end_date_time"),
        "location": Drop("a session names its location by id", _more_than_ids),
        "charging_periods": Within(_PERIOD),
        "total_cost": _TOTAL_COST,
    },
    {
        **OWNER,
        **STAMP,
        **_CDR_TOKEN,
        "location_id": _of_location(_location_id, "id of `location`"),
        "evse_uid": _of_location(_evse_uid, f"uid of the first EVSE of `location`; `{NOT_KNOWN}` without"),
        "connector_id": _of_location(_connector_id, f"id of its first connector; `{NOT_KNOWN}` without"),
    },
    {"charging_periods": Drop("in a PATCH they replace what is there; in OCPI 2.2.1 they would be added to it")},
)

_PLACE = up(
    "CdrLocation",
    {
        "id": an_id("location.id"),
        "type": Drop(parts=lambda kind: () if kind == "UNKNOWN" else ("",)),
        "country": COUNTRY,
        "evses": Drop("a CDR keeps less of the EVSE and the connector", _more_than_kept),
        **dict.fromkeys(
            (
                "related_locations",
                "directions",
                "operator",
                "suboperator",
                "owner",
                "facilities",
                "time_zone",
                "opening_times",
                "charging_when_closed",
                "images",
                "energy_mix",
                "last_updated",
            ),
            Drop(),
        ),
    },
    {
        "evse_uid": Build(lambda place, _: _evse_uid(place), f"uid of the first EVSE; `{NOT_KNOWN}` without"),
        "evse_id": Build(
            lambda place, _: _or(NOT_KNOWN, _evse(place).get("evse_id")),
            f"that of the first EVSE; `{NOT_KNOWN}` without",
        ),
        "connector_id": Build(
            lambda place, _: _connector_id(place), f"id of its first connector; `{NOT_KNOWN}` without"
        ),
        # Without an EVSE these are of any value, and nobody looks at them (2.2.1 section 10.4.4).
        "connector_standard": Build(
            lambda place, _: _or("IEC_62196_T2", _connector(place).get("standard")),
            "that of the connector; `IEC_62196_T2` without",
        ),
        "connector_format": Build(
            lambda place, _: _or("SOCKET", _connector(place).get("format")), "that of the connector; `SOCKET` without"
        ),
        "connector_power_type": Build(
            lambda place, _: _or("AC_3_PHASE", _connector(place).get("power_type")),
            "that of the connector; `AC_3_PHASE` without",
        ),
    },
)
CDR = up(
    "CDR",
    {
        "stop_date_time": Move("end_date_time"),
        "location": Within(_PLACE, to="cdr_location"),
        "tariffs": Within(TARIFF),
        "charging_periods": Within(_PERIOD, needed=True),
        "total_cost": _TOTAL_COST,
    },
    {**OWNER, **_CDR_TOKEN},
)
