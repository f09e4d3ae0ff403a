"""The plugins that ship with the hub: off until asked for, each setting explained, only the plugin API imported."""

import ast
import re
import tomllib
import typing
from pathlib import Path

import msgspec
import pytest
from msgspec import Meta, inspect, structs

from hub.config import load
from hub.plugin import Plugin, Settings
from hub.plugin.loader import Loader

ROOT = Path(__file__).parents[2]
PAGES = {
    "event_log": "event-log.md", "mqtt": "mqtt.md", "mqtt_commands": "mqtt.md", "webhooks": "webhooks.md",
    "statistics": "statistics.md", "presets": "presets.md", "registry": "registry.md",
    "public_api": "public-api.md",
}  # fmt: skip
WITHOUT_SETTINGS = {"parking", "reservations"}
EXAMPLES = {"party": '"NL-MQT"', "public_api.party": '"NL-APP"', "website": '"https://hub.example"'}
"""Where config.toml shows another value than the default, which is nothing."""
SECRETS = ("password", "secret")


def settings_of(stem: str) -> type[Settings]:
    (found,) = (each for each in own_classes(stem) if issubclass(each, Settings))
    return found


def own_classes(stem: str) -> list[type]:
    """The classes of a plugin and its folder, as the hub loads them."""
    config = msgspec.structs.replace(load(None, {}), folder=ROOT, plugins={stem: {"enabled": True}})
    loader = Loader(config, ())
    opened = loader._open(loader.read(ROOT / "plugins" / f"{stem}.py"))
    opened.unload()
    names = vars(opened.module).values()
    return [each for each in names if isinstance(each, type) and each.__module__.startswith(opened.module.__name__)]


def meta(item: structs.FieldInfo) -> Meta:
    return next(one for one in typing.get_args(item.type)[1:] if isinstance(one, Meta))


def default(item: structs.FieldInfo) -> str:
    value = item.default_factory() if item.default is structs.NODEFAULT else item.default
    return msgspec.json.encode(value).decode()


def kind(item: structs.FieldInfo) -> str:
    info = inspect.type_info(item.type)
    info = info.type if isinstance(info, inspect.Metadata) else info
    match info:
        case inspect.LiteralType():
            return " or ".join(f'`"{value}"`' for value in info.values)
        case inspect.IntType():
            return f"whole number, {info.ge} to {info.le}"
        case inspect.FloatType(ge=None):
            return f"number, over {info.gt}, at most {info.le}"
        case inspect.FloatType():
            return f"number, {info.ge} to {info.le}"
        case inspect.BoolType():
            return "`true` or `false`"
        case inspect.StrType() | inspect.UnionType():
            return "text"
        case _:
            return "list of "


FIELDS = [(stem, item) for stem in PAGES for item in structs.fields(settings_of(stem))]
each_setting = pytest.mark.parametrize(
    ("stem", "item"), FIELDS, ids=[f"{stem}.{item.encode_name}" for stem, item in FIELDS]
)


@each_setting
def test_every_setting_stands_on_its_page_with_its_bounds(stem, item):
    page = (ROOT / "docs" / PAGES[stem]).read_text()
    rows = re.findall(rf"^\| `{item.encode_name}` \| (.*) \| `(.*)` \| (.*) \|$", page, re.MULTILINE)
    row = next(each for each in rows if each[2] == meta(item).description)
    assert row[0].startswith(kind(item))
    assert row[1] == default(item)


@each_setting
def test_every_setting_stands_in_config_toml(stem, item):
    text = (ROOT / "config.toml").read_text()
    table = re.split(r"\n# \[", text.partition(f"\n# [plugins.{stem}]")[2])[0]
    if item.encode_name in SECRETS:
        assert f"# {item.encode_name} = " not in table
    elif item.encode_name != "endpoints":
        name = item.encode_name
        value = EXAMPLES.get(f"{stem}.{name}", EXAMPLES.get(name, default(item)))
        assert f"# {meta(item).description}\n# {name} = {value}\n" in table


@pytest.mark.parametrize("stem", PAGES)
def test_what_is_written_in_config_toml_and_on_the_page_can_be_used(stem, tmp_path):
    shipped = (ROOT / "config.toml").read_text().partition("\n# Plugins that ship with the hub")[2]
    toml = "\n".join(line[2:] for line in shipped.splitlines() if re.match(r"# (\w+ = |\[)", line))
    written = tomllib.loads(toml)["plugins"]
    assert written.keys() == PAGES.keys() | WITHOUT_SETTINGS
    page = (ROOT / "docs" / PAGES[stem]).read_text()
    blocks = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    for text in (toml, *blocks):
        (tmp_path / "config.toml").write_text(text)
        config = load(tmp_path / "config.toml", {})
        assert Loader(msgspec.structs.replace(config, folder=ROOT), (ROOT / "plugins",)).check() == ()


def test_every_shipped_plugin_but_the_first_is_off_by_default():
    for path in (ROOT / "plugins").glob("*.py"):
        (plugin,) = (each for each in own_classes(path.stem) if issubclass(each, Plugin))
        assert plugin.enabled_by_default == (path.stem == "home_market"), path


def test_shipped_plugins_import_nothing_of_the_hub_but_its_plugin_api():
    for path in (ROOT / "plugins").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            for name in names:
                if name.split(".")[0] == "hub":
                    assert re.match(r"hub\.(plugin|ocpi)(\.|$)", name), f"{path}: {name}"
