"""The commands in a folder of their own, a hub that runs beside them, and the same as processes."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
import structlog
from click.testing import CliRunner, Result

from hub import log
from hub.app import App
from hub.cli import main
from hub.config import load

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0
"""Seconds that a test waits for a process or a loop: much, for a machine that has other things to do."""
ANY_ADMIN_PORT = "OCPI_HUB__ADMIN__PORT"
CONFIG = """
[hub]
name = "Test Hub"
party = "NL-HUB"
[listen]
port = 0
[admin]
port = 0
[limits]
timeout = 5.0
[upstream]
allow_private = ["127.0.0.0/8"]
"""


class Cli:
    """The commands, run in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str, input: str | None = None) -> Result:  # noqa: A002 - as click names it
        """Run one command in this process. What it should have caught comes up."""
        result = CliRunner().invoke(main, words, input=input, catch_exceptions=False)
        assert "Traceback" not in result.output
        return result

    def done(self, *words: str, input: str | None = None) -> str:  # noqa: A002
        """Standard output of a command that has to succeed."""
        result = self.run(*words, input=input)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *words: str, input: str | None = None) -> Any:  # noqa: A002
        """What a command prints with --json: one line, and nothing else on either stream."""
        result = self.run(*words, "--json", input=input)
        assert result.exit_code == 0, result.output
        assert result.stderr == ""
        (line,) = result.stdout.splitlines()
        return json.loads(line)

    def fails(self, *words: str, status: int = 1, input: str | None = None) -> str:  # noqa: A002
        """Standard error of a command that has to fail; nothing else is printed."""
        result = self.run(*words, input=input)
        assert result.exit_code == status, result.output
        assert result.stdout == ""
        return result.stderr


class Background:
    """An event loop in a thread of its own: what runs there goes on while a command runs in this one."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._stack = AsyncExitStack()
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something there, and wait for it here."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    def enter(self, context: Any) -> Any:
        """Enter an asynchronous context there; `close` leaves it."""
        return self.call(self._stack.enter_async_context(context))

    def close(self) -> None:
        """Leave all that was entered, the last first."""
        try:
            self.call(self._stack.aclose())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE)
            self._loop.close()


class Process:
    """`python -m hub ...` in a folder, as a shell would run it: no terminal, and both streams are kept."""

    def __init__(self, folder: Path, *words: str, **environ: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hub", *words],
            cwd=folder,
            env=clean_environ() | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def line(self) -> str:
        """The next line on standard output."""
        return self._process.stdout.readline().decode().rstrip("\n")

    def log_line(self) -> str:
        """The next line on standard error."""
        return self._process.stderr.readline().decode().rstrip("\n")

    def close_output(self) -> None:
        """As `| head -1` does when it has its line."""
        self._process.stdout.close()
        self._process.stdout = None

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self) -> tuple[int, str, str]:
        """Wait for the end: exit status, the rest of standard output, and standard error."""
        out, err = self._process.communicate(timeout=PATIENCE)
        assert b"Traceback" not in err, err.decode()
        return self._process.returncode, (out or b"").decode(), err.decode()

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


@contextmanager
def process(folder: Path, *words: str, **environ: str) -> Iterator[Process]:
    """A process that does not outlive the test."""
    started = Process(folder, *words, **environ)
    try:
        yield started
    finally:
        started.kill()


@contextmanager
def serving(folder: Path, **environ: str) -> Iterator[tuple[Process, str]]:
    """A hub as a process, ready, with its versions URL."""
    with process(folder, "serve", **environ) as hub:
        ready = hub.line()
        if " is ready. Versions URL for partners: " not in ready:
            raise AssertionError(hub.end())
        yield hub, ready.rpartition(" ")[2]


def clean_environ() -> dict[str, str]:
    """The environment without settings of a hub, and with the package to be found from any folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OCPI_HUB")}
    return kept | {"PYTHONPATH": str(ROOT), ANY_ADMIN_PORT: "0"}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No settings from outside, and a log that is as it was afterwards."""
    for name in set(os.environ) - set(clean_environ()):
        monkeypatch.delenv(name)
    monkeypatch.setenv(ANY_ADMIN_PORT, "0")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    log.configure("warning")  # a hub in this process writes to the same terminal as the commands
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The commands in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return Cli(tmp_path)


@pytest.fixture
def configured(cli: Cli) -> Cli:
    """The commands in a folder with a configuration for loopback, and for any free port."""
    (cli.folder / "config.toml").write_text(CONFIG)
    return cli


@pytest.fixture
def offline(cli: Cli) -> Cli:
    """The same where no hub runs, with a port that can stand in an invitation."""
    (cli.folder / "config.toml").write_text(CONFIG.replace("port = 0", "port = 8000", 1))
    return cli


@pytest.fixture
def background() -> Iterator[Background]:
    background = Background()
    yield background
    background.close()


@pytest.fixture
def hub(configured: Cli, background: Background) -> App:
    """A hub that runs in the folder of `configured`, in the background."""
    return background.enter(_app(configured.folder / "config.toml"))


@asynccontextmanager
async def _app(path: Path) -> AsyncIterator[App]:
    async with App(load(path, {})) as app:
        yield app
