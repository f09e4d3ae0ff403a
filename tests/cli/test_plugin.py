"""`ocpi-hub plugin`: with a hub that runs; without one it says so."""

import json

import pytest

CODE = '''
from hub.plugin import Chart, Figure, Figures, Line, Plugin, Rows, panel, verb


class Mine(Plugin):
    @verb("double")
    async def double(self, given: int) -> int:
        """Double a number."""
        return 2 * given

    @panel("Numbers")
    async def numbers(self):
        return Figures((Figure("sent", 3, "messages"), Figure("odd [red]", "x\\x1b[31m\\u202ey")))

    @panel("Partners")
    async def partners(self):
        return Rows(("name", "kWh"), (("ACME", 1.5), (None, 2)))

    @panel("Load")
    async def load(self):
        return Chart((Line("all", tuple((n, float(n)) for n in range(9))),), "kW")

    @panel("Broken")
    async def broken(self):
        return 1
'''


@pytest.fixture
def written(configured):
    (configured.folder / "plugins").mkdir()
    (configured.folder / "plugins" / "mine.py").write_text(CODE)
    return configured


@pytest.fixture
def cli_and_hub(written, hub):
    return written


def test_list_show_call_and_reset(cli_and_hub):
    cli = cli_and_hub
    (listed,) = (line for line in cli.done("plugin", "list").splitlines() if line.startswith("mine"))
    assert listed.split()[:2] == ["mine", "running"]
    assert cli.json("plugin", "list")[0]["name"] == "mine"
    shown = cli.done("plugin", "show", "mine")
    for words in ("Numbers", "3 messages", "odd [red]", "ACME  1.5", "-     2", "latest kW", "4  5  6  7  8"):
        assert words in shown
    assert "\x1b[31m" not in shown
    assert "\u202e" not in shown
    assert "returned int, a panel returns Figures, Rows or Chart" in shown
    assert [each["title"] for each in cli.json("plugin", "show", "mine")][:2] == ["Numbers", "Partners"]
    assert json.loads(cli.done("plugin", "call", "mine", "double", "21")) == 42
    assert cli.done("plugin", "reset", "mine") == "Plugin mine is called again.\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("call", "mine", "doubl", "1"), "plugin mine has no verb 'doubl'; did you mean 'double'?"),
        (("call", "mine", "double"), "verb double takes JSON: Double a number."),
        (("call", "mine", "double", "x"), "the JSON does not fit verb double"),
        (("show", "min"), "no plugin 'min' is running; did you mean 'mine'?"),
        (("reset", "min"), "no plugin 'min' is running; did you mean 'mine'?"),
    ],
)
def test_what_is_wrong(cli_and_hub, words, told):
    assert told in cli_and_hub.fails("plugin", *words)


def test_a_hub_has_to_run(offline):
    offline.done("partner", "invite", "First", "--party", "NL-ONE:CPO")
    assert "the hub has to run for this: ocpi-hub serve" in offline.fails("plugin", "list")
