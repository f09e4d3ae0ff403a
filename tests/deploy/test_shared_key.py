"""One key for several nodes: `store.key_file`."""

from pathlib import Path

import msgspec
import pytest

from hub.config import Config, ConfigError, Store, load
from hub.partners.opening import Store as Opened
from hub.store.errors import KeyFileMissing, WrongKey
from tests.support import config


def node(folder: Path, url: str, key_file: str | None) -> Config:
    folder.mkdir(exist_ok=True)
    return config(folder, store=Store(url=url, key_file=key_file))


def test_where_the_key_is(tmp_path):
    assert load(None, {}).key_file == Path.cwd() / "data/hub.key"
    (tmp_path / "config.toml").write_text('[store]\nkey_file = "key/hub.key"\n[hub]\ndata = "/data"\n')
    assert load(tmp_path / "config.toml", {}).key_file == tmp_path / "key/hub.key"
    assert load(tmp_path / "config.toml", {"OCPI_HUB__STORE__KEY_FILE": "/key/k"}).key_file == Path("/key/k")
    (tmp_path / "config.toml").write_text("[store]\nkey_file = true\n")
    with pytest.raises(ConfigError, match="key_file is true"):
        load(tmp_path / "config.toml", {})


async def test_sqlite_takes_it_too(tmp_path):
    (tmp_path / "key").mkdir()
    changed = msgspec.structs.replace(config(tmp_path), store=Store(key_file="key/hub.key"))
    async with Opened(changed):
        assert (tmp_path / "key/hub.key").exists()
        assert not (tmp_path / "data/hub.key").exists()


async def test_nodes_share_a_key_that_one_of_them_makes(tmp_path, postgresql):
    url, key = postgresql.migrated(), tmp_path / "hub.key"
    async with (
        Opened(node(tmp_path / "1", url, str(key))) as one,
        Opened(node(tmp_path / "2", url, "../hub.key")) as two,
    ):
        assert one.keyring.derive(b"test", 16) == two.keyring.derive(b"test", 16)


async def test_a_node_with_another_key_or_none_is_refused(tmp_path, postgresql):
    url = postgresql.migrated()
    async with Opened(node(tmp_path / "1", url, None)):
        with pytest.raises(KeyFileMissing):
            await Opened(node(tmp_path / "2", url, None)).__aenter__()
        assert not (tmp_path / "2/data/hub.key").exists()
        (tmp_path / "2/data/hub.key").write_text("A" * 44)
        (tmp_path / "2/data/hub.key").chmod(0o600)
        with pytest.raises(WrongKey):
            await Opened(node(tmp_path / "2", url, None)).__aenter__()
