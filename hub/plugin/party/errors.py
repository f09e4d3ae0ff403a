"""What a party may raise to answer with an error of OCPI's own (2.2.1, status_codes)."""

from hub.errors import InvalidParameters, NotFound, OcpiError

__all__ = ["InvalidParameters", "NotEnoughInformation", "NotFound", "OcpiError", "UnknownLocation", "UnknownToken"]


class NotEnoughInformation(OcpiError):
    """The request is fine, and says too little: a location for this token, for example."""

    code = 2002


class UnknownLocation(OcpiError):
    """A command is for a location that this party does not have."""

    code = 2003


class UnknownToken(OcpiError):
    """A token that this party does not know (2.2.1, tokens 12.2.1.2: HTTP 404)."""

    http = 404
    code = 2004
