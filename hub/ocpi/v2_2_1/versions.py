"""The versions module of OCPI 2.2.1: its wire types (chapter 6)."""

from enum import StrEnum
from typing import Annotated

from hub.ocpi.types import AT_LEAST_ONE, Object, OpenEnum, Url


class InterfaceRole(StrEnum):
    """Which end of a module an endpoint is, 2.2.1 section 6.2.3."""

    SENDER = "SENDER"
    RECEIVER = "RECEIVER"


class ModuleID(OpenEnum):
    """The modules, 2.2.1 section 6.2.4. Open, as parties may agree on modules of their own."""

    CDRS = "cdrs"
    CHARGING_PROFILES = "chargingprofiles"
    COMMANDS = "commands"
    CREDENTIALS = "credentials"
    HUB_CLIENT_INFO = "hubclientinfo"
    LOCATIONS = "locations"
    SESSIONS = "sessions"
    TARIFFS = "tariffs"
    TOKENS = "tokens"


class VersionNumber(OpenEnum):
    """The versions of OCPI, 2.2.1 section 6.2.5. Open, as a list of versions names newer ones, too."""

    V2_0 = "2.0"
    V2_1 = "2.1"
    V2_1_1 = "2.1.1"
    V2_2 = "2.2"
    V2_2_1 = "2.2.1"


class Version(Object, kw_only=True):
    """One OCPI version that a platform speaks, and where its details are, 2.2.1 section 6.1.2."""

    version: VersionNumber
    url: Url


class Endpoint(Object, kw_only=True):
    """One module on one interface, and where it is, 2.2.1 section 6.2.2."""

    identifier: ModuleID
    role: InterfaceRole
    url: Url


class VersionDetails(Object, kw_only=True):
    """The endpoints of one version, 2.2.1 section 6.2.1."""

    version: VersionNumber
    endpoints: Annotated[list[Endpoint], AT_LEAST_ONE]
