"""Commands are quick: what one does not need is not imported."""

import json
import subprocess
import sys
import time

import click
import pytest

from hub.cli import COMMANDS, main
from tests.cli.conftest import clean_environ

HEAVY = ("aiohttp", "alembic", "asyncio", "cryptography", "hub.app", "sqlalchemy", "structlog", "uvloop")
ASKED = """
import json, sys
from hub.cli import main
main({words!r}, standalone_mode=False)
sys.stderr.write(json.dumps(sorted(set({heavy!r}) & set(sys.modules))))
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_what_each_command_says_of_itself(name):
    command = main.get_command(click.Context(main), name)
    assert command.name == name
    assert command.get_short_help_str(200) == COMMANDS[name][1]


def test_a_command_that_is_none_is_told(cli):
    assert "No such command 'partnr'" in cli.fails("partnr", status=2)


@pytest.mark.parametrize("words", [("--version",), ("--help",), ("partner", "--help"), ("status", "--help")])
def test_help_imports_nothing_of_the_hub(cli, words):
    assert _imported(cli, words) == []


@pytest.mark.parametrize("words", [("partner", "list"), ("status",), ("journal",), ("findings",), ("losses",)])
def test_what_is_asked_of_a_hub_that_runs_imports_nothing_of_it(configured, hub, words):
    assert _imported(configured, words) == []


def test_it_begins_about_as_fast_as_python(cli):
    """Before commands were imported one by one, it took more than fifty times as long."""
    python = min(_seconds(cli, "-c", "pass") for _ in range(3))
    version = min(_seconds(cli, "-m", "hub", "--version") for _ in range(3))
    assert version < 20 * python


def _imported(cli, words) -> list[str]:
    """What of the heavy things a command imports."""
    code = ASKED.format(words=words, heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cli.folder, env=clean_environ(), capture_output=True, text=True, check=True
    )
    return json.loads(done.stderr)


def _seconds(cli, *words) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], cwd=cli.folder, env=clean_environ(), capture_output=True, check=True)
    return time.perf_counter() - began
