"""Names by which a listener is called: addresses and names of its own, never those of other sites."""

import pytest

from hub.core.hosts import Hosts

HOSTS = Hosts(["hub-admin.example", "Admin.Lan."])


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.0.0.1:8001", "10.1.2.3", "[::1]", "[::1]:8001", "[2001:DB8::1]:443", "localhost",
        "LOCALHOST:1", "hub", "hub:8001", "my-hub_1", "", "hub-admin.example", "Hub-Admin.Example.:443", "admin.lan",
    ],
)  # fmt: skip
def test_its_own_names_are_known(host):
    assert HOSTS.knows(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "EVIL.example:8001", "127.0.0.1.evil.example", "127.0.0.1.nip.io", "localhost.evil.example",
        "hub-admin.example.evil.example", "evil.example.", "[evil.example]", "[::1].evil.example", "[::1]evil", "a.b",
        "1.2.3", "999.1.1.1", "127.0.0.1@evil.example", "evil.example#127.0.0.1", "hub-admin,evil.example",
        "evil example", "hub-admin.example,evil.example", "evil.localhost", "ｅvil",
    ],
)  # fmt: skip
def test_those_of_others_are_not(host):
    assert not HOSTS.knows(host)


def test_without_names_there_are_addresses_and_single_words():
    assert Hosts().knows("localhost:8001")
    assert not Hosts().knows("hub-admin.example")
