"""`ocpi-hub backup` and `restore`: beside a hub that runs and without one."""

import json
import signal
import sqlite3
import stat
from contextlib import closing

from tests.cli.conftest import serving


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_saved_while_the_hub_runs_and_put_back_when_it_does_not(cli):
    (cli.folder / "config.toml").write_text('[hub]\nparty = "NL-HUB"\n[listen]\nport = 0\n')
    file = cli.folder / "hub-backup.db"
    with serving(cli.folder) as (hub, _):
        assert cli.json("partner", "invite", "ACME", "--party", "NL-ACM:CPO")["id"] == 1
        result = cli.run("backup", "hub-backup.db")
        assert result.exit_code == 0
        assert result.stdout.startswith("Saved ")
        assert "with 1 partner(s) in hub-backup.db\n" in result.stdout
        assert f"Without {cli.folder}/data/hub.key every token in this backup is unreadable" in result.stderr
        assert result.stdout.endswith("To put it back, when the hub is stopped: ocpi-hub restore hub-backup.db\n")
        assert mode(file) == 0o600
        assert [each.name for each in cli.folder.iterdir() if "key" in each.name] == []
        assert cli.json("partner", "invite", "Later", "--party", "NL-LAT:CPO")["id"] == 2
        refused = cli.fails("restore", "hub-backup.db")
        assert f"is in use by the hub with process id {hub.pid}. Stop that one first" in refused.replace("\n", " ")
        hub.signal(signal.SIGTERM)
        assert hub.end()[0] == 0
    assert [each["name"] for each in cli.json("partner", "list")] == ["ACME", "Later"]
    told = cli.done("restore", "hub-backup.db")
    assert told.startswith("Restored 1 partner(s) from hub-backup.db\n")
    assert f"What was there before is kept in {cli.folder}/data/hub.db.before-restore\n" in told
    assert told.endswith("Next: ocpi-hub check, then ocpi-hub serve\n")
    assert [each["name"] for each in cli.json("partner", "list")] == ["ACME"]
    with closing(sqlite3.connect(cli.folder / "data/hub.db.before-restore")) as before:
        assert before.execute("SELECT count(*) FROM platform").fetchone() == (2,)
    with serving(cli.folder):
        assert [each["name"] for each in cli.json("partner", "list")] == ["ACME"]


def test_with_the_key_and_onto_another_machine(offline):
    offline.done("partner", "invite", "ACME", "--party", "NL-ACM:CPO")
    result = offline.run("backup", "b", "--with-key")
    assert result.exit_code == 0
    assert "The key is in b.key: move it to another, safe place." in result.stderr.replace("\n", " ")
    assert (mode(offline.folder / "b"), mode(offline.folder / "b.key")) == (0o600, 0o600)
    (offline.folder / "data").rename(offline.folder / "gone")
    assert "mkdir -m 700" in offline.fails("restore", "b")
    (offline.folder / "data").mkdir(mode=0o700)
    assert offline.json("restore", "b")["key_restored"]
    assert [each["name"] for each in offline.json("partner", "list")] == ["ACME"]
    assert "All is well" in offline.done("check")


def test_nothing_is_overwritten_unasked(offline):
    offline.done("partner", "invite", "ACME", "--party", "NL-ACM:CPO")
    (offline.folder / "b").write_text("mine")
    assert "b is there already. Choose another name, or overwrite it with --force." in offline.fails("backup", "b")
    assert (offline.folder / "b").read_text() == "mine"
    made = offline.json("backup", "b", "--force")
    assert (made["partners"], made["key"], made["file"]) == (1, None, "b")
    assert json.loads(offline.run("backup", "b", "--json").stdout)["error"].startswith("b is there already.")


def test_where_there_is_nothing_to_save_or_put_back_it_says_so(offline):
    assert "there is no hub's database" in offline.fails("backup", "b")
    assert not (offline.folder / "data").exists()
    offline.done("partner", "invite", "ACME", "--party", "NL-ACM:CPO")
    assert "There is no file" in offline.fails("restore", "none")
    (offline.folder / "text").write_text("hello" * 1000)
    assert "is no database of a hub" in offline.fails("restore", "text").replace("\n", " ")
    assert [each["name"] for each in offline.json("partner", "list")] == ["ACME"]
