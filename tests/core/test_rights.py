"""Who may speak for whom: the owner in path and body, and the sending party.

OCPI 2.2.1, transport_and_format: Client Owned Object Push, Message Routing.
"""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.catalogue import CATALOGUE, OCPI_2_2_1
from hub.core.directory import Platform, State
from hub.core.modules import Interface, OwnerIn
from hub.core.party import Party, Role
from hub.core.rights import check_owner, owner_of, sending_party
from hub.errors import BadRequest, InvalidParameters, OcpiError

S, R = Interface.SENDER, Interface.RECEIVER
TNM, BEC, HUB = Party("NL", "TNM"), Party("BE", "BEC"), Party("HR", "HUB")
FIELDS = ["country_code", "party_id", "id", "uid", "response_url", "last_updated", ""]
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["NL", "TNM", "1", "be"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner)
)
objects = st.dictionaries(st.sampled_from(FIELDS), values)
bodies = st.one_of(objects.map(json.dumps).map(str.encode), values.map(json.dumps).map(str.encode), st.binary())
BAD_BODIES = [
    b"",
    b" ",
    b"{",
    b"null x",
    b"\xff",
    b'{"id": "\xff"}',
    b'{"other": "\xc0\xae"}',
    b"\xef\xbb\xbf{}",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"id": "\\ud800"}',
    b'{"id": "\\q"}',
]


def operation(interface, module, method, path):
    segments = tuple(path.split("/")) if path else ()
    return CATALOGUE.module("2.2.1", interface, module).find(method, segments), segments


def owner(body, method="PUT", module="locations", path="NL/TNM/LOC1"):
    row, segments = operation(R, module, method, path)
    return owner_of(row, segments, body if isinstance(body, bytes) else json.dumps(body).encode())


def platform(*parties, role=Role.CPO):
    return Platform(
        id=1, name="p", state=State.REGISTERED, roles={party: frozenset({role}) for party in parties}, reserved={}
    )


@pytest.mark.parametrize("row", [*CATALOGUE.operations()], ids=str)
@pytest.mark.parametrize("body", BAD_BODIES, ids=lambda body: repr(body[:16]))
def test_bad_json_is_a_bad_request_wherever_a_body_is_due(row, body):
    segments = ("NL", "TNM", "1", "2", "3")[: len(row.path)]
    if row.has_body and (body or not row.bare):
        with pytest.raises(BadRequest, match="the body is empty" if not body else "the body "):
            owner_of(row, segments, body)
    else:
        assert owner_of(row, segments, body) == (TNM if row.owner is OwnerIn.PATH else None)


@given(
    st.sampled_from(OCPI_2_2_1), st.lists(st.sampled_from(["NL", "TNM", "nl", "1", "ß", "\x00"]) | st.text()), bodies
)
def test_any_body_gives_an_owner_or_a_refusal(row, pieces, body):
    segments = tuple([*pieces, "NL", "TNM", "1", "2", "3"][: len(row.path)])
    with contextlib.suppress(OcpiError):
        found = owner_of(row, segments, body)
        assert (found is None) is (row.owner is OwnerIn.NOWHERE)


@pytest.mark.parametrize("body", ["[]", "1", '"text"', "null", "true", "[{}]"])
def test_what_is_no_object_is_refused_where_the_id_is_needed(body):
    for module, path in (("locations", "NL/TNM/LOC1"), ("cdrs", "")):
        method = "PUT" if path else "POST"
        with pytest.raises(InvalidParameters, match="body: Expected `object`"):
            owner(body.encode(), method, module, path)


def test_an_owner_in_the_path():
    body = {"country_code": "NL", "party_id": "TNM", "id": "LOC1", "unknown": None}
    assert owner(body) == TNM
    assert owner({}) == TNM
    assert owner(b"", "GET") == owner(b"ignored", "GET") == TNM
    assert owner(b"ignored", "DELETE", "tariffs", "NL/TNM/12") == TNM
    assert owner({"uid": "3256"}, "PUT", "locations", "NL/TNM/LOC1/3256") == TNM


def test_ids_have_no_case():
    """One platform in the field sends every id in lower case, as in DE/EXC."""
    body = {"country_code": "de", "party_id": "exc", "id": "loc1"}
    assert owner(body, path="DE/EXC/LOC1") == owner(body, path="de/exc/Loc1") == Party("DE", "EXC")
    token = {"country_code": "DE", "party_id": "EXC", "uid": "ABCdef"}
    assert owner(token, "PATCH", "tokens", "de/exc/abcDEF") == Party("DE", "EXC")
    assert owner({"country_code": "de", "party_id": "exc"}, "POST", "cdrs", "") == Party("DE", "EXC")


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"country_code": "BE", "party_id": "TNM"}, "country_code is 'BE', in the path it is 'NL'"),
        ({"country_code": "NL", "party_id": "BEC"}, "party_id is 'BEC', in the path it is 'TNM'"),
        ({"party_id": "BEC"}, "party_id is 'BEC', in the path it is 'TNM'; they must be equal"),
        ({"country_code": "BE"}, "country_code is 'BE'"),
        ({"country_code": None, "party_id": "BEC"}, "party_id is 'BEC'"),
        ({"country_code": ""}, "country_code is ''"),
        ({"country_code": "ßL"}, "country_code is 'ßL'"),
        ({"id": "LOC2"}, "id is 'LOC2', in the path it is 'LOC1'"),
        ({"id": ""}, "id is ''"),
        ({"id": 1}, "Expected `str . null`, got `int` - at `.*id`"),
        ({"party_id": ["TNM"]}, "Expected `str . null`, got `array` - at `.*party_id`"),
    ],
)
def test_body_and_path_must_agree(method, body, words):
    with pytest.raises(InvalidParameters, match=f"^body: {words}"):
        owner(body, method)


@pytest.mark.parametrize(
    ("module", "path", "body", "words"),
    [
        ("locations", "NL/TNM/LOC1/3256", {"uid": "3257"}, "uid is '3257', in the path it is '3256'"),
        ("tokens", "NL/TNM/012345", {"uid": "543210"}, "uid is '543210', in the path it is '012345'"),
        ("bookings", "NL/TNM/B1", {"party_id": "BEC"}, "party_id is 'BEC', in the path it is 'TNM'"),
    ],
)
def test_body_and_path_must_agree_whatever_the_id_is_called(module, path, body, words):
    """A booking has no id that path and body share, and an owner all the same (2.3.0, bookings 16.2.2)."""
    segments = tuple(path.split("/"))
    row = CATALOGUE.module("2.3.0", R, module).find("PUT", segments)
    with pytest.raises(InvalidParameters, match=f"^body: {words}"):
        owner_of(row, segments, json.dumps(body).encode())
    owned = {"country_code": "NL", "party_id": "TNM", "id": "3256", "uid": segments[-1]}
    assert owner_of(row, segments, json.dumps(owned).encode()) == TNM


def test_the_last_of_two_equal_keys_counts():
    assert owner(b'{"id": "LOC2", "id": "LOC1"}') == TNM
    with pytest.raises(InvalidParameters):
        owner(b'{"id": "LOC1", "id": "LOC2"}')


@pytest.mark.parametrize("path", ["NLD/TNM/1", "NL/TNMX/1", "N1/TNM/1", "ß/TNM/1"])
def test_a_path_that_names_no_party(path):
    with pytest.raises(InvalidParameters, match=r"^path: "):
        owner(b"", "GET", path=path)


def test_an_owner_in_the_body():
    assert owner({"country_code": "BE", "party_id": "BEC", "id": "CDR1"}, "POST", "cdrs", "") == BEC
    for body in ({}, {"country_code": "BE"}, {"country_code": "BE", "party_id": None}):
        with pytest.raises(InvalidParameters, match="country_code and party_id are missing"):
            owner(body, "POST", "cdrs", "")
    with pytest.raises(InvalidParameters, match="body: party id 'BECX' must be three"):
        owner({"country_code": "BE", "party_id": "BECX"}, "POST", "cdrs", "")


def test_no_owner_is_named():
    command, segments = operation(R, "commands", "POST", "START_SESSION")
    assert owner_of(command, segments, b'{"country_code": "BE", "party_id": "BEC"}') is None
    assert owner_of(command, segments, b"[]") is None
    authorize, segments = operation(S, "tokens", "POST", "0123/authorize")
    assert owner_of(authorize, segments, b"") is None
    assert owner_of(authorize, segments, b'{"location_id": "LOC1"}') is None
    with pytest.raises(BadRequest):
        owner_of(authorize, segments, b"{")


def test_where_a_body_stops_to_be_utf_8():
    with pytest.raises(BadRequest, match="the body is not UTF-8 at byte 11"):
        owner(b'{"other": "\xc0\xae"}')


def test_what_is_quoted_of_path_and_body_is_short():
    with pytest.raises(InvalidParameters, match=f"^body: id is '{'a' * 64}', in the path it is '{'b' * 64}';"):
        owner({"id": "a" * 99}, path=f"NL/TNM/{'b' * 99}")


def test_the_sender_is_the_party_that_is_claimed():
    both = platform(TNM, BEC)
    assert sending_party(both, BEC, None) == BEC
    assert sending_party(both, BEC, TNM) == BEC
    with pytest.raises(InvalidParameters, match="HR-HUB is not a party of this platform"):
        sending_party(both, HUB, None)


def test_a_party_that_was_not_presented_can_not_be_claimed():
    reserved = Platform(id=1, name="p", state=State.REGISTERED, roles={TNM: frozenset()}, reserved={BEC: frozenset()})
    with pytest.raises(InvalidParameters, match="BE-BEC is not a party of this platform"):
        sending_party(reserved, BEC, None)


def test_without_a_claim_the_only_fit_is_the_sender():
    assert sending_party(platform(TNM), None, None) == TNM
    assert sending_party(platform(TNM), None, BEC) == TNM
    assert sending_party(platform(TNM, BEC), None, BEC) == BEC
    for named in (None, HUB):
        with pytest.raises(InvalidParameters, match="this platform has several parties, name the sender"):
            sending_party(platform(TNM, BEC), None, named)


def test_only_the_owner_sends_its_objects():
    check_owner(None, TNM, platform(TNM))
    check_owner(TNM, TNM, platform(TNM))
    for others in (platform(TNM), platform(TNM, BEC), platform(TNM, role=Role.OTHER)):
        with pytest.raises(InvalidParameters, match="NL-TNM can not send objects of BE-BEC; only their owner can"):
            check_owner(BEC, TNM, others)


def test_a_hub_speaks_for_parties_behind_it():
    check_owner(BEC, HUB, platform(HUB, role=Role.HUB))
    mixed = Platform(
        id=1, name="p", state=State.REGISTERED, roles={HUB: frozenset({Role.HUB}), TNM: frozenset({Role.CPO})}
    )
    check_owner(BEC, HUB, mixed)
    with pytest.raises(InvalidParameters):
        check_owner(BEC, TNM, mixed)
