"""The tables: every operation of every functional module that the hub knows, a line for each path.

A row says which method and path exist on an interface, what the body and the answer's data are, where the owner of
the object is written, which field of the body has to equal the last path segment, and where a URL for later use is
handed out (2.1.1; 2.2.1, chapters 8 to 14; 2.3.0 with the branches bookings and payments).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from hub.core.modules import Catalogue, Interface, Kept, Operation, OwnerIn, UrlIn
from hub.core.party import Role

VERSIONS = ("2.3.0", "2.2.1", "2.1.1")
"""The versions of OCPI that the hub speaks, the one that it likes best first."""

WITHOUT_INTERFACES = frozenset({"2.1.1"})
"""Versions whose endpoints have no role: one URL for each module, whichever side a platform is on."""


def rows(
    version: str,
    module: str,
    interface: Interface,
    methods: str,
    path: str = "",
    *,
    kind: str | None = None,
    answer: str | None = None,
    result: str | None = None,
    owner: OwnerIn = OwnerIn.NOWHERE,
    identity: str | None = None,
    url: UrlIn = UrlIn.NOWHERE,
    bare: bool = False,
    owner_role: Role | None = None,
    kept: Kept = Kept.NO,
) -> list[Operation]:
    """The rows of one line of the table: one for each of the space-separated methods.

    `kind` is the object that a GET answers with and the others carry; `answer` is what those are answered with.
    """
    shape = tuple(path.split("/")) if path else ()
    return [
        Operation(
            version=version, module=module, interface=interface, method=method, path=shape,
            body=kind if method in _PAYLOAD else None, data=kind if method == "GET" and not answer else answer,
            result=result, owner=owner, identity=identity if method in _PAYLOAD else None, url=url, bare=bare,
            owner_role=owner_role, kept=kept,
        )
        for method in methods.split()
    ]  # fmt: skip


_PAYLOAD = frozenset(("POST", "PUT", "PATCH"))
_S, _R = Interface.SENDER, Interface.RECEIVER
_OWNED = "{country_code}/{party_id}"

_CPO: Any = {"owner_role": Role.CPO}
_EMSP: Any = {"owner_role": Role.EMSP}
_PTP: Any = {"owner_role": Role.PTP}
_SHARED: Any = {"kept": Kept.MIRROR}
_ASKED: Any = {"kept": Kept.COLLECT}
_LATER: Any = {"url": UrlIn.BODY, "answer": "CommandResponse", "result": "CommandResult"}
_PROFILE: Any = {"answer": "ChargingProfileResponse"}


# fmt: off
def _roaming(v: str) -> tuple[Operation, ...]:
    """What every version has."""
    return (
        *rows(v, "locations", _S, "GET", kind="Location", url=UrlIn.LINK, **_CPO, **_SHARED),
        *rows(v, "locations", _S, "GET", "{location_id}", kind="Location", **_CPO, **_SHARED),
        *rows(v, "locations", _S, "GET", "{location_id}/{evse_uid}", kind="EVSE", **_CPO, **_SHARED),
        *rows(v, "locations", _S, "GET", "{location_id}/{evse_uid}/{connector_id}", kind="Connector",
              **_CPO, **_SHARED),
        *rows(v, "locations", _R, "GET PUT PATCH", _OWNED + "/{location_id}", kind="Location",
              owner=OwnerIn.PATH, identity="id", **_CPO, **_SHARED),
        *rows(v, "locations", _R, "GET PUT PATCH", _OWNED + "/{location_id}/{evse_uid}", kind="EVSE",
              owner=OwnerIn.PATH, identity="uid", **_CPO, **_SHARED),
        *rows(v, "locations", _R, "GET PUT PATCH", _OWNED + "/{location_id}/{evse_uid}/{connector_id}",
              kind="Connector", owner=OwnerIn.PATH, identity="id", **_CPO, **_SHARED),
        *rows(v, "sessions", _S, "GET", kind="Session", url=UrlIn.LINK, **_CPO, **_ASKED),
        *rows(v, "sessions", _R, "GET PUT PATCH", _OWNED + "/{session_id}", kind="Session",
              owner=OwnerIn.PATH, identity="id", **_CPO),
        *rows(v, "cdrs", _S, "GET", kind="CDR", url=UrlIn.LINK, **_CPO, **_ASKED),
        *rows(v, "cdrs", _R, "POST", kind="CDR", owner=_cdr_owner(v), url=UrlIn.LOCATION, **_CPO),
        *rows(v, "tariffs", _S, "GET", kind="Tariff", url=UrlIn.LINK, **_CPO, **_SHARED),
        *rows(v, "tariffs", _R, "GET PUT DELETE", _OWNED + "/{tariff_id}", kind="Tariff",
              owner=OwnerIn.PATH, identity="id", **_CPO, **_SHARED),
        *rows(v, "tokens", _S, "GET", kind="Token", url=UrlIn.LINK, **_EMSP, **_SHARED),
        *rows(v, "tokens", _S, "POST", "{token_uid}/authorize", kind="LocationReferences",
              answer="AuthorizationInfo", bare=True, **_EMSP),
        *rows(v, "tokens", _R, "GET PUT PATCH", _OWNED + "/{token_uid}", kind="Token",
              owner=OwnerIn.PATH, identity="uid", **_EMSP, **_SHARED),
        *rows(v, "commands", _R, "POST", "START_SESSION", kind="StartSession", **_LATER),
        *rows(v, "commands", _R, "POST", "STOP_SESSION", kind="StopSession", **_LATER),
        *rows(v, "commands", _R, "POST", "RESERVE_NOW", kind="ReserveNow", **_LATER),
        *rows(v, "commands", _R, "POST", "UNLOCK_CONNECTOR", kind="UnlockConnector", **_LATER),
        *rows(v, "commands", _S, "POST", "{command}", kind="CommandResult"),
        *rows(v, "commands", _S, "POST", "{command}/{uid}", kind="CommandResult"),
    )


def _cdr_owner(v: str) -> OwnerIn:
    """A CDR of 2.1.1 does not say whose it is: it is the sender's."""
    return OwnerIn.NOWHERE if v in WITHOUT_INTERFACES else OwnerIn.BODY


def _charging(v: str) -> tuple[Operation, ...]:
    """What came with 2.2."""
    return (
        *rows(v, "sessions", _S, "PUT", "{session_id}/charging_preferences", kind="ChargingPreferences",
              answer="ChargingPreferencesResponse", **_CPO),
        *rows(v, "commands", _R, "POST", "CANCEL_RESERVATION", kind="CancelReservation", **_LATER),
        *rows(v, "chargingprofiles", _R, "GET", "{session_id}", url=UrlIn.QUERY,
              result="ActiveChargingProfileResult", **_PROFILE),
        *rows(v, "chargingprofiles", _R, "PUT", "{session_id}", kind="SetChargingProfile", url=UrlIn.BODY,
              result="ChargingProfileResult", **_PROFILE),
        *rows(v, "chargingprofiles", _R, "DELETE", "{session_id}", url=UrlIn.QUERY,
              result="ClearProfileResult", **_PROFILE),
        *rows(v, "chargingprofiles", _S, "PUT", "{session_id}", kind="ActiveChargingProfile"),
    )


def _any_command(v: str) -> list[Operation]:
    """Commands that the specification does not know are routed as they are. Last: the others have rows of their own."""
    return rows(v, "commands", _R, "POST", "{command}", url=UrlIn.BODY, result="CommandResult")


def _bookings(v: str) -> tuple[Operation, ...]:
    """2.3.0, branch bookings."""
    return (
        *rows(v, "bookings", _S, "GET", kind="Booking", url=UrlIn.LINK, **_CPO, **_ASKED),
        *rows(v, "bookings", _S, "POST", kind="BookingRequest", answer="Booking", owner=OwnerIn.BODY, **_CPO),
        *rows(v, "bookings", _S, "GET", "booking_locations", kind="BookingLocation", url=UrlIn.LINK, **_CPO, **_ASKED),
        *rows(v, "bookings", _S, "GET", "booking_locations/{booking_location_id}", kind="BookingLocation", **_CPO),
        *rows(v, "bookings", _S, "GET", "booking_locations/{booking_location_id}/{calendar_id}", kind="Calendar",
              **_CPO),
        # No identity here: the specification has the booking's id in this path, and in a PUT also its request_id.
        *rows(v, "bookings", _R, "GET PUT PATCH", _OWNED + "/{booking_id}", kind="Booking",
              owner=OwnerIn.PATH, **_CPO),
        *rows(v, "bookings", _R, "GET PUT PATCH", _OWNED + "/booking_locations/{booking_location_id}",
              kind="BookingLocation", owner=OwnerIn.PATH, identity="id", **_CPO),
        *rows(v, "bookings", _R, "GET PUT PATCH", _OWNED + "/booking_locations/{booking_location_id}/{calendar_id}",
              kind="Calendar", owner=OwnerIn.PATH, identity="id", **_CPO),
    )


def _invoicereconciliation(v: str) -> tuple[Operation, ...]:
    """2.3.0, invoice reconciliation."""
    return (
        *rows(v, "invoicereconciliation", _S, "GET", kind="InvoiceReconciliationRecord", url=UrlIn.LINK),
        *rows(v, "invoicereconciliation", _R, "GET PUT DELETE", _OWNED + "/{id}",
              kind="InvoiceReconciliationRecord", owner=OwnerIn.PATH, identity="id"),
        *rows(v, "invoicereconciliation", _R, "POST", kind="InvoiceReconciliationRecord", owner=OwnerIn.BODY),
    )


def _payments(v: str) -> tuple[Operation, ...]:
    """2.3.0, branch payments."""
    return (
        *rows(v, "payments", _S, "GET", "terminals", kind="Terminal", url=UrlIn.LINK, **_PTP),
        *rows(v, "payments", _S, "POST", "terminals/activate", kind="TerminalActivation", **_PTP),
        *rows(v, "payments", _S, "GET PUT PATCH", "terminals/{terminal_id}", kind="Terminal", **_PTP),
        *rows(v, "payments", _S, "POST", "terminals/{terminal_id}/deactivate", bare=True, **_PTP),
        *rows(v, "payments", _S, "GET", "financial-advice-confirmations", kind="FinancialAdviceConfirmation",
              url=UrlIn.LINK, **_PTP),
        *rows(v, "payments", _S, "GET", "financial-advice-confirmations/{id}",
              kind="FinancialAdviceConfirmation", **_PTP),
        *rows(v, "payments", _R, "POST", "terminals", kind="Terminal", **_PTP),
        *rows(v, "payments", _R, "GET", "terminals/{terminal_id}", kind="Terminal", **_PTP),
        *rows(v, "payments", _R, "POST", "financial-advice-confirmations", kind="FinancialAdviceConfirmation", **_PTP),
        *rows(v, "payments", _R, "GET", "financial-advice-confirmations/{id}",
              kind="FinancialAdviceConfirmation", **_PTP),
    )


OCPI_2_1_1: tuple[Operation, ...] = (
    *_roaming("2.1.1"),
    *rows("2.1.1", "tariffs", _R, "PATCH", _OWNED + "/{tariff_id}", kind="Tariff",
          owner=OwnerIn.PATH, identity="id", **_CPO, **_SHARED),
    *_any_command("2.1.1"),
)
# fmt: on
OCPI_2_2_1: tuple[Operation, ...] = (*_roaming("2.2.1"), *_charging("2.2.1"), *_any_command("2.2.1"))
OCPI_2_3_0: tuple[Operation, ...] = (
    *_roaming("2.3.0"),
    *_charging("2.3.0"),
    *_any_command("2.3.0"),
    *_bookings("2.3.0"),
    *_invoicereconciliation("2.3.0"),
    *_payments("2.3.0"),
)


class ExtraModule(StrEnum):
    """Modules that come with the hub, but that not every platform understands: an operator switches them on."""

    BOOKINGS = "bookings"
    INVOICERECONCILIATION = "invoicereconciliation"
    PAYMENTS = "payments"


EXTRAS: Mapping[ExtraModule, tuple[Operation, ...]] = {
    ExtraModule.BOOKINGS: _bookings("2.2.1"),
    ExtraModule.INVOICERECONCILIATION: _invoicereconciliation("2.2.1"),
    ExtraModule.PAYMENTS: _payments("2.2.1"),
}

CATALOGUE = Catalogue.of((*OCPI_2_1_1, *OCPI_2_2_1, *OCPI_2_3_0))
ALIASES: Mapping[str, str] = {"booking": "bookings"}
"""Module ids that platforms advertise for a module of another name: the 2.3.0 bookings chapter uses both."""
