"""docs/errors.md: all that the hub can say when something is wrong stands there, and nothing that it can not."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub import errors
from hub.admin import problems
from hub.core.outcome import Outcome
from hub.core.troubles import Level
from hub.store import errors as store_errors
from hub.upstream.request import Fault

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/errors.md").read_text()
ADMIN_PAGE = (ROOT / "docs/admin-api.md").read_text()
ANSWERS = {name: kind for name, kind in inspect.getmembers(errors, inspect.isclass) if name != "ClassVar"}
SEEN_BY_PARTNERS = (
    "core", "flow", "ocpi", "partners/access.py", "partners/credentials.py", "partners/peer.py",
    "partners/registration.py", "plugin/running.py",
)  # fmt: skip
TO_THE_OPERATOR = ("flow/explain.py",)
STORE = {name for name, kind in vars(store_errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)}
GAP = "…"
_LOUD = ("warning", "error", "exception", "critical")
Text = tuple[str, str]
"""Where it is raised, and the text with gaps where values go."""


def _texts(names: set[str], *places: str) -> list[Text]:
    """The texts that errors of these names are made with."""
    return [
        (f"{path.relative_to(ROOT)}:{node.lineno}", text)
        for path in _sources(*places)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and _name(node.func) in names
        for text in [_text(each) for each in node.args]
        if len(text.replace(GAP, "").strip(" ;:.")) > 4
    ]


def _sources(*places: str) -> Iterator[Path]:
    for place in places or ("",):
        path = ROOT / "hub" / place
        yield from sorted(path.rglob("*.py")) if path.is_dir() else (path,)


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _text(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr():
            return "".join(_text(each) if isinstance(each, ast.Constant) else GAP for each in node.values)
        case ast.BinOp():
            return _text(node.left) + _text(node.right)
    return ""


PARTNER_TEXTS = [
    each
    for each in _texts({*ANSWERS, "Refuse"}, *SEEN_BY_PARTNERS)
    if not each[0].startswith(tuple(f"hub/{place}" for place in TO_THE_OPERATOR))
]
STORE_TEXTS = [
    *_texts(STORE, "store", "partners", "cli"),
    *(each for each in _texts({"__init__"}, "store/errors.py")),
    *_texts({"CannotStart"}),
]
COMMAND_TEXTS = _texts({"ControlError"}, "control.py", "asking.py", "cli/offline.py", "cli/ask.py")


@pytest.fixture(scope="module")
def rows() -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("| \n").split(" | ")] for line in PAGE.splitlines() if line[:1] == "|"]


def _quoted(*headings: str) -> set[str]:
    """What stands in backticks in the first cells of the tables below these headings."""
    found = set()
    for heading in headings:
        part = re.search(rf"^##+ {re.escape(heading)}\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
        assert part, heading
        for line in part[1].splitlines():
            if line.startswith("| ") and not line.startswith("| ---"):
                found |= set(re.findall(r"`([^`]+)`", line.split(" | ")[0]))
    return found


@pytest.mark.parametrize("name", ANSWERS)
def test_every_error_is_there_with_its_codes(name, rows):
    kind = ANSWERS[name]
    assert [row for row in rows if row[:2] == [str(kind.http), str(kind.code)]], (kind.http, kind.code)


def test_no_code_is_there_that_the_hub_does_not_answer_with(rows):
    told = {tuple(row[:2]) for row in rows if re.fullmatch(r"\d{3}", row[0]) and re.fullmatch(r"\d{4}", row[1])}
    assert told == {("200", "1000"), *((str(kind.http), str(kind.code)) for kind in ANSWERS.values())}


def test_every_text_that_partners_get_is_there():
    fragments = _quoted("HTTP 400, 401, 404, 405, 408, 413, 429", "2000 and 2001", "3000 to 3003", "4000 to 4003")
    assert len(PARTNER_TEXTS) > 90
    assert _unknown(PARTNER_TEXTS, fragments) == []
    faults = {str(each) for each in Fault}
    assert _stale(fragments - faults, [*PARTNER_TEXTS, *_literals("flow", "nodes", "partners", "errors.py")]) == []


def test_every_reason_not_to_reach_a_partner_is_there():
    told = set(re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", PAGE, re.MULTILINE))
    assert told >= {str(each) for each in Fault}


def test_what_keeps_a_hub_or_command_from_its_work_is_there():
    fragments = _quoted("When a command fails")
    texts = [*STORE_TEXTS, *COMMAND_TEXTS]
    assert len(texts) > 25
    assert _unknown(texts, fragments) == []
    assert _stale(fragments, [*texts, *_literals("listener", "store", "partners", "cli", "control.py")]) == []


def test_every_outcome_and_level_is_there():
    for outcome in Outcome:
        assert f"`{outcome}`" in PAGE
    for level in Level:
        assert f"`{level}`" in PAGE


def test_all_that_can_be_wrong_right_now_is_there():
    fragments = _quoted("What is wrong right now") | {
        words
        for line in PAGE.splitlines()
        if re.match(r"\| (bad|warning)[ ,]", line)
        for words in re.findall(r"`([^`]+)`", line.split(" | ")[1])
    }
    calls = [
        (f"hub/core/troubles.py:{node.lineno}", text)
        for node in ast.walk(ast.parse((ROOT / "hub/core/troubles.py").read_text()))
        if (isinstance(node, ast.Call) and _name(node.func) == "trouble" and (text := _text(node.args[1])))
        or (isinstance(node, ast.Assign) and _name(node.targets[0]) == "what" and (text := _text(node.value)))
        or (isinstance(node, ast.Call) and _name(node.func) == "Trouble" and (text := _text(node.args[3])))
    ]
    calls = [(where, text) for where, text in calls if text.strip(f" {GAP}")]
    assert len(calls) > 10
    assert _unknown(calls, fragments) == []
    assert _stale({words for words in fragments if not words.startswith("ocpi-hub")}, calls) == []


def test_every_warning_of_the_log_is_there():
    said = {name for path in _sources() if "sim" not in path.parts for name in _warnings(path)}
    told = _quoted("What the log says")
    assert said - told == set(), "write into docs/errors.md what it means, and what to do"
    assert told - said == set()


def test_every_status_of_the_admin_api_is_there():
    raised = {
        node.args[0].value
        for path in _sources("admin", "dashboard")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and _name(node.func) in ("Problem", "_unauthorized") and node.args
        if isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, int)
    }
    raised |= {*problems._STATUSES.values(), *problems._WORDS, *(each.http for each in ANSWERS.values()), 502} - {200}
    told = {int(each) for row in re.findall(r"^\| ([\d, ]+) \|", ADMIN_PAGE, re.MULTILINE) for each in row.split(",")}
    assert raised - told == set()


def _warnings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        if node.func.attr in _LOUD and _name(node.func.value) in ("log", "logger"):
            event = node.args[0]
            names = (event.body, event.orelse) if isinstance(event, ast.IfExp) else (event,)
            yield from (each.value for each in names)


def _literals(*places: str) -> list[Text]:
    """Every text in these files: some are put together before they are raised."""
    return [
        (str(path), _text(node))
        for path in _sources(*places)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant | ast.JoinedStr)
    ]


def _unknown(texts: list[Text], fragments: set[str]) -> list[Text]:
    return [(where, text) for where, text in texts if not any(each in text for each in fragments)]


def _stale(fragments: set[str], texts: list[Text]) -> list[str]:
    return sorted(each for each in fragments if not any(each in text for _, text in texts))
