"""Which addresses the guard lets through, on both sides of each border."""

import re

import pytest

from hub.upstream import Fault, Guard, SendError

FORBIDDEN = [
    "0.0.0.0",
    "0.255.255.255",
    "10.0.0.0",
    "10.1.2.3",
    "10.255.255.255",
    "100.64.0.0",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.255",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::2",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:255.255.255.255",
    "::ffff:0:127.0.0.1",
    "::1:0:0:1",
    "1fff::1",
    "4000::1",
    "7fff::1",
    "8000::1",
    "64:ff9b::7f00:1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::1",
    "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
    "100::1",
    "2001::1",
    "2001:0:53aa:64c:0:0:0:1",
    "2001:10::1",
    "2001:1ff:ffff::1",
    "2001:db8::1",
    "2002::1",
    "2002:7f00:1::1",
    "3fff::1",
    "3fff:fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fdff:ffff::1",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "fec0::1",
    "feff::1",
    "ff00::1",
    "ff02::1",
    "ffff::1",
]

# What people are told that an address is.
KIND = re.compile(
    "(6to4|6to4 relay|NAT64|benchmarking|carrier-grade NAT|cloud metadata|discard|documentation|link-local|loopback|"
    "multicast|private|protocol assignments|reserved|segment routing|site-local|this network|unspecified), in "
)

OPEN = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.0.3.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "2001:200::1",
    "2001:db7::1",
    "2001:db9::1",
    "2003::1",
    "2606:4700:4700::1111",
    "2a00:1450::1",
]


@pytest.mark.parametrize("ip", FORBIDDEN)
def test_an_address_that_is_not_public_is_forbidden(ip: str):
    with pytest.raises(SendError) as caught:
        Guard().check(ip)
    assert caught.value.fault is Fault.FORBIDDEN
    assert not caught.value.sent
    assert KIND.match(str(caught.value).partition(f"the hub may not call {ip} (")[2]), str(caught.value)


@pytest.mark.parametrize("ip", OPEN)
def test_a_public_address_is_open(ip: str):
    Guard().check(ip)


@pytest.mark.parametrize("text", ["", "example.org", "127.1", "1.2.3.4:80", "[::1]"])
def test_what_is_no_address_is_forbidden(text: str):
    with pytest.raises(SendError, match="is not an IP address") as caught:
        Guard(["0.0.0.0/0", "::/0"]).check(text)
    assert caught.value.fault is Fault.FORBIDDEN


def test_allowed_networks_and_addresses_are_open_and_nothing_else():
    guard = Guard(["127.0.0.0/8", "10.1.2.3", "fd00::/8"])
    for ip in ("127.9.9.9", "10.1.2.3", "fd12::1", "fd12::1%eth0", "::ffff:127.0.0.1"):
        guard.check(ip)
    for ip in ("10.1.2.4", "192.168.0.1", "fc00::1", "::1"):
        with pytest.raises(SendError):
            guard.check(ip)


@pytest.mark.parametrize("text", ["localhost", "10.0.0.0/33", "10.0.0.1/8", ""])
def test_a_network_that_is_none_is_refused_at_once(text: str):
    with pytest.raises(ValueError, match=r"address|network|host bits"):
        Guard([text])
