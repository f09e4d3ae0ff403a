"""Points in time as OCPI writes them (2.2.1, types 16.2 DateTime), and as people do."""

import datetime
import re
from contextlib import suppress

# OCPI allows UTC and T only; an offset and a space are seen in the field (py-ocpi), and say as well what is meant.
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_AGO = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_UNITS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_MILLISECOND = datetime.timedelta(milliseconds=1)


def milliseconds(text: str) -> int:
    """Milliseconds since 1970, rounded down. No zone means UTC. ValueError where it is no DateTime."""
    if _DATE_TIME.fullmatch(text):
        with suppress(ValueError):
            moment = datetime.datetime.fromisoformat(text.upper())
            utc = moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
            return (utc - _EPOCH) // _MILLISECOND
    raise ValueError(f"{text[:40]!r} is not a DateTime, as 2026-01-31T12:00:00Z")


def point(text: str, now: int) -> int:
    """Some time ago (`30m`, `7d`), or a date with or without a time, in UTC; `now` and it are milliseconds since 1970.

    ValueError where it is neither.
    """
    text = text.strip()
    if ago := _AGO.fullmatch(text):
        return max(0, now - int(ago[1]) * _UNITS[ago[2]])
    try:
        moment = datetime.datetime.fromisoformat(text)
        utc = moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
        return max(0, (utc - _EPOCH) // _MILLISECOND)
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:40]!r} is no moment; write 30m, 1h, 7d, 2026-01-31 or 2026-01-31T12:00") from None


def written(milliseconds: int) -> str:
    """A moment for people, in UTC, to the millisecond."""
    when = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
    return f"{when:%Y-%m-%d %H:%M:%S}.{when.microsecond // 1000:03d}"
