"""Ids of messages, for those that came without: random UUIDs (OCPI 2.2.1, transport_and_format: Unique message IDs)."""

from random import getrandbits

_VARIANT = "89ab" * 4


def new_id() -> str:
    """A UUID of version 4. Nobody may take it for a secret: it is made of what is quick, not of what is unguessable."""
    digits = f"{getrandbits(128):032x}"
    variant = _VARIANT[int(digits[16], 16)]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
