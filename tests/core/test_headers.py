"""Request headers: read from whatever bytes come, and the tokens in them.

OCPI 2.2.1, transport_and_format: Authorization header, Message Routing Headers, Unique message IDs.
"""

import base64
import contextlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.headers import (
    RequestHeaders,
    credentials_tokens,
    decode_token,
    message_ids,
    read,
    routing,
    single_fields,
    traceparent,
)
from hub.core.party import Party
from hub.errors import BadRequest, InvalidParameters, OcpiError, Unauthorized

FROM, TO = Party("NL", "TNM"), Party("BE", "BEC")
ROUTING = [
    (b"OCPI-from-country-code", b"NL"),
    (b"OCPI-from-party-id", b"TNM"),
    (b"OCPI-to-country-code", b"BE"),
    (b"OCPI-to-party-id", b"BEC"),
]
IDS = [(b"X-Request-ID", b"r-1"), (b"X-Correlation-ID", b"c-1")]
ONLY_ONCE = [b"Authorization", b"Content-Length", b"Content-Type", b"Host", *(name for name, _ in ROUTING + IDS)]
names = st.sampled_from([*ONLY_ONCE, *(name.upper() for name in ONLY_ONCE)]) | st.binary(max_size=20)
values = st.binary(max_size=40) | st.sampled_from([b"NL", b"TNM", b"nl", b"", b" ", b"Token abc", b"\xff"])
printable = st.text(string.digits + string.ascii_letters + string.punctuation, min_size=1, max_size=64)


def test_everything_is_read():
    token = (b"authorization", b"Token abc")
    assert read([token, *IDS, *ROUTING, (b"Accept", b"*/*"), (b"Accept", b"text/html")]) == RequestHeaders(
        authorization="Token abc", request_id="r-1", correlation_id="c-1", claimed=FROM, receiver=TO
    )


def test_names_and_parties_have_no_case():
    """The implementations of some partners send everything in lower case."""
    assert read([(name.lower(), value.lower()) for name, value in ROUTING]) == read(
        [(name.upper(), value) for name, value in ROUTING]
    )


def test_nothing_is_there():
    assert read([]) == RequestHeaders()


def test_message_ids_of_a_request_that_is_refused():
    refused = [(b"x-request-id", b" r-1 "), (b"X-CORRELATION-ID", b"c-1"), (b"OCPI-to-party-id", b"\xff")]
    assert message_ids(refused) == RequestHeaders(request_id="r-1", correlation_id="c-1")
    for bad in (b"", b"\xfc", b"a\tb", b"a" * 129):
        assert message_ids([(b"X-Request-ID", bad), IDS[1]]) == RequestHeaders(correlation_id="c-1")
        assert message_ids([IDS[0], (b"X-Correlation-ID", bad)]) == RequestHeaders(request_id="r-1")
    assert message_ids([]) == RequestHeaders()


def test_the_trace_that_a_request_belongs_to():
    other = (b"tracestate", b"x")
    assert traceparent([other, (b"TraceParent", b" 00-ab-cd-\xfc "), other]) == "00-ab-cd-ü"
    assert traceparent([(b"traceparent", b"1"), (b"Traceparent", b"2")]) is None
    assert traceparent([other]) is None


def test_an_empty_header_is_none():
    empty = [(name, b"  ") for name, _ in [*IDS, *ROUTING]]
    assert read([each for each in empty if b"to" not in each[0].lower()]) == RequestHeaders()


def test_an_empty_receiver_is_no_open_routing():
    with pytest.raises(InvalidParameters, match="OCPI-to"):
        read([(name, b"") for name, _ in ROUTING])


@given(st.lists(st.tuples(names, values), max_size=12))
def test_any_bytes_are_read_or_refused(fields):
    with contextlib.suppress(OcpiError):
        headers = read(fields)
        assert all(value is None or value.isascii() for value in (headers.authorization, headers.request_id))
        with contextlib.suppress(Unauthorized):
            credentials_tokens(headers.authorization)


@pytest.mark.parametrize("name", ONLY_ONCE)
def test_a_header_that_comes_twice_is_refused(name):
    with pytest.raises(BadRequest, match=f"header {name.decode()} came twice; send it once"):
        single_fields([(name.lower(), b"1"), (b"Accept", b"x"), (name, b"1")])


@pytest.mark.parametrize("name", ONLY_ONCE)
@pytest.mark.parametrize("value", [b"\x80", b"NL\xff", "é".encode()])
def test_a_header_that_is_not_ascii_is_refused(name, value):
    with pytest.raises(BadRequest, match=f"header {name.decode()} holds bytes that are not ASCII"):
        read([(name, value)])


@pytest.mark.parametrize("name", ["X-Request-ID", "X-Correlation-ID"])
def test_message_ids(name):
    field = name.lower().encode()
    assert read([(field, b"x" * 128)])
    assert read([(field, b"with space ~!")])
    for value in (b"x" * 129, b"a\x00b", b"a\x7fb", b"a\tb"):
        with pytest.raises(BadRequest, match=f"header {name} must be 1 to 128 printable ASCII characters"):
            read([(field, value)])


@pytest.mark.parametrize("index", range(4))
def test_routing_headers_come_in_pairs(index):
    lonely = ROUTING[index]
    twin = ROUTING[index ^ 1][0].decode()
    for fields in ([lonely], [lonely, (twin.encode(), b"")]):
        with pytest.raises(InvalidParameters, match=f"header {twin} is missing"):
            read(fields)


@pytest.mark.parametrize(
    ("country", "party", "words"),
    [
        (b"NLD", b"TNM", "country code 'NLD' must be two letters"),
        (b"NL", b"TNMX", "party id 'TNMX' must be three letters or digits"),
        (b"N\x00", b"TNM", "country code 'N.x00' must be two letters"),
    ],
)
@pytest.mark.parametrize("side", ["from", "to"])
def test_a_routing_header_that_is_no_party(side, country, party, words):
    fields = [(f"OCPI-{side}-country-code".encode(), country), (f"OCPI-{side}-party-id".encode(), party)]
    with pytest.raises(InvalidParameters, match=f"headers OCPI-{side}-.: {words}"):
        read(fields)


def test_routing_headers_are_written_as_they_are_read():
    assert [(name.encode(), value.encode()) for name, value in routing(FROM, TO)] == ROUTING


def test_the_token_is_not_in_the_repr():
    shown = repr(read([(b"Authorization", b"Token c2VjcmV0"), *IDS, *ROUTING]))
    assert shown == "<NL-TNM to BE-BEC, X-Request-ID r-1>"


@given(printable)
def test_a_token_arrives_whether_encoded_or_raw(token):
    encoded = base64.b64encode(token.encode()).decode()
    for header in (f"Token {encoded}", f"token  {encoded} ", f"TOKEN {encoded.rstrip('=')}"):
        assert credentials_tokens(header)[1] == token
    assert credentials_tokens(f"Token {token}")[0] == token


@given(st.text() | printable | st.binary().map(lambda raw: base64.b64encode(raw).decode()))
def test_decode_token_gives_printable_ascii_or_nothing(value):
    token = decode_token(value)
    assert token is None or (token.isascii() and token.isprintable() and token and " " not in token)


@pytest.mark.parametrize(
    ("value", "token"),
    [
        ("ZXhhbXBsZS10b2tlbg==", "example-token"),
        ("ZXhhbXBsZS10b2tlbg", "example-token"),
        ("ZXhhbXBsZS10b2tlbgo=", "example-token"),  # as the specification prints it: with a line feed inside
        ("ZXhhbXBsZS10b2tlbg0K", "example-token"),
        ("ZXhhbXBsZS10b2tlbg=", "example-token"),
        ("Zm9vIGJhcg==", None),  # a space
        ("Zm9vAGJhcg==", None),  # a NUL
        ("w6k=", None),  # not ASCII
        ("Cg==", None),
        ("", None),
        ("A", None),
        ("====", None),
        ("ab-_", None),
        ("ebf3b399-779f-4497-9b9d-ac6ad3cc44d2", None),
        ("é", None),
    ],
)
def test_tokens(value, token):
    assert decode_token(value) == token


@pytest.mark.parametrize("header", [None, ""])
def test_no_authorization(header):
    with pytest.raises(Unauthorized, match="header Authorization is missing"):
        credentials_tokens(header)


@pytest.mark.parametrize(
    "header", ["Token", "Token ", "Bearer s3cret", "s3cret", "Basic s3cret", "Token s3 cret", "T\x00 x"]
)
def test_an_authorization_of_another_kind(header):
    with pytest.raises(Unauthorized, match="must read 'Token <base64 of your token>'") as caught:
        credentials_tokens(header)
    assert "s3" not in str(caught.value)


def test_base64_has_one_alphabet_and_holds_no_spaces():
    """A token has as few spellings as can be."""
    assert decode_token("dG9rZW4=") == decode_token("dG9rZW4") == decode_token("dG9rZW4K") == "token"
    for other in ("dG9r*ZW4=", "dG9r ZW4=", "dG9rZW4g", "dG9rZW4J"):
        assert decode_token(other) is None
