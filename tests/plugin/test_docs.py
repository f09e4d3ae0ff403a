"""docs/plugins.md: its plugins load with its settings, its test passes, and it leaves nothing out."""

import re
import shutil
from pathlib import Path

import msgspec
import pytest

import hub.plugin
from hub.config import PluginOptions
from hub.core.catalogue import CATALOGUE
from hub.events import Event
from hub.plugin import hooks
from hub.plugin.parts import Parts
from hub.plugin.selectors import select
from hub.store.database import Database
from hub.store.migrations import upgrade
from hub.store.plugins import PluginStores

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "plugins.md").read_text()
BLOCKS = re.findall(r"^```(python|toml)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
FILES = {match[1]: code for kind, code in BLOCKS if kind == "python" and (match := re.match(r"# (\S+)\n", code))}


def test_every_snippet_says_which_file_it_is():
    assert len(FILES) == sum(kind == "python" for kind, _ in BLOCKS) > 4


async def test_its_plugins_load_with_its_settings_and_start(plugins, tmp_path):
    for name, code in FILES.items():
        if name.startswith("plugins/"):
            plugins.write(Path(name).stem, code)
    plugins.settings("\n".join(code for kind, code in BLOCKS if kind == "toml"))
    assert plugins.loader.check() == ()
    database = await Database.open(tmp_path / "hub.db")
    await upgrade(database)
    runner = await plugins.start(Parts(http=lambda _: None, store=PluginStores(database).of))
    assert {status.state for status in runner.status()} == {"running"}
    await runner.stop()
    await database.close()


async def test_its_test_passes(tmp_path, monkeypatch):
    shutil.copy(ROOT / "plugins" / "home_market.py", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    scope = {}
    exec(FILES["tests/test_home_market.py"], scope)
    await scope["test_the_home_market_comes_first"]()


KINDS = [kind.name for kind in vars(hooks).values() if isinstance(kind, hooks.Kind)]
EVENTS = [each.__name__ for each in vars(hub.plugin).values() if isinstance(each, type) and issubclass(each, Event)]
OPTIONS = [field.name for field in msgspec.structs.fields(PluginOptions)]


@pytest.mark.parametrize("word", [*(f"@{name}" for name in KINDS), *EVENTS, *OPTIONS])
def test_it_names(word):
    assert re.search(rf"`{word}\b", PAGE) or re.search(rf"{word}\b", FILES["plugins/tour.py"])


def test_every_name_is_public():
    for name in hub.plugin.__all__:
        assert hasattr(hub.plugin, name)


def test_its_selectors_select():
    table = PAGE.partition("\n## Selectors\n")[2].partition("\n## ")[0]
    selectors = re.findall(r'^\| `"(\S+)"` \|', table, re.MULTILINE)
    assert {len(each.split(".")) for each in selectors} == {1, 2, 3}
    assert all(select(each, CATALOGUE) for each in selectors)
