"""Loading: what is taken, and what is refused with which words and place."""

from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct, field

from hub.config import ConfigError, PluginOptions, load, plugin_settings


def test_no_file_gives_the_defaults():
    config = load(None, {"HOME": "/root", "OCPI_HUBBLE": "1"})
    assert (config.listen.port, config.upstream.connections, config.plugins) == (8000, 32, {})


def test_values_are_taken(loads):
    config = loads(
        '[listen]\nport = 0\n\n[limits]\ntimeout = 12\n\n[plugins.home_market]\norder = 3\nblocked = ["NL-TNM"]\n'
    )
    assert config.listen.port == 0
    assert config.limits.timeout == 12.0
    assert isinstance(config.limits.timeout, float)
    assert config.plugins == {"home_market": {"order": 3, "blocked": ["NL-TNM"]}}


def test_file_with_byte_order_mark_and_windows_line_ends(loads, refuses):
    assert loads(b"\xef\xbb\xbf[listen]\r\nport = 1\r\n").listen.port == 1
    assert refuses(b"\xef\xbb\xbf[listen]\r\nport = -1\r\n") == [
        "config.toml:2: port is -1; it must be at least 0\n   2 | port = -1\n     |        ^^"
    ]


def test_wrong_value_is_shown_with_a_caret(refuses):
    assert refuses("# mine\n\n[listen]\nport = 70000  # too high\n") == [
        "config.toml:4: port is 70000; it must be at most 65535\n   4 | port = 70000  # too high\n     |        ^^^^^"
    ]


def test_unknown_key_is_shown_with_the_likely_one(refuses):
    assert refuses("[listen]\nprot = 8000\n") == [
        "config.toml:2: unknown key 'prot' in [listen]; did you mean 'port'?\n   2 | prot = 8000\n     | ^^^^"
    ]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("[listen]\nport = '1'", 2, 'port is "1"; it must be a whole number'),
        ("[listen]\nport = true", 2, "port is true; it must be a whole number"),
        ("[listen]\nport = [\n1]", 2, "port is a list; it must be a whole number"),
        ("[listen]\nport = {}", 2, "port is a table; it must be a whole number"),
        ("[listen]\nport = 1.5", 2, "port is 1.5; it must be a whole number"),
        ("[hub]\nname = 2020-01-01", 2, "name is 2020-01-01; it must be text in quotes"),
        ("[hub]\nname = ''", 2, 'name is ""; it must be filled in'),
        (f"[hub]\nname = '{'x' * 101}'", 2, "it must be at most 100 characters long"),
        ("[limits]\ntimeout = 0", 2, "timeout is 0; it must be more than 0"),
        ("[limits]\ntimeout = nan", 2, "timeout is nan; it must be more than 0"),
        ("[limits]\ntimeout = inf", 2, "timeout is inf; it must be at most 3600"),
        ("[limits]\ntimeout = '5'", 2, 'timeout is "5"; it must be a number'),
        ("[log]\nlevel = 'loud'", 2, 'level is "loud"; it must be "debug", "error", "info" or "warning"'),
        ("[upstream]\nallow_private = '::1'", 2, "it must be a list, each item text in quotes"),
        ("[upstream]\nallow_private = [\n'::1',\n5]", 4, "allow_private[1] is 5; it must be text in quotes"),
        ("[hub]\nport = 1", 2, "unknown key 'port' in [hub]; it belongs in [listen]"),
        ("[log]\nzzz = 1", 2, "unknown key 'zzz' in [log]; known are level, format"),
        ("port = 1", 1, "port stands outside of its section; it belongs in [listen]"),
        ("\n[lisen]\nport = 1", 2, "there is no section [lisen]; did you mean [listen]?"),
        ("lisen.port = 1", 1, "there is no section [lisen]; did you mean [listen]?"),
        ("[zzz]", 1, "[zzz]; known are hub, listen, limits, partner_limits, upstream, "),
        ("listen = 5", 1, "listen must be a table, written as [listen]"),
        ("[[listen]]\nport = 1", 1, "listen must be a table, written as [listen]"),
        ("[plugins]\nhome_market = 5", 2, "home_market must be a table, written as [plugins.home_market]"),
        ("plugins = 5", 1, "plugins must be a table, written as [plugins]"),
        ("[plugins.a]\norder = 'x'", 2, 'order is "x"; it must be a whole number'),
        ("[plugins.a]\nenabled = 1", 2, "enabled is 1; it must be true or false"),
        ("[plugins.a]\non_error = 'x'", 2, 'on_error is "x"; it must be "refuse" or "skip"'),
        ("[plugins.a]\ntimeout = 0", 2, "timeout is 0; it must be more than 0"),
    ],
)
def test_refused(refuses, text: str, line: int, reason: str):
    (problem,) = refuses(text)
    assert problem.startswith(f"config.toml:{line}: ")
    assert reason in problem.split("\n")[0]


def test_all_problems_come_together_in_the_order_of_the_file(refuses):
    problems = refuses(
        "[upstream]\nidle = 0\nallow_private = ['x']\n[listen]\nprot = 1\npublic_url = 'x'\n[lok]\n[hub]\nname = 1\n",
        {"OCPI_HUB__LISTEN__BACKLOG": "0", "OCPI_HUB__NO": "1"},
    )
    assert [problem.split(":")[1] for problem in problems[2:]] == ["2", "3", "5", "6", "7", "9"]
    assert problems[0].startswith("environment variable OCPI_HUB__NO: ")
    assert problems[1].startswith("environment variable OCPI_HUB__LISTEN__BACKLOG: ")


def test_long_line_is_cut_around_the_caret(refuses):
    (problem,) = refuses(f"listen = {{ backlog = {' ' * 500}'x' }} #{'y' * 500}")
    _, line, caret = problem.split("\n")
    assert len(line) <= 170
    assert line[caret.index("^") : caret.rindex("^") + 1] == "'x'"


def test_missing_file(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"none\.toml: the configuration file can not be read: No such file"):
        load(tmp_path / "none.toml", {})


def test_file_that_is_a_folder(tmp_path: Path):
    with pytest.raises(ConfigError, match="can not be read: Is a directory"):
        load(tmp_path, {})


def test_file_that_is_not_utf8(refuses):
    assert refuses(b'[hub]\nname = "caf\xe9"\n') == [
        "config.toml:2: the line is not UTF-8 text; save the file as UTF-8"
    ]


LINES = [
    "[hub]",
    "[listen]",
    "[upstream]",
    "[[log]]",
    "[plugins.a]",
    "[lok]",
    "listen.port = 1",
    "port = 1",
    "port = -1",
]
LINES += [
    "name = 'x'",
    'name = """x',
    '"""',
    "timeout = 1",
    "order = 'a",
    "allow_private = [",
    "'::1',",
    "5]",
    "party = {}",
]
LINES += [
    "",
    "# x",
    "level = 'info' }",
    "enabled = true",
    "public_url = 'x'",
    "a.b.c = [{d = 1}]",
    "\x1b",
    "caf\xe9",
    "=",
    "]",
]


@given(st.lists(st.sampled_from(LINES), max_size=8))
def test_any_file_is_loaded_or_refused_with_a_line_of_it(tmp_path_factory, lines: list[str]):
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_text("\n".join(lines))
    try:
        load(file, {})
    except ConfigError as error:
        for problem in error.problems:
            head, shown, caret = problem.split("\n")
            number = int(head.removeprefix(f"{file}:").partition(":")[0])
            assert shown == f"{number:>4} | {lines[number - 1]}".replace("\x1b", " ")
            assert caret.strip(" |^") == ""


class Rule(Struct):
    country: str
    weight: int = 1


class Settings(PluginOptions, frozen=True):
    blocked: tuple[str, ...] = ()
    code: str = ""
    secret_key: Annotated[str, Meta(min_length=8)] = "12345678"
    prefer: dict[str, str] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    first: Rule | None = None

    def __post_init__(self) -> None:
        if self.code == "bad":
            raise ValueError("code is bad; choose another")


class Bare(Struct):
    limit: int


def settings_refused(config, kind: type = Settings) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        plugin_settings(config, "x", kind)
    return [problem.replace(f"{config.folder}/", "") for problem in caught.value.problems]


def test_plugin_settings(loads):
    text = "[plugins.x]\norder = 2\nblocked = ['a']\nfirst = {country = 'NL'}\n[[plugins.x.rules]]\ncountry = 'DE'\n"
    config = loads(text, {"OCPI_HUB__PLUGINS__X__CODE": "0123", "OCPI_HUB__PLUGINS__X__ENABLED": "false"})
    settings = plugin_settings(config, "x", Settings)
    assert (settings.order, settings.enabled, settings.timeout) == (2, False, 1.0)
    assert (settings.blocked, settings.code) == (("a",), "0123")
    assert (settings.first, settings.rules) == (Rule("NL"), (Rule("DE"),))


def test_plugin_without_a_table_has_its_defaults(loads):
    assert plugin_settings(loads(), "x", Settings) == Settings()


def test_plugin_settings_need_not_have_the_common_keys(loads):
    assert plugin_settings(loads("[plugins.x]\nlimit = 3\norder = 1"), "x", Bare) == Bare(3)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("blokced = []", 2, "unknown key 'blokced' in [plugins.x]; did you mean 'blocked'?"),
        ("blocked = ['a', 5]", 2, "blocked[1] is 5; it must be text in quotes"),
        ("\nprefer = {NL = 5}", 3, "prefer does not fit: expected `str`, got `int`"),
        ("code = 'bad'", 1, "code is bad; choose another"),
        ("first = {country = 'NL', wieght = 1}", 2, "unknown key 'wieght' in [plugins.x.first]"),
        ("first = {}", 2, "country is missing in [plugins.x.first]"),
        ("[[plugins.x.rules]]\ncountry = 'NL'\n[[plugins.x.rules]]\ncountry = 1", 5, "country is 1; it must be text"),
    ],
)
def test_plugin_settings_refused(loads, text: str, line: int, reason: str):
    (problem,) = settings_refused(loads(f"[plugins.x]\n{text}"))
    assert problem.startswith(f"config.toml:{line}: ")
    assert reason in problem.split("\n")[0]


def test_missing_plugin_setting_points_at_the_table(loads):
    (problem,) = settings_refused(loads("\n[plugins.x]\n"), Bare)
    assert problem.startswith("config.toml:2: limit is missing in [plugins.x]\n")


def test_missing_plugin_setting_without_a_table(loads):
    assert settings_refused(loads(), Bare) == ["config.toml: limit is missing in [plugins.x]"]


@pytest.mark.parametrize(
    "line",
    ["secret_key = 'canary'", "secret_key = ['canary']", "secret_keyy = 'canary'", "secret_key = [\n'canary']"],
)
def test_secrets_are_not_shown(loads, line: str):
    (problem,) = settings_refused(loads(f"[plugins.x]\n{line}\n"))
    assert "canary" not in problem
    assert "config.toml:2: " in problem


def test_secrets_from_the_environment_are_not_shown(loads):
    (problem,) = settings_refused(loads("", {"OCPI_HUB__PLUGINS__X__SECRET_KEY": "canary"}))
    assert problem == "environment variable OCPI_HUB__PLUGINS__X__SECRET_KEY: secret_key must be text in quotes"


def test_password_in_a_url_is_not_shown(refuses):
    (problem,) = refuses("[listen]\npublic_url = 'https://me:canary@hub.example'\n")
    assert problem == (
        "config.toml:2: public_url: it must not hold a user name or password\n"
        "   2 | public_url = 'https://[hidden]@hub.example'\n"
        "     | ^^^^^^^^^^"
    )
