"""Ids of messages, for those that came without: random UUIDs (OCPI 2.2.1, transport_and_format: Unique message IDs)."""

from random import getrandbits


def new_id() -> str:
    """A UUID of version 4. Nobody may take it for a secret: it is made of what is quick, not of what is unguessable."""
    digits = "%032x" % getrandbits(128)  # noqa: UP031 - an f-string takes longer
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def another(like: str) -> str:
    """A new id that begins as another one does: for many at the same moment, since it takes half the time."""
    return f"{like[:-12]}{getrandbits(48):012x}"
