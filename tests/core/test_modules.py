"""The catalogue against OCPI 2.1.1, 2.2.1 and 2.3.0: every method and path of every functional module, by hand."""

import msgspec
import pytest

from hub.core.catalogue import CATALOGUE, OCPI_2_1_1, OCPI_2_2_1, OCPI_2_3_0, VERSIONS, WITHOUT_INTERFACES, rows
from hub.core.modules import Catalogue, Interface, Kept, Operation, OwnerIn, UrlIn
from hub.core.party import Role
from hub.ocpi import v2_1_1, v2_2_1, v2_3_0

S, R = Interface.SENDER, Interface.RECEIVER
OWNED = "{country_code}/{party_id}"

# Module, interface, path: each method with what its body is > what the answer's data is >> what is posted later.
# From mod_*.md (2.1.1) and mod_*.asciidoc: the tables, endpoint structures, bodies and data of each method.
EVERYWHERE = {
    ("locations", S, ""): "GET > Location",
    ("locations", S, "{location_id}"): "GET > Location",
    ("locations", S, "{location_id}/{evse_uid}"): "GET > EVSE",
    ("locations", S, "{location_id}/{evse_uid}/{connector_id}"): "GET > Connector",
    ("locations", R, f"{OWNED}/{{location_id}}"): "GET > Location, PUT Location, PATCH Location",
    ("locations", R, f"{OWNED}/{{location_id}}/{{evse_uid}}"): "GET > EVSE, PUT EVSE, PATCH EVSE",
    ("locations", R, f"{OWNED}/{{location_id}}/{{evse_uid}}/{{connector_id}}"): (
        "GET > Connector, PUT Connector, PATCH Connector"
    ),
    ("sessions", S, ""): "GET > Session",
    ("sessions", R, f"{OWNED}/{{session_id}}"): "GET > Session, PUT Session, PATCH Session",
    # The receiver's GET goes to the URL that the POST's Location named.
    ("cdrs", S, ""): "GET > CDR",
    ("cdrs", R, ""): "POST CDR",
    ("tariffs", S, ""): "GET > Tariff",
    ("tariffs", R, f"{OWNED}/{{tariff_id}}"): "GET > Tariff, PUT Tariff, DELETE",
    ("tokens", S, ""): "GET > Token",
    ("tokens", S, "{token_uid}/authorize"): "POST LocationReferences > AuthorizationInfo",
    ("tokens", R, f"{OWNED}/{{token_uid}}"): "GET > Token, PUT Token, PATCH Token",
    # The specification has {command}, and an object for each. The sender's paths are the two of its examples.
    ("commands", R, "RESERVE_NOW"): "POST ReserveNow > CommandResponse >> CommandResult",
    ("commands", R, "START_SESSION"): "POST StartSession > CommandResponse >> CommandResult",
    ("commands", R, "STOP_SESSION"): "POST StopSession > CommandResponse >> CommandResult",
    ("commands", R, "UNLOCK_CONNECTOR"): "POST UnlockConnector > CommandResponse >> CommandResult",
    ("commands", R, "{command}"): "POST >> CommandResult",
    ("commands", S, "{command}"): "POST CommandResult",
    ("commands", S, "{command}/{uid}"): "POST CommandResult",
}
SINCE_2_2 = {
    ("sessions", S, "{session_id}/charging_preferences"): "PUT ChargingPreferences > ChargingPreferencesResponse",
    ("commands", R, "CANCEL_RESERVATION"): "POST CancelReservation > CommandResponse >> CommandResult",
    ("chargingprofiles", R, "{session_id}"): (
        "GET > ChargingProfileResponse >> ActiveChargingProfileResult, "
        "PUT SetChargingProfile > ChargingProfileResponse >> ChargingProfileResult, "
        "DELETE > ChargingProfileResponse >> ClearProfileResult"
    ),
    ("chargingprofiles", S, "{session_id}"): "PUT ActiveChargingProfile",
}
SINCE_2_3 = {
    ("bookings", S, ""): "GET > Booking, POST BookingRequest > Booking",
    ("bookings", S, "booking_locations"): "GET > BookingLocation",
    ("bookings", S, "booking_locations/{booking_location_id}"): "GET > BookingLocation",
    ("bookings", S, "booking_locations/{booking_location_id}/{calendar_id}"): "GET > Calendar",
    ("bookings", R, f"{OWNED}/{{booking_id}}"): "GET > Booking, PUT Booking, PATCH Booking",
    ("bookings", R, f"{OWNED}/booking_locations/{{booking_location_id}}"): (
        "GET > BookingLocation, PUT BookingLocation, PATCH BookingLocation"
    ),
    ("bookings", R, f"{OWNED}/booking_locations/{{booking_location_id}}/{{calendar_id}}"): (
        "GET > Calendar, PUT Calendar, PATCH Calendar"
    ),
    ("invoicereconciliation", S, ""): "GET > InvoiceReconciliationRecord",
    ("invoicereconciliation", R, ""): "POST InvoiceReconciliationRecord",
    ("invoicereconciliation", R, f"{OWNED}/{{id}}"): (
        "GET > InvoiceReconciliationRecord, PUT InvoiceReconciliationRecord, DELETE"
    ),
    ("payments", S, "terminals"): "GET > Terminal",
    ("payments", S, "terminals/activate"): "POST TerminalActivation",
    ("payments", S, "terminals/{terminal_id}"): "GET > Terminal, PUT Terminal, PATCH Terminal",
    ("payments", S, "terminals/{terminal_id}/deactivate"): "POST",
    ("payments", S, "financial-advice-confirmations"): "GET > FinancialAdviceConfirmation",
    ("payments", S, "financial-advice-confirmations/{id}"): "GET > FinancialAdviceConfirmation",
    ("payments", R, "terminals"): "POST Terminal",
    ("payments", R, "terminals/{terminal_id}"): "GET > Terminal",
    ("payments", R, "financial-advice-confirmations"): "POST FinancialAdviceConfirmation",
    ("payments", R, "financial-advice-confirmations/{id}"): "GET > FinancialAdviceConfirmation",
}
SPECIFICATION = {
    "2.1.1": EVERYWHERE | {("tariffs", R, f"{OWNED}/{{tariff_id}}"): "GET > Tariff, PUT Tariff, PATCH Tariff, DELETE"},
    "2.2.1": EVERYWHERE | SINCE_2_2,
    "2.3.0": EVERYWHERE | SINCE_2_2 | SINCE_2_3,
}
# Where the specification lets a partner make up the URL: a page, an object, a result. Of some, nobody knows which kind.
MADE_UP = {
    ("locations", S, ""): "GET > Location",
    ("sessions", S, ""): "GET > Session",
    ("cdrs", S, ""): "GET > CDR",
    ("cdrs", R, ""): "GET > CDR",
    ("tariffs", S, ""): "GET > Tariff",
    ("tokens", S, ""): "GET > Token",
    ("commands", S, ""): "POST CommandResult",
}
HANDED_OUT = {
    "2.1.1": MADE_UP,
    "2.2.1": MADE_UP | {("chargingprofiles", S, ""): "POST"},
    "2.3.0": MADE_UP
    | {
        ("chargingprofiles", S, ""): "POST",
        ("bookings", S, ""): "GET",
        ("payments", S, ""): "GET",
        ("invoicereconciliation", S, ""): "GET > InvoiceReconciliationRecord",
    },
}
ROWS = {"2.1.1": OCPI_2_1_1, "2.2.1": OCPI_2_2_1, "2.3.0": OCPI_2_3_0}
MODULES = {
    "2.1.1": ["cdrs", "commands", "locations", "sessions", "tariffs", "tokens"],
    "2.2.1": ["cdrs", "chargingprofiles", "commands", "locations", "sessions", "tariffs", "tokens"],
    "2.3.0": [
        "bookings", "cdrs", "chargingprofiles", "commands", "invoicereconciliation", "locations", "payments",
        "sessions", "tariffs", "tokens",
    ],
}  # fmt: skip
CONFIGURATION = ["credentials", "hubclientinfo", "versions"]
ALL_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get"]
each_version = pytest.mark.parametrize("version", ROWS)


def find(module, interface, method, path, version="2.2.1"):
    return CATALOGUE.module(version, interface, module).find(method, tuple(path.split("/")) if path else ())


def written(table):
    """A table as {(module, interface, method, path): (body, data, result)}, with "" for None."""
    found = {}
    for (module, interface, path), calls in table.items():
        for call in calls.split(", "):
            asked, _, result = call.partition(">> ")
            request, _, data = asked.partition("> ")
            method, _, body = request.strip().partition(" ")
            found[module, interface, method, path] = (body, data.strip(), result)
    return found


def kinds(row):
    return (row.body or "", row.data or "", row.result or "")


@each_version
def test_the_catalogue_is_the_specification(version):
    table = written(SPECIFICATION[version])
    found = {(row.module, row.interface, row.method, "/".join(row.path)): kinds(row) for row in ROWS[version]}
    assert found == table
    assert len(ROWS[version]) == len(table)
    assert {row.version for row in ROWS[version]} == {version}


def test_the_versions():
    assert sorted(VERSIONS) == [*CATALOGUE.versions] == [*ROWS]
    assert {"2.1.1"} == WITHOUT_INTERFACES
    assert CATALOGUE.has("2.2.1", "chargingprofiles")
    assert not CATALOGUE.has("2.1.1", "chargingprofiles")
    assert not CATALOGUE.has("2.2.1", "bookings")


@each_version
def test_kinds_are_types_of_the_version(version):
    """In 2.1.1, the result of a command is a CommandResponse, as its answer is (mod_commands 2.2.1)."""
    types = {"2.1.1": v2_1_1, "2.2.1": v2_2_1, "2.3.0": v2_3_0}[version]
    named = {kind for row in CATALOGUE.operations() if row.version == version for kind in kinds(row) if kind}
    assert named - {*types.__all__} == ({"CommandResult"} if version == "2.1.1" else set())


def test_in_which_versions_an_operation_exists():
    """What OCPI 2.1.1 lacks, what only it has, and what came with 2.3.0."""
    lacks_2_1_1 = {
        ("sessions", S, "PUT", "{session_id}/charging_preferences"),
        ("commands", R, "POST", "CANCEL_RESERVATION"),
        ("chargingprofiles", R, "GET", "{session_id}"),
        ("chargingprofiles", R, "PUT", "{session_id}"),
        ("chargingprofiles", R, "DELETE", "{session_id}"),
        ("chargingprofiles", S, "PUT", "{session_id}"),
        ("chargingprofiles", S, "POST", "{url}"),
    }
    for row in CATALOGUE.operations():
        if (row.module, row.interface, row.method, "/".join(row.path)) in lacks_2_1_1:
            assert row.versions == {"2.2.1", "2.3.0"}, row
        elif row.module in ("bookings", "invoicereconciliation", "payments"):
            assert row.versions == {"2.3.0"}, row
        elif (row.module, row.method) == ("tariffs", "PATCH"):
            assert row.versions == {"2.1.1"}, row
        else:
            assert row.versions == {"2.1.1", "2.2.1", "2.3.0"}, row


@each_version
def test_urls_that_partners_make_up(version):
    rows_of_it = [row for key, row in CATALOGUE.handed_out.items() if key[0] == version]
    assert {(row.module, row.interface, row.method, ""): kinds(row) for row in rows_of_it} == written(
        HANDED_OUT[version]
    )
    for row in rows_of_it:
        assert CATALOGUE.indirect(version, row.module, row.interface, row.method) is row
        assert (row.version, row.path, row.owner) == (version, ("{url}",), OwnerIn.NOWHERE)
        assert row.url is (UrlIn.LINK if (row.interface, row.method) == (S, "GET") else UrlIn.NOWHERE)
    assert CATALOGUE.indirect(version, "commands", S, "GET") is None
    assert CATALOGUE.indirect(version, "cdrs", R, "DELETE") is None


@each_version
def test_what_is_offered(version):
    """Configuration modules are never routed (transport_and_format: Message Routing Headers): they are not there."""
    assert CATALOGUE.offered(version) == [(module, interface) for module in MODULES[version] for interface in (R, S)]
    for module in CONFIGURATION:
        assert CATALOGUE.module(version, R, module) is CATALOGUE.module(version, S, module) is None


def test_every_operation_is_there_once():
    found = [*CATALOGUE.operations()]
    assert CATALOGUE.modules == {*MODULES["2.3.0"]}
    assert CATALOGUE.offered("2.0") == []
    assert found == [*dict.fromkeys(found)]
    assert len(found) == sum(map(len, ROWS.values())) + sum(map(len, HANDED_OUT.values()))


ALL, OLD, NEW, LATEST = ("2.1.1", "2.2.1", "2.3.0"), ("2.1.1",), ("2.2.1", "2.3.0"), ("2.3.0",)
PATHS = [
    (ALL, "sender/locations", "GET"),
    (ALL, "sender/locations/LOC1/3256/1", "GET"),
    (ALL, "sender/locations/1/2/3/4", ""),
    (ALL, "receiver/locations", ""),
    (ALL, "receiver/locations/NL", ""),
    (ALL, "receiver/locations/NL/TNM", ""),
    (ALL, "receiver/locations/BE/BEC/LOC1", "GET PUT PATCH"),
    (ALL, "receiver/locations/nl/tnm/1012/3255/2", "GET PUT PATCH"),
    (ALL, "receiver/locations/NL/TNM/1/2/3/4", ""),
    (ALL, "sender/sessions/101", ""),
    (OLD, "sender/sessions/101/charging_preferences", ""),
    (NEW, "sender/sessions/101/charging_preferences", "PUT"),
    (ALL, "sender/sessions/101/other", ""),
    (ALL, "receiver/sessions/NL/TNM/101", "GET PUT PATCH"),
    (ALL, "receiver/sessions/NL/TNM/101/charging_periods", ""),
    (ALL, "sender/cdrs", "GET"),
    (ALL, "receiver/cdrs", "POST"),
    (ALL, "receiver/cdrs/12345", ""),
    (OLD, "receiver/tariffs/NL/TNM/12", "GET PUT PATCH DELETE"),
    (NEW, "receiver/tariffs/NL/TNM/12", "GET PUT DELETE"),
    (ALL, "sender/tokens", "GET"),
    (ALL, "sender/tokens/0123", ""),
    (ALL, "sender/tokens/012345678/authorize", "POST"),
    (ALL, "sender/tokens/0123/AUTHORIZE", ""),
    (ALL, "sender/tokens//authorize", ""),
    (ALL, "receiver/tokens/NL/TNM/012345678", "GET PUT PATCH"),
    (ALL, "receiver/commands", ""),
    (ALL, "receiver/commands/UNLOCK_CONNECTOR", "POST"),
    (ALL, "receiver/commands/SOMETHING_NEW", "POST"),
    (ALL, "sender/commands/RESERVE_NOW/1234", "POST"),
    (NEW, "receiver/chargingprofiles/1234", "GET PUT DELETE"),
    (NEW, "sender/chargingprofiles/1234", "PUT"),
    (NEW, "sender/chargingprofiles", ""),
    (LATEST, "receiver/bookings/SE/VOL/BOK213", "GET PUT PATCH"),
    (LATEST, "receiver/bookings/SE/VOL/booking_locations/LOC2/3255", "GET PUT PATCH"),
    (LATEST, "sender/payments/terminals/55719888/deactivate", "POST"),
]


@pytest.mark.parametrize(("versions", "path", "methods"), PATHS)
def test_allowed_is_what_a_405_says(versions, path, methods):
    """Paths as in the specification's examples, and others. Empty is a 404: there is no such path with any method."""
    side, module, *segments = path.split("/")
    for version in versions:
        table = CATALOGUE.module(version, Interface(side.upper()), module)
        assert [method for method in ALL_METHODS if table.find(method, tuple(segments))] == methods.split()
        assert list(table.allowed(tuple(segments))) == methods.split()


@each_version
def test_who_owns_what(version):
    """Client owned objects have the owner in the path. A CDR names it, but not in 2.1.1."""
    named = {(row.module, row.interface, row.method) for row in ROWS[version] if row.owner is OwnerIn.BODY}
    assert (
        named
        == {
            "2.1.1": set(),
            "2.2.1": {("cdrs", R, "POST")},
            "2.3.0": {("cdrs", R, "POST"), ("bookings", S, "POST"), ("invoicereconciliation", R, "POST")},
        }[version]
    )
    for row in ROWS[version]:
        assert (row.path[:2] == ("{country_code}", "{party_id}")) is (row.owner is OwnerIn.PATH)
        nobodys = row.module in ("commands", "chargingprofiles", "invoicereconciliation")
        owner = {"tokens": Role.EMSP, "payments": Role.PTP}.get(row.module, Role.CPO)
        assert row.owner_role is (None if nobodys else owner)


@each_version
def test_what_the_hub_keeps_and_what_it_collects(version):
    kept = {(row.module, row.interface, row.kept) for row in ROWS[version] if row.kept is not Kept.NO and row.is_list}
    shared = {(module, S, Kept.MIRROR) for module in ("locations", "tariffs")} | {("tokens", S, Kept.MIRROR)}
    asked = {(module, S, Kept.COLLECT) for module in ("sessions", "cdrs")}
    assert kept == shared | asked | ({("bookings", S, Kept.COLLECT)} if version == "2.3.0" else set())
    assert {row.module for row in ROWS[version] if row.broadcast} == {"locations", "tariffs", "tokens"}


@pytest.mark.parametrize(
    ("module", "path", "identity"),
    [
        ("locations", "NL/TNM/1", "id"),
        ("locations", "NL/TNM/1/2", "uid"),
        ("locations", "NL/TNM/1/2/3", "id"),
        ("sessions", "NL/TNM/1", "id"),
        ("tariffs", "NL/TNM/1", "id"),
        ("tokens", "NL/TNM/1", "uid"),
        ("bookings", "NL/TNM/1", None),
        ("bookings", "NL/TNM/booking_locations/1", "id"),
        ("bookings", "NL/TNM/booking_locations/1/2", "id"),
        ("invoicereconciliation", "NL/TNM/1", "id"),
    ],
)
def test_which_field_is_the_id(module, path, identity):
    for version in ROWS if module in MODULES["2.1.1"] else LATEST:
        assert find(module, R, "PUT", path, version).identity == identity
        assert find(module, R, "GET", path, version).identity is None


@each_version
def test_where_urls_are_handed_out(version):
    handed = {
        (row.module, row.interface, row.method): row.url for row in ROWS[version] if row.url is not UrlIn.NOWHERE
    }  # fmt: skip
    lists = {(module, S, "GET"): UrlIn.LINK for module in {*MODULES[version]} - {"chargingprofiles", "commands"}}
    later = {
        ("chargingprofiles", R, "PUT"): UrlIn.BODY,
        ("chargingprofiles", R, "GET"): UrlIn.QUERY,
        ("chargingprofiles", R, "DELETE"): UrlIn.QUERY,
    }
    assert handed == lists | {("cdrs", R, "POST"): UrlIn.LOCATION, ("commands", R, "POST"): UrlIn.BODY} | (
        {} if version == "2.1.1" else later
    )
    assert all(row.is_list is (row.url is UrlIn.LINK) for row in ROWS[version])


def test_what_an_operation_is():
    put, get = find("tokens", R, "PUT", "NL/TNM/1"), find("tokens", R, "GET", "NL/TNM/1")
    delete, authorize = find("tariffs", R, "DELETE", "NL/TNM/1"), find("tokens", S, "POST", "1/authorize")
    assert (put.is_push, put.has_body) == (True, True)
    assert (get.is_push, get.has_body) == (False, False)
    assert (delete.is_push, delete.has_body) == (True, False)
    assert {row.path for row in CATALOGUE.operations() if row.bare} == {
        ("{token_uid}", "authorize"), ("terminals", "{terminal_id}", "deactivate"),
    }  # fmt: skip
    assert authorize.selector == "tokens.post"
    assert str(authorize) == "POST sender/tokens/{token_uid}/authorize"
    assert str(find("cdrs", R, "POST", "")) == "POST receiver/cdrs"


def test_a_command_of_the_specification_goes_before_any_other():
    assert find("commands", R, "POST", "START_SESSION").path == ("START_SESSION",)
    assert find("commands", R, "POST", "start_session").path == ("{command}",)
    assert find("commands", R, "POST", "CANCEL_RESERVATION", "2.1.1").path == ("{command}",)


def test_literals_have_their_case_and_placeholders_are_never_empty():
    shape = Operation(version="2.2.1", module="m", interface=S, method="GET", path=("{id}", "literal"))
    assert shape.fits(("x", "literal"))
    for other in [("", "literal"), ("x", "LITERAL"), ("x", ""), ("x",), ("x", "literal", ""), ("{id}", "{literal}")]:
        assert not shape.fits(other)


def test_a_custom_module_is_a_row_like_the_rest():
    added = rows("2.2.1", "parking", R, "GET PUT", f"{OWNED}/{{id}}", owner=OwnerIn.PATH, identity="id")
    both = Catalogue.of((*OCPI_2_2_1, *added))
    table = both.module("2.2.1", R, "parking")
    assert table.allowed(("NL", "TNM", "1")) == ("GET", "PUT")
    assert [row.identity for row in added] == [None, "id"]
    assert ("parking", R) in both.offered("2.2.1")
    alone = both.module("2.2.1", R, "tokens").find("PUT", ("NL", "TNM", "1"))
    assert alone == msgspec.structs.replace(find("tokens", R, "PUT", "NL/TNM/1"), versions=frozenset(("2.2.1",)))
