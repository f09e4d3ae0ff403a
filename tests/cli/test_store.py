"""`ocpi-hub store copy`: a hub moves into PostgreSQL and back, and its password shows nowhere."""

import json

from hub.store.lock import FolderLock
from tests.cli.conftest import serving

CONFIG = '[hub]\nparty = "NL-HUB"\n[listen]\nport = 0\n[store]\nurl = "{}"\n'
SECRET = "very-s3cret"


def names(cli):
    return [each["name"] for each in cli.json("partner", "list")]


def test_a_hub_moves_over_and_back(cli, postgresql, monkeypatch):
    config = cli.folder / "config.toml"
    config.write_text(CONFIG.split("[store]", maxsplit=1)[0])
    with serving(cli.folder) as _:
        assert cli.json("partner", "invite", "ACME", "--party", "NL-ACM:CPO")["id"] == 1
        assert "is in use by the hub" in cli.fails("store", "copy", "--to", "postgresql://hub@127.0.0.1/x")
        token = cli.json("key", "create", "mine", "--scope", "read")["key"]
    where = postgresql.make()
    secret = where.replace("hub@", f"hub:{SECRET}@")  # the server of the tests asks for none
    monkeypatch.setenv("OCPI_HUB__STORE__URL", secret)
    copied = cli.json("store", "copy")
    assert {each["table"]: each["rows"] for each in copied["tables"]}["platform"] == 1
    assert (copied["source"], copied["target"]) == (f"{cli.folder}/data/hub.db", where)
    checked = cli.run("check")
    assert "All is well" in checked.output
    assert "fsync is off" in checked.output
    with serving(cli.folder, OCPI_HUB__STORE__URL=secret) as _:
        assert names(cli) == ["ACME"]
        assert cli.json("status")["store"] == where
        assert where in cli.done("status").replace("\n", "")
        assert cli.json("partner", "invite", "Later", "--party", "NL-LAT:CPO")["id"] == 2
        assert [each["name"] for each in cli.json("key", "list")] == ["mine"]
        assert "is in use by the hub" in cli.fails("store", "copy", "--from", "sqlite:///data/hub.db")
    assert names(cli) == ["ACME", "Later"], "without a hub, too"
    told = cli.done("store", "copy", "--from", where, "--to", "sqlite:///data/new.db")
    assert f"from {where} to {cli.folder}/data/new.db" in told.replace("\n", " ")
    monkeypatch.delenv("OCPI_HUB__STORE__URL")
    assert names(cli) == ["ACME"], "the file is as it was"
    (cli.folder / "data/new.db").replace(cli.folder / "data/hub.db")
    assert names(cli) == ["ACME", "Later"]
    assert token
    postgresql.drop(where)


def test_what_is_not_copied(cli, postgresql, monkeypatch):
    where = postgresql.make()
    assert "there is no hub's database at" in cli.fails("store", "copy", "--to", where)
    assert "source and target are the same" in cli.fails("store", "copy")
    assert "a database is named as" in cli.fails("store", "copy", "--to", f"mysql://x:{SECRET}@y/z")
    for bad in (where.replace("hub@", f"hub:{SECRET}@"), f"{where}?password={SECRET}"):
        told = cli.fails("store", "copy", "--to", bad)
        assert "a password on the command line" in told
        assert SECRET not in told
    cli.done("partner", "invite", "ACME", "--party", "NL-ACM:CPO", "--config", str(_config(cli)))
    cli.done("store", "copy", "--to", where)
    refused = cli.fails("store", "copy", "--to", where)
    assert "is not empty" in refused
    assert json.loads(cli.run("store", "copy", "--to", where, "--json").stdout)["error"].startswith(where)
    lock = FolderLock(cli.folder / "data/hub.lock")
    lock.acquire()
    assert "is in use by" in cli.fails("store", "copy", "--to", where)
    lock.release()
    postgresql.drop(where)


def _config(cli):
    file = cli.folder / "config.toml"
    file.write_text('[hub]\nparty = "NL-HUB"\n[listen]\nport = 8765\n')
    return file


def test_no_password_is_told(cli, postgresql):
    nobody = f"postgresql://hub:{SECRET}@127.0.0.1:9/hub?password={SECRET}"
    config = cli.folder / "config.toml"
    config.write_text(CONFIG.format(nobody))
    for words in (["check"], ["partner", "list"], ["serve"], ["backup", "b"], ["restore", "b"], ["store", "copy"]):
        told = cli.run(*words)
        assert told.exit_code == 1, words
        assert SECRET not in told.output
    assert "There is no connection to postgresql://hub@127.0.0.1:9/hub: " in cli.fails("check").replace("\n", " ")
    assert "pg_dump" in cli.fails("backup", "b")
    for bad in (f"mysql://x:{SECRET}@y/z", f"postgresql://hub:{SECRET}@db", f"postgresql://h:pa/{SECRET}@db/h x"):
        config.write_text(CONFIG.format(bad))
        told = cli.run("check")
        assert told.exit_code == 1
        assert SECRET not in told.output


def test_a_new_database_is_left_alone_by_check_and_needs_the_key_that_it_was_made_with(cli, postgresql):
    where = postgresql.make()
    config = cli.folder / "config.toml"
    config.write_text(CONFIG.format(where))
    assert "There is nothing in" in cli.done("check")
    assert not (cli.folder / "data").exists()
    assert (
        postgresql.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", where.rpartition("/")[2]) == "0\n"
    )
    with serving(cli.folder):
        pass
    (cli.folder / "data/hub.key").rename(cli.folder / "kept.key")
    told = cli.fails("check").replace("\n", " ")
    assert "hub.key is not there" in told
    assert "let store.url lead to an empty database" in told
    assert not (cli.folder / "data/hub.key").exists()
    postgresql.drop(where)
