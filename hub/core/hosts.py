"""By which names a listener may be called: a foreign name that leads to its address is that of another site's page."""

import re
from collections.abc import Iterable
from ipaddress import ip_address

_SINGLE = re.compile(r"[a-z0-9_-]*")
_BRACKETS = re.compile(r"\[([^\]]*)\](?::\d*)?")


class Hosts:
    """Names that are known, beside addresses and names without a dot, as `localhost`.

    A page of another site can have its own name lead to any address (DNS rebinding): the browser then takes what is
    there for that site's. It can do so with its own names alone, and those have a dot.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = frozenset(map(_plain, names))

    def knows(self, host: str) -> bool:
        """Whether a Host header, with a port or without, is one by which the listener may be called."""
        name = _plain(host)
        return bool(_SINGLE.fullmatch(name)) or name in self._names or _is_address(name)


def _plain(host: str) -> str:
    """`[::1]:8001` is `::1`, and `Hub.Example.:8001` is `hub.example`."""
    bracketed = _BRACKETS.fullmatch(host)
    return (bracketed[1] if bracketed else host.partition(":")[0].rstrip(".")).lower()


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
