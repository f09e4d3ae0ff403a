"""OCPI 2.1.1 told in 2.2.1: tokens, commands and credentials, and the list of all its tables."""

from typing import Any

from hub.bridge.rules import ABSENT, Build, CanNotBridge, Drop, Facts, Json, Lose, Move, Rule, Table, Within, Words
from hub.bridge.v2_1_1_up_locations import CONNECTOR, EVSE, LOCATION, OWNER, STAMP, TARIFF, an_id, ids, up
from hub.bridge.v2_1_1_up_sessions import CDR, SESSION

TIMEOUT = 30
"""How long a command may take, in seconds, where a CPO on 2.1.1 answers, which has no field for that."""

_PARTY = ("party_id", "country_code", "business_details")


def _token(answer: Json, facts: Facts) -> Any:
    if answer.get("token") is not None:
        return ABSENT
    if facts.token is None:
        raise CanNotBridge(
            "token: OCPI 2.2.1 wants it in the answer, and the hub does not know it; its eMSP has to send it", "token"
        )
    return facts.token


def _digits(number: Any, _lose: Lose) -> Any:
    return str(number) if type(number) is int and -(10**35) < number < 10**35 else number


def _roles(credentials: Json, facts: Facts) -> Any:
    if facts.role is None:
        raise CanNotBridge("roles: OCPI 2.1.1 does not tell the role of a party; it has to be said", "role")
    return [{"role": facts.role} | {name: credentials[name] for name in _PARTY if name in credentials}]


_TOKEN = up("Token", {"auth_id": Move("contract_id")}, {**OWNER, **STAMP})
_REFERENCES = up(
    "LocationReferences",
    {"location_id": an_id("location_id"), "evse_uids": ids("evse_uids"), "connector_ids": Drop()},
)
_START: dict[str, Rule] = {"token": Within(_TOKEN), "location_id": an_id("location_id"), "evse_uid": an_id("evse_uid")}

TABLES: tuple[Table, ...] = (
    LOCATION,
    EVSE,
    CONNECTOR,
    TARIFF,
    SESSION,
    CDR,
    _TOKEN,
    _REFERENCES,
    up(
        "AuthorizationInfo",
        {"location": Within(_REFERENCES)},
        {"token": Build(_token, "the token that was asked about, which the hub has to know")},
    ),
    up("StartSession", _START),
    up("ReserveNow", {**_START, "reservation_id": Move(how=_digits, says="its digits")}),
    up("StopSession", {}),
    up("UnlockConnector", {"location_id": an_id("location_id"), "evse_uid": an_id("evse_uid")}),
    up(
        "CommandResponse",
        {"result": Words({"TIMEOUT": None}, otherwise="REJECTED")},
        {"timeout": Build(lambda answer, _: TIMEOUT if answer.get("timeout") is None else ABSENT, f"`{TIMEOUT}`")},
    ),
    # What comes later is a CommandResponse, too, in 2.1.1.
    up("CommandResult", {"result": Words({"UNKNOWN_SESSION": None}, otherwise="REJECTED")}),
    up(
        "Credentials",
        {},
        {"roles": Build(_roles, "the one party, in the role that its endpoints tell", uses=_PARTY)},
    ),
)
