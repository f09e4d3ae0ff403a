"""The systemd unit: systemd takes it, it is closed, and the hub runs with what it forbids where that can be tried."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hub.config import Limits, load
from tests.cli.conftest import clean_environ
from tests.deploy.proxy import DEPLOY

UNIT = DEPLOY / "systemd/ocpi-hub.service"
PORT_443 = DEPLOY / "systemd/port-443.conf"
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
# A process that takes no memory which is writable and executable any more, and then is another program.
GUARDED = """
import ctypes, os, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):
    sys.exit(77)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def settings(path: Path = UNIT) -> dict[str, list[str]]:
    """What the unit sets, by key."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def analyze(*words: str) -> str:
    done = subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@needs_systemd
@pytest.mark.parametrize("more", [[], [PORT_443]], ids=["as it is", "with port 443"])
def test_systemd_takes_it_without_a_word(tmp_path, more):
    (tmp_path / UNIT.name).write_text(UNIT.read_text().replace("/opt/ocpi-hub/bin/ocpi-hub", sys.executable))
    for path in more:
        (tmp_path / f"{UNIT.name}.d").mkdir()
        shutil.copy(path, tmp_path / f"{UNIT.name}.d")
    assert analyze("verify", "--man=no", str(tmp_path / UNIT.name)) == ""


@needs_systemd
def test_systemd_finds_it_closed():
    analyze("security", "--offline=true", "--threshold=15", "--no-pager", str(UNIT))


def test_it_gives_the_hub_time_to_drain_and_reloads_by_its_signal():
    unit = settings()
    assert int(unit["TimeoutStopSec"][0]) >= Limits().drain + Limits().timeout + 10
    assert unit["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert "SIGHUP" in (DEPLOY.parent / "hub/cli/serve.py").read_text()


def test_its_environment_is_known_to_the_hub_and_the_same_for_commands():
    environ = dict(each.split("=", 1) for each in settings()["Environment"])
    config = load(None, environ)
    assert str(config.data_folder) == f"/var/lib/{settings()['StateDirectory'][0]}"
    script = (DEPLOY / "systemd/ocpi-hub").read_text()
    set_there = dict(re.findall(r"^ +(OCPI_HUB\w+)=(\S+)", script, re.MULTILINE))
    assert set_there == {name: value for name, value in environ.items() if name.startswith("OCPI_HUB")}
    assert (DEPLOY / "systemd/ocpi-hub").stat().st_mode & 0o111 == 0o111
    subprocess.run(["sh", "-n", DEPLOY / "systemd/ocpi-hub"], check=True, timeout=10)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_the_hub_needs_no_memory_that_is_writable_and_executable(tmp_path, loop):
    assert settings()["MemoryDenyWriteExecute"] == ["yes"]
    done = subprocess.run(
        [sys.executable, "-c", GUARDED, "-m", "hub", "demo", "--for", "0", "--json"],
        cwd=tmp_path,
        env=clean_environ() | {"OCPI_HUB__HUB__EVENT_LOOP": loop},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    if done.returncode == 77:
        pytest.skip(f"the kernel {os.uname().release} has no PR_SET_MDWE")
    assert done.returncode == 0, done.stderr
    assert '"ok":true' in done.stdout
