"""Custom modules as rows of the catalogue (2.2.1, version_information_endpoint: Custom Modules)."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.agreements import Agreements, Rule
from hub.core.catalogue import VERSIONS
from hub.core.custom import CustomModule, faults, operations
from hub.core.modules import METHODS, Catalogue, Interface, Kept, OwnerIn, UrlIn
from hub.core.party import Party, Role
from hub.core.rights import owner_of
from hub.errors import BadRequest, InvalidParameters

S, R = Interface.SENDER, Interface.RECEIVER
OWNED = "{country_code}/{party_id}/{id}"
TOKENS = CustomModule(
    owner=Role.EMSP,
    sender=("GET", "GET {id}", "POST {id}/lock"),
    receiver=(f"GET {OWNED}", f"PUT {OWNED}", f"DELETE {OWNED}", "POST"),
    identity="id",
)


def rows(module: CustomModule, name: str = "nltnm-tokens"):
    assert [*faults(name, module)] == []
    return {f"{row.interface[0]} {row.method} {'/'.join(row.path)}".strip(): row for row in operations(name, module)}


def find(module: CustomModule, interface: Interface, method: str, path: str):
    catalogue = Catalogue.of(operations("nltnm-tokens", module))
    return catalogue.module("2.2.1", interface, "nltnm-tokens").find(method, tuple(filter(None, path.split("/"))))


def test_every_line_is_a_row_of_every_version():
    found = operations("nltnm-tokens", TOKENS)
    assert {row.version for row in found} == {*VERSIONS}
    assert {(row.module, row.owner_role) for row in found} == {("nltnm-tokens", Role.EMSP)}
    assert sorted(rows(TOKENS)) == [
        "R DELETE {country_code}/{party_id}/{id}",
        "R GET {country_code}/{party_id}/{id}",
        "R POST",
        "R PUT {country_code}/{party_id}/{id}",
        "S GET",
        "S GET {id}",
        "S POST {id}/lock",
    ]
    for version in VERSIONS:
        only = operations("nltnm-tokens", msgspec.structs.replace(TOKENS, version=version))
        assert only == tuple(row for row in found if row.version == version)
    assert {row.versions for row in Catalogue.of(found).operations()} == {frozenset(VERSIONS)}
    assert {row.versions for row in Catalogue.of(only).operations()} == {frozenset((version,))}


def test_the_owner_in_the_path_is_the_sender_at_a_receiver_only():
    """2.2.1, transport_and_format: Client Owned Object Push. At a SENDER, the owner is the one that is called."""
    found = rows(CustomModule(sender=(f"PATCH {OWNED}",), receiver=(f"PATCH {OWNED}", "PATCH {id}")))
    assert {name: row.owner for name, row in found.items()} == {
        f"S PATCH {OWNED}": OwnerIn.NOWHERE,
        f"R PATCH {OWNED}": OwnerIn.PATH,
        "R PATCH {id}": OwnerIn.NOWHERE,
    }


def test_where_urls_are_handed_out():
    found = rows(CustomModule(sender=("GET", "GET open", "GET {id}"), receiver=("POST", "PUT {id}", "GET {id}")))
    assert {name: row.url for name, row in found.items() if row.url is not UrlIn.NOWHERE} == {
        "S GET": UrlIn.LINK,
        "S GET open": UrlIn.LINK,
        "R POST": UrlIn.LOCATION,
    }
    assert {name for name, row in found.items() if row.is_list} == {"S GET", "S GET open"}
    later = CustomModule(receiver=("GET {id}", "POST {id}", "DELETE {id}"), response_url="body")
    assert {name: row.url for name, row in rows(later).items()} == {
        "R GET {id}": UrlIn.NOWHERE,
        "R POST {id}": UrlIn.BODY,
        "R DELETE {id}": UrlIn.NOWHERE,
    }
    later = msgspec.structs.replace(later, response_url="query")
    assert {row.url for row in rows(later).values()} == {UrlIn.QUERY}
    results = Catalogue.of(operations("a", later)).handed_out.values()
    assert [row.version for row in results] == [*VERSIONS]
    assert {(row.interface, row.method, row.bare, row.body) for row in results} == {(S, "POST", True, None)}


def test_what_is_shared_is_mirrored_and_broadcast():
    shared = msgspec.structs.replace(TOKENS, share=True)
    assert {name for name, row in rows(shared).items() if row.kept is Kept.MIRROR} == {
        "S GET", "S GET {id}", f"R GET {OWNED}", f"R PUT {OWNED}", f"R DELETE {OWNED}",
    }  # fmt: skip
    assert {name for name, row in rows(shared).items() if row.broadcast} == {f"R PUT {OWNED}", f"R DELETE {OWNED}"}
    collected = msgspec.structs.replace(TOKENS, collect=True)
    assert {name: row.kept for name, row in rows(collected).items() if row.kept is not Kept.NO} == {
        "S GET": Kept.COLLECT
    }
    assert not any(row.broadcast for row in rows(collected).values())


def test_a_word_goes_before_a_placeholder():
    module = CustomModule(sender=("GET {id}", "GET open", "GET {id}/{part}", "GET open/{part}", "GET {id}/parts"))
    for path, shape in (
        ("open", ("open",)),
        ("x", ("{id}",)),
        ("open/parts", ("open", "{part}")),
        ("x/parts", ("{id}", "parts")),
        ("x/y", ("{id}", "{part}")),
    ):
        assert find(module, S, "GET", path).path == shape


@pytest.mark.parametrize("body", [b'"text"', b"[1, 2]", b'{"id": 5, "country_code": "XX"}', b"null", b"17", b""])
@pytest.mark.parametrize(("method", "path"), [("PUT", "NL/TNM/T1"), ("POST", "")])
def test_bodies_are_whatever_json_they_are(body, method, path):
    module = msgspec.structs.replace(TOKENS, identity=None)
    operation = find(module, R, method, path)
    segments = tuple(filter(None, path.split("/")))
    assert owner_of(operation, segments, body) == (Party("NL", "TNM") if path else None)


@pytest.mark.parametrize("body", [b"{", b'{"a":}', b"\xff", b"text"])
def test_a_body_that_is_no_json_is_refused(body):
    operation = find(msgspec.structs.replace(TOKENS, identity=None), R, "PUT", "NL/TNM/T1")
    with pytest.raises(BadRequest):
        owner_of(operation, ("NL", "TNM", "T1"), body)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"id": "t1"}', None),
        (b"{}", None),
        (b'{"id": "T2"}', InvalidParameters),
        (b'{"id": "T1", "party_id": "ABC"}', InvalidParameters),
        (b'["T1"]', InvalidParameters),
        (b"", BadRequest),
    ],
)
def test_identity_is_checked_where_the_table_says_so(body, error):
    operation = find(TOKENS, R, "PUT", "NL/TNM/T1")
    if error is None:
        assert owner_of(operation, ("NL", "TNM", "T1"), body) == Party("NL", "TNM")
    else:
        with pytest.raises(error):
            owner_of(operation, ("NL", "TNM", "T1"), body)


def test_identity_is_of_objects_at_the_end_of_a_path():
    module = CustomModule(
        receiver=("POST", "POST {id}/lock", "PUT {uid}", "PUT {country_code}/{party_id}", "DELETE {uid}"),
        identity="uid",
    )
    assert {name for name, row in rows(module).items() if row.identity} == {"R PUT {uid}"}
    assert owner_of(find(module, R, "POST", ""), (), b'"no object"') is None


WRONG = [
    ({"sender": ("get",)}, ("sender", 0), "'get' must begin with GET, POST, PUT, PATCH or DELETE"),
    ({"sender": ("GET", "")}, ("sender", 1), "'' must begin with GET"),
    ({"sender": ("HEAD {id}",)}, ("sender", 0), "'HEAD {id}' must begin with GET"),
    ({"receiver": ("PUT {id",)}, ("receiver", 0), "'{id' can not be part of a path"),
    ({"receiver": ("PUT {Id}",)}, ("receiver", 0), "'{Id}' can not be part of a path"),
    ({"receiver": ("PUT a?b",)}, ("receiver", 0), "'a?b' can not be part of a path"),
    ({"receiver": ("PUT ../a",)}, ("receiver", 0), "'..' can not be part of a path"),
    ({"receiver": ("PUT {id} {x}",)}, ("receiver", 0), "'{id} {x}' can not be part of a path"),
    ({"receiver": ("PUT {party_id}/{id}",)}, ("receiver", 0), "the owner is written {country_code}/{party_id}, once"),
    ({"receiver": ("PUT {id}/{country_code}/{party_id}",)}, ("receiver", 0), "at the beginning of the path"),
    ({"receiver": ("PUT {country_code}/{party_id}/{party_id}",)}, ("receiver", 0), "at the beginning of the path"),
    ({"sender": ("GET {id}", "GET /{uid}/")}, ("sender", 1), "'GET /{uid}/' is there twice"),
    ({}, (), "the module has no operation"),
    ({"sender": ("GET",), "version": "2.1"}, ("version",), f"this hub has no OCPI 2.1; it has {', '.join(VERSIONS)}"),
    ({"sender": ("GET",), "response_url": "body"}, ("response_url",), "no operation of the receiver has a body"),
    ({"receiver": ("GET {id}",), "response_url": "body"}, ("response_url",), "no operation of the receiver has a body"),
    ({"sender": ("GET",), "response_url": "query"}, ("response_url",), "no operation of the receiver has a query"),
    ({"sender": ("GET",), "collect": True}, ("collect",), "the hub has to know whose the objects are; set owner"),
    ({"sender": ("GET {id}",), "collect": True, "owner": Role.CPO}, ("collect",), 'add "GET" to sender'),
    ({"receiver": (f"PUT {OWNED}",), "share": True, "identity": "id"}, ("share",), "set owner"),
    ({"receiver": (f"PUT {OWNED}",), "share": True, "owner": Role.CPO}, ("share",), "set identity"),
    ({"receiver": ("PUT {id}",), "share": True, "owner": Role.CPO, "identity": "id"}, ("share",), f'add "PUT {OWNED}"'),
]  # fmt: skip


@pytest.mark.parametrize(("values", "path", "reason"), WRONG)
def test_what_is_wrong_is_told_with_its_place(values, path, reason):
    ((found, text),) = faults("nltnm-tokens", CustomModule(**values))
    assert found == path
    assert reason in text


def test_what_is_shared_can_not_be_collected():
    found = [*faults("a", msgspec.structs.replace(TOKENS, share=True, collect=True))]
    assert found == [(("collect",), "collect: what is shared is kept by the hub, and need not be collected")]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("tokens", "tokens is a module of OCPI; give yours a name of its own, as nltnm-tokens"),
        ("credentials", "credentials is a module of OCPI"),
        ("hubclientinfo", "hubclientinfo is a module of OCPI"),
        ("bookings", 'bookings comes with the hub; switch it on with extra_modules = ["bookings"] in [hub]'),
        ("NLTNM-tokens", "'NLTNM-tokens' is no module id"),
        ("nltnm.tokens", "'nltnm.tokens' is no module id"),
        ("-a", "is no module id"),
        ("", "is no module id"),
        ("a" * 65, "is no module id"),
        ("a/b", "is no module id"),
    ],
)
def test_names(name, reason):
    ((path, text),) = faults(name, TOKENS)
    assert path == ()
    assert text.startswith(reason) or reason in text


PARTS = st.lists(st.sampled_from(["{a}", "{b}", "one", "two", "x.y", "{country_code}", "{party_id}"]), max_size=5)
LINES = st.lists(st.builds(lambda method, path: f"{method} {'/'.join(path)}", st.sampled_from(METHODS), PARTS))


@given(st.builds(CustomModule, sender=LINES.map(tuple), receiver=LINES.map(tuple)))
def test_every_line_of_a_right_table_can_be_called(module):
    if [*faults("nltnm-x", module)]:
        return
    catalogue = Catalogue.of(operations("nltnm-x", module))
    for interface, lines in ((S, module.sender), (R, module.receiver)):
        for line in lines:
            method, _, path = line.partition(" ")
            shape = tuple(filter(None, path.split("/")))
            segments = tuple("zz" if part.startswith("{") else part for part in shape)
            found = catalogue.module("2.2.1", interface, "nltnm-x").find(method, segments)
            assert (found.method, found.path) == (method, shape)


@pytest.mark.parametrize(
    ("default", "rules", "uses"),
    [
        (True, [], {"NL-TNM", "DE-MSP", "FR-ABC"}),
        (False, [], set()),
        (True, ["deny * * nltnm-tokens"], set()),
        (True, ["deny * * nltnm-tokens", "allow NL-TNM DE-MSP nltnm-tokens"], {"NL-TNM", "DE-MSP"}),
        (False, ["allow NL-TNM DE-MSP *"], {"NL-TNM", "DE-MSP"}),
        (False, ["allow NL-TNM DE-MSP tokens"], set()),
        (False, ["allow * NL-TNM nltnm-tokens"], {"NL-TNM", "DE-MSP", "FR-ABC"}),
        (False, ["allow * NL-TNM nltnm-tokens", "deny FR-ABC NL-TNM nltnm-tokens"], {"NL-TNM", "DE-MSP"}),
        (True, ["deny * NL-TNM nltnm-tokens"], {"DE-MSP", "FR-ABC"}),
        (True, ["deny * NL-TNM *", "allow DE-MSP NL-TNM *"], {"NL-TNM", "DE-MSP", "FR-ABC"}),
    ],
)
def test_agreements_say_who_uses_a_module(default, rules, uses):
    """2.2.1, version_information_endpoint: custom ids go to those only who have an agreement to use them."""
    made = [Rule.between(*words[1:], allow=words[0] == "allow") for words in map(str.split, rules)]
    agreements = Agreements.of(made, default=default)
    parties = [Party.parse(each) for each in ("NL-TNM", "DE-MSP", "FR-ABC")]
    assert {party.id for party in parties if agreements.uses(party, "nltnm-tokens")} == uses
