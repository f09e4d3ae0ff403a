"""The tables [store] and [node]."""

import pytest

from hub.config import ConfigError, load


@pytest.mark.parametrize(("written", "name"), [("", None), ('name = "hub-1"', "hub-1")])
def test_a_node_may_have_a_name(tmp_path, written, name):
    file = tmp_path / "config.toml"
    file.write_text(f"[node]\n{written}\n")
    assert load(file, {}).node.name == name


@pytest.mark.parametrize("name", ["", "n" * 101])
def test_that_can_be_read(tmp_path, name):
    file = tmp_path / "config.toml"
    file.write_text(f'[node]\nname = "{name}"\n')
    with pytest.raises(ConfigError, match="name is"):
        load(file, {})
