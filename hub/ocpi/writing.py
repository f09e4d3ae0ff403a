"""Objects as they go out in JSON: with times as OCPI writes them."""

import datetime
from typing import Any

import msgspec

from hub.ocpi.envelope import date_time
from hub.ocpi.types import as_utc


def plain(value: Any) -> Any:
    """An object as dicts and lists, its times in milliseconds.

    A DateTime has at most 25 characters (2.2.1, types 16.2); msgspec writes 27 where there are microseconds.
    """
    return _timed(msgspec.to_builtins(value, builtin_types=(datetime.datetime,), str_keys=True, enc_hook=_decoded))


def written(value: Any) -> bytes:
    """An object as JSON. What is JSON already stays as it is. TypeError and others where it can be none."""
    return bytes(value) if isinstance(value, msgspec.Raw | bytes) else msgspec.json.encode(plain(value))


def _timed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _timed(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_timed(each) for each in value]
    return date_time(as_utc(value)) if isinstance(value, datetime.datetime) else value


def _decoded(value: Any) -> Any:
    if isinstance(value, msgspec.Raw):
        return msgspec.json.decode(value)
    raise TypeError(f"{type(value).__name__} is nothing that JSON has")
