"""The settings themselves, and that config.toml and docs/configuration.md tell the same as the code."""

import re
import tomllib
import typing
from pathlib import Path

import msgspec
import pytest
from msgspec import Meta, inspect, structs

from hub.config import Config, Hub, Listen, PluginOptions, load
from hub.config.model import sections
from hub.config.words import plain
from hub.core.custom import CustomModule

ROOT = Path(__file__).parents[2]
TABLES = {**sections(), "modules.nltnm-tokens": CustomModule, "plugins.home_market": PluginOptions}
FIELDS = [(table, item) for table, kind in TABLES.items() for item in structs.fields(kind)]
each_key = pytest.mark.parametrize(
    ("table", "item"), FIELDS, ids=[f"{table}.{item.encode_name}" for table, item in FIELDS]
)


def meta(item: structs.FieldInfo) -> Meta:
    return next(one for one in typing.get_args(item.type)[1:] if isinstance(one, Meta))


def shown(item: structs.FieldInfo) -> object:
    """What config.toml shows: the example where there is one, else the default."""
    return (meta(item).examples or [item.default])[0]


def written(value: object) -> str:
    return msgspec.json.encode(value).decode()


def kind_of(item: structs.FieldInfo) -> str:
    info = plain(inspect.type_info(item.type))
    match info:
        case inspect.LiteralType():
            return " or ".join(f"`{written(value)}`" for value in info.values)
        case inspect.EnumType():
            return " or ".join(f"`{written(value)}`" for value in info.cls)
        case inspect.IntType():
            return f"whole number, {info.ge} to {info.le}"
        case inspect.FloatType(ge=int() as least):
            return f"number, {least} to {info.le}"
        case inspect.FloatType():
            return f"number, over {info.gt}, at most {info.le}"
        case inspect.BoolType():
            return "`true` or `false`"
        case inspect.VarTupleType():
            return "list of text"
        case _:
            return "text"


def config_toml() -> str:
    """The file without the tables of plugins that ship with the hub: those have tests of their own."""
    return (ROOT / "config.toml").read_text().partition("\n# Plugins that ship with the hub")[0] + "\n"


def uncomment(text: str) -> str:
    return re.sub(r"^# (?=\w+ = |\[)", "", text, flags=re.MULTILINE)


def part(text: str, heading: str) -> str:
    """What follows `heading` up to the next one of the same kind."""
    start = text.index(heading) + len(heading)
    rest = text[start:]
    return re.split(rf"\n{re.escape(heading.partition('[')[0])}\[", rest, maxsplit=1)[0] + "\n"


@each_key
def test_every_key_is_explained_in_config_toml(table: str, item: structs.FieldInfo):
    text = config_toml()
    section = part(text.replace("\n# [", "\n["), f"\n[{table}]")
    assert f"# {meta(item).description}\n# {item.encode_name} = {written(shown(item))}\n" in section


@each_key
def test_every_key_is_in_the_documentation(table: str, item: structs.FieldInfo):
    section = part((ROOT / "docs/configuration.md").read_text(), f"### [{re.sub('(?<=[.]).*', 'name', table)}]")
    default = "none" if item.default is None else f"`{written(item.default)}`"
    assert f"| `{item.encode_name}` | {kind_of(item)} | {default} | {meta(item).description} |\n" in section


@pytest.mark.parametrize("name", ["config.toml", "docs/configuration.md"])
def test_nothing_is_explained_that_does_not_exist(name: str):
    text = config_toml() if name == "config.toml" else (ROOT / name).read_text()
    named = re.findall(r"^(?:# (\w+) = |\| `(\w+)` \|)", text, flags=re.MULTILINE)
    assert [first or second for first, second in named] == [item.encode_name for _, item in FIELDS]


def test_shipped_config_is_the_defaults():
    shipped, default = load(ROOT / "config.toml", {}), load(None, {})
    assert [getattr(shipped, name) for name in sections()] == [getattr(default, name) for name in sections()]
    assert (shipped.modules, shipped.plugins) == ({}, {})


def test_commented_lines_of_the_shipped_config_are_the_defaults(tmp_path: Path):
    text = uncomment(config_toml())
    tables = tomllib.loads(text)
    assert tables.pop("plugins") == {"home_market": msgspec.to_builtins(PluginOptions())}
    example = {item.encode_name: shown(item) for item in structs.fields(CustomModule)}
    assert tables.pop("modules") == {"nltnm-tokens": msgspec.json.decode(written(example))}
    for name, kind in sections().items():
        assert tables.pop(name).keys() == set(kind.__struct_encode_fields__)
    assert tables == {}
    for name in ("partners.pem", "fullchain.pem", "privkey.pem", "clients.pem"):
        (tmp_path / name).touch()
    (tmp_path / "config.toml").write_text(text)
    config = load(tmp_path / "config.toml", {})
    for name, kind in sections().items():
        has_default = [item.name for item in structs.fields(kind) if item.default is not None]
        assert [getattr(getattr(config, name), key) for key in has_default] == [
            getattr(kind(), key) for key in has_default
        ]


def test_error_in_the_documentation_is_what_the_hub_says(refuses):
    text = (ROOT / "docs/configuration.md").read_text().partition("## When something is wrong")[2]
    toml, output = re.findall(r"```(?:toml|text)\n(.*?)\n```", text, flags=re.DOTALL)
    assert "\n\n".join(refuses(toml, {"OCPI_HUB__LIMITS__TIMEOUT": "half"})) == output


def test_variables_in_the_documentation_are_understood():
    block = re.search(r"```sh\n(.*?)```", (ROOT / "docs/configuration.md").read_text(), flags=re.DOTALL)
    environ = dict(line.replace("'", "").split("=", 1) for line in block[1].splitlines())
    config = load(None, environ)
    assert (config.listen.port, config.hub.name) == (9000, "My hub")
    assert config.upstream.allow_private == ("10.20.0.0/16",)
    assert config.plugins == {"home_market": {"blocked": ["NL-TNM"]}}


def test_folders_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/config.toml").write_text('[hub]\ndata = "../state"\nplugins = "/opt/plugins"\n')
    monkeypatch.chdir(tmp_path)
    config = load(Path("etc/config.toml"), {})
    assert config.source == Path("etc/config.toml")
    monkeypatch.chdir("/")
    assert config.data_folder == tmp_path / "etc/../state"
    assert config.plugins_folder == Path("/opt/plugins")
    assert config.ca_file is None


def test_folders_without_a_file_are_relative_to_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    config = load(None, {})
    assert (config.source, config.data_folder, config.plugins_folder) == (
        None,
        tmp_path / "data",
        tmp_path / "plugins",
    )


def test_party_is_upper_case():
    assert Hub(party="nl-hub").party == "NL-HUB"


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        (Listen(), "http://127.0.0.1:4711"),
        (Listen(host="::1"), "http://[::1]:4711"),
        (Listen(certificate="hub.pem"), "https://127.0.0.1:4711"),
        (Listen(public_url="https://hub.example/ocpi/"), "https://hub.example/ocpi"),
    ],
)
def test_base_url(listen: Listen, url: str):
    assert listen.base_url(4711) == url


def test_repr_shows_no_value_of_a_plugin(loads):
    config = loads("[plugins.x]\napi_key = 'canary'\n", {"OCPI_HUB__PLUGINS__X__API_KEY": "canary"})
    assert config.plugins["x"]["api_key"] == "canary"
    assert "canary" not in repr(config) + repr(config.origin) + repr(dict(config.origin.overrides))


def test_config_is_frozen():
    with pytest.raises(AttributeError):
        Config().listen = Listen(port=1)
    with pytest.raises(AttributeError):
        Config().listen.port = 1
