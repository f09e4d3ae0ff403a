"""Settings from the environment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.config import ConfigError, load
from hub.config.environment import guess


def refused(environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(None, environ)
    return list(caught.value.problems)


def test_wins_over_the_file(loads):
    text = "[listen]\nport = 1\nbacklog = 2\n[plugins.home_market]\norder = 1\nblocked = []\n"
    environ = {"OCPI_HUB__LISTEN__PORT": "9000", "OCPI_HUB__PLUGINS__HOME_MARKET__BLOCKED": '["NL-TNM"]'}
    config = loads(text, environ)
    assert (config.listen.port, config.listen.backlog) == (9000, 2)
    assert config.plugins == {"home_market": {"order": 1, "blocked": ["NL-TNM"]}}


def test_wins_over_a_wrong_value_in_the_file(loads):
    assert loads("[listen]\nport = 'x'\n", {"OCPI_HUB__LISTEN__PORT": "9000"}).listen.port == 9000


@pytest.mark.parametrize("text", ["5", "true", '"quoted"', "  spaced ", "a = b", "[x]"])
def test_text_is_taken_as_it_stands(text: str):
    assert load(None, {"OCPI_HUB__HUB__NAME": text}).hub.name == text


def test_text_that_may_be_absent_and_choices_are_text_too():
    config = load(None, {"OCPI_HUB__LISTEN__PUBLIC_URL": "https://hub.example", "OCPI_HUB__LOG__LEVEL": "debug"})
    assert (config.listen.public_url, config.log.level) == ("https://hub.example", "debug")


def test_other_values_are_toml():
    config = load(
        None,
        {
            "OCPI_HUB__LIMITS__TIMEOUT": "12.5",
            "OCPI_HUB__LIMITS__REQUEST_BODY": "2_000_000",
            "OCPI_HUB__UPSTREAM__ALLOW_PRIVATE": "['10.0.0.0/8', \"::1\"]",
            "OCPI_HUB__PLUGINS__X__ENABLED": "false",
        },
    )
    assert (config.limits.timeout, config.limits.request_body) == (12.5, 2_000_000)
    assert config.upstream.allow_private == ("10.0.0.0/8", "::1")
    assert config.plugins == {"x": {"enabled": False}}


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("LISTEN__PORT", "70000", "port is 70000; it must be at most 65535"),
        ("LISTEN__PORT", "", 'port is ""; it must be a whole number'),
        ("LISTEN__PORT", "1\nhost = 'x'", "port is \"1\\nhost = 'x'\"; it must be a whole number"),
        ("HUB__NAME", "", 'name is ""; it must be filled in'),
        ("HUB__NAME", "a\nb", "name holds a character that can not be shown, as a line break"),
        ("HUB__NAME", "caf\udce9", "the value is not UTF-8 text"),
        ("UPSTREAM__ALLOW_PRIVATE", "10.0.0.0/8", "it must be a list, each item text in quotes"),
        ("UPSTREAM__ALLOW_PRIVATE", "['x']", "allow_private: 'x' is not a network; write it as 10.0.0.0/8"),
        ("LIMITS__TIMEOUT", "2", "connect_timeout is 5; it must be at most limits.timeout, which is 2"),
        ("LISTEN__PROT", "1", "there is no such setting; did you mean OCPI_HUB__LISTEN__PORT?"),
        ("LISTEN_PORT", "1", "there is no such setting; did you mean OCPI_HUB__LISTEN__PORT?"),
        ("listen__port", "1", "there is no such setting; did you mean OCPI_HUB__LISTEN__PORT?"),
        ("LISTEN", "1", "there is no such setting"),
        ("", "1", "there is no such setting"),
        ("PLUGINS__X", "1", "one of a plugin is written OCPI_HUB__PLUGINS__<FILE STEM>__<KEY>, in capitals"),
        ("PLUGINS__X__ORDER", "first", 'order is "first"; it must be a whole number'),
    ],
)
def test_refused(name: str, value: str, reason: str):
    problems = refused({f"OCPI_HUB__{name}": value})
    assert all(problem.startswith(f"environment variable OCPI_HUB__{name}: ") for problem in problems)
    assert reason in problems[0]


def test_section_in_the_file_that_is_no_table(refuses):
    problems = refuses("listen = 1", {"OCPI_HUB__LISTEN__PORT": "9000"})
    assert [problem.split("\n")[0] for problem in problems] == [
        "config.toml:1: listen must be a table, written as [listen]"
    ]


@given(st.text())
def test_any_text_is_taken_by_a_text_key_or_refused(text: str):
    environ = {"OCPI_HUB__HUB__NAME": text}
    if 0 < len(text) <= 100 and text.isprintable():
        assert load(None, environ).hub.name == text
    else:
        assert "environment variable OCPI_HUB__HUB__NAME: " in refused(environ)[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("[1, 'a']", [1, "a"]),
        ('"a"', "a"),
        ("{a = 1}", {"a": 1}),
        ("true # yes", True),
        ("yes", "yes"),
        ("", ""),
        ("1\nother = 2", "1\nother = 2"),
        ("1\n[other]", "1\n[other]"),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_guess(text: str, value: object):
    assert guess(text) == value
