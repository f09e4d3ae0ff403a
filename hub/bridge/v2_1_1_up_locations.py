"""OCPI 2.1.1 told in 2.2.1: what every object needs (an owner, short ids), locations and tariffs."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from hub.bridge.countries import ALPHA_3
from hub.bridge.rules import ABSENT, Build, CanNotBridge, Facts, Json, Lose, Lost, Move, Rule, Table, Within
from hub.core.party import Party

NOT_KNOWN = "#NA"
"""What 2.2.1 has for a text that is required and can not be had (transport and format, "No data available")."""

_LONGEST_ID = 36
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]+)?")


def up(
    kind: str,
    fields: Mapping[str, Rule],
    builds: Mapping[str, Build] | None = None,
    patches: Mapping[str, Rule] | None = None,
) -> Table:
    """A table from 2.1.1 to 2.2.1."""
    return Table(kind, "2.1.1", "2.2.1", fields, builds or {}, patches or {})


def short(name: str, value: Any, _lose: Lose | None = None) -> Any:
    """An id that is not too long for 2.2.1. CanNotBridge where it is: an id that is cut is another one."""
    if isinstance(value, str) and len(value) > _LONGEST_ID:
        raise CanNotBridge(f"{name}: OCPI 2.2.1 has ids of {_LONGEST_ID} characters at most; give it a shorter one")
    return value


def an_id(name: str) -> Move:
    """The rule for an id that may be longer in 2.1.1."""
    return Move(how=partial(short, name), says="at most 36 characters, else the object is refused")


def ids(name: str) -> Move:
    """The rule for a list of such ids."""

    def how(values: Any, _lose: Lose) -> Any:
        return [short(name, value) for value in values] if isinstance(values, list) else values

    return Move(how=how, says="at most 36 characters each, else the object is refused")


def _owner(facts: Facts) -> Party:
    if facts.owner is None:
        raise CanNotBridge(
            "country_code and party_id: OCPI 2.1.1 has them in URLs only; say whose object it is", "owner"
        )
    return facts.owner


def _stamp(patch: Json, facts: Facts) -> Any:
    if patch.get("last_updated") is not None:
        return ABSENT
    if facts.received is None:
        raise CanNotBridge("last_updated: OCPI 2.2.1 requires it in a PATCH; send it along", "received")
    return facts.received


OWNER = {
    "country_code": Build(lambda _, facts: _owner(facts).country, "that of the owner, as in the URL or the connection"),
    "party_id": Build(lambda _, facts: _owner(facts).party_id, "that of the owner, as in the URL or the connection"),
}
STAMP = {"last_updated": Build(_stamp, "in a PATCH without it: when the hub received that", patch=True)}


def _parking_type(kind: Any, _lose: Lose) -> Any:
    if kind == "OTHER":
        raise Lost("OCPI 2.2.1 has no word for it")
    return ABSENT if kind == "UNKNOWN" else kind


def _alpha_3(country: Any, _lose: Lose) -> Any:
    return ALPHA_3.get(country, country) if isinstance(country, str) else country


def _price(price: Any, _lose: Lose) -> Any:
    return float(price) if isinstance(price, str) and _NUMBER.fullmatch(price) else price


COUNTRY = Move(how=_alpha_3, says="three letters where there were two")
_ENERGY_MIX = Within(
    up("EnergyMix", {"environ_impact": Within(up("EnvironmentalImpact", {"source": Move("category")}))})
)
_HOURS = up(
    "Hours",
    {},
    {
        "twentyfourseven": Build(
            lambda hours, _: not hours.get("regular_hours") if hours.get("twentyfourseven") is None else ABSENT,
            "where it is not said: `false` with regular hours, `true` without",
        )
    },
)
CONNECTOR = up(
    "Connector",
    {
        "voltage": Move("max_voltage"),
        "amperage": Move("max_amperage"),
        "tariff_id": Move("tariff_ids", how=lambda tariff, _: [tariff], says="a list of the one"),
    },
    STAMP,
)
EVSE = up("EVSE", {"uid": an_id("uid"), "connectors": Within(CONNECTOR)}, STAMP)
LOCATION = up(
    "Location",
    {
        "id": an_id("id"),
        "type": Move("parking_type", how=_parking_type, says="nothing for `UNKNOWN`, and for `OTHER`, which is lost"),
        "country": COUNTRY,
        "evses": Within(EVSE),
        "opening_times": Within(_HOURS),
        "energy_mix": _ENERGY_MIX,
    },
    {
        **OWNER,
        **STAMP,
        "publish": Build(lambda location, _: ABSENT if location.get("publish") is not None else True, "`true`"),
        "time_zone": Build(
            lambda location, _: NOT_KNOWN if location.get("time_zone") is None else ABSENT,
            f"`{NOT_KNOWN}` where it is not said",
            uses=("time_zone",),
        ),
    },
)
_COMPONENT = up("PriceComponent", {"price": Move(how=_price, says="a number, also where it was a text")})
TARIFF = up(
    "Tariff",
    {"elements": Within(up("TariffElement", {"price_components": Within(_COMPONENT)})), "energy_mix": _ENERGY_MIX},
    OWNER,
)
