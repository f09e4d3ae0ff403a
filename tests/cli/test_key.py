"""`ocpi-hub key`: with a hub that runs, and in its store."""

import urllib.error
import urllib.request

import pytest


def fetched(app, key):
    request = urllib.request.Request(f"{app.admin_url}/api/v1/partners", headers={"x-api-key": key})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_a_key_opens_the_hub_at_once_and_no_more_when_it_is_revoked(configured, hub):
    done = configured.run("key", "create", "grafana", "--scope", "read", "--days", "30")
    assert done.exit_code == 0
    key = done.stdout.strip()
    assert "it is not shown again" in done.stderr
    assert fetched(hub, key) == 200
    listed = configured.done("key", "list")
    assert "grafana" in listed
    assert key not in listed
    assert configured.done("key", "revoke", "grafana") == "Revoked: grafana\n"
    assert fetched(hub, key) == 401


def test_keys_without_a_hub(offline):
    offline.done("partner", "invite", "First", "--party", "NL-ONE:CPO")  # there has to be a database
    made = offline.json("key", "create", "script", "--scope", "operate")
    assert made.keys() == {"name", "scope", "expires_at", "key"}
    (listed,) = offline.json("key", "list")
    assert (listed["name"], listed["scope"], listed["last_used_at"]) == ("script", "operate", None)
    assert offline.json("key", "revoke", "script")["name"] == "script"
    assert "There is no key. Next: ocpi-hub key create" in offline.done("key", "list")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("revoke", "none"), "no key 'none'; see: ocpi-hub key list"),
        (("create", "a/b", "--scope", "read"), "the name of a key is 1 to 100 printable characters"),
    ],
)
def test_what_is_wrong(offline, words, told):
    offline.done("partner", "invite", "First", "--party", "NL-ONE:CPO")
    assert told in offline.fails("key", *words)


def test_odd_names_are_text(offline):
    offline.done("partner", "invite", "First", "--party", "NL-ONE:CPO")
    offline.done("key", "create", "[red]x", "--scope", "read")
    assert "[red]x" in offline.done("key", "list")
