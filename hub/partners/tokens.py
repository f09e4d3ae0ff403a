"""Credentials tokens: made, and written into an Authorization header."""

import base64
import secrets

from hub.core.directory import Encoding, Secret


def new_token() -> Secret:
    """A fresh token: 43 printable characters, 256 bits (2.2.1, credentials 7.3.1 allows 64 characters)."""
    return Secret(secrets.token_urlsafe(32))


def authorization(token: Secret, encoding: Encoding) -> Secret:
    """The Authorization header value (2.2.1, transport_and_format: Authorization header)."""
    text = token.reveal()
    return Secret(f"Token {base64.b64encode(text.encode()).decode() if encoding is Encoding.BASE64 else text}")
