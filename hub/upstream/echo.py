"""Answers that repeat the token that they were asked with: it is taken out before anybody reads them.

Partners do so in error messages. They would end up in the answer to somebody else, in the log and in the journal.
"""

import base64
import binascii
from contextlib import suppress
from functools import lru_cache

from hub.core.hiding import HIDDEN
from hub.upstream.request import Headers, Request, Response

_SHORTEST = 16
"""Characters. Shorter ones stand in answers for other reasons, and can be guessed anyhow."""
_HIDDEN = HIDDEN.encode()
_LARGE = 256 * 1024
"""Bytes. In what is larger the search must not take the longer, the more a partner wants it to."""


def without_token(request: Request, response: Response) -> Response:
    """The answer without the token of its request; mostly the very same."""
    if request.credentials:
        return response
    return without(forms(request.headers if request.line is None else request.line.fixed), response)


def without(written: tuple[bytes, ...], response: Response) -> Response:
    """The answer without a token, which may be written in these forms."""
    for form in written:
        if _holds(response.body, form):
            response = Response(response.status, response.headers, response.body.replace(form, _HIDDEN))
        given = response.headers.given
        if isinstance(given, bytes):
            if form in given:
                response = Response(response.status, Headers(given.replace(form, _HIDDEN)), response.body)
        elif any(form in value for _, value in given):
            fields = [(name, value.replace(form, _HIDDEN)) for name, value in given]
            response = Response(response.status, Headers(fields), response.body)
    return response


def _holds(body: bytes, form: bytes) -> bool:
    # From its end, Python searches lists of objects in a third of the time.
    return form in body if len(body) > _LARGE else body.rfind(form) >= 0


def forms(headers: tuple[tuple[str, str], ...]) -> tuple[bytes, ...]:
    """How the token that is sent in these headers may be written."""
    for name, value in headers:
        if name == "Authorization":
            return _forms(value)
    return ()


@lru_cache(maxsize=1024)
def _forms(authorization: str) -> tuple[bytes, ...]:
    """How a token may be written: as it was sent, in the other encoding, and with the slashes that JSON may escape."""
    token = authorization.partition(" ")[2].encode("latin-1")
    found = [token, base64.b64encode(token)]
    with suppress(binascii.Error):
        found.append(base64.b64decode(token, validate=True))
    written = {form.rstrip(b"=") for form in found if form.isascii()}
    written |= {form.replace(b"/", rb"\/") for form in written}
    return tuple(sorted((form for form in written if len(form) >= _SHORTEST), key=len, reverse=True))
