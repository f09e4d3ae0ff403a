"""Sealed URLs: a partner's URL for later use, hidden in one of the hub's and bound to both platforms.

OCPI lets partners hand out URLs (`Link`, a CDR's `Location`, `response_url`). The other side does not know that
host and has no token for it, so the hub gives out its own URL instead. Nothing is stored: the URL holds the
original, encrypted and authenticated (AES-SIV, which is deterministic: one original, one sealed URL).
"""

import base64
import binascii
from enum import StrEnum

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from hub.core.party import Party
from hub.errors import NotFound

KEY_BYTES = 64
_CONTEXT = b"ocpi-hub sealed url 1"


class Use(StrEnum):
    """What a sealed URL is for; it allows nothing else."""

    PAGE = "p"
    OBJECT = "o"
    RESULT = "r"


class Sealed(msgspec.Struct, frozen=True):
    """What is inside. `holder` is the platform that may use it, `target` the one it leads to, with their parties."""

    use: Use
    version: str
    module: str
    holder: int
    holder_party: Party
    target: int
    target_party: Party
    url: str


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    """The same in few bytes, as OCPI gives a URL 255 characters. The holder is known to whoever opens it."""

    use: Use
    version: str
    module: str
    holder_party: str
    target: int
    target_party: str
    url: str


class Sealer:
    """Seals and opens with one 64-byte key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(_Packed)

    def seal(self, inner: Sealed) -> str:
        """The path segment that stands for `inner`."""
        packed = _Packed(
            use=inner.use,
            version=inner.version,
            module=inner.module,
            holder_party=_pack(inner.holder_party),
            target=inner.target,
            target_party=_pack(inner.target_party),
            url=inner.url,
        )
        return _write(self._cipher.encrypt(self._encoder.encode(packed), _bound_to(inner.holder)))

    def open(self, segment: str, holder: int) -> Sealed:
        """What a segment holds. NotFound for a forged or damaged one, and for one that is another platform's."""
        try:
            raw = base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
            packed = self._decoder.decode(self._cipher.decrypt(raw, _bound_to(holder)))
        except (binascii.Error, ValueError, InvalidTag):
            raise NotFound("this URL does not exist here") from None
        if segment != _write(raw):
            # Base64 has several spellings for the same bytes.
            raise NotFound("this URL does not exist here")
        return Sealed(
            use=packed.use,
            version=packed.version,
            module=packed.module,
            holder=holder,
            holder_party=_unpack(packed.holder_party),
            target=packed.target,
            target_party=_unpack(packed.target_party),
            url=packed.url,
        )


def _bound_to(holder: int) -> list[bytes]:
    return [_CONTEXT, str(holder).encode()]


def _write(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")


def _pack(party: Party) -> str:
    return party.country + party.party_id


def _unpack(text: str) -> Party:
    return Party(text[:2], text[2:])
