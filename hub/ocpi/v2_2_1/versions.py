"""The versions module (2.2.1, chapter 6)."""

import msgspec


class Version(msgspec.Struct):
    """One OCPI version and where its details are, 2.2.1 section 6.1.2."""

    version: str
    url: str


class Endpoint(msgspec.Struct):
    """One module on one interface, 2.2.1 section 6.2.2. Some platforms leave out the role of credentials."""

    identifier: str
    url: str
    role: str = ""


class VersionDetails(msgspec.Struct):
    """All endpoints of one version, 2.2.1 section 6.2.1."""

    version: str
    endpoints: list[Endpoint]
