"""`ocpi-hub serve --workers N`: starts as many hubs as processes of this machine, and starts a dead one anew.

The system gives each new connection to one of them (SO_REUSEPORT). This process holds the lock of the data folder and
the ports, and a pipe that all workers have as their standard input: it ends with this process, however that ends.
"""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

import msgspec
import structlog

from hub.cli.running import interrupted, say
from hub.config import Config
from hub.listener import CannotStart, Section, bind
from hub.store.errors import StoreLocked
from hub.store.files import private_folder
from hub.store.lock import FolderLock

log = structlog.get_logger()

_PAUSE = 0.5
_LONGEST = 30.0
"""Seconds until a dead worker is started anew: at first, and at most, where it dies again and again."""
_STEADY = 60.0
"""Seconds after which a worker that died is none that dies again and again."""
_PATIENCE = 5.0
"""Seconds that workers get to end whose parent was killed, before another one begins."""
_LOOK = 0.1


class Workers:
    """So many workers with the same configuration."""

    def __init__(self, config: Config, count: int) -> None:
        self._config = config
        self._count = count
        self._processes: dict[int, Process] = {}
        self._words: dict[int, list[str]] = {}
        self._to_reload: set[int] = set()
        self._stopping = asyncio.Event()
        self._first_ready = asyncio.Event()
        self._told = False
        self._status = 0
        self._lifeline = -1
        self._environment: dict[str, str] = {}

    async def run(self) -> int:
        """Keep them at work until told to stop, and wait until all have stopped. The exit status."""
        with ExitStack() as stack:
            await self._take(stack)
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGTERM, self._stop)
            loop.add_signal_handler(signal.SIGINT, interrupted(self._stop, self._kill))
            loop.add_signal_handler(signal.SIGHUP, self._reload)
            # The first one goes ahead: it changes the schema, and what keeps a hub from starting is told once.
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep(1))
                await self._first_ready.wait()
                for number in range(2, self._count + 1):
                    group.create_task(self._keep(number))
        if not self._status:
            say("Stopped.")
        return self._status

    async def _take(self, stack: ExitStack) -> None:
        """Take what no other hub may have: the data folder and the ports."""
        private_folder(self._config.data_folder)
        loop = asyncio.get_running_loop()
        until = loop.time() + _PATIENCE
        while True:
            try:
                with ExitStack() as taken:
                    lock = FolderLock(self._config.data_folder / "hub.lock")
                    lock.acquire()
                    taken.callback(lock.release)
                    self._environment = {**os.environ, **dict(self._ports(taken))}
                    stack.push(taken.pop_all())
                    break
            except (StoreLocked, CannotStart):
                if loop.time() > until:
                    raise
            await asyncio.sleep(_LOOK)
        self._lifeline = stack.enter_context(_pipe())

    def _ports(self, stack: ExitStack) -> Iterator[tuple[str, str]]:
        """Keep the ports for the workers; what tells them one that was chosen only now."""
        port = _reserve(self._config, "listen", stack)
        if not self._config.listen.port:
            yield "OCPI_HUB__LISTEN__PORT", str(port)
        if self._config.admin.enabled:
            port = _reserve(self._config, "admin", stack)
            if not self._config.admin.port:
                yield "OCPI_HUB__ADMIN__PORT", str(port)

    async def _keep(self, number: int) -> None:
        """Keep one worker at work."""
        loop, pause = asyncio.get_running_loop(), _PAUSE
        while not self._stopping.is_set():
            began = loop.time()
            status = await self._live(number)
            if self._stopping.is_set():
                return
            if not self._first_ready.is_set():
                self._status = status if status > 0 else 1
                self._stop()
                return
            pause = _PAUSE if loop.time() - began > _STEADY else min(pause * 2, _LONGEST)
            log.error("worker_ended", worker=number, **_how(status), starts_again_in=pause)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()

    async def _live(self, number: int) -> int:
        """Start a worker and wait for its end: its status."""
        command = [sys.executable, *sys.orig_argv[1:], "--worker", str(number)]
        # A session of its own: Ctrl-C reaches this process alone, which tells the workers.
        process = await asyncio.create_subprocess_exec(
            *command, stdin=self._lifeline, stdout=PIPE, env=self._environment, start_new_session=True
        )
        self._processes[number] = process
        if self._stopping.is_set():
            process.terminate()
        try:
            line = await process.stdout.readline() if process.stdout else b""
            if line:
                self._ready(number, msgspec.json.decode(line, type=list[str]))
            return await process.wait()
        finally:
            del self._processes[number]
            self._words.pop(number, None)

    def _ready(self, number: int, words: list[str]) -> None:
        log.info("worker_ready", worker=number, process=self._processes[number].pid)
        self._words[number] = words
        self._first_ready.set()
        if number in self._to_reload:
            self._to_reload.remove(number)
            self._signal(number, signal.SIGHUP)
        if not self._told and len(self._words) == self._count:
            self._told = True
            say("\n".join([*self._words[1], f"{self._count} workers are at work."]))

    def _reload(self) -> None:
        """Pass SIGHUP on. One that is about to start may have read the configuration already: it is told later."""
        for number in self._processes:
            if number in self._words:
                self._signal(number, signal.SIGHUP)
            else:
                self._to_reload.add(number)

    def _stop(self) -> None:
        if not self._stopping.is_set():
            log.info("workers_stopping", workers=len(self._processes))
        self._stopping.set()
        self._first_ready.set()
        for number in self._processes:
            self._signal(number, signal.SIGTERM)

    def _kill(self) -> None:
        for number in self._processes:
            self._signal(number, signal.SIGKILL)

    def _signal(self, number: int, which: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # it ended just now
            self._processes[number].send_signal(which)


def _how(status: int) -> dict[str, object]:
    """How a process ended, for the log."""
    return {"signal": signal.Signals(-status).name} if status < 0 else {"status": status}


def _reserve(config: Config, section: Section, stack: ExitStack) -> int:
    """Keep a port, without listening on it: no connection goes there. Raises CannotStart where another has it."""
    # Alone at first: a port to share would be given to another hub of the same user, too.
    with closing(bind(config, section, shared=False)) as alone:
        port: int = alone.getsockname()[1]
    where = msgspec.structs.replace(getattr(config, section), port=port)
    kept: socket.socket = bind(msgspec.structs.replace(config, **{section: where}), section, shared=True)
    stack.callback(kept.close)
    return port


@contextmanager
def _pipe() -> Iterator[int]:
    """The end to read of a pipe that nothing is written to, and whose other end no other process gets."""
    read, write = os.pipe()
    try:
        yield read
    finally:
        os.close(read)
        os.close(write)
