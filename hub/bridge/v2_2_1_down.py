"""OCPI 2.2.1 told in 2.1.1: tokens, commands and credentials, and the list of all its tables."""

import re
from collections.abc import Iterator
from typing import Any

from hub.bridge.rules import ABSENT, Build, CanNotBridge, Drop, Facts, Json, Move, Rule, Table, Within, Words
from hub.bridge.v2_2_1_down_locations import CONNECTOR, EVSE, LOCATION, OWNER, TARIFF, down, without_word
from hub.bridge.v2_2_1_down_sessions import CDR, SESSION
from hub.ocpi import v2_1_1 as old
from hub.ocpi import v2_2_1 as new

_NUMBER = re.compile("0|-?[1-9][0-9]{0,9}")
_PARTY = ("party_id", "country_code", "business_details")


def number_in(reservation_id: str) -> int | None:
    """The number that a reservation_id is. None where it is none, or not as 2.1.1 has it: `007` is not 7."""
    if not _NUMBER.fullmatch(reservation_id):
        return None
    number = int(reservation_id)
    return number if -(2**31) <= number < 2**31 else None


def _reservation_id(command: Json, facts: Facts) -> Any:
    reservation_id = command.get("reservation_id")
    if not isinstance(reservation_id, str):
        return ABSENT
    number = number_in(reservation_id)
    if number is None:
        number = facts.number
    if number is None:
        raise CanNotBridge("reservation_id: OCPI 2.1.1 has numbers of 32 bits only; give it such a one", "number")
    return number


def _first_role(credentials: Json) -> Json:
    match credentials.get("roles"):
        case [dict(first), *_]:
            return first
    return {}


def _of_role(name: str) -> Build:
    return Build(lambda credentials, _: _first_role(credentials).get(name, ABSENT), "that of the first role")


def _beside_party(roles: Any) -> Iterator[str]:
    for at, role in enumerate(roles if isinstance(roles, list) else ()):
        if at or not isinstance(role, dict):
            yield f"[{at}]"
        else:
            yield from (f"[0].{name}" for name, value in role.items() if name not in _PARTY and value is not None)
    if not isinstance(roles, list):
        yield ""


_TOKEN = down(
    "Token",
    {
        **OWNER,
        "type": Words(without_word(new.TokenType, old.TokenType), otherwise="OTHER"),
        "contract_id": Move("auth_id"),
        "group_id": Drop(),
        "default_profile_type": Drop(),
        "energy_contract": Drop(),
    },
)
_START: dict[str, Rule] = {"token": Within(_TOKEN), "authorization_reference": Drop()}

TABLES: tuple[Table, ...] = (
    LOCATION,
    EVSE,
    CONNECTOR,
    TARIFF,
    SESSION,
    CDR,
    _TOKEN,
    down("LocationReferences", {}),
    down("AuthorizationInfo", {"token": Drop(), "authorization_reference": Drop()}),
    down("StartSession", {**_START, "connector_id": Drop()}),
    down(
        "ReserveNow",
        _START,
        {
            "reservation_id": Build(
                _reservation_id,
                "its digits as a number of 32 bits, else a number that the hub keeps for it",
                uses=("reservation_id",),
            )
        },
    ),
    down("StopSession", {}),
    down("UnlockConnector", {}),
    down("CommandResponse", {"timeout": Drop(), "message": Drop()}),
    # What comes later is a CommandResponse, too, in 2.1.1.
    down(
        "CommandResult",
        {
            "result": Words(without_word(new.CommandResultType, old.CommandResponseType), otherwise="REJECTED"),
            "message": Drop(),
        },
    ),
    down(
        "Credentials",
        {"roles": Drop("a connection has one party, without a role, in OCPI 2.1.1", _beside_party)},
        {name: _of_role(name) for name in _PARTY},
    ),
)
