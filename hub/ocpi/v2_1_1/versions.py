"""The versions and version details of OCPI 2.1.1."""

from typing import Annotated

from hub.ocpi.types import AT_LEAST_ONE, Object, OpenEnum, Url


class VersionNumber(OpenEnum):
    """The versions that 2.1.1 knows, 2.1.1, version_information_endpoint, VersionNumber.

    Open, since a platform lists every version that it has: the specification's own example lists a 1.9.
    """

    V2_0 = "2.0"
    V2_1 = "2.1"
    V2_1_1 = "2.1.1"


class ModuleID(OpenEnum):
    """The modules, 2.1.1, version_information_endpoint, ModuleID. Parties may add modules of their own."""

    cdrs = "cdrs"
    commands = "commands"
    credentials = "credentials"
    locations = "locations"
    sessions = "sessions"
    tariffs = "tariffs"
    tokens = "tokens"


class Version(Object, kw_only=True):
    """One version and where its details are, 2.1.1, version_information_endpoint, Version."""

    version: VersionNumber
    url: Url


class Endpoint(Object, kw_only=True):
    """One module and its URL, without an interface role, 2.1.1, version_information_endpoint, Endpoint."""

    identifier: ModuleID
    url: Url


class VersionDetails(Object, kw_only=True):
    """All endpoints of one version, 2.1.1, version_information_endpoint, Version details endpoint."""

    version: VersionNumber
    endpoints: Annotated[list[Endpoint], AT_LEAST_ONE]
