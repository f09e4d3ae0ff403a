"""A hub as a process of its own: `python -m hub serve`, on one port and one data folder for all its lives."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from hub.asking import Arguments, ask
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]


class HubProcess:
    """Everything that it writes is below `folder`: data, log, temporary files."""

    def __init__(
        self,
        folder: Path,
        *,
        nursery: "Nursery | None" = None,
        timeout: float = 10.0,
        connections: int = 64,
        level: str = "info",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.port = free_port()
        self.log = folder / "hub.log"
        self.namespace = ""
        self._folder = folder
        self._nursery = nursery
        self.environment = {
            **os.environ, "TMPDIR": str(folder / "tmp"), "PYTHONPATH": str(ROOT), **(environment or {}),
        }  # fmt: skip
        self._process: subprocess.Popen[bytes] | Forked | None = None
        (folder / "tmp").mkdir()
        (folder / "config.toml").write_text(f"""
[hub]
party = "NL-HUB"
event_loop = "asyncio"
[listen]
port = {self.port}
[admin]
port = 0
[limits]
timeout = {timeout}
[upstream]
connections = {connections}
connect_timeout = {min(timeout, 5.0)}
dns_timeout = {min(timeout, 5.0)}
allow_private = ["127.0.0.0/8"]
[partner_limits]
requests = 0
broadcasts = 0
parallel = 0
[routing]
validation = "off"
[log]
level = "{level}"
format = "json"
""")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> Path:
        return self._folder / "data" / "hub.db"

    @property
    def control(self) -> Path:
        return self._folder / "data" / "hub.sock"

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self._process is not None
        return self._process.pid

    def spawn(self) -> None:
        """Begin to start."""
        if self._nursery is not None:
            self._process = self._nursery.fork(self._folder, self.namespace)
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "hub", "serve", "--config", "config.toml"],
                cwd=self._folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def start(self) -> None:
        """Start, and wait until the control socket answers: it is the last to open."""
        self.spawn()
        await self._until(self._answers)

    async def begun(self) -> None:
        """Wait until a spawned hub begins to work in its data folder."""
        await self._until(self._has_lock)

    async def _until(self, true: Callable[[], Awaitable[bool]]) -> None:
        assert self._process is not None
        async with asyncio.timeout(60):
            while not await true():
                if self._process.poll() is not None:
                    self._process = None
                    raise AssertionError(f"the hub ended: {self.log.read_text()[-3000:]}")
                await asyncio.sleep(0.01)

    async def _has_lock(self) -> bool:
        return (self.database.parent / "hub.lock").exists()

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(self.control)
        except OSError:
            return False
        writer.close()
        return True

    def kill(self) -> None:
        """SIGKILL, as a power cut would be for a process."""
        self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        assert await asyncio.to_thread(self._end, signal.SIGTERM) == 0, self.log.read_text()[-3000:]

    async def signalled(self, number: str) -> int:
        """Send a signal that ends it, and wait for the end: its exit status."""
        return await asyncio.to_thread(self._end, signal.Signals[number])

    def hang_up(self) -> None:
        """SIGHUP."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None:
            self.kill()

    async def ask(self, verb: str, **arguments: Any) -> Any:
        """A verb of `ocpi-hub partner`."""
        return await asyncio.to_thread(ask, self.control, verb, Arguments(**arguments), 30.0)

    def files(self) -> list[tuple[str, bytes]]:
        """Every regular file below the folder, and every one that the process has open, with or without a name."""
        paths = [*self._folder.rglob("*")]
        if self._process is not None:
            paths += Path(f"/proc/{self._process.pid}/fd").iterdir()
        found = []
        for path in paths:
            with suppress(FileNotFoundError):  # a hub that runs closes what it had open when it was listed
                if stat.S_ISREG(path.stat().st_mode):
                    found.append((str(path), path.read_bytes()))
        return found

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        assert process is not None
        process.send_signal(number)
        return process.wait(30)


class Nursery:
    """Starts hubs in a fraction of the time; real processes all the same. See `nursery.py`."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("nursery.py")],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            pass  # its standard input is closed, and it ends

    def fork(self, folder: Path, namespace: str = "") -> "Forked":
        """A hub that serves the configuration in `folder`, in a network namespace where one is named."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{folder}\t{namespace}\n")
        self._process.stdin.flush()
        return Forked(int(self._process.stdout.readline()), folder)


class Forked:
    """A hub of the nursery, whose exit status is found in its folder."""

    def __init__(self, pid: int, folder: Path) -> None:
        self.pid = pid
        self._ended = folder / f"ended-{pid}"

    def poll(self) -> int | None:
        return int(self._ended.read_text()) if self._ended.exists() else None

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait(self, patience: float) -> int:
        until = time.monotonic() + patience
        while (status := self.poll()) is None:
            assert time.monotonic() < until, f"it runs on after {patience:g} s"
            time.sleep(0.002)
        return status
