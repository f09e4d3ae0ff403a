"""Explain without a browser: what it answers, and what is wrong with what was filled in."""

from urllib.parse import urlencode

import msgspec

from hub.dashboard.explain import ExplainPage
from hub.dashboard.pages import ROOT

_EXPLAIN = f"{ROOT}/explain"
GOOD = {"method": "PUT", "path": "receiver/locations/NL/CPO/LOC1", "sender": "NL-CPO", "receiver": "DE-MSP"}


async def _twin(visitor, status=200, **changes):
    answer = await visitor.get(f"{_EXPLAIN}.json?{urlencode(GOOD | changes)}")
    assert answer.status == status, answer.text
    return msgspec.json.decode(answer.text, type=ExplainPage)


async def test_nothing_is_asked_at_first(visitor):
    page = await visitor.get(_EXPLAIN)
    assert page.status == 200
    assert "Fill in who would send what to whom" in page.text
    assert '<option value="DE-MSP">Emsp</option>' in page.text


WAYS = (
        ({}, "direct", ("DE-MSP",), None),
        ({"method": "put", "path": "/receiver/locations/nl/cpo/LOC1/"}, "direct", ("DE-MSP",), None),
        ({"path": "https://hub.example/ocpi/2.2.1/receiver/locations/NL/CPO/LOC1"}, "direct", ("DE-MSP",), None),
        ({"receiver": "NL-HUB"}, "broadcast", ("DE-MSP",), None),
        ({"receiver": ""}, "broadcast", ("DE-MSP",), None),
        ({"receiver": "FR-NIX"}, "refuse", (), 4001),
        ({"method": "GET", "path": "sender/locations", "sender": "DE-MSP", "receiver": "NL-HUB"}, "mirror", (), None),
        (
            {"method": "POST", "path": "receiver/cdrs", "receiver": "",
             "body": '{"country_code": "NL", "party_id": "CPO", "cdr_token": '
             '{"country_code": "DE", "party_id": "MSP"}}'},
            "direct", ("DE-MSP",), None,
        ),
)  # fmt: skip
WRONG = (
    ({"method": "BREW"}, "method"),
    ({"method": ""}, "method"),
    ({"path": ""}, "path"),
    ({"path": "receiver/nonsense/1"}, "path"),
    ({"path": "receiver/locations/NL/CPO/%zz"}, "path"),
    ({"path": "../../etc"}, "path"),
    ({"sender": ""}, "sender"),
    ({"sender": "FR-NIX"}, "sender"),
    ({"sender": "<b>x</b>"}, "sender"),
    ({"receiver": "nobody at all"}, "receiver"),
    ({"body": "{not json"}, "body"),
    ({"body": "[" * 2000}, "body"),
)


async def test_where_it_would_go(visitor):
    for changes, way, destinations, code in WAYS:
        found = await _twin(visitor, **changes)
        assert (found.answer.way, found.answer.destinations, found.answer.status_code) == (way, destinations, code)
        page = (await visitor.get(f"{_EXPLAIN}?{urlencode(GOOD | changes)}")).text
        assert page.count("<li>") >= len(found.answer.trail)
        assert ("It would be refused" in page) is (code is not None)


async def test_what_is_wrong_stands_beside_its_field(visitor):
    for changes, field in WRONG:
        found = await _twin(visitor, status=400, **changes)
        assert found.wrong.keys() == {field}, changes
        page = (await visitor.get(f"{_EXPLAIN}?{urlencode(GOOD | changes)}")).text
        assert f'id="{field}-wrong"' in page
        assert "<b>" not in page


async def test_hostile_texts_are_only_texts(visitor):
    evil = '"><script>alert(1)</script>\u202e'
    page = (await visitor.get(f"{_EXPLAIN}?{urlencode(GOOD | {'path': f'receiver/locations/NL/CPO/{evil}'})}")).text
    assert "<script>alert" not in page
    body = (await visitor.get(f"{_EXPLAIN}?{urlencode(GOOD | {'body': '</textarea><script>alert(1)</script>'})}")).text
    assert "<script>alert" not in body


async def test_a_long_body_can_be_asked_about_and_a_longer_one_is_told_so(visitor):
    body = msgspec.json.encode({"country_code": "NL", "party_id": "CPO", "id": "LOC1", "name": "x" * 12_000}).decode()
    assert (await _twin(visitor, body=body)).answer.way == "direct"
    answer = await visitor.get(f"{_EXPLAIN}?{urlencode(GOOD | {'body': 'x' * 16_000})}")
    assert answer.status == 400
    assert "body: " in answer.text
