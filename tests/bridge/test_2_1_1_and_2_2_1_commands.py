"""Between OCPI 2.1.1 and 2.2.1: each rule for tokens, commands and credentials once, in an example."""

import pytest

from hub.bridge import CanNotBridge, Facts
from hub.bridge.v2_2_1_down import number_in
from tests.bridge.told import MSP, NEW_TOKEN, OLD_TOKEN, down, up


def test_a_token_gets_an_owner():
    assert up("Token", OLD_TOKEN, Facts(owner=MSP)) == (NEW_TOKEN, [])


@pytest.mark.parametrize("kind", ["APP_USER", "AD_HOC_USER"])
def test_a_token_of_an_app_is_another_one(kind):
    told, lost = down("Token", NEW_TOKEN | {"type": kind, "group_id": "g"}, Facts(show_owner=False))
    assert (told, sorted(lost)) == (OLD_TOKEN, ["group_id", "type"])


def test_an_authorisation_is_about_a_token_and_no_connectors():
    place = {"location_id": "L1", "evse_uids": ["E1"]}
    told, lost = up("AuthorizationInfo", {"allowed": "ALLOWED", "location": place | {"connector_ids": ["1"]}})
    assert told == {"allowed": "ALLOWED", "location": place, "token": NEW_TOKEN}
    assert lost == ["location.connector_ids"]
    assert down("AuthorizationInfo", told) == ({"allowed": "ALLOWED", "location": place}, ["token"])
    with pytest.raises(CanNotBridge, match=r"token: OCPI 2.2.1 wants it in the answer"):
        up("AuthorizationInfo", {"allowed": "ALLOWED"}, Facts())


def test_a_command_has_a_token_with_an_owner_and_no_connector():
    start = {"response_url": "https://msp/x", "token": OLD_TOKEN, "location_id": "L1", "evse_uid": "E1"}
    told, lost = up("StartSession", start, Facts(owner=MSP))
    assert (told, lost) == (start | {"token": NEW_TOKEN}, [])
    facts = Facts(show_owner=False)
    assert down("StartSession", told | {"connector_id": "1"}, facts) == (start, ["connector_id"])
    with pytest.raises(CanNotBridge, match="say whose object it is"):
        up("StartSession", start, Facts())


@pytest.mark.parametrize(
    ("reservation_id", "number"),
    [
        ("7", 7),
        ("0", 0),
        ("-7", -7),
        ("2147483647", 2**31 - 1),
        *dict.fromkeys(["2147483648", "007", "7\n", "a-7", "", "-0", "٣"]).items(),
    ],
)
def test_the_number_in_a_reservation_id(reservation_id, number):
    assert number_in(reservation_id) == number
    if number is not None:
        assert down("ReserveNow", {"reservation_id": reservation_id})[0] == {"reservation_id": number}
        assert up("ReserveNow", {"reservation_id": number})[0] == {"reservation_id": reservation_id}


def test_a_reservation_id_that_is_no_number_needs_one():
    command = {"reservation_id": "0190-abcd"}
    assert down("ReserveNow", command, Facts(number=12)) == ({"reservation_id": 12}, [])
    with pytest.raises(CanNotBridge, match=r"reservation_id: OCPI 2.1.1 has numbers") as refusal:
        down("ReserveNow", command, Facts())
    assert "abcd" not in str(refusal.value)


def test_the_answer_to_a_command_and_its_result():
    assert up("CommandResponse", {"result": "ACCEPTED"}) == ({"result": "ACCEPTED", "timeout": 30}, [])
    assert up("CommandResponse", {"result": "TIMEOUT"}) == ({"result": "REJECTED", "timeout": 30}, ["result"])
    assert down("CommandResponse", {"result": "ACCEPTED", "timeout": 9}) == ({"result": "ACCEPTED"}, ["timeout"])
    assert up("CommandResult", {"result": "TIMEOUT"}) == ({"result": "TIMEOUT"}, [])
    assert up("CommandResult", {"result": "UNKNOWN_SESSION"}) == ({"result": "REJECTED"}, ["result"])
    assert down("CommandResult", {"result": "TIMEOUT", "message": []}) == ({"result": "TIMEOUT"}, [])
    assert down("CommandResult", {"result": "EVSE_OCCUPIED"}) == ({"result": "REJECTED"}, ["result"])


def test_credentials_have_one_party_or_many():
    party = {"party_id": "CPO", "country_code": "NL", "business_details": {"name": "Stroom"}}
    old = {"token": "t", "url": "https://cpo/versions", **party}
    new = {"token": "t", "url": "https://cpo/versions", "roles": [{"role": "CPO", **party}]}
    assert up("Credentials", old, Facts(role="CPO")) == (new, [])
    two = new | {"roles": [*new["roles"], {"role": "EMSP", **party}]}
    assert down("Credentials", two) == (old, ["roles[0].role", "roles[1]"])
    assert down("Credentials", {"token": "t", "roles": "CPO"}) == ({"token": "t"}, ["roles"])
    with pytest.raises(CanNotBridge, match=r"roles: OCPI 2.1.1 does not tell the role"):
        up("Credentials", old, Facts())
