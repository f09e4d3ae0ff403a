"""The versions module of OCPI 2.3.0 (chapter 6)."""

from typing import Annotated

from hub.ocpi.types import AT_LEAST_ONE, Object, OpenEnum, Url
from hub.ocpi.v2_2_1 import InterfaceRole


class ModuleID(OpenEnum):
    """The name of a module, 2.3.0 section 6.2.4."""

    CDRS = "cdrs"
    CHARGING_PROFILES = "chargingprofiles"
    COMMANDS = "commands"
    CREDENTIALS = "credentials"
    HUB_CLIENT_INFO = "hubclientinfo"
    LOCATIONS = "locations"
    SESSIONS = "sessions"
    TARIFFS = "tariffs"
    TOKENS = "tokens"
    # Not in the table: named at the head of their own chapters. That of bookings says Booking, its URLs say bookings.
    BOOKING = "Booking"
    BOOKINGS = "bookings"
    INVOICE_RECONCILIATION = "invoicereconciliation"
    PAYMENTS = "payments"


class VersionNumber(OpenEnum):
    """A version of OCPI, 2.3.0 section 6.2.5."""

    V2_0 = "2.0"
    V2_1 = "2.1"
    V2_1_1 = "2.1.1"
    V2_2 = "2.2"
    V2_2_1 = "2.2.1"
    V2_3_0 = "2.3.0"


class Version(Object, kw_only=True):
    """A version and where its details are, 2.3.0 section 6.1.2."""

    version: VersionNumber
    url: Url


class Endpoint(Object, kw_only=True):
    """A module on one interface, 2.3.0 section 6.2.2."""

    identifier: ModuleID
    role: InterfaceRole
    url: Url


class VersionDetails(Object, kw_only=True):
    """All endpoints of a version, 2.3.0 section 6.2.1."""

    version: VersionNumber
    endpoints: Annotated[list[Endpoint], AT_LEAST_ONE]
