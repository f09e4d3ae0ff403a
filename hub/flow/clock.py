"""The time as OCPI writes it."""

import datetime

from hub.ocpi import envelope


def now() -> str:
    """This moment, as a DateTime (2.2.1, types 16.2)."""
    return envelope.date_time(datetime.datetime.now(datetime.UTC))
