"""The address that counts: nobody can claim another one, whatever stands in X-Forwarded-For."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.addresses import Proxies

PROXIES = Proxies(["10.0.0.0/8", "::1/128", "192.0.2.7/32"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("10.0.0.1", ["203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["203.0.113.5, 10.2.3.4"], "203.0.113.5"),
        ("10.0.0.1", ["1.1.1.1", "203.0.113.5, 192.0.2.7"], "203.0.113.5"),
        ("10.0.0.1", ["10.9.9.9,10.8.8.8"], "10.9.9.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.5, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.5, <script>, 10.1.1.1"], "10.1.1.1"),
        ("10.0.0.1", ["203.0.113.5:4711"], "203.0.113.5"),
        ("::1", ["[2001:db8::5]:4711"], "2001:db8::5"),
        ("::1", ["2001:db8::5"], "2001:db8::5"),
        ("::ffff:10.0.0.1", ["::ffff:203.0.113.5"], "203.0.113.5"),
        ("203.0.113.9", ["1.1.1.1"], "203.0.113.9"),
        ("fe80::1%eth0", ["1.1.1.1"], "fe80::1%eth0"),
        (None, ["1.1.1.1"], ""),
    ],
)
def test_the_rightmost_that_is_not_believed_counts(peer, forwarded, caller):
    assert PROXIES.caller(peer, forwarded) == caller


def test_without_proxies_nothing_is_believed():
    assert not Proxies()
    assert Proxies().caller("10.0.0.1", ["203.0.113.5"]) == "10.0.0.1"


@given(st.lists(st.text()), st.ip_addresses(network="203.0.113.0/24"))
def test_what_a_client_writes_changes_nothing(written, client):
    """The proxy adds the client at the end; what stands before that is the client's own."""
    assert PROXIES.caller("10.0.0.1", [*written, f"{client}"]) == str(client)
    assert PROXIES.caller("10.0.0.1", [", ".join([*written, f"{client}"])]) == str(client)


@given(st.text())
def test_whatever_comes_is_an_address_or_the_proxys_own(written):
    assert PROXIES.caller("10.0.0.1", [written]).replace(".", "").replace(":", "").isalnum()
