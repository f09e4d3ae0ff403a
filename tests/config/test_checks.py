"""Rules beyond the type of a value."""

import pytest


@pytest.mark.parametrize("party", ["NL-HUB", "nl-hub", "DE-0A1"])
def test_party(loads, party: str):
    assert loads(f"[hub]\nparty = '{party}'").hub.party == party.upper()


@pytest.mark.parametrize("party", ["", "NL", "N1-HUB", "NL-HU", "NL-HUBB", "NL-H B", "NLÉ-HU"])
def test_party_refused(refuses, party: str):
    (problem,) = refuses(f"[hub]\nparty = '{party}'")
    assert problem.startswith("config.toml:2: party: ")


@pytest.mark.parametrize(
    "url",
    [
        "http://hub.example",
        "https://hub.example/",
        "https://[::1]:8443/a/b",
        "HTTPS://hub.example:1",
        "http://127.0.0.1:8000",
    ],
)
def test_public_url(loads, url: str):
    assert loads(f"[listen]\npublic_url = '{url}'").listen.public_url == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "a whole URL"),
        ("hub.example", "a whole URL"),
        ("/ocpi", "a whole URL"),
        ("ftp://hub.example", "a whole URL"),
        ("https://", "a whole URL"),
        ("https:///x", "a whole URL"),
        ("https://:80/", "a whole URL"),
        ("https://me@hub.example", "user name"),
        ("https://hub.example:99999", "Port out of range"),
        ("https://[::1", "Invalid IPv6 URL"),
        ("https://hub.example/?a=1", "query"),
        ("https://hub.example/?", "query"),
        ("https://hub.example/#a", "fragment"),
        ("https://hub.example/a b", "ASCII"),
        ("https://hüb.example", "ASCII"),
    ],
)
def test_public_url_refused(refuses, url: str, reason: str):
    (problem,) = refuses(f"[listen]\npublic_url = '{url}'")
    assert problem.startswith("config.toml:2: public_url: ")
    assert reason in problem.split("\n")[0]


def test_website(loads, refuses):
    assert loads("[hub]\nwebsite = 'https://hub.example/?lang=nl#top'").hub.website
    (problem,) = refuses("[hub]\nwebsite = 'hub.example'")
    assert problem.startswith("config.toml:2: website: it must be a whole URL")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "::1", "localhost", "hub-1.example", "a_b"])
def test_host(loads, host: str):
    assert loads(f"[listen]\nhost = '{host}'").listen.host == host


@pytest.mark.parametrize("host", ["[::1]", "http://x", "x:80", "1.2.3", "256.1.1.1", "a b", "-a", "a/b", "x" * 300])
def test_host_refused(refuses, host: str):
    (problem,) = refuses(f"[listen]\nhost = '{host}'")
    assert problem.startswith("config.toml:2: host: ")


@pytest.mark.parametrize("network", ["10.0.0.0/8", "10.1.2.3", "::1", "fd00::/8", "0.0.0.0/0"])
def test_network(loads, network: str):
    assert loads(f"[upstream]\nallow_private = ['{network}']").upstream.allow_private == (network,)


@pytest.mark.parametrize("network", ["", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0-10.0.0.9", "localhost", "10"])
def test_network_refused(refuses, network: str):
    (problem,) = refuses(f"[upstream]\nallow_private = [\n'10.0.0.0/8',\n'{network}']")
    assert problem.startswith("config.toml:4: allow_private: ")


def test_names_of_the_admin_listener(loads, refuses):
    assert loads("[admin]\nnames = ['hub-admin.example']").admin.names == ("hub-admin.example",)
    (problem,) = refuses("[admin]\nnames = [\n'hub-admin.example',\n'hub admin']")
    assert problem.startswith("config.toml:4: names: 'hub admin' is neither an IP address nor a host name")


def test_ca_file_has_to_exist(loads, refuses, file):
    (problem,) = refuses("[upstream]\nca_file = 'own.pem'")
    assert problem.startswith("config.toml:2: ca_file: there is no file ")
    (file.parent / "own.pem").touch()
    assert loads("[upstream]\nca_file = 'own.pem'").ca_file == file.parent / "own.pem"


def test_empty_ca_file_is_refused(refuses):
    assert len(refuses("[upstream]\nca_file = ''")) == 1


def test_parts_of_a_message_fit_into_its_time(loads, refuses):
    assert loads("[limits]\ntimeout = 5").limits.timeout == 5
    problems = refuses("[limits]\ntimeout = 4\n[upstream]\ndns_timeout = 9.5")
    assert [problem.split("\n")[0] for problem in problems] == [
        "config.toml:2: connect_timeout is 5; it must be at most limits.timeout, which is 4",
        "config.toml:4: dns_timeout is 9.5; it must be at most limits.timeout, which is 4",
    ]


def test_a_wrong_value_is_not_compared_with_others(refuses):
    (problem,) = refuses("[limits]\ntimeout = 'x'\n[upstream]\ndns_timeout = 300")
    assert "timeout is" in problem.split("\n")[0]


@pytest.mark.parametrize("key", ["name", "data", "plugins"])
def test_text_has_no_control_characters(refuses, key: str):
    (problem,) = refuses(f'[hub]\n{key} = "a\\u0000b"')
    assert problem.startswith(f"config.toml:2: {key} holds a character that can not be shown")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://hub@db.example/hub",
        "postgres://hub:secret@10.0.0.1:5432/hub?sslmode=verify-full",
        "postgresql://hub@one.example:5432,two.example:5433/hub?target_session_attrs=read-write",
        "postgresql:///hub?host=/run/postgresql",
        "postgresql://[::1]:5432/hub",
    ],
)
def test_store_url(loads, url: str):
    assert loads(f"[store]\nurl = '{url}'").store.url == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sqlite:///canary.db", "must begin with postgresql://; for SQLite leave it out"),
        ("mysql://hub:canary@db.example/hub", "must begin with postgresql://"),
        ("postgresql://hub:canary@db.example", "must name a database"),
        ("postgresql://hub:canary@db.example/", "must name a database"),
        ("postgresql://hub:can/ary@db.example/hub", "write / as %2F"),
        ("postgresql://hub:canary@db.example:port/hub", "host or port can not be read"),
    ],
)
def test_store_url_refused(refuses, url: str, reason: str):
    """What it says does not repeat what may be a password."""
    (problem,) = refuses(f"[store]\nurl = '{url}'")
    assert problem.startswith("config.toml:2: url: ")
    assert reason in problem
    assert "can" not in problem.replace("can not", "")
