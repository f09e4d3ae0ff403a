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


def without_token(request: Request, response: Response) -> Response:
    """The answer without the token of its request; mostly the very same."""
    authorization = next((value for name, value in request.headers if name == "Authorization"), None)
    if authorization is None or request.credentials:
        return response
    fields = response.headers.fields
    for form in _forms(authorization):
        if form in response.body:
            response = Response(response.status, response.headers, response.body.replace(form, _HIDDEN))
        if any(form in value for _, value in fields):
            fields = [(name, value.replace(form, _HIDDEN)) for name, value in fields]
            response = Response(response.status, Headers(fields), response.body)
    return response


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
