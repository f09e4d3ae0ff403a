"""The modules that come with the hub and are switched on: paths as the specification's branches have them."""

import msgspec
import pytest

from hub.core.catalogue import ALIASES, CATALOGUE, EXTRAS, OCPI_2_3_0, VERSIONS, ExtraModule
from hub.core.custom import operations
from hub.core.modules import Interface, Kept, OwnerIn, UrlIn
from hub.core.party import Party, Role
from hub.core.rights import owner_of
from hub.errors import InvalidParameters
from hub.ocpi.reservations import PARKING, RESERVATIONS

S, R = Interface.SENDER, Interface.RECEIVER
CUSTOM = {"parking": PARKING, "reservations": RESERVATIONS}
ROWS = [
    *(row for rows in EXTRAS.values() for row in rows),
    *(row for name, module in CUSTOM.items() for row in operations(name, module)),
]
ALL = CATALOGUE.plus(ROWS)


def find(interface: Interface, call: str, version: str = "2.2.1"):
    method, _, path = call.partition(" ")
    module, *segments = path.split("/")
    return ALL.module(version, interface, module).find(method, tuple(segments))


def named(row):
    return f"{row.version} {row}"


def test_they_are_off():
    """Those that OCPI 2.3.0 has are there in 2.3.0, and off in what came before it."""
    assert CATALOGUE.modules.isdisjoint(CUSTOM)
    assert all(CATALOGUE.has("2.3.0", module) for module in EXTRAS)
    assert not any(CATALOGUE.has(version, module) for version in ("2.1.1", "2.2.1") for module in EXTRAS)
    assert [*EXTRAS] == [*ExtraModule]
    assert all(row.module == name for name, rows in EXTRAS.items() for row in rows)
    assert set(ALIASES.values()) <= {*EXTRAS}


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_every_row_can_be_called(row):
    segments = tuple("x" if part.startswith("{") else part for part in row.path)
    assert ALL.module(row.version, row.interface, row.module).find(row.method, segments) == msgspec.structs.replace(
        row, versions=frozenset(VERSIONS if row.module in CUSTOM else ("2.2.1", "2.3.0"))
    )


def test_plus_keeps_what_is_there():
    """Only what 2.2.1 has now as well knows of one more version."""
    assert ALL.rows.keys() == CATALOGUE.rows.keys() | {(row.version, row.interface, row.module) for row in ROWS}
    assert {key[2] for key, table in CATALOGUE.rows.items() if ALL.rows[key] != table} == {*EXTRAS}
    assert ALL.plus(ROWS) == ALL


def test_they_are_what_they_are_in_other_versions():
    for module, rows in EXTRAS.items():
        found = {row.versions for row in ALL.operations() if row.module == module}
        assert found == {frozenset(("2.2.1", "2.3.0"))}
        same = (msgspec.structs.replace(row, version="2.2.1") for row in OCPI_2_3_0 if row.module == module)
        assert rows == tuple(same)


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_lists_are_paged_and_owners_are_senders(row):
    assert row.is_list == (row.url is UrlIn.LINK)
    owned = row.path[:2] == ("{country_code}", "{party_id}")
    assert (row.owner is OwnerIn.PATH) == (owned and row.interface is R)
    assert not row.broadcast
    assert row.kept in (Kept.NO, Kept.COLLECT)
    assert row.kept is Kept.NO or (row.is_list and row.owner_role is Role.CPO)


@pytest.mark.parametrize(
    ("interface", "calls"),
    [
        (S, ["GET bookings", "POST bookings", "GET bookings/booking_locations", "GET bookings/booking_locations/BL1"]),
        (S, ["GET bookings/booking_locations/BL1/C1"]),
        (R, [f"{method} bookings/NL/CPO/B1" for method in ("GET", "PUT", "PATCH")]),
        (R, [f"{method} bookings/NL/CPO/booking_locations/BL1" for method in ("GET", "PUT", "PATCH")]),
        (R, [f"{method} bookings/NL/CPO/booking_locations/BL1/C1" for method in ("GET", "PUT", "PATCH")]),
        (S, ["GET payments/terminals", "GET payments/terminals/T1", "PUT payments/terminals/T1"]),
        (S, ["PATCH payments/terminals/T1", "POST payments/terminals/activate"]),
        (S, ["POST payments/terminals/T1/deactivate"]),
        (S, ["GET payments/financial-advice-confirmations", "GET payments/financial-advice-confirmations/F1"]),
        (R, ["POST payments/terminals", "GET payments/terminals/T1"]),
        (R, ["POST payments/financial-advice-confirmations", "GET payments/financial-advice-confirmations/F1"]),
        (S, ["GET invoicereconciliation"]),
        (R, ["POST invoicereconciliation", "PUT invoicereconciliation/NL/CPO/I1"]),
        (R, ["GET invoicereconciliation/NL/CPO/I1", "DELETE invoicereconciliation/NL/CPO/I1"]),
        (S, ["GET reservations", *(f"{method} reservations/NL/CPO/R1" for method in ("GET", "POST", "PATCH"))]),
        (R, [f"{method} reservations/NL/CPO/R1" for method in ("GET", "PUT", "PATCH")]),
        (S, ["GET parking", *(f"{method} parking/NL/CPO/P1" for method in ("GET", "PATCH"))]),
        (R, [f"{method} parking/NL/CPO/P1" for method in ("GET", "PUT", "PATCH")]),
    ],
)
def test_what_there_is(interface, calls):
    assert all(find(interface, call, version) for call in calls for version in ("2.2.1", "2.3.0"))


@pytest.mark.parametrize(
    ("interface", "call"),
    [
        (S, "PUT bookings/NL/CPO/B1"),
        (R, "POST bookings"),
        (R, "DELETE bookings/NL/CPO/B1"),
        (R, "PUT payments/terminals/T1"),
        (S, "POST payments/terminals"),
        (S, "POST invoicereconciliation"),
        (R, "PATCH invoicereconciliation/NL/CPO/I1"),
        (S, "POST parking/NL/CPO/P1"),
        (R, "POST reservations/NL/CPO/R1"),
    ],
)
def test_what_there_is_not(interface, call):
    assert find(interface, call, "2.2.1") is find(interface, call, "2.3.0") is None


def test_the_party_that_asks_for_a_booking_is_the_sender():
    """2.3.0, bookings: a BookingRequest names the eMSP that requests, at the SENDER interface of the CPO."""
    asked = find(S, "POST bookings")
    assert owner_of(asked, (), b'{"country_code":"DE","party_id":"MSP","request_id":"R1"}') == Party("DE", "MSP")
    with pytest.raises(InvalidParameters, match="they name the owner"):
        owner_of(asked, (), b"{}")


@pytest.mark.parametrize("body", [b'{"id":"R1","kwh":12.5}', b'{"id":"r1","kWh":12.5}'])
def test_a_reservation_names_itself_at_both_interfaces(body):
    segments = ("NL", "CPO", "R1")
    assert owner_of(find(R, "PUT reservations/NL/CPO/R1"), segments, body) == Party("NL", "CPO")
    assert owner_of(find(S, "POST reservations/NL/CPO/R1"), segments, body) is None
    for interface, call in ((R, "PUT reservations/NL/CPO/R2"), (S, "POST reservations/NL/CPO/R2")):
        with pytest.raises(InvalidParameters, match="id is"):
            owner_of(find(interface, call), ("NL", "CPO", "R2"), body)
