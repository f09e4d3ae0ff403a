"""Request paths: split, decoded and made safe before they are appended to a partner's endpoint."""

import re
from functools import lru_cache
from unicodedata import normalize
from urllib.parse import quote, unquote_to_bytes, urlsplit

from hub.errors import BadRequest, InvalidParameters

_TARGET = re.compile(r"/[\x21\x22\x24-\x5b\x5d-\x7e]*")
"""Neither `#` nor a backslash."""
_PLAIN = re.compile(r"[A-Za-z0-9_~!$&'()*+,:=@/-]*")
"""A path in which nothing could mean another thing to anybody: no escape, no dot, no semicolon."""
_EMPTY = ("",) * 5
_STRIPPED = re.compile(r"[\x00-\x20\x7f\\]")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_MOST_DECODED = 4
_LONGEST_KEPT = 300
_SLASHES = re.compile(r"/{2,}")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def split_target(target: str) -> tuple[str, str]:
    """Path and raw query of a request target. BadRequest for absolute-form, asterisk, fragments, odd bytes."""
    if not _TARGET.fullmatch(target):
        if not target.startswith("/"):
            raise BadRequest("the request target must be a path that starts with '/'")
        raise BadRequest("the request target holds characters that a URL may not have; percent-encode them")
    path, _, query = target.partition("?")
    return path, query


def ocpi_parts(path: str) -> tuple[str, str, str, str]:
    """What follows /ocpi/, cut into three segments and a rest; doubled slashes count as one."""
    if "//" in path:
        path = _SLASHES.sub("/", path)
    root, first, second, third, rest = (*path.strip("/").split("/", 4), *_EMPTY)[:5]
    return (first, second, third, rest) if root == "ocpi" else ("", "", "", "")


def segments(path: str) -> tuple[str, ...]:
    """The decoded segments of a path; empty ones (doubled or trailing slashes) are passed by.

    Raises BadRequest for a broken escape, and for `.`, `..`, encoded slashes or control characters, which could
    leave the endpoint that they are appended to: also where a server behind it decodes them once more, takes wide
    letters for plain ones, or looks away from what follows a semicolon.
    """
    parts = tuple(filter(None, path.split("/")))
    if _PLAIN.fullmatch(path):
        return parts
    if "%" in path:
        if _BAD_ESCAPE.search(path):
            raise BadRequest("the path holds a '%' without two hexadecimal digits; write %25 for the sign itself")
        parts = tuple(_decode(part) for part in parts)
    if not all(_is_name(part) for part in parts):
        raise BadRequest("the path holds '.', '..', an encoded slash or a control character; no id may")
    return parts


def _decode(part: str) -> str:
    try:
        return unquote_to_bytes(part).decode("utf-8")
    except UnicodeError:
        raise BadRequest("the path holds an escape that is not UTF-8") from None


def _is_name(part: str) -> bool:
    if "%" in part or not part.isascii():
        part = normalize("NFKC", _decoded_again(part))
    if not part.isprintable() or "/" in part or "\\" in part:
        return False
    return part.partition(";")[0].strip(" .") != ""


def _decoded_again(part: str) -> str:
    """What servers see that decode a path more than once; what has no end, or is not UTF-8, is a slash."""
    for _ in range(_MOST_DECODED):
        if not _ESCAPE.search(part):
            return part
        try:
            part = unquote_to_bytes(part).decode("utf-8")
        except UnicodeError:
            break
    return "/"


def join(endpoint: str, tail: tuple[str, ...], query: str = "") -> str:
    """The URL of `tail` below an endpoint, which stays as it was advertised where there is no tail.

    InvalidParameters for a `.` or `..` in the tail. `;` is encoded: some servers read `..;` as `..`.
    """
    if "." in tail or ".." in tail:
        raise InvalidParameters("an object's id can not be '.' or '..'")
    base, _, own_query = endpoint.partition("?")
    url = f"{base.rstrip('/')}/{_quoted(tail)}" if tail else base
    if not own_query:
        return f"{url}?{query}" if query else url
    both = "&".join(part for part in (own_query, query) if part)
    return f"{url}?{both}" if both else url


def _quoted(parts: tuple[str, ...]) -> str:
    path = "/".join(parts)
    if _PLAIN.fullmatch(path) and path.count("/") < len(parts):
        return path
    return "/".join([quote(part, safe="!$&'()*+,=:@-._~") for part in parts])


def origin(url: str) -> str:
    """Scheme, host and port of a URL, in one canonical form. InvalidParameters where it is no http(s) URL."""
    if _STRIPPED.search(url):
        # urlsplit would leave some of these out, and judge another URL than the one that is called.
        raise InvalidParameters(f"{_shown(url)} is not a URL: it holds a space, a backslash or a control character")
    # The URLs of a platform differ in what follows: path, query and fragment, which have no say in this.
    front = "/".join(url.split("/", 3)[:3])
    return _origin(front) if len(front) <= _LONGEST_KEPT else _origin.__wrapped__(front)


@lru_cache(maxsize=1024)
def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidParameters(f"{_shown(url)} is not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidParameters(f"{_shown(url)} is not an http or https URL")
    if parts.username is not None:
        raise InvalidParameters("the URL holds a user name or password; remove what stands before the @")
    default = 443 if parts.scheme == "https" else 80
    return f"{parts.scheme}://{parts.hostname.lower()}:{default if port is None else port}"


def _shown(url: str) -> str:
    """A URL as an error may quote it: what stands before an @ may be a password."""
    return repr(url[:255]) if "@" not in url else "what is given"
