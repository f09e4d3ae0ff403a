"""What the hub reads and writes in the handshake: versions, details, credentials; more forgiving than the wire types.

OCPI 2.2.1, chapters 6 and 7. A registration must not fail for a detail that does no harm.
"""

from typing import Annotated

import msgspec

from hub.ocpi.types import Hiding

Token = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+\Z")]


class Image(msgspec.Struct, omit_defaults=True):
    """A picture of a party, 2.2.1 section 8.4.15."""

    url: str
    category: str
    type: str
    thumbnail: str | None = None
    width: int | None = None
    height: int | None = None


class BusinessDetails(msgspec.Struct, omit_defaults=True):
    """Who a party is, 2.2.1 section 8.4.2."""

    name: str
    website: str | None = None
    logo: Image | None = None


class CredentialsRole(msgspec.Struct):
    """One role of one party, 2.2.1 section 7.4.1. `role` stays text: the hub checks it and says what it lacks."""

    role: str
    business_details: BusinessDetails
    party_id: str
    country_code: str


class Credentials(Hiding, msgspec.Struct, omit_defaults=True):
    """Token and versions URL of a platform, 2.2.1 and 2.3.0 section 7.3.1. `hub_party_id` (NLHUB) came with 2.3.0.

    The specification allows a token 64 characters; platforms in the field use up to 255.
    """

    token: Token
    url: str
    roles: list[CredentialsRole]
    hub_party_id: str | None = None


class PlainCredentials(Hiding, msgspec.Struct):
    """The same of OCPI 2.1.1, credentials 3: one party, and no word on its role."""

    token: Token
    url: str
    business_details: BusinessDetails
    party_id: str
    country_code: str


class Version(msgspec.Struct):
    """One OCPI version and where its details are, 2.2.1 section 6.1.2."""

    version: str
    url: str


class Endpoint(msgspec.Struct, omit_defaults=True):
    """One module on one interface, 2.2.1 section 6.2.2. 2.1.1 has no role, some leave out that of credentials."""

    identifier: str
    url: str
    role: str = ""


class VersionDetails(msgspec.Struct):
    """All endpoints of one version, 2.2.1 section 6.2.1."""

    version: str
    endpoints: list[Endpoint]
