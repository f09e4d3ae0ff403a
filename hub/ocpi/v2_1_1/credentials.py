"""The credentials module of OCPI 2.1.1: one party per connection, in no named role."""

from typing import Annotated

import msgspec

from hub.ocpi.types import Hiding, Object, Url, code, text
from hub.ocpi.v2_1_1.locations import BusinessDetails


class Credentials(Hiding, Object, kw_only=True):
    """Token, versions URL and party of a platform, 2.1.1, credentials 2.1."""

    # What a token is made of stands with the Authorization header, in transport_and_format.
    token: Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[\x21-\x7e]+\Z")]
    url: Url
    business_details: BusinessDetails
    party_id: Annotated[str, text(3)]
    country_code: Annotated[str, code(2)]
