"""Which address a request comes from, where proxies in front of the hub tell for whom they ask."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

FORWARDED = "X-Forwarded-For"
_WITH_PORT = re.compile(r"\[(.+)\](?::\d+)?|([\d.]+):\d+")
"""As some proxies write it."""


class Proxies:
    """The proxies that are believed. Raises ValueError for what is no network."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks: tuple[IPv4Network | IPv6Network, ...] = tuple(map(ip_network, networks))

    def __bool__(self) -> bool:
        """Whether any is believed at all."""
        return bool(self._networks)

    def caller(self, peer: str | None, forwarded: Iterable[str]) -> str:
        """The address that counts, of `peer` (who is connected) and the values of X-Forwarded-For.

        Each proxy adds whom it was asked by at the end. So from there it goes back, as long as it is a proxy that is
        believed: what stands before the first that is not, anybody may have written.
        """
        caller = peer or ""
        if not self._networks:
            return caller
        hops = [hop for value in forwarded for hop in value.split(",")]
        while self._believed(caller) and hops:
            address = _address(hops.pop())
            if address is None:
                break
            caller = str(address)
        return caller

    def _believed(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(address in network for network in self._networks)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    text = text.strip()
    if found := _WITH_PORT.fullmatch(text):
        text = found[1] or found[2]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
