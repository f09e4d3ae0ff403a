"""Points in time as OCPI writes them (2.2.1, types 16.2 DateTime)."""

import datetime
import re
from contextlib import suppress

# OCPI allows UTC and T only; an offset and a space are seen in the field (py-ocpi), and say as well what is meant.
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MILLISECOND = datetime.timedelta(milliseconds=1)


def milliseconds(text: str) -> int:
    """Milliseconds since 1970, rounded down. No zone means UTC. ValueError where it is no DateTime."""
    if _DATE_TIME.fullmatch(text):
        with suppress(ValueError):
            moment = datetime.datetime.fromisoformat(text.upper())
            utc = moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
            return (utc - _EPOCH) // _MILLISECOND
    raise ValueError(f"{text[:40]!r} is not a DateTime, as 2026-01-31T12:00:00Z")
