"""OCPI 2.2.1 told in 2.1.1: owners in objects, locations and tariffs. Words that are new there have no other."""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from hub.bridge.rules import ABSENT, Build, Drop, Json, Lose, Lost, Move, Only, Rule, Table, Within, Words
from hub.bridge.v2_1_1_up_locations import NOT_KNOWN
from hub.ocpi import v2_1_1 as old
from hub.ocpi import v2_2_1 as new

_LONGEST_ADDRESS = 45
_DEGREES = re.compile(r"-?[0-9]{1,3}\.[0-9]{5,7}")
_CONDITIONS = ("min_current", "max_current", "reservation")


def down(
    kind: str,
    fields: Mapping[str, Rule],
    builds: Mapping[str, Build] | None = None,
    patches: Mapping[str, Rule] | None = None,
    first: Callable[[Json, Lose], Json] | None = None,
    says: str = "",
) -> Table:
    """A table from 2.2.1 to 2.1.1."""
    return Table(kind, "2.2.1", "2.1.1", fields, builds or {}, patches or {}, first, says)


def without_word(ours: type[StrEnum], theirs: type[StrEnum]) -> dict[str, None]:
    """The words of an enum that the other one does not have."""
    known = {each.value for each in theirs}
    return {each.value: None for each in ours if each.value not in known}


OWNER = dict.fromkeys(("country_code", "party_id"), Only(lambda facts: facts.show_owner))
POWER = without_word(new.PowerType, old.PowerType)
STANDARDS = without_word(new.ConnectorType, old.ConnectorType)
ONE_PHASE = "AC_1_PHASE"


def _degrees(degrees: Any, lose: Lose) -> Any:
    """With six decimals, which is a step of eleven centimetres: 2.2.1 has five to seven, 2.1.1 just these."""
    if not isinstance(degrees, str) or not _DEGREES.fullmatch(degrees):
        return degrees
    whole, _, decimals = degrees.partition(".")
    if decimals[6:] not in ("", "0"):
        lose("", "OCPI 2.1.1 has six decimals")
    return f"{whole}.{decimals[:6]:0<6}"


def _address(address: Any, lose: Lose) -> Any:
    if not isinstance(address, str) or len(address) <= _LONGEST_ADDRESS:
        return address
    lose("", f"OCPI 2.1.1 has {_LONGEST_ADDRESS} characters: it is cut")
    return address[:_LONGEST_ADDRESS]


def _tariff_id(tariffs: Any, lose: Lose) -> Any:
    if not isinstance(tariffs, list):
        return tariffs
    for at in range(1, len(tariffs)):
        lose(f"[{at}]", "a connector has one tariff in OCPI 2.1.1")
    return tariffs[0] if tariffs else ABSENT


def _if_published(location: Json, _lose: Lose) -> Json:
    if location.get("publish") is False:
        raise Lost("publish: this location may not be published, and OCPI 2.1.1 has only such that may")
    return location


def _if_unconditional(restrictions: Json, _lose: Lose) -> Json:
    """Without its condition an element would hold where it does not, and be the first that does."""
    if met := [name for name in _CONDITIONS if restrictions.get(name) is not None]:
        raise Lost(f"OCPI 2.1.1 has no {' and no '.join(met)}")
    return restrictions


_POINT = down("GeoLocation", dict.fromkeys(("latitude", "longitude"), Move(how=_degrees, says="with six decimals")))
POINT = Within(_POINT)
_ENERGY_MIX = Within(
    down("EnergyMix", {"environ_impact": Within(down("EnvironmentalImpact", {"category": Move("source")}))})
)
ADDRESS = Move(how=_address, says=f"{_LONGEST_ADDRESS} characters of it")
POSTAL_CODE = {
    "postal_code": Build(
        lambda place, _: "" if place.get("postal_code") is None else ABSENT,
        '`""` where there is none',
        uses=("postal_code",),
    )
}
CONNECTOR = down(
    "Connector",
    {
        "standard": Words(STANDARDS, needed=True),
        "power_type": Words(POWER, otherwise=ONE_PHASE),
        "max_voltage": Move("voltage"),
        "max_amperage": Move("amperage"),
        "max_electric_power": Drop(),
        "tariff_ids": Move("tariff_id", how=_tariff_id, says="the first of them; others are lost"),
    },
)
EVSE = down(
    "EVSE",
    {
        "capabilities": Words(without_word(new.Capability, old.Capability)),
        "connectors": Within(CONNECTOR, needed=True),
        "coordinates": POINT,
    },
)
PLACE = down(
    "Location",
    {
        **OWNER,
        "publish": Drop(parts=lambda publish: () if publish is True else ("",)),
        "publish_allowed_to": Drop(),
        "address": ADDRESS,
        "state": Drop(),
        "coordinates": POINT,
        "related_locations": POINT,
        "parking_type": Words(without_word(new.ParkingType, old.LocationType), to="type", otherwise="OTHER"),
        "evses": Within(EVSE),
        "facilities": Words(without_word(new.Facility, old.Facility)),
        "time_zone": Move(how=lambda zone, _: ABSENT if zone == NOT_KNOWN else zone, says=f"nothing for `{NOT_KNOWN}`"),
        "energy_mix": _ENERGY_MIX,
    },
    {
        **POSTAL_CODE,
        "type": Build(
            lambda location, _: "UNKNOWN" if location.get("parking_type") is None else ABSENT,
            "`UNKNOWN` where there is no parking_type",
            uses=("parking_type",),
        ),
    },
)
"""A location that somebody has to know anyway, as that of a session."""

LOCATION = down(
    PLACE.kind,
    PLACE.fields,
    PLACE.builds,
    first=_if_published,
    says="One with `publish` false is refused: OCPI 2.1.1 has only such that may be published.",
)
_RESTRICTIONS = down(
    "TariffRestrictions",
    dict.fromkeys(_CONDITIONS, Drop()),
    first=_if_unconditional,
    says="With one of these conditions the element is left out: without it, it would hold where it does not.",
)
_ELEMENT = down(
    "TariffElement",
    {
        "price_components": Within(down("PriceComponent", {"vat": Drop()})),
        "restrictions": Within(_RESTRICTIONS, needed=True),
    },
)
TARIFF = down(
    "Tariff",
    {
        **OWNER,
        **dict.fromkeys(("type", "min_price", "max_price", "start_date_time", "end_date_time"), Drop()),
        "elements": Within(_ELEMENT, needed=True),
        "energy_mix": _ENERGY_MIX,
    },
)
