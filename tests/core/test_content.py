"""What the content of a message says about its receiver (2.2.1, transport_and_format: Open Routing Request)."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.catalogue import CATALOGUE
from hub.core.content import Hint, Key, Kind, driver, hints_of, keys_of
from hub.core.custom import operations
from hub.core.directory import Directory, Platform, State
from hub.core.message import Message
from hub.core.modules import Interface
from hub.core.party import Party
from hub.ocpi.reservations import RESERVATIONS

CPO, EMSP = Party("NL", "CPO"), Party("DE", "MSP")
ALL = CATALOGUE.plus(operations("reservations", RESERVATIONS))
PLATFORM = Platform(id=1, name="P", state=State.REGISTERED)


def message(call: str, body: object = None, sender: Party = CPO, **changes) -> Message:
    method, _, rest = call.partition(" ")
    side, module, *segments = rest.split("/")
    operation = ALL.module("2.2.1", Interface(side), module).find(method, tuple(segments))
    return Message(
        operation=operation,
        segments=tuple(segments),
        body=body if isinstance(body, bytes) else msgspec.json.encode(body),
        request_id="r",
        correlation_id="c",
        platform=PLATFORM,
        sender=sender,
        deadline=math.inf,
        directory=Directory(hub=Party("XX", "HUB")),
        **changes,
    )


@pytest.mark.parametrize(
    ("call", "body", "kind"),
    [
        ("POST RECEIVER/commands/START_SESSION", {"location_id": "Id1"}, Kind.LOCATION),
        ("POST RECEIVER/commands/RESERVE_NOW", {"location_id": "Id1", "reservation_id": "R"}, Kind.LOCATION),
        ("POST RECEIVER/commands/UNLOCK_CONNECTOR", {"location_id": "Id1"}, Kind.LOCATION),
        ("POST RECEIVER/commands/STOP_SESSION", {"session_id": "Id1", "location_id": None}, Kind.SESSION),
        ("POST RECEIVER/commands/CANCEL_RESERVATION", {"reservation_id": "Id1"}, Kind.RESERVATION),
        ("PUT SENDER/sessions/Id1/charging_preferences", {}, Kind.SESSION),
        ("PATCH RECEIVER/sessions/NL/CPO/Id1", {}, Kind.SESSION),
        ("PUT RECEIVER/chargingprofiles/Id1", {}, Kind.SESSION),
        ("GET RECEIVER/chargingprofiles/Id1", None, Kind.SESSION),
        ("DELETE RECEIVER/chargingprofiles/Id1", None, Kind.SESSION),
        ("PUT SENDER/chargingprofiles/Id1", {}, Kind.SESSION),
        ("GET SENDER/locations/Id1", None, Kind.LOCATION),
        ("GET SENDER/locations/Id1/E/C", None, Kind.LOCATION),
        ("POST SENDER/tokens/Id1/authorize", None, Kind.TOKEN),
    ],
)
def test_what_has_to_be_looked_up(call, body, kind):
    assert keys_of(message(call, body)) == (Key(kind, "id1", CPO),)


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("POST RECEIVER/commands/DANCE", {"location_id": "Id1"}),
        ("POST RECEIVER/commands/STOP_SESSION", {"location_id": "Id1"}),
        ("POST RECEIVER/commands/STOP_SESSION", {"session_id": 7}),
        ("POST RECEIVER/commands/STOP_SESSION", b"[1"),
        ("POST RECEIVER/commands/STOP_SESSION", b"[]"),
        ("GET SENDER/locations", None),
        ("POST RECEIVER/cdrs", {}),
        ("GET SENDER/tariffs", None),
    ],
)
def test_what_says_nothing(call, body):
    assert keys_of(message(call, body)) == ()


@pytest.mark.parametrize("more", [{}, {"session_id": None}, {"location_id": 5}, {"reservation_id": {}}])
def test_a_cdr_token_names_the_party_whatever_else_is_there(more):
    """Optional fields that are null are common; a CDR's session_id is one."""
    body = {"cdr_token": {"country_code": "de", "party_id": "Msp", "uid": "1"}, **more}
    assert driver(message("POST RECEIVER/cdrs", body)) == EMSP
    assert driver(message("PUT RECEIVER/sessions/NL/CPO/S", body)) == EMSP
    assert driver(message("PUT RECEIVER/locations/NL/CPO/S", body)) is None


@pytest.mark.parametrize("token", [None, {}, {"country_code": "D", "party_id": "MSP"}, {"country_code": None}, 4])
def test_a_cdr_token_that_names_nobody(token):
    assert driver(message("POST RECEIVER/cdrs", {"cdr_token": token})) is None


def test_both_sides_of_a_session_are_remembered():
    made = hints_of(message("PUT RECEIVER/sessions/NL/CPO/S1", {}), EMSP)
    assert set(made) == {Hint(Key(Kind.SESSION, "s1", EMSP), CPO), Hint(Key(Kind.SESSION, "s1", CPO), EMSP)}


def test_objects_of_custom_modules_are_looked_up_below_their_owner_and_by_their_card():
    pushed = keys_of(message("PUT RECEIVER/reservations/NL/CPO/R1", {"token_uid": "Card1"}))
    own = Key(Kind.OBJECT, "reservations/nl/cpo/r1", CPO)
    assert pushed == (own, Key(Kind.TOKEN, "card1", CPO))
    assert keys_of(message("GET RECEIVER/reservations/NL/CPO/R1", b"")) == (own,)
    assert keys_of(message("PATCH RECEIVER/reservations/NL/CPO/R1", {"token_uid": 5})) == (own,)
    assert keys_of(message("GET SENDER/reservations", b"")) == ()


@pytest.mark.parametrize("call", ["POST SENDER/reservations/NL/CPO/R1", "PATCH SENDER/reservations/NL/CPO/R1"])
def test_who_asked_for_an_object_of_a_custom_module_is_remembered(call):
    key = Key(Kind.OBJECT, "reservations/nl/cpo/r1", CPO)
    assert Hint(key, EMSP) in hints_of(message(call, {"token_uid": "Card1"}, sender=EMSP), CPO)
    assert [*hints_of(message("GET SENDER/reservations/NL/CPO/R1", b"", sender=EMSP), CPO)] == []


def test_a_reservation_is_remembered_when_it_is_made():
    body = {"location_id": "L", "reservation_id": "R1"}
    made = hints_of(message("POST RECEIVER/commands/RESERVE_NOW", body, EMSP), CPO)
    assert set(made) == {Hint(Key(Kind.RESERVATION, "r1", EMSP), CPO), Hint(Key(Kind.RESERVATION, "r1", CPO), EMSP)}
    for command, other in [("RESERVE_NOW", {"location_id": "L"}), ("START_SESSION", body), ("STOP_SESSION", body)]:
        assert not hints_of(message(f"POST RECEIVER/commands/{command}", other, EMSP), CPO)


@given(st.sampled_from([*CATALOGUE.operations()]), st.binary() | st.dictionaries(
    st.sampled_from(("cdr_token", "auth_id", "location_id", "session_id", "reservation_id")),
    st.none() | st.integers() | st.text() | st.dictionaries(st.sampled_from(("country_code", "party_id")), st.text()),
).map(msgspec.json.encode))  # fmt: skip
def test_no_content_is_too_odd(operation, body):
    asked = msgspec.structs.replace(
        message("GET SENDER/locations"), operation=operation, body=body, segments=("x",) * len(operation.path)
    )
    keys, named = keys_of(asked), driver(asked)
    assert all(key.id == key.id.lower() != "" for key in keys)
    assert named is None or asked.module in ("sessions", "cdrs")
    for hint in hints_of(asked, EMSP):
        assert {hint.key.asker, hint.party} == {CPO, EMSP}
