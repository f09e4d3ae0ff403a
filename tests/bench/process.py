"""Processes that are measured: on a processor of their own, with what they used of it and of memory."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import msgspec

_TICK = os.sysconf("SC_CLK_TCK")


class Used(msgspec.Struct, frozen=True):
    """Processor time in seconds since the start; memory in bytes."""

    cpu: float
    memory: int


class Measured:
    """A program with its children, up once it listens on `port`."""

    def __init__(
        self, command: Sequence[str | Path], port: int, folder: Path, *, core: int | None, patience: float = 120.0
    ) -> None:
        self._command = [*([] if core is None else ["taskset", "-c", str(core)]), *map(str, command)]
        self._folder = folder
        self._patience = patience
        self._log = folder / f"{Path(command[0]).name}-{port}.log"
        self.port = port
        self.took = 0.0
        """Seconds from the start until it listened."""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        began = time.monotonic()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self._folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        while not listens(self.port):
            if self._process.poll() is not None or time.monotonic() - began > self._patience:
                raise RuntimeError(f"{self._command} did not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.005)
        self.took = time.monotonic() - began
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """Of the program itself."""
        assert self._process is not None
        return self._process.pid

    def used(self) -> Used:
        """What it and its children used until now."""
        pids = [self.pid, *_children(self.pid)]
        return Used(sum(map(_cpu, pids)), sum(map(_memory, pids)))

    def descriptors(self) -> int:
        """How many files and sockets it has open."""
        return sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir())


def listens(port: int) -> bool:
    """Whether something takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _memory(pid: int) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
