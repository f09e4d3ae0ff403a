"""The tables: every operation of every functional module that the hub knows, a line for each path.

A row says which method and path exist on an interface, where the owner of the object is written, which field of
the body has to equal the last path segment, and where a URL for later use is handed out (2.2.1, chapters 8 to 14;
2.3.0, branches bookings and payments).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from hub.core.modules import Catalogue, Interface, Kept, Operation, OwnerIn, UrlIn
from hub.core.party import Role


def rows(
    version: str,
    module: str,
    interface: Interface,
    methods: str,
    path: str = "",
    *,
    owner: OwnerIn = OwnerIn.NOWHERE,
    identity: str | None = None,
    url: UrlIn = UrlIn.NOWHERE,
    bare: bool = False,
    owner_role: Role | None = None,
    kept: Kept = Kept.NO,
) -> list[Operation]:
    """The rows of one line of the table: one for each of the space-separated methods."""
    shape = tuple(path.split("/")) if path else ()
    return [
        Operation(
            version=version, module=module, interface=interface, method=method, path=shape,
            owner=owner, identity=identity if method in ("POST", "PUT", "PATCH") else None, url=url, bare=bare,
            owner_role=owner_role, kept=kept,
        )
        for method in methods.split()
    ]  # fmt: skip


_S, _R = Interface.SENDER, Interface.RECEIVER
_OWNED = "{country_code}/{party_id}"
_V221 = "2.2.1"

_CPO: Any = {"owner_role": Role.CPO}
_EMSP: Any = {"owner_role": Role.EMSP}
_PTP: Any = {"owner_role": Role.PTP}
_SHARED: Any = {"kept": Kept.MIRROR}
_ASKED: Any = {"kept": Kept.COLLECT}

# fmt: off
OCPI_2_2_1: tuple[Operation, ...] = (
    *rows(_V221, "locations", _S, "GET", url=UrlIn.LINK, **_CPO, **_SHARED),
    *rows(_V221, "locations", _S, "GET", "{location_id}", **_CPO, **_SHARED),
    *rows(_V221, "locations", _S, "GET", "{location_id}/{evse_uid}", **_CPO, **_SHARED),
    *rows(_V221, "locations", _S, "GET", "{location_id}/{evse_uid}/{connector_id}", **_CPO, **_SHARED),
    *rows(_V221, "locations", _R, "GET PUT PATCH", _OWNED + "/{location_id}",
          owner=OwnerIn.PATH, identity="id", **_CPO, **_SHARED),
    *rows(_V221, "locations", _R, "GET PUT PATCH", _OWNED + "/{location_id}/{evse_uid}",
          owner=OwnerIn.PATH, identity="uid", **_CPO, **_SHARED),
    *rows(_V221, "locations", _R, "GET PUT PATCH", _OWNED + "/{location_id}/{evse_uid}/{connector_id}",
          owner=OwnerIn.PATH, identity="id", **_CPO, **_SHARED),
    *rows(_V221, "sessions", _S, "GET", url=UrlIn.LINK, **_CPO, **_ASKED),
    *rows(_V221, "sessions", _S, "PUT", "{session_id}/charging_preferences", **_CPO),
    *rows(_V221, "sessions", _R, "GET PUT PATCH", _OWNED + "/{session_id}", owner=OwnerIn.PATH, identity="id", **_CPO),
    *rows(_V221, "cdrs", _S, "GET", url=UrlIn.LINK, **_CPO, **_ASKED),
    *rows(_V221, "cdrs", _R, "POST", owner=OwnerIn.BODY, url=UrlIn.LOCATION, **_CPO),
    *rows(_V221, "tariffs", _S, "GET", url=UrlIn.LINK, **_CPO, **_SHARED),
    *rows(_V221, "tariffs", _R, "GET PUT DELETE", _OWNED + "/{tariff_id}",
          owner=OwnerIn.PATH, identity="id", **_CPO, **_SHARED),
    *rows(_V221, "tokens", _S, "GET", url=UrlIn.LINK, **_EMSP, **_SHARED),
    *rows(_V221, "tokens", _S, "POST", "{token_uid}/authorize", bare=True, **_EMSP),
    *rows(_V221, "tokens", _R, "GET PUT PATCH", _OWNED + "/{token_uid}",
          owner=OwnerIn.PATH, identity="uid", **_EMSP, **_SHARED),
    *rows(_V221, "commands", _R, "POST", "{command}", url=UrlIn.BODY),
    *rows(_V221, "commands", _S, "POST", "{command}"),
    *rows(_V221, "commands", _S, "POST", "{command}/{uid}"),
    *rows(_V221, "chargingprofiles", _R, "GET DELETE", "{session_id}", url=UrlIn.QUERY),
    *rows(_V221, "chargingprofiles", _R, "PUT", "{session_id}", url=UrlIn.BODY),
    *rows(_V221, "chargingprofiles", _S, "PUT", "{session_id}"),
)
# fmt: on


class ExtraModule(StrEnum):
    """Modules that come with the hub, but that not every 2.2.1 platform understands: an operator switches them on."""

    BOOKINGS = "bookings"
    INVOICERECONCILIATION = "invoicereconciliation"
    PARKING = "parking"
    PAYMENTS = "payments"
    RESERVATIONS = "reservations"


# On the SENDER side of reservations and parking, the owner in the path is the party that is called.
# fmt: off
EXTRAS: Mapping[ExtraModule, tuple[Operation, ...]] = {
    ExtraModule.BOOKINGS: (
        *rows(_V221, "bookings", _S, "GET", url=UrlIn.LINK, **_CPO, **_ASKED),
        *rows(_V221, "bookings", _S, "POST", owner=OwnerIn.BODY, **_CPO),
        *rows(_V221, "bookings", _S, "GET", "booking_locations", url=UrlIn.LINK, **_CPO, **_ASKED),
        *rows(_V221, "bookings", _S, "GET", "booking_locations/{booking_location_id}", **_CPO),
        *rows(_V221, "bookings", _S, "GET", "booking_locations/{booking_location_id}/{calendar_id}", **_CPO),
        # No identity here: the specification has the booking's id in this path, and in a PUT also its request_id.
        *rows(_V221, "bookings", _R, "GET PUT PATCH", _OWNED + "/{booking_id}", owner=OwnerIn.PATH, **_CPO),
        *rows(_V221, "bookings", _R, "GET PUT PATCH", _OWNED + "/booking_locations/{booking_location_id}",
              owner=OwnerIn.PATH, identity="id", **_CPO),
        *rows(_V221, "bookings", _R, "GET PUT PATCH", _OWNED + "/booking_locations/{booking_location_id}/{calendar_id}",
              owner=OwnerIn.PATH, identity="id", **_CPO),
    ),
    ExtraModule.INVOICERECONCILIATION: (
        *rows(_V221, "invoicereconciliation", _S, "GET", url=UrlIn.LINK),
        *rows(_V221, "invoicereconciliation", _R, "GET PUT DELETE", _OWNED + "/{id}",
              owner=OwnerIn.PATH, identity="id"),
        *rows(_V221, "invoicereconciliation", _R, "POST", owner=OwnerIn.BODY),
    ),
    ExtraModule.PARKING: (
        *rows(_V221, "parking", _S, "GET", url=UrlIn.LINK, **_CPO, **_ASKED),
        *rows(_V221, "parking", _S, "GET PATCH", _OWNED + "/{id}", identity="id", **_CPO),
        *rows(_V221, "parking", _R, "GET PUT PATCH", _OWNED + "/{id}", owner=OwnerIn.PATH, identity="id", **_CPO),
    ),
    ExtraModule.PAYMENTS: (
        *rows(_V221, "payments", _S, "GET", "terminals", url=UrlIn.LINK, **_PTP),
        *rows(_V221, "payments", _S, "POST", "terminals/activate", **_PTP),
        *rows(_V221, "payments", _S, "GET PUT PATCH", "terminals/{terminal_id}", **_PTP),
        *rows(_V221, "payments", _S, "POST", "terminals/{terminal_id}/deactivate", bare=True, **_PTP),
        *rows(_V221, "payments", _S, "GET", "financial-advice-confirmations", url=UrlIn.LINK, **_PTP),
        *rows(_V221, "payments", _S, "GET", "financial-advice-confirmations/{id}", **_PTP),
        *rows(_V221, "payments", _R, "POST", "terminals", **_PTP),
        *rows(_V221, "payments", _R, "GET", "terminals/{terminal_id}", **_PTP),
        *rows(_V221, "payments", _R, "POST", "financial-advice-confirmations", **_PTP),
        *rows(_V221, "payments", _R, "GET", "financial-advice-confirmations/{id}", **_PTP),
    ),
    ExtraModule.RESERVATIONS: (
        *rows(_V221, "reservations", _S, "GET", url=UrlIn.LINK, **_CPO, **_ASKED),
        *rows(_V221, "reservations", _S, "GET POST PATCH", _OWNED + "/{id}", identity="id", **_CPO),
        *rows(_V221, "reservations", _R, "GET PUT PATCH", _OWNED + "/{id}", owner=OwnerIn.PATH, identity="id", **_CPO),
    ),
}
# fmt: on

CATALOGUE = Catalogue.of(OCPI_2_2_1)
VERSIONS = ("2.2.1",)
ALIASES: Mapping[str, str] = {"booking": "bookings"}
"""Module ids that platforms advertise for a module of another name: the 2.3.0 bookings chapter uses both."""
