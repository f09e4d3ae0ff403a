"""Cursors: where a page of a list ended, in a form that nobody needs to look into."""

import base64
import binascii
from collections.abc import Sequence

import msgspec

from hub.admin.problems import Problem

_DECODER: "msgspec.json.Decoder[tuple[str | int, ...]]" = msgspec.json.Decoder(tuple[str | int, ...])


def cursor(key: Sequence[str | int]) -> str:
    """The cursor for what follows an item with this key."""
    return base64.urlsafe_b64encode(msgspec.json.encode(tuple(key))).decode().rstrip("=")


def after(text: str) -> tuple[str | int, ...]:
    """The key of the last item that was shown. Problem 400 where it is no cursor."""
    try:
        return _DECODER.decode(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
    except (ValueError, binascii.Error, RecursionError, msgspec.MsgspecError):
        raise Problem(400, "cursor: it is not one of this hub", "leave it out to begin anew") from None
