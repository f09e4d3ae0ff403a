"""Who is calling: from the Authorization header to a platform, in the directory snapshot in force.

OCPI 2.2.1, transport_and_format: Authorization header. Base64 and raw tokens are both known in the field.
"""

import msgspec

from hub.core.directory import Credential, Directory, Encoding, Platform, State, TokenKind
from hub.core.headers import credentials_tokens
from hub.errors import Unauthorized
from hub.store.credentials import token_digest

_CACHED = 20_000


class Caller(msgspec.Struct):
    """An authenticated platform, by which token and in which encoding. `known`: the store has that encoding."""

    platform: Platform
    kind: TokenKind
    digest: bytes
    encoding: Encoding
    known: bool = False


class Access:
    """Looks tokens up. Headers seen before are remembered for as long as their snapshot is in force."""

    def __init__(self) -> None:
        self._directory: Directory | None = None
        self._seen: dict[str, Caller] = {}

    def authenticate(self, directory: Directory, authorization: str | None) -> Caller:
        """The platform behind a header. Raises Unauthorized."""
        if directory is not self._directory:
            self._directory, self._seen = directory, {}
        caller = self._seen.get(authorization or "")
        if caller is None:
            caller = _look_up(directory, authorization)
            if len(self._seen) < _CACHED:
                self._seen[authorization or ""] = caller
        return caller

    def functional(self, directory: Directory, authorization: str | None) -> Caller:
        """As `authenticate`, for functional modules: TOKEN_A and pending tokens do not open them."""
        return check_functional(self.authenticate(directory, authorization))


def check_functional(caller: Caller) -> Caller:
    """The same caller, where its token opens functional modules. Raises Unauthorized."""
    if caller.kind is not TokenKind.C:
        raise Unauthorized("this token opens only versions and credentials; register first: POST credentials")
    return caller


def _look_up(directory: Directory, authorization: str | None) -> Caller:
    raw, decoded = credentials_tokens(authorization)
    for token, encoding in ((decoded, Encoding.BASE64), (raw, Encoding.RAW)):
        if token is None:
            continue
        digest = token_digest(token)
        credential: Credential | None = directory.credentials.get(digest)
        if credential is not None:
            if credential.platform.state is State.SUSPENDED:
                raise Unauthorized("this platform is suspended; contact the hub's operator")
            return Caller(credential.platform, credential.kind, digest, encoding)
    raise Unauthorized("the token is not known to this hub; it may have been renewed or used up")
