"""The catalogue against OCPI 2.2.1: every method and path of every functional module, written out by hand."""

import pytest

from hub.core.catalogue import CATALOGUE, OCPI_2_2_1, VERSIONS, rows
from hub.core.modules import Catalogue, Interface, Operation, OwnerIn, UrlIn

V = "2.2.1"
S, R = Interface.SENDER, Interface.RECEIVER

# Module, interface, path: methods. From mod_*.asciidoc, the tables and "Endpoint structure definition" of each method.
SPECIFICATION = {
    # mod_locations: 8.2.1 Sender, 8.2.2 Receiver
    ("locations", S, ""): "GET",
    ("locations", S, "{location_id}"): "GET",
    ("locations", S, "{location_id}/{evse_uid}"): "GET",
    ("locations", S, "{location_id}/{evse_uid}/{connector_id}"): "GET",
    ("locations", R, "{country_code}/{party_id}/{location_id}"): "GET PUT PATCH",
    ("locations", R, "{country_code}/{party_id}/{location_id}/{evse_uid}"): "GET PUT PATCH",
    ("locations", R, "{country_code}/{party_id}/{location_id}/{evse_uid}/{connector_id}"): "GET PUT PATCH",
    # mod_sessions
    ("sessions", S, ""): "GET",
    ("sessions", S, "{session_id}/charging_preferences"): "PUT",
    ("sessions", R, "{country_code}/{party_id}/{session_id}"): "GET PUT PATCH",
    # mod_cdrs: the receiver's GET goes to the URL that the POST's Location named
    ("cdrs", S, ""): "GET",
    ("cdrs", R, ""): "POST",
    # mod_tariffs
    ("tariffs", S, ""): "GET",
    ("tariffs", R, "{country_code}/{party_id}/{tariff_id}"): "GET PUT DELETE",
    # mod_tokens
    ("tokens", S, ""): "GET",
    ("tokens", S, "{token_uid}/authorize"): "POST",
    ("tokens", R, "{country_code}/{party_id}/{token_uid}"): "GET PUT PATCH",
    # mod_commands: the sender's paths are the two that the specification gives as examples
    ("commands", R, "{command}"): "POST",
    ("commands", S, "{command}"): "POST",
    ("commands", S, "{command}/{uid}"): "POST",
    # mod_charging_profiles
    ("chargingprofiles", R, "{session_id}"): "GET PUT DELETE",
    ("chargingprofiles", S, "{session_id}"): "PUT",
}
# Where the specification lets a partner make up the URL.
HANDED_OUT = {
    ("locations", S, "GET"),
    ("sessions", S, "GET"),
    ("cdrs", S, "GET"),
    ("cdrs", R, "GET"),
    ("tariffs", S, "GET"),
    ("tokens", S, "GET"),
    ("commands", S, "POST"),
    ("chargingprofiles", S, "POST"),
}
MODULES = ["cdrs", "chargingprofiles", "commands", "locations", "sessions", "tariffs", "tokens"]
CONFIGURATION = ["credentials", "hubclientinfo", "versions"]
ALL_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get"]


def find(module, interface, method, path):
    return CATALOGUE.module(V, interface, module).find(method, tuple(path.split("/")) if path else ())


def test_the_catalogue_is_the_specification():
    written = {
        (module, interface, method, path)
        for (module, interface, path), methods in SPECIFICATION.items()
        for method in methods.split()
    }
    assert {(row.module, row.interface, row.method, "/".join(row.path)) for row in OCPI_2_2_1} == written
    assert len(OCPI_2_2_1) == len(written)
    assert {row.version for row in OCPI_2_2_1} == {V} == set(VERSIONS)


def test_urls_that_partners_make_up():
    assert {key[1:] for key in CATALOGUE.handed_out} == HANDED_OUT
    for module, interface, method in HANDED_OUT:
        row = CATALOGUE.indirect(V, module, interface, method)
        assert (row.module, row.interface, row.method, row.path) == (module, interface, method, ("{url}",))
        assert row.owner is OwnerIn.NOWHERE
        assert row.url is (UrlIn.LINK if (interface, method) == (S, "GET") else UrlIn.NOWHERE)
    assert CATALOGUE.indirect(V, "commands", S, "GET") is None
    assert CATALOGUE.indirect(V, "cdrs", R, "DELETE") is None
    assert CATALOGUE.indirect("2.1.1", "cdrs", R, "GET") is None


def test_what_is_offered():
    """Configuration modules are never routed, so they are not in the table."""
    assert CATALOGUE.offered(V) == [(module, interface) for module in MODULES for interface in (R, S)]
    assert CATALOGUE.offered("2.1.1") == []
    assert CATALOGUE.modules == set(MODULES)
    for module in CONFIGURATION:
        assert CATALOGUE.module(V, R, module) is CATALOGUE.module(V, S, module) is None
    assert list(CATALOGUE.operations()) == [*dict.fromkeys(CATALOGUE.operations())]
    assert len(list(CATALOGUE.operations())) == len(OCPI_2_2_1) + len(HANDED_OUT)


@pytest.mark.parametrize(
    ("module", "interface", "example"),
    [
        ("locations", S, "LOC1/3256/1"),
        ("locations", R, "BE/BEC/LOC1"),
        ("locations", R, "nl/tnm/1012/3255/2"),
        ("sessions", S, "101/charging_preferences"),
        ("sessions", R, "NL/TNM/101"),
        ("tariffs", R, "NL/TNM/12"),
        ("tokens", S, "012345678/authorize"),
        ("tokens", R, "NL/TNM/012345678"),
        ("commands", R, "START_SESSION"),
        ("commands", S, "RESERVE_NOW/1234"),
        ("chargingprofiles", R, "1234"),
    ],
)
def test_paths_of_the_specification_are_found(module, interface, example):
    segments = tuple(example.split("/"))
    methods = next(
        methods
        for (its_module, its_interface, path), methods in SPECIFICATION.items()
        if (its_module, its_interface) == (module, interface) and path.count("/") == example.count("/")
        and not (path.endswith(("authorize", "charging_preferences")) and not example.endswith(path.rpartition("/")[2]))
    ).split()  # fmt: skip
    table = CATALOGUE.module(V, interface, module)
    assert [method for method in ALL_METHODS if table.find(method, segments)] == methods
    assert list(table.allowed(segments)) == methods


@pytest.mark.parametrize(
    ("module", "interface", "path", "methods"),
    [
        ("locations", S, "", ("GET",)),
        ("locations", S, "1/2/3/4", ()),
        ("locations", R, "", ()),
        ("locations", R, "NL", ()),
        ("locations", R, "NL/TNM", ()),
        ("locations", R, "NL/TNM/1", ("GET", "PUT", "PATCH")),
        ("locations", R, "NL/TNM/1/2/3", ("GET", "PUT", "PATCH")),
        ("locations", R, "NL/TNM/1/2/3/4", ()),
        ("sessions", S, "101", ()),
        ("sessions", S, "101/charging_preferences", ("PUT",)),
        ("sessions", S, "101/other", ()),
        ("sessions", R, "NL/TNM/101", ("GET", "PUT", "PATCH")),
        ("sessions", R, "NL/TNM/101/charging_periods", ()),
        ("cdrs", S, "", ("GET",)),
        ("cdrs", R, "", ("POST",)),
        ("cdrs", R, "12345", ()),
        ("tariffs", R, "NL/TNM/12", ("GET", "PUT", "DELETE")),
        ("tokens", S, "", ("GET",)),
        ("tokens", S, "0123", ()),
        ("tokens", S, "0123/authorize", ("POST",)),
        ("tokens", S, "0123/AUTHORIZE", ()),
        ("tokens", S, "/authorize", ()),
        ("commands", R, "", ()),
        ("commands", R, "UNLOCK_CONNECTOR", ("POST",)),
        ("commands", S, "UNLOCK_CONNECTOR/2", ("POST",)),
        ("chargingprofiles", R, "1234", ("GET", "PUT", "DELETE")),
        ("chargingprofiles", S, "1234", ("PUT",)),
        ("chargingprofiles", S, "", ()),
    ],
)
def test_allowed_is_what_a_405_says(module, interface, path, methods):
    """Empty is a 404: the path does not exist with any method."""
    assert CATALOGUE.module(V, interface, module).allowed(tuple(path.split("/")) if path else ()) == methods


def test_who_owns_what():
    """Client owned objects have the owner in the path, a CDR in its body; the rest is no object of anybody."""
    owners = {(row.module, row.interface): row.owner for row in OCPI_2_2_1}
    in_path = {("locations", R), ("sessions", R), ("tariffs", R), ("tokens", R)}
    assert {key for key, owner in owners.items() if owner is OwnerIn.PATH} == in_path
    assert {key for key, owner in owners.items() if owner is OwnerIn.BODY} == {("cdrs", R)}
    for row in OCPI_2_2_1:
        assert row.owner is owners[row.module, row.interface]
        assert (row.path[:2] == ("{country_code}", "{party_id}")) is (row.owner is OwnerIn.PATH)


@pytest.mark.parametrize(
    ("module", "path", "identity"),
    [
        ("locations", "NL/TNM/1", "id"),
        ("locations", "NL/TNM/1/2", "uid"),
        ("locations", "NL/TNM/1/2/3", "id"),
        ("sessions", "NL/TNM/1", "id"),
        ("tariffs", "NL/TNM/1", "id"),
        ("tokens", "NL/TNM/1", "uid"),
    ],
)
def test_which_field_is_the_id(module, path, identity):
    assert find(module, R, "PUT", path).identity == identity
    assert find(module, R, "GET", path).identity is None


def test_where_urls_are_handed_out():
    handed = {
        (row.module, row.interface, row.method): row.url for row in OCPI_2_2_1 if row.url is not UrlIn.NOWHERE
    }  # fmt: skip
    lists = {(module, S, "GET"): UrlIn.LINK for module in ("locations", "sessions", "cdrs", "tariffs", "tokens")}
    assert handed == lists | {
        ("cdrs", R, "POST"): UrlIn.LOCATION,
        ("commands", R, "POST"): UrlIn.BODY,
        ("chargingprofiles", R, "PUT"): UrlIn.BODY,
        ("chargingprofiles", R, "GET"): UrlIn.QUERY,
        ("chargingprofiles", R, "DELETE"): UrlIn.QUERY,
    }
    assert find("locations", S, "GET", "LOC1").url is UrlIn.NOWHERE


def test_what_an_operation_is():
    put, get = find("tokens", R, "PUT", "NL/TNM/1"), find("tokens", R, "GET", "NL/TNM/1")
    delete, authorize = find("tariffs", R, "DELETE", "NL/TNM/1"), find("tokens", S, "POST", "1/authorize")
    assert (put.is_push, put.has_body) == (True, True)
    assert (get.is_push, get.has_body) == (False, False)
    assert (delete.is_push, delete.has_body) == (True, False)
    assert authorize.bare
    assert {row.bare for row in OCPI_2_2_1 if row != authorize} == {False}
    assert authorize.selector == "tokens.post"
    assert str(authorize) == "POST sender/tokens/{token_uid}/authorize"
    assert str(find("cdrs", R, "POST", "")) == "POST receiver/cdrs"


def test_literals_have_their_case_and_placeholders_are_never_empty():
    shape = Operation(version=V, module="m", interface=S, method="GET", path=("{id}", "literal"))
    assert shape.fits(("x", "literal"))
    for other in [("", "literal"), ("x", "LITERAL"), ("x", ""), ("x",), ("x", "literal", ""), ("{id}", "{literal}")]:
        assert not shape.fits(other)


def test_a_custom_module_is_a_row_like_the_rest():
    added = rows(V, "parking", R, "GET PUT", "{country_code}/{party_id}/{id}", owner=OwnerIn.PATH, identity="id")
    both = Catalogue.of((*OCPI_2_2_1, *added))
    table = both.module(V, R, "parking")
    assert table.allowed(("NL", "TNM", "1")) == ("GET", "PUT")
    assert [row.identity for row in added] == [None, "id"]
    assert ("parking", R) in both.offered(V)
    assert both.module(V, R, "tokens").find("PUT", ("NL", "TNM", "1")) == find("tokens", R, "PUT", "NL/TNM/1")
