"""Messages and replies: what can be asked of them, and every way in which JSON can be bad (2.2.1, status_codes)."""

import math

import msgspec
import pytest

from hub.core.catalogue import CATALOGUE
from hub.core.directory import Directory, Platform, State
from hub.core.message import Message, Reply, decode_as, decode_json
from hub.core.modules import Interface
from hub.core.party import Party, Role
from hub.errors import BadRequest

TNM = Party("NL", "TNM")
NOT_JSON = {
    b"": "truncated",
    b" ": "truncated",
    b"{": "truncated",
    b"tru": "truncated",
    b"{'a':1}": "not JSON",
    b'{"a":1,}': "trailing comma",
    b"[1] 2": "trailing characters",
    b"NaN": "not JSON",
    b"01": "invalid number",
    b'"\\q"': "invalid escape",
    b'"\\ud800"': "not JSON",
    b'\xef\xbb\xbf{"a":1}': "not JSON",
    b"\x00": "not JSON",
    b"[" * 100_000: "nested too deeply",
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000: "nested too deeply",
    b'"\xff"': "not UTF-8",
    b'{"a":"\xc0\xae"}': "not UTF-8",
    b"1e999": "out of range",
}


def message(interface, module, method, path, body=b""):
    segments = tuple(path.split("/")) if path else ()
    operation = CATALOGUE.module("2.2.1", interface, module).find(method, segments)
    platform = Platform(id=1, name="x", state=State.REGISTERED, roles={TNM: frozenset({Role.CPO})})
    return Message(
        operation=operation,
        segments=segments,
        body=body,
        request_id="r",
        correlation_id="c",
        platform=platform,
        sender=TNM,
        deadline=math.inf,
        directory=Directory.of(Party("XX", "HUB"), [platform]),
    )


@pytest.mark.parametrize("body", NOT_JSON, ids=lambda body: repr(body[:20]))
def test_what_is_not_json_is_a_bad_request(body):
    with pytest.raises(BadRequest, match=NOT_JSON[body]):
        decode_json(body)


def test_an_error_does_not_quote_the_body():
    with pytest.raises(BadRequest) as caught:
        decode_json(b'{"token": "s3cret", }')
    assert "s3cret" not in str(caught.value)


def test_json_of_another_shape_is_left_to_the_caller():
    with pytest.raises(msgspec.ValidationError):
        decode_as(b"[]", msgspec.json.Decoder(dict[str, int]))
    assert decode_as(b'{"a":1}', msgspec.json.Decoder(dict[str, int])) == {"a": 1}


@pytest.mark.parametrize(
    ("interface", "module", "method", "path", "object_id"),
    [
        (Interface.RECEIVER, "locations", "PUT", "NL/TNM/LOC1", "LOC1"),
        (Interface.RECEIVER, "locations", "PATCH", "NL/TNM/LOC1/3256/2", "2"),
        (Interface.SENDER, "tokens", "POST", "012345678/authorize", "012345678"),
        (Interface.SENDER, "sessions", "PUT", "101/charging_preferences", "101"),
        (Interface.RECEIVER, "commands", "POST", "START_SESSION", None),
        (Interface.RECEIVER, "commands", "POST", "SOMETHING_NEW", "SOMETHING_NEW"),
        (Interface.SENDER, "locations", "GET", "", None),
        (Interface.RECEIVER, "cdrs", "POST", "", None),
    ],
)
def test_the_id_of_the_object(interface, module, method, path, object_id):
    assert message(interface, module, method, path).object_id == object_id


def test_what_a_message_says_of_its_operation():
    put = message(Interface.RECEIVER, "tokens", "PUT", "NL/TNM/1", b'{"uid": "1"}')
    assert (put.version, put.module, put.interface, put.method) == ("2.2.1", "tokens", Interface.RECEIVER, "PUT")
    assert put.is_push
    assert put.json() == {"uid": "1"}
    get = message(Interface.SENDER, "tokens", "GET", "")
    assert not get.is_push
    assert get.json() is None


@pytest.mark.parametrize(
    ("status", "code", "ok"),
    [
        (200, 1000, True),
        (201, 1999, True),
        (200, 2000, False),
        (200, 999, False),
        (404, 1000, False),
        (500, 3000, False),
    ],
)
def test_when_a_reply_is_a_success(status, code, ok):
    assert Reply(status=status, body=b"", ocpi_status=code).ok is ok
