"""README.md: its commands, settings and plugin are run as they stand there, and its samples are what is printed."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.config import load
from hub.core.modules import Interface
from hub.core.party import PartyRole
from hub.demo import Demo
from hub.sim import SimCpo, SimEmsp

ROOT = Path(__file__).parents[1]
BLOCKS = dict(
    re.findall(r"^<!-- (\w+) -->\n```\w+\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
)
CPO = PartyRole.parse("NL-VST:CPO")
EMSP = PartyRole.parse("DE-EMO:EMSP")
PATIENCE = 20.0
SAME_TERMINAL = "source .venv/bin/activate;"


def test_two_commands_of_one_line_install_the_same_and_do_their_job():
    demo, tests = BLOCKS["demo"], BLOCKS["tests"]
    assert (demo.count("\n"), tests.count("\n")) == (1, 1)
    install, demo_job = demo.strip().rsplit(" && ", 1)
    assert tests.strip().rsplit(" && ", 1) == [install, ".venv/bin/pytest -q -n auto --dist loadfile"]
    assert demo_job == ".venv/bin/ocpi-hub demo --for 20"
    assert install.startswith("python3 -m venv .venv && ")


async def test_the_sample_is_what_the_demo_prints(tmp_path):
    told: list[str] = []
    await Demo(tmp_path, lambda who, line: told.append(f"{who:>12}  {line}"), pace=0.0).run(0.0)
    printed = iter([_without_numbers(line) for line in told])
    for line in BLOCKS["sample"].splitlines():
        assert _without_numbers(line) in printed, f"not printed, or not in this order: {line}"


@pytest.mark.parametrize("name", ["serve", "settings", "invite", "show", "plugin"])
def test_each_of_the_first_steps_takes_ten_lines_at_most(name):
    assert 1 <= len([line for line in BLOCKS[name].splitlines() if line]) <= 10


async def test_from_nothing_to_a_plugin(workplace):
    """Serve, invite, register, show, drop in the plugin: what a newcomer does, in the same order."""
    async with serving(workplace) as log:
        invited = await shell(workplace, BLOCKS["invite"])
        url, token_a = _field(invited, "versions URL"), _field(invited, "TOKEN_A")
        sample = BLOCKS["invited"]
        for name, value in (("versions URL", url), ("TOKEN_A", token_a)):
            sample = sample.replace(_field(sample, name), value)
        assert invited == sample
        other = await shell(workplace, f"{SAME_TERMINAL} ocpi-hub partner invite EasyMove --party DE-EMO:EMSP")
        async with SimCpo("Volt Streets", [CPO]) as cpo, SimEmsp("EasyMove", [EMSP]) as emsp:
            await cpo.register(url, token_a)
            await emsp.register(_field(other, "versions URL"), _field(other, "TOKEN_A"))
            shown = await shell(workplace, f"{SAME_TERMINAL} {BLOCKS['show']}")
            assert re.search(r"Volt Streets.* REGISTERED\n.*locations +SENDER", shown, re.DOTALL)
            assert (await send_cdr(cpo, emsp, energy=1001)).status_code == 1000
            plugin = BLOCKS["plugin"]
            file = workplace / plugin.split("\n", 1)[0].removeprefix("# ")
            file.write_text(plugin)
            await log.until(file.stem)
            refused = await send_cdr(cpo, emsp, energy=1001)
            assert (refused.status_code, refused.status_message) == (2001, "a CDR of 1001 kWh can not be right")
            assert (await send_cdr(cpo, emsp, energy=1000)).status_code == 1000
        assert [cdr["total_energy"] for cdr in emsp.their_cdrs] == [1001, 1000]


async def test_its_settings_are_taken(workplace):
    (workplace / "config.toml").write_text(BLOCKS["settings"])
    config = load(workplace / "config.toml", {})
    assert (config.hub.party, config.listen.base_url(config.listen.port)) == ("NO-HUB", "https://hub.example")
    assert "All is well" in await shell(workplace, BLOCKS["serve"].rsplit("ocpi-hub serve", 1)[0])


@pytest.fixture
def workplace(tmp_path, monkeypatch) -> Path:
    """A folder that looks like a clone with its .venv, and an environment in which simulated partners can be called."""
    shutil.copy(ROOT / "config.toml", tmp_path)
    shutil.copytree(ROOT / "plugins", tmp_path / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / ".venv").symlink_to(sys.prefix)
    for name in [name for name in os.environ if name.startswith("OCPI_HUB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OCPI_HUB__LISTEN__PORT", "0")
    monkeypatch.setenv("OCPI_HUB__ADMIN__PORT", "0")
    monkeypatch.setenv("OCPI_HUB__UPSTREAM__ALLOW_PRIVATE", '["127.0.0.0/8"]')
    return tmp_path


class Log:
    """What the hub writes, line by line."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._stream = stream
        self.lines: list[str] = []

    async def until(self, word: str) -> None:
        """Read on up to a line with this word in it."""
        async with asyncio.timeout(PATIENCE):
            while True:
                line = (await self._stream.readline()).decode()
                assert line, f"the hub ended without a word of {word!r}: {''.join(self.lines)}"
                self.lines.append(line)
                if word in line:
                    return


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Log]:
    """Runs the serve block, whose last line does not return, and stops it as Ctrl-C does."""
    process = await _bash(folder, BLOCKS["serve"])
    assert process.stdout
    log = Log(process.stdout)
    try:
        await log.until("is ready. Versions URL for partners: http://127.0.0.1:")
        yield log
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        async with asyncio.timeout(PATIENCE):
            rest, _ = await process.communicate()
    assert rest.decode().endswith("Stopped.\n")


async def shell(folder: Path, script: str) -> str:
    """The output of a script that has to succeed."""
    process = await _bash(folder, script)
    async with asyncio.timeout(PATIENCE):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def _bash(folder: Path, script: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", script,
        cwd=folder, start_new_session=True, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


async def send_cdr(cpo: SimCpo, emsp: SimEmsp, energy: float):
    """A CDR of so many kWh, by the CPO to the eMSP."""
    if not len(cpo.cdrs):
        cpo.seed_history(1, emsp.token())
    cdr = next(iter(cpo.cdrs)) | {"id": f"CDR-{energy}", "total_energy": energy}
    return await cpo.call("cdrs", Interface.RECEIVER, "POST", to=EMSP.party, body=cdr)


def _field(text: str, name: str) -> str:
    return re.search(rf"{name} +(\S+)", text)[1]


def _without_numbers(line: str) -> str:
    return re.sub(r"\d+", "0", line)
