"""What is no TOML: line, plain words, and no secret."""

import tomllib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.config import ConfigError
from hub.config.origin import Origin
from hub.config.syntax import parse


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("[hub]\nname = mine", 2, "this is not a value: text needs quotes"),
        ("[hub]\nname = True", 2, "this is not a value: text needs quotes, and true and false are in small letters"),
        ("[hub]\nname =", 2, "this is not a value"),
        ("[hub]\nname: 'x'", 2, "here must be a key, an = and a value"),
        ("[hub]\nname", 2, "here must be a key, an = and a value"),
        ("[hub]\n= 5", 2, "here must be a [section], or a key"),
        ("[hub]\nname = 1 2", 2, "the value ended before this"),
        ("[hub]\nname = 010", 2, "the value ended before this"),
        ("[hub]\nname = 'x\nport = 1", 2, "the closing quote is missing"),
        ('[hub]\nname = "x\nport = 1', 2, "the text holds a character it must not, or its closing quote is missing"),
        ('[hub]\nname = """x\nport = 1\n', 2, "the closing quotes are missing"),
        ("[hub]\nname = '''x\nport = 1\n", 2, "the closing quote"),
        ("[hub]\nname = 'x", 2, "the closing quote is missing"),
        ("[hub\nname = 'x'", 1, "the closing bracket is missing"),
        ('[hub]\ndata = "C:\\data"', 2, "a backslash in double quotes is written \\\\"),
        ('[hub]\nname = "\x01"', 2, "the text holds a character it must not"),
        ("[hub]\nname = 1\n\nname = 2", 4, "hub.name is set twice; the first time in line 2"),
        ("[hub]\nname = 1\nname.x = 2", 3, "set twice"),
        ("[hub]\n[log]\n\n[hub]", 4, "hub is set twice; the first time in line 1"),
        ("x = {a = 1, a = 2}", 1, "x.a is set twice; the first time in line 1"),
        ("hub.name = 1\n[hub]\nparty = 2", 2, "hub is set twice"),
        ("x = [1,\n[2]", 1, "the closing bracket is missing"),
        ("x = [1,\n{a = 1", 2, "the closing bracket is missing"),
        ("=", 1, "here must be a [section], or a key"),
    ],
)
def test_refused(refuses, text: str, line: int, reason: str):
    (problem,) = refuses(text)
    assert problem.startswith(f"config.toml:{line}: ")
    assert reason in problem.split("\n")[0]


def test_caret_stands_under_the_place(refuses):
    (problem,) = refuses("[hub]\n\tname = mine\n")
    assert problem.split("\n")[1:] == [
        "   2 |  name = mine",
        "     |         ^",
    ]


def test_escape_codes_do_not_reach_the_terminal(refuses):
    (problem,) = refuses("[hub]\nname = '\x1b[31m'\n")
    assert "\x1b" not in problem


def test_deep_nesting(refuses):
    assert refuses(f"x = {'[' * 100_000}") == ["config.toml: lists or tables are nested too deeply"]


@pytest.mark.parametrize(
    "line",
    [
        "api_key = canary",
        "api_key canary",
        "api_key: 'canary'",
        "api_key = 'canary",
        'api_key = """\ncanary',
        "api_key = 'x'\napi_key = 'canary'",
        "api_key = ['x',\n'canary' 'y']",
        "x = { password = 'canary' 1 }",
        "url = 'https://me:canary@host/' 1",
    ],
)
def test_secrets_are_not_shown(refuses, line: str):
    (problem,) = refuses(f"[plugins.x]\n{line}\n")
    assert "canary" not in problem


@given(
    st.lists(
        st.sampled_from(
            ["a", "b", "=", "1", "'", '"', '"""', "'''", "\n", "\r", "[", "]", "{", "}", ".", ",", "#", "\\", "\0"]
        )
    )
)
def test_any_text_is_parsed_or_refused(pieces: list[str]):
    text = "".join(pieces)
    with suppress(ConfigError):
        assert parse(Origin(text=text)) == tomllib.loads(text)
