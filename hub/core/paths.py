"""Request paths: split, decoded and made safe before they are appended to a partner's endpoint."""

import re
from urllib.parse import quote, unquote_to_bytes, urlsplit

from hub.errors import BadRequest, InvalidParameters

_SAFE = re.compile(r"[\x21-\x7e]*")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def split_target(target: str) -> tuple[str, str]:
    """Path and raw query of a request target. BadRequest for absolute-form, asterisk, fragments, odd bytes."""
    if not target.startswith("/"):
        raise BadRequest("the request target must be a path that starts with '/'")
    if "#" in target or "\\" in target or not _SAFE.fullmatch(target):
        raise BadRequest("the request target holds characters that a URL may not have; percent-encode them")
    path, _, query = target.partition("?")
    return path, query


def segments(path: str) -> tuple[str, ...]:
    """The decoded segments of a path; empty ones (doubled or trailing slashes) are passed by.

    Raises BadRequest for a broken escape, and for `.`, `..`, encoded slashes or control characters, which could
    leave the endpoint that they are appended to.
    """
    if "%" not in path:
        parts = tuple(part for part in path.split("/") if part)
        if "." in parts or ".." in parts:
            raise BadRequest("the path holds '.' or '..'; write the object's path out")
        return parts
    if _BAD_ESCAPE.search(path):
        raise BadRequest("the path holds a '%' without two hexadecimal digits; write %25 for the sign itself")
    return tuple(_decode(part) for part in path.split("/") if part)


def _decode(part: str) -> str:
    try:
        text = unquote_to_bytes(part).decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest("the path holds an escape that is not UTF-8") from None
    if text in (".", "..") or any(char in "/\\" or not char.isprintable() for char in text):
        raise BadRequest("the path holds an encoded slash, dot segment or control character")
    return text


def join(endpoint: str, tail: tuple[str, ...], query: str = "") -> str:
    """The URL of `tail` below an endpoint, which stays as it was advertised where there is no tail."""
    base, _, own_query = endpoint.partition("?")
    url = base if not tail else "/".join((base.rstrip("/"), *(quote(part, safe="!$&'()*+,;=:@-._~") for part in tail)))
    both = "&".join(part for part in (own_query, query) if part)
    return f"{url}?{both}" if both else url


def origin(url: str) -> str:
    """Scheme, host and port of a URL, in one canonical form. InvalidParameters where it is no http(s) URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidParameters(f"{url[:255]!r} is not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise InvalidParameters(f"{url[:255]!r} is not an http or https URL")
    return f"{parts.scheme}://{parts.hostname.lower()}:{port or (443 if parts.scheme == 'https' else 80)}"
