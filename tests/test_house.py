"""The house itself: what every file holds to, what is where, and that what is built has all it needs."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from hub import __version__

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*(ROOT / "hub").rglob("*.py"), *(ROOT / "plugins").glob("*.py")])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()
each_source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))


@each_source
def test_a_file_says_what_it_is_for_and_is_not_too_long(path: Path):
    lines = path.read_text().splitlines()
    assert lines[0].startswith('"""'), "the first line is a docstring"
    assert len(lines[0].strip('"')) > 15
    assert len(lines) <= 400, "it wants to be two files"


@each_source
def test_nothing_is_left_to_do(path: Path):
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", path.read_text())


@each_source
def test_what_is_remembered_of_callers_that_come_and_go_is_soon_as_much_as_it_ever_is(path: Path):
    """A cache of tens of thousands would fill for a day, and look like a leak all that time."""
    bounds = re.findall(r"lru_cache(?:\(maxsize=([\d_]+)\))?", re.sub(r"import .*", "", path.read_text()))
    assert [each for each in bounds if not each or int(each) > 1024] == []


def test_everything_is_in_its_place():
    expected = """
        .ci/run .gitignore CHANGELOG.md CONTRIBUTING.md LICENSE README.md config.toml docs/index.md hub/__init__.py
        hub/__main__.py hub/py.typed plugins/home_market.py pyproject.toml requirements.lock tests/support.py
    """
    assert [name for name in expected.split() if not (ROOT / name).is_file()] == []
    assert (ROOT / ".ci/run").stat().st_mode & 0o111 == 0o111


def test_tests_mirror_the_hub():
    packages = {path.name for path in (ROOT / "hub").iterdir() if path.is_dir() and path.name != "__pycache__"}
    others = {"bench", "browser", "deploy", "fault", "fuzz", "integration", "mutation", "peers", "__pycache__"}
    assert {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()} - others <= packages


def test_the_lock_holds_every_requirement_with_hashes_and_no_address():
    entries = re.findall(
        r"^([a-z0-9-]+)==(\S+)(?: ;[^\\]*)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", LOCK, re.MULTILINE
    )
    assert len(entries) == len(re.findall(r"^[^\s#]", LOCK, re.MULTILINE))
    assert not re.search(r"https?:|file:|index|find-links", LOCK)
    locked = {name: version for name, version, _ in entries}
    for line in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]):
        requirement = Requirement(line)
        assert requirement.specifier.contains(locked[requirement.name]), line


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", str(folder), cwd=ROOT)
    return folder


def test_the_wheel_works_without_the_repository(built, tmp_path):
    with zipfile.ZipFile(next(built.glob(f"ocpi_hub-{__version__}-*.whl"))) as wheel:
        wheel.extractall(tmp_path)
    assert (tmp_path / "hub/py.typed").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"hub", f"ocpi_hub-{__version__}.dist-info"}
    assert not list(tmp_path.rglob("__pycache__"))
    # -I keeps the current folder and the environment out; what is installed beside it is all that it may need.
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from hub.cli import main; main()"
    summary = json.loads(_run(sys.executable, "-I", "-c", code, "demo", "--for", "0", "--json", cwd=tmp_path))
    assert summary["ok"], summary["missing"]
    assert summary["hooks_fired"] >= 1


def test_the_source_distribution_can_be_tested(built):
    listing = _run("tar", "-tzf", str(built / f"ocpi_hub-{__version__}.tar.gz"), cwd=built).splitlines()
    held = {name.partition("/")[2] for name in listing}
    assert {"tests/test_house.py", "docs/index.md", ".ci/run", "requirements.lock", "plugins/home_market.py"} <= held


def _run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
