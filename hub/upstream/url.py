"""From a partner's URL to the origin to connect to and the target to ask for; refuses what is ambiguous.

Parsers disagree about user names, backslashes, odd spellings of addresses and the like, and such disagreement is
what server-side request forgery lives on. Such URLs are refused, not repaired.
"""

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import msgspec

from hub.upstream.request import Fault, SendError

_ORIGIN = re.compile(r"(https?)://(\[[^\[\]]*\]|[^\[\]:]*)(?::([0-9]{1,5}))?", re.IGNORECASE)
_TARGET = re.compile(r'[!"$-\[\]-~]*')  # visible ASCII without # and \
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Origin(msgspec.Struct, frozen=True):
    """Scheme, host and port: what one connection belongs to."""

    scheme: str
    host: str
    """A name in lower-case ASCII, or an IP address without brackets."""
    port: int
    literal: bool
    """The host is an IP address."""
    authority: str
    """As the Host header has it, and as people are told: the port only when it is not the scheme's own."""


def split_url(url: str) -> tuple[Origin, str]:
    """Origin and request target (path and query exactly as written) of `url`, or SendError(URL)."""
    root = root_of(url)
    target = url[len(root) :]
    if not target.startswith("/"):
        target = "/" + target
    origin = _origin(root)
    check_target(target, origin)
    return origin, target


def root_of(url: str) -> str:
    """What stands before the path and the query of a URL."""
    start = url.find("/", len("https://"))
    return (url if start < 0 else url[:start]).partition("?")[0]


def is_target(text: str) -> bool:
    """Whether this can stand in a request: visible ASCII without a fragment and a backslash."""
    return _TARGET.fullmatch(text) is not None


def check_target(target: str, origin: Origin) -> None:
    """SendError(URL) where this can not stand in a request to `origin`."""
    if not is_target(target):
        raise _refusal(
            f"the URL at {origin.authority} holds a space, a fragment (#), a backslash, a control character or "
            "a letter that is not ASCII; write it percent-encoded"
        )


@lru_cache(maxsize=1024)
def _origin(text: str) -> Origin:
    if "@" in text:
        raise _refusal("the URL holds a user name or password; remove what stands before the @")
    match = _ORIGIN.fullmatch(text)
    if match is None:
        raise _refusal("the URL does not begin with http:// or https://, a host, and maybe a port")
    scheme = match[1].lower()
    host, literal = _host(match[2])
    port = int(match[3]) if match[3] else _DEFAULT_PORTS[scheme]
    if not 0 < port < 65536:
        raise _refusal(f"the URL's port {port} is not one from 1 to 65535")
    shown = f"[{host}]" if ":" in host else host
    authority = shown if port == _DEFAULT_PORTS[scheme] else f"{shown}:{port}"
    return Origin(scheme, host, port, literal, authority)


def _host(text: str) -> tuple[str, bool]:
    """The host as it is resolved, and whether it is an IP address."""
    if text.startswith("["):
        return _ipv6(text[1:-1]), True
    host = text.lower() if text.isascii() else _idna(text)
    if _NUMERIC.fullmatch(host):
        return _ipv4(host), True
    if _NAME.fullmatch(host) is None or len(host) > 253:
        raise _refusal(f"the URL's host {text[:260]!r} is not a host name")
    return host, False


def _ipv4(text: str) -> str:
    # Resolvers read 127.1, 0177.0.0.1, 0x7f.1 and 2130706433 as addresses too, each in its own way.
    try:
        return str(IPv4Address(text))
    except AddressValueError:
        raise _refusal(f"the URL's host {text[:260]!r} is not an IPv4 address of four plain decimal numbers") from None


def _ipv6(text: str) -> str:
    try:
        address = IPv6Address(text)
    except AddressValueError:
        address = None
    if address is None or address.scope_id is not None:
        raise _refusal(f"the URL's host [{text[:260]}] is not an IPv6 address (a zone can not be used)")
    return str(address)


def _idna(text: str) -> str:
    try:
        host = text.encode("idna")
        back = host.decode("idna")
    except UnicodeError:
        back = ""
    # What does not come back the same was mapped (wide digits, other dots, sharp s) and could be two hosts.
    # And digits of other scripts are digits to some.
    if back != text.lower() or any(each.isdigit() and not each.isascii() for each in text):
        raise _refusal(f"the URL's host {text[:260]!r} has no plain IDNA form; write it as xn--...")
    return host.decode("ascii").lower()


def _refusal(text: str) -> SendError:
    return SendError(Fault.URL, text)
