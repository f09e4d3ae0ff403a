"""Which addresses the hub may call: partners choose the URLs, so they must not lead into the hub's own network.

The address is judged when it is connected to, not the name before that: a name may resolve differently each time.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from hub.upstream.request import Fault, SendError

# An own list: ipaddress.is_global of some Python versions passes NAT64, 6to4 and multicast.
_DENIED = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "carrier-grade NAT",
    "127.0.0.0/8": "loopback",
    "168.63.129.16/32": "cloud metadata",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "protocol assignments",
    "192.0.2.0/24": "documentation",
    "192.88.99.0/24": "6to4 relay",
    "192.168.0.0/16": "private",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
    "::1/128": "loopback",
    "::/96": "unspecified",
    "64:ff9b::/96": "NAT64",
    "64:ff9b:1::/48": "NAT64",
    "100::/64": "discard",
    "2001::/23": "protocol assignments",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "3fff::/20": "documentation",
    "5f00::/16": "segment routing",
    "fc00::/7": "private",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
    # What is routed in public is in 2000::/3; of the rest, ::ffff:0:127.0.0.1 is loopback where it is translated.
    "::/3": "reserved",
    "4000::/2": "reserved",
    "8000::/1": "reserved",
}


class Guard:
    """Judges addresses. `allow_private` names networks or single addresses that may be called all the same."""

    def __init__(self, allow_private: Iterable[str] = ()) -> None:
        """ValueError when an entry of `allow_private` is not a network or an address."""
        self.allowed = [ip_network(text) for text in allow_private]
        self._denied = [(ip_network(text), kind) for text, kind in _DENIED.items()]

    def check(self, ip: str) -> None:
        """SendError(FORBIDDEN) when the hub may not connect to `ip`."""
        try:
            address = _plain(ip_address(ip))
        except ValueError:
            raise SendError(Fault.FORBIDDEN, f"{ip!r} is not an IP address") from None
        if any(_holds(network, address) for network in self.allowed):
            return
        for network, kind in self._denied:
            if _holds(network, address):
                raise SendError(
                    Fault.FORBIDDEN,
                    f"the hub may not call {ip} ({kind}, in {network}); if it should, add it to allow_private",
                )


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """An IPv4 address mapped into IPv6 leads to the IPv4 address, so that one is judged."""
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return IPv6Address(int(address))
        return address.ipv4_mapped or address
    return address


def _holds(network: IPv4Network | IPv6Network, address: IPv4Address | IPv6Address) -> bool:
    return network.version == address.version and address in network
