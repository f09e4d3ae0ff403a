"""`ocpi-hub check`: what a start would stumble over is told with file and line, and nothing is made or started."""

import base64
import json
import re
import secrets
import socket

import pytest

from tests.certificates import Authority

GOOD = """from hub.plugin import Message, Plugin, receive


class Watch(Plugin):
    @receive("cdrs.post")
    async def look(self, message: Message) -> None: ...
"""


def problems(cli) -> list[str]:
    """What a check for scripts finds wrong."""
    result = cli.run("check", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == (1 if found["problems"] else 0)
    assert found["ok"] == (not found["problems"])
    assert sorted(found) == ["note", "ok", "problems", "warnings"]
    return found["problems"]


def test_all_is_well_and_nothing_is_made(configured):
    (configured.folder / "plugins").mkdir()
    (configured.folder / "plugins" / "watch.py").write_text(GOOD)
    out = configured.done("check")
    assert "All is well with config.toml.\n" in out
    assert f"There is no database in {configured.folder / 'data'} yet; the first start makes it.\n" in out
    assert out.endswith("Next: ocpi-hub serve\n")
    assert problems(configured) == []
    assert not (configured.folder / "data").exists()


def test_a_folder_without_a_configuration_is_well_too(cli, monkeypatch):
    monkeypatch.setenv("OCPI_HUB__LISTEN__PORT", "0")
    assert "All is well with the defaults (no config.toml here).\n" in cli.done("check")
    assert list(cli.folder.iterdir()) == []


def test_beside_a_hub_that_runs_its_store_is_left_alone(configured, hub):
    out = configured.done("check")
    assert "data was left alone: process " in out
    assert out.endswith("Next, to put a changed configuration in force: ocpi-hub reload\n")
    assert problems(configured) == []


def test_a_bad_configuration_is_told_with_file_and_line(cli):
    (cli.folder / "config.toml").write_text('[listen]\nprot = 1\n[hub]\nparty = "N"\n')
    error = cli.fails("check")
    assert "config.toml:2: unknown key 'prot' in [listen]; did you mean 'port'?\n" in error
    assert "config.toml:4: party: 'N' is not a party" in error
    assert [each.partition(": ")[0] for each in problems(cli)] == ["config.toml:2", "config.toml:4"]


@pytest.mark.parametrize(
    ("words", "environ", "told"),
    [
        (("--config", "nowhere.toml"), {}, "nowhere.toml: the configuration file can not be read: No such file"),
        ((), {"OCPI_HUB_CONFIG": "nowhere.toml"}, "nowhere.toml: the configuration file can not be read"),
        (
            (),
            {"OCPI_HUB__LISTEN__PROT": "1"},
            "OCPI_HUB__LISTEN__PROT: there is no such setting; did you mean",
        ),
    ],
)
def test_where_the_configuration_comes_from_is_told(cli, monkeypatch, words, environ, told):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert told in cli.fails("check", *words)


def test_everything_that_is_wrong_is_told_at_once(configured):
    """Plugins with file and line, the file with authorities, and the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        (configured.folder / "config.toml").write_text(
            f'[listen]\nport = {taken.getsockname()[1]}\n[upstream]\nca_file = "ca.pem"\n[plugins.wach]\n'
        )
        (configured.folder / "ca.pem").write_text("no certificate")
        (configured.folder / "plugins").mkdir()
        (configured.folder / "plugins" / "watch.py").write_text(GOOD.replace("cdrs.post", "cdrs.pots"))
        (configured.folder / "plugins" / "broken.py").write_text("import json\njson.loads('{')\n")
        found = problems(configured)
    assert len(found) == 5
    assert found[0].startswith(f"{configured.folder}/plugins/broken.py:2: ")
    assert found[1].startswith(f"{configured.folder}/plugins/watch.py:")
    assert "'cdrs.pots'" in found[1]
    assert found[2].startswith("config.toml:5: [plugins.wach]: there is no plugin file wach.py")
    assert found[3].startswith("config.toml:4: ca_file: no certificates in PEM form")
    assert "OCPI_HUB__LISTEN__PORT=" in found[4]


def test_certificates_of_the_listener_are_judged(configured):
    folder = configured.folder
    authority = Authority(folder / "ca.pem")
    authority.issue(folder / "hub.pem", folder / "hub.pk", days=13.5)
    settings = '[listen]\nport = 0\ncertificate = "hub.pem"\nkey = "hub.pk"\n'
    (folder / "config.toml").write_text(settings + 'public_url = "http://other.example"\n')
    (folder / "hub.pk").chmod(0o644)
    found = json.loads(configured.run("check", "--json").stdout)
    assert (found["ok"], found["problems"]) == (True, [])
    expiring, name, readable, plain = found["warnings"]
    assert re.fullmatch(r"the certificate expires on \S+ \S+ UTC, in 13 days; renew it", expiring)
    assert name == "the certificate is for hub.example, 127.0.0.1, and partners call other.example"
    assert readable.endswith(f"chmod o-r {folder / 'hub.pk'}")
    assert plain.startswith("listen.public_url begins with http://")
    assert f"Warning: {name}\n" in configured.run("check").stderr
    (folder / "config.toml").write_text(settings + 'public_url = "https://sub.hub.example/x"\n')
    authority.issue(folder / "hub.pem", folder / "hub.pk", names=["*.hub.example"])
    assert json.loads(configured.run("check", "--json").stdout)["warnings"] == []
    authority.issue(folder / "other.pem", folder / "hub.pk")
    (problem,) = problems(configured)
    assert problem.startswith(f"config.toml:4: key: the key in {folder / 'hub.pk'} does not fit the certificate in ")
    (folder / "hub.pk").unlink()
    assert problems(configured)[0].startswith(f"config.toml:4: key: there is no file {folder / 'hub.pk'}")
    (folder / "config.toml").write_text('[listen]\nport = 0\nclient_ca = "ca.pem"\n')
    assert "client_ca: it is of no use without listen.certificate" in problems(configured)[0]


def test_a_key_of_another_database_or_none_is_told(offline):
    offline.json("partner", "invite", "X", "--party", "NL-XXX:CPO")
    key = offline.folder / "data" / "hub.key"
    saved = key.read_bytes()
    key.write_bytes(base64.b64encode(secrets.token_bytes(32)))
    assert "hub.key does not belong to hub.db" in problems(offline)[0]
    key.write_bytes(saved)
    key.chmod(0o644)
    assert f"chmod 600 {key}" in problems(offline)[0]
    key.unlink()
    assert "Restore it from your backup" in problems(offline)[0]
    assert not key.exists()
    key.write_bytes(saved)
    key.chmod(0o600)
    assert problems(offline) == []


def test_a_data_folder_that_can_not_be_is_told(configured):
    config = configured.folder / "config.toml"
    config.write_text('[hub]\ndata = "no/such/folder"\n[listen]\nport = 0\n')
    assert f"There is no folder {configured.folder / 'no/such'} to make folder in." in problems(configured)[0]
