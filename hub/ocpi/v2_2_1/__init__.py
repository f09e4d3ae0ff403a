"""Wire structs of OCPI 2.2.1, a file per module."""

from hub.ocpi.v2_2_1.credentials import BusinessDetails, Credentials, CredentialsRole, Image
from hub.ocpi.v2_2_1.versions import Endpoint, Version, VersionDetails

__all__ = [
    "BusinessDetails",
    "Credentials",
    "CredentialsRole",
    "Endpoint",
    "Image",
    "Version",
    "VersionDetails",
]
