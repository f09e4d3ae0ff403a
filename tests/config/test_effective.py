"""The configuration in force, for people: all of it, and no secret."""

import msgspec
import pytest

from hub.config.effective import effective
from hub.config.model import sections

PLUGINS = """
[plugins.home_market]
blocked = ["NL-TNM"]
api_key = "canary"
password = 1234
pass_phrase = "fine"
url = "https://user:canary@example.com/x"
hook = "https://example.com/x?key=canary&a=b#canary"
pattern = "a?b=c"
[plugins.home_market.more]
Secret = ["canary"]
authorization = "canary"
token = { value = "canary" }
note = "Token canary"
"""


def test_every_section_and_key_is_there(loads):
    config = loads("[listen]\nport = 9000\n")
    told = effective(config)
    assert told["listen"]["port"] == 9000
    for name, kind in sections().items():
        assert told[name].keys() == set(kind.__struct_encode_fields__)
    assert {name: table for name, table in told.items() if "[hidden]" in str(table)} == {}
    msgspec.json.encode(told)


def test_what_a_plugin_keeps_secret_is_hidden(loads):
    told = effective(loads(PLUGINS))["plugins"]["home_market"]
    assert "canary" not in str(told)
    assert (told["blocked"], told["password"], told["api_key"]) == (["NL-TNM"], "[hidden]", "[hidden]")
    assert told["more"]["Secret"] == "[hidden]"
    assert (told["hook"], told["pattern"]) == ("https://example.com/x?[hidden]", "a?b=c")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://hub:canary@db.example:5433/hub",
        "postgresql://hub@db.example:5433/hub?password=canary",
        "postgresql://hub:can%2Fcanary%40@db.example:5433/hub?sslmode=require",
    ],
)
def test_where_the_database_is_shows_without_its_password(loads, url):
    config = loads(f"[store]\nurl = '{url}'\n")
    assert effective(config)["store"]["url"] == config.database_name == "postgresql://hub@db.example:5433/hub"
    assert "canary" not in f"{config!r}{config.store!r}{config.origin!r}{effective(config)}"
