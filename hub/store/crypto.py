"""Secrets at rest: the key file, and what is encrypted with it.

The key stays outside the database, so that a copy of the database alone opens nothing. Every purpose gets a key
of its own, derived with HKDF-SHA-256; sealed bytes are AES-256-GCM, a random nonce first.
"""

import base64
import binascii
import os
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hub.store.errors import KeyFileMalformed, KeyFileUnsafe, SealBroken
from hub.store.files import sync_folder

KEY_BYTES = 32
_NONCE_BYTES = 12


class Keyring:
    """Everything that is derived from the key in the key file (32 to 64 random bytes)."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._ciphers: dict[str, AESGCM] = {}

    def derive(self, purpose: bytes, length: int) -> bytes:
        """The key of `length` bytes for one purpose. It tells nothing about the key of another purpose."""
        return HKDF(SHA256(), length, salt=None, info=b"ocpi-hub/" + purpose).derive(self._key)

    def seal(self, plaintext: bytes, *, purpose: str, bound_to: str) -> bytes:
        """Encrypt. Only the same purpose and the same owner open it again."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher(purpose).encrypt(nonce, plaintext, bound_to.encode())

    def open(self, sealed: bytes, *, purpose: str, bound_to: str) -> bytes:
        """Decrypt. SealBroken when the bytes were changed, or sealed for another purpose, owner or key."""
        nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher(purpose).decrypt(nonce, ciphertext, bound_to.encode())
        except (InvalidTag, ValueError):
            raise SealBroken(purpose, bound_to) from None

    def _cipher(self, purpose: str) -> AESGCM:
        if (cipher := self._ciphers.get(purpose)) is None:
            cipher = self._ciphers[purpose] = AESGCM(self.derive(b"seal/" + purpose.encode(), 32))
        return cipher


def load_or_create_key(path: Path) -> bytes:
    """The key in the file at `path`, which is made first when there is none.

    Raises KeyFileUnsafe when group or others may read the file, KeyFileMalformed when it holds no key. A file of root's
    may be read by a group, too: secrets that Kubernetes mounts for somebody else than root are so.
    """
    if not path.exists():
        _create(path)
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        forbidden = 0o037 if found.st_uid == 0 != os.geteuid() else 0o077
        if stat.S_IMODE(found.st_mode) & forbidden:
            raise KeyFileUnsafe(path)
        return _decode(file.read(), path)


def _create(path: Path) -> None:
    # Written beside its place and then linked there: no crash leaves half a key, and no second process replaces
    # the first one's. Whoever loses that race reads the winner's.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
        os.fsync(file)
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        os.close(file)
        draft.unlink()
    sync_folder(path.parent)


def _decode(text: bytes, path: Path) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if not 32 <= len(key) <= 64:
        raise KeyFileMalformed(
            f"{path} holds no key: 32 to 64 bytes in base64 are expected. Restore the file from your backup. "
            "Without it the tokens of all platforms are lost, and each has to be registered again."
        )
    return key
