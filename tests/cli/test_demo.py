"""`ocpi-hub demo`: everything happens, is told, and is counted; nothing is left behind."""

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from hub.demo import Summary
from tests.cli.conftest import process

TOLD = (
    "NL-HUB listens at http://127.0.0.1:",
    "Volt Streets registered at NL-HUB",
    "EasyMove is REGISTERED, OCPI 2.2.1, token sent RAW",
    "NL-EMO received location LOC1 from NL-CPO",
    "fetched 3 locations in pages of 2",
    "the home_market plugin of the hub chose whom to ask",
    "NL-EMO received the result of START_SESSION: ACCEPTED from NL-CPO",
    "COMPLETED",
    "NL-EMO received a CDR: ",
    "goes offline",
    "push refused after ",
    "deliveries after recovery: 0",
    "gets in sync itself",
    "All of it happened.",
    "Next: ocpi-hub serve",
)

Ended = tuple[int, str, str]


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ended]]:
    """Three demos side by side: one for scripts, one for people, and one for people who press Ctrl-C."""
    folder = tmp_path_factory.mktemp("demo")
    environ = {"TMPDIR": str(folder)}
    with ExitStack() as stack:
        for_scripts = stack.enter_context(process(folder, "demo", "--for", "1", "--json", **environ))
        for_people = stack.enter_context(process(folder, "demo", "--for", "1", **environ))
        stopped = stack.enter_context(process(folder, "demo", **environ))
        stopped.line()
        stopped.signal(signal.SIGINT)
        yield {"json": for_scripts.end(), "text": for_people.end(), "stopped": stopped.end(), "left": _left(folder)}


def _left(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def test_the_summary_for_scripts_holds_everything(demos):
    status, out, error = demos["json"]
    assert (status, error) == (0, "")
    (line,) = out.splitlines()
    summary = json.loads(line)
    assert set(summary) == set(Summary.__struct_fields__)
    assert (summary["ok"], summary["missing"], summary["registrations"]) == (True, [], 3)
    assert set(summary["messages"]) == {"cdrs", "commands", "locations", "sessions", "tariffs", "tokens"}
    assert summary["hooks_fired"] >= 1
    assert summary["commands_completed"] == 2
    assert (summary["sessions_completed"], summary["cdrs_delivered"], summary["pages_fetched"]) == (1, 1, 2)
    assert (summary["offline_push_status"], summary["deliveries_after_recovery"]) == (4003, 0)
    assert 0 < summary["offline_push_ms"] < 1000
    assert summary["seconds"] >= 1


def test_people_are_told_line_by_line(demos):
    status, out, error = demos["text"]
    assert (status, error) == (0, "")
    lines = iter(out.splitlines())
    for words in TOLD:
        assert any(words in line for line in lines), words
    assert "\x1b" not in out


def test_ctrl_c_ends_it_with_what_happened_so_far(demos):
    status, out, error = demos["stopped"]
    assert (status, error) == (1, "")
    assert "Missing: " in out
    assert "Aborted" not in out


def test_nothing_is_left_behind(demos):
    assert demos["left"] == []
