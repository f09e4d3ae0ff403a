"""The threat model of docs/security.md: every defence has its test, every test is there, and nobody is forgotten."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
A_TEST = re.compile(r"^(async def test_|def test_|Test\w+ = )", re.MULTILINE)
PAGE = (ROOT / "docs/security.md").read_text()
MODEL = PAGE.partition("\n## Threat model\n")[2].partition("\n### ")[0]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in MODEL.splitlines()
    if line.startswith("| ") and not line.startswith(("| ---", "| asset |"))
]


def _named(begin: str) -> set[str]:
    """The words in italics of the paragraph that begins so."""
    (paragraph,) = re.findall(rf"^\*\*{begin}\*\*: (.*?)(?:\n\n|\Z)", MODEL, re.MULTILINE | re.DOTALL)
    return {re.sub(r"\s+", " ", each) for each in re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", paragraph)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[1]}: {row[2]}"[:60])
def test_every_defence_has_a_test_that_is_there(row):
    asset, attacker, happens, defence, tests = row
    assert all((asset, attacker, happens, defence))
    files = re.findall(r"`([^`]+)`", tests)
    assert files
    assert tests == " ".join(f"`{each}`" for each in files), "paths alone, each as code"
    for each in files:
        assert re.fullmatch(r"tests/\S+\.py", each)
        assert A_TEST.search((ROOT / each).read_text()), f"{each} has no test"


def test_every_asset_and_every_attacker_is_in_the_table():
    assert {row[0] for row in ROWS} == _assets()
    assert {row[1] for row in ROWS} == _named("Who may try")


def _assets() -> set[str]:
    """Their first words: `agreements and money: who may reach whom`."""
    return _named("What is worth an attack")


def test_what_is_not_defended_is_said():
    gaps = PAGE.partition("\n### What is not defended\n")[2]
    for words in ("plugin", "machine", "Traffic analysis", "TLS", "key"):
        assert words in gaps


def test_a_report_has_a_way_that_exists():
    """No address was made up: a private report on the page of the repository."""
    policy = (ROOT / "SECURITY.md").read_text()
    assert "Report a vulnerability" in policy
    assert not re.search(r"\S@\S|mailto:", policy)
    for name in ("README.md", "docs/security.md", "docs/index.md", "CONTRIBUTING.md"):
        assert "SECURITY.md)" in (ROOT / name).read_text()
