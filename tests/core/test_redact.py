"""Bodies as a capture keeps them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.redact import HIDDEN, redacted
from tests.versions import cdr, location, session, token

CANARY = "canary-canary"


def shown(value: object) -> object:
    return json.loads(redacted(json.dumps(value).encode()))


@pytest.mark.parametrize("version", ["2.1.1", "2.2.1", "2.3.0"])
def test_cards_and_contracts_are_hidden_and_chargers_are_not(version):
    for made in (token, session, cdr):
        text = json.dumps(shown(made(version)))
        assert not [word for word in ("CARD1", "DE-MSP-C1", "DF000") if word in text]
    assert shown(location(version)) == location(version)
    command = {"token": token(version), "location_id": "LOC1", "response_url": "https://u:p@x.example/a?k=1#f"}
    start = shown(command)
    assert "CARD1" not in json.dumps(start)
    assert (start["token"]["issuer"], start["location_id"]) == ("Test", "LOC1")
    assert start["response_url"] == "https://x.example/a?[hidden]"


@given(st.recursive(st.just(CANARY), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
@pytest.mark.parametrize("name", ["token", "Token", "uid", "email", "license_plate", "contract_id"])
def test_what_is_secret_shows_nowhere(name, value):
    whole = {"data": [{name: CANARY, "deep": {"more": [{name: CANARY}]}}], "other": 1}
    assert CANARY not in redacted(json.dumps(whole).encode())
    if name in ("email", "license_plate"):
        assert CANARY not in redacted(json.dumps({name: value}).encode())


def test_a_code_that_opens_a_gate_is_hidden():
    assert shown({"method": "LICENSE_PLATE", "value": "AB-12"}) == {"method": "LICENSE_PLATE", "value": HIDDEN}
    assert shown({"value": 5}) == {"value": 5}


@pytest.mark.parametrize("body", [b"<html>secret</html>", b"\xff\xfe", b'{"token":', b"[" * 100_000])
def test_what_is_not_json_is_not_kept(body):
    assert redacted(body) == f"[not JSON: {len(body)} bytes]"


def test_long_bodies_are_cut_and_empty_ones_are_empty():
    long = redacted(json.dumps({"name": "x" * 100_000}).encode())
    assert len(long) < 66_000
    assert long.endswith("… [cut, of 100012 bytes]")
    assert redacted(b"") == ""
    assert redacted(b"[" + b" " * 3_000_000 + b"]") == "[not kept: 3000002 bytes]"
