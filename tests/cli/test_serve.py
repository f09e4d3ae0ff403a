"""`ocpi-hub serve`: the hub as a process of its own, from its start to its end."""

import json
import os
import signal
import socket
import stat
from urllib.parse import urlsplit

import pytest

from hub import __version__
from tests.cli.conftest import process, serving
from tests.ports import free_port


def test_it_runs_in_an_empty_folder_without_any_configuration(cli):
    """All it needs it makes, for its owner alone, and it listens on loopback alone."""
    with serving(cli.folder, OCPI_HUB__LISTEN__PORT="0") as (hub, url):
        data = cli.folder / "data"
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (data, *data.iterdir())}
        assert modes.items() >= {"data": 0o700, "hub.db": 0o600, "hub.key": 0o600, "hub.sock": 0o600}.items()
        assert set(modes.values()) == {0o700, 0o600}
        assert hub.line() == 'Next: ocpi-hub partner invite "ACME Charging" --party NL-TNM:CPO'
        assert "/docs. Its first key: ocpi-hub key create NAME --scope read" in hub.line()
        port = urlsplit(url).port
        assert url == f"http://127.0.0.1:{port}/ocpi/versions"
        socket.create_connection(("127.0.0.1", port)).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port))
        hub.signal(signal.SIGTERM)
        status, rest, log = hub.end()
    assert (status, rest) == (0, "Stopped.\n")
    events = [json.loads(line) for line in log.splitlines()]
    assert [each["event"] for each in events] == ["started", "stopping", "stopped"]
    assert events[0]["versions_url"] == url
    assert not (data / "hub.sock").exists()


def test_the_environment_wins_and_ctrl_c_ends_it(cli):
    port = free_port()
    (cli.folder / "config.toml").write_text('[listen]\nport = 1\n[log]\nlevel = "warning"\n')
    with serving(cli.folder, OCPI_HUB__LISTEN__PORT=str(port), OCPI_HUB__LISTEN__HOST="0.0.0.0") as (hub, url):
        assert urlsplit(url).port == port
        assert hub.line().startswith("Partners can not use that URL: set public_url")
        hub.close_output()
        hub.signal(signal.SIGINT)
        status, _, log = hub.end()
    assert (status, log) == (0, ""), "in `serve | tee file`, Ctrl-C ends tee first: no reason to fail"


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_second_ctrl_c_does_not_wait_for_what_is_under_way(configured, first):
    with serving(configured.folder) as (hub, url):
        invited = configured.json("partner", "invite", "ACME", "--party", "NL-ACM:CPO")
        head = (
            "POST /ocpi/2.2.1/credentials HTTP/1.1", "Host: hub", f"Authorization: Token {invited['token_a']}",
            "Content-Type: application/json", "Content-Length: 10", "Expect: 100-continue", "", "",
        )  # fmt: skip
        with socket.create_connection(("127.0.0.1", urlsplit(url).port)) as waiting:
            waiting.sendall("\r\n".join(head).encode())
            assert waiting.recv(100).startswith(b"HTTP/1.1 100 ")  # the hub waits for a body that does not come
            while not hub.line().startswith("The admin API"):
                pass
            hub.signal(first)
            if first == signal.SIGTERM:
                hub.signal(signal.SIGINT)
            assert hub.line() == "Finishing what is under way; press Ctrl-C again to stop at once."
            hub.signal(signal.SIGINT)
            status, rest, _ = hub.end()
            assert waiting.recv(100) == b""
    assert (status, rest) == (130, "Stopped at once. Partners got no answer to what was under way.\n")
    with serving(configured.folder):
        assert [each["name"] for each in configured.json("partner", "list")] == ["ACME"]


def test_a_port_in_use_and_a_folder_in_use_are_told(configured, hub, monkeypatch):
    monkeypatch.setattr("hub.app.LOCK_PATIENCE", 0.1)
    folder = configured.folder / "data"
    assert f"Error: {folder} is in use by the hub with process id {os.getpid()}. " in configured.fails("serve")
    port = urlsplit(hub.url).port
    monkeypatch.setenv("OCPI_HUB__HUB__DATA", "other")
    monkeypatch.setenv("OCPI_HUB__LISTEN__PORT", str(port))
    error = configured.fails("serve")
    assert f"Error: can not listen on 127.0.0.1 port {port}: Address already in use. " in error
    assert f"OCPI_HUB__LISTEN__PORT={port + 1} ocpi-hub serve" in error


def test_after_a_kill_it_starts_again(cli):
    """The socket that is left behind is replaced, and what was acknowledged is there."""
    (cli.folder / "config.toml").write_text("[listen]\nport = 0\n")
    left_behind = cli.folder / "data" / "hub.sock"
    with serving(cli.folder) as (hub, _):
        assert cli.json("partner", "invite", "ACME", "--party", "NL-ACM:CPO")["id"] == 1
        hub.kill()
    assert left_behind.is_socket()
    assert [each["name"] for each in cli.json("partner", "list")] == ["ACME"]
    assert left_behind.is_socket()
    with serving(cli.folder):
        assert cli.run("partner", "list").stderr == ""
        assert [each["name"] for each in cli.json("partner", "list")] == ["ACME"]


def test_what_keeps_it_from_starting_is_told(cli):
    """In this process: nothing gets as far as to run."""
    for config, told in (
        ("[listen]\nprot = 1\n", "config.toml:2: unknown key 'prot' in [listen]; did you mean 'port'?"),
        ('[hub]\ndata = "config.toml"\n', "config.toml/hub.lock: Not a directory."),
        ('[hub]\ndata = "no/folder"\n', "can not be made: No such file or directory. Make it first."),
        ('[listen]\nport = 0\nhost = "192.0.2.1"\n', "listen.host '192.0.2.1' is no address of this machine"),
        ('[listen]\nport = 0\n[upstream]\nca_file = "config.toml"\n', "config.toml:4: ca_file: no certificates in PEM"),
    ):
        (cli.folder / "config.toml").write_text(config)
        assert told in cli.fails("serve").replace("\n", " ")


def test_a_broken_plugin_keeps_it_from_starting(cli):
    (cli.folder / "config.toml").write_text('[listen]\nport = 0\n[log]\nlevel = "error"\n')
    (cli.folder / "plugins").mkdir()
    (cli.folder / "plugins" / "broken.py").write_text("\nimport no_such_module\n")
    error = cli.fails("serve")
    assert f"{cli.folder}/plugins/broken.py:2: ModuleNotFoundError" in error
    assert not (cli.folder / "data" / "hub.sock").exists()


def test_python_m_hub_is_the_same_command(cli):
    with process(cli.folder, "partner", "--help") as command:
        status, told, _ = command.end()
    assert status == 0
    assert told.startswith("Usage: python -m hub partner [OPTIONS] COMMAND [ARGS]...\n")
    assert told.partition("\n")[2].split() == cli.done("partner", "--help").partition("\n")[2].split()
    assert cli.done("--version") == f"ocpi-hub, version {__version__}\n"


@pytest.mark.parametrize("words", [(), ("partner",), ("partner", "endpoint")])
def test_help_fits_80_columns_and_cuts_nothing(cli, words):
    told = cli.done(*words, "--help")
    assert max(map(len, told.splitlines())) <= 80
    assert "..." not in told.replace("[ARGS]...", "")
