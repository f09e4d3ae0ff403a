"""Whatever partners call themselves and say: on a terminal, in a table and in JSON it is text and nothing else."""

import csv
import io
import json
import unicodedata

import pytest

from tests.cli.evil import EVIL, Hub, texts

COMMANDS = {
    "partner list": "list",
    "partner show 1": "show",
    "partner suspend 1": "suspend",
    "partner invite X --party NL-XXX:CPO": "invite",
    "partner limits 1": "show",
    "partner limits 1 --requests 5": "limits",
    "partner validation 1 report": "validation",
    "partner rotate 1 --invite": "invite-again",
    "partner capture 1": "capture",
    "status": "status",
    "findings": "findings",
    "findings 1 --clear": "findings-clear",
    "losses": "losses",
    "agreement list": "agreement-list",
    "explain GET x --from NL-XXX": "explain",
    "key list": "key-list",
    "journal": "journal",
    "trace x": "trace",
    "sync 1": "sync",
}
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "=cmd|'/C calc'!A0", "＝1+1", "\u200b=1")


@pytest.fixture
def hub(configured, background):
    return background.enter(Hub(configured.folder))


@pytest.mark.parametrize("command", COMMANDS)
def test_on_a_terminal(configured, hub, command):
    result = configured.run(*command.split())
    assert result.exit_code == (1 if command == "sync 1" else 0)
    assert_harmless(result.output)
    assert "[bold]" in result.output, "markup is shown as it stands"


@pytest.mark.parametrize("command", COMMANDS)
def test_as_an_error(configured, hub, command):
    hub.fail = True
    error = configured.fails(*command.split())
    assert_harmless(error)
    assert "[bold]" in error
    assert_seen(configured.run(*command.split(), "--json").stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_as_json_nothing_is_lost(configured, hub, command):
    told = configured.run(*command.split(), "--json").stdout
    assert_seen(told)
    assert EVIL in texts(json.loads(told))
    assert set(texts(json.loads(told))) <= set(texts(hub.answer(COMMANDS[command])))


def test_csv_is_a_line_for_each_row(configured, hub):
    told = configured.done("journal", "--csv")
    assert_seen(told.replace("\r\n", "\n"))
    assert len(told.splitlines()) == 2


@pytest.mark.parametrize("formula", FORMULAS)
def test_csv_holds_no_formula(configured, hub, formula):
    hub.text = formula
    names, row = csv.reader(io.StringIO(configured.done("journal", "--csv")))
    assert len(names) == len(row)
    (shown,) = {row[names.index(name)] for name in ("sender_name", "path", "reason", "object_id")}
    for cell in row:
        assert cell.lstrip()[:1] not in set("=+-@＝＋－＠")
        assert cell[:1] not in set("\t\r")
    assert shown.lstrip("' ") == formula.strip("\u200b").strip()


def assert_harmless(told: str) -> None:
    """All can be seen, no line was forged, and there is not too much of it."""
    assert_seen(told)
    assert not [line for line in told.splitlines() if line.lstrip(" │").startswith("FORGED")]
    assert len(told) < 80_000


def assert_seen(told: str) -> None:
    """Nothing steers a terminal, and nothing turns the direction of writing."""
    unseen = {char for char in told if not (char.isprintable() or char == "\n" or unicodedata.category(char) == "Zs")}
    assert unseen == set()


@pytest.mark.parametrize(
    "command", ["validate --version 2.2.1 --object location", "convert --from 2.2.1 --to 2.1.1 --object location"]
)
@pytest.mark.parametrize("option", [(), ("--json",)])
def test_in_a_file_of_a_partner(cli, command, option):
    given = {"id": EVIL, "name": EVIL, "city": EVIL, "country": EVIL, "last_updated": EVIL, EVIL[:90]: EVIL}
    given |= {"country_code": "NL", "party_id": "TNM", "publish": True, "address": "x", "time_zone": "Europe/Oslo"}
    given |= {"coordinates": {"latitude": "51.1", "longitude": "4.1"}, "tariff_ids": [EVIL]}
    (cli.folder / "location.json").write_text(json.dumps(given))
    told = cli.run(*command.split(), *option, "location.json").output
    assert_seen(told)
