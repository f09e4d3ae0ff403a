"""A real Mosquitto on a port of its own, and a listener that keeps what it says."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest

PATIENCE = 20
_PATHS = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
BINARY = shutil.which("mosquitto", path=_PATHS)

if BINARY is None and os.environ.get("CI"):
    raise RuntimeError("tests of MQTT need Mosquitto: apt-get install mosquitto")

needs_mosquitto = pytest.mark.skipif(BINARY is None, reason="there is no mosquitto: apt-get install mosquitto")


class Broker:
    """One Mosquitto, which can be stopped, started again, and frozen."""

    def __init__(self, folder: Path, *lines: str) -> None:
        folder.mkdir(exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        own = (f"listener {self.port} 127.0.0.1", "user root", "persistence false", "log_dest none")
        self._file = folder / "mosquitto.conf"
        self._file.write_text("\n".join((*own, *(lines or ("allow_anonymous true",)), "")))
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self._process = subprocess.Popen([BINARY, "-c", str(self._file)], stderr=subprocess.DEVNULL)
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.02)
                else:
                    writer.close()
                    await writer.wait_closed()
                    return

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    async def stop(self) -> None:
        if self._process:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
            self._process = None


@asynccontextmanager
async def broker(folder: Path, *lines: str):
    """A broker that runs."""
    made = Broker(folder / "broker", *lines)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


class Listener:
    """Everything that was published, in its order; and what is retained, by topic."""

    def __init__(self) -> None:
        self.got: list[tuple[str, bytes, bool]] = []

    def of(self, topic: str) -> list[bytes]:
        return [payload for found, payload, _ in self.got if found == topic]


@asynccontextmanager
async def listening(port: int, **options):
    """Listens to everything from now on; what is retained comes first."""
    listener = Listener()

    async def listen(client: aiomqtt.Client) -> None:
        async for message in client.messages:
            listener.got.append((str(message.topic), bytes(message.payload), bool(message.retain)))

    async with aiomqtt.Client("127.0.0.1", port, **options) as client:
        await client.subscribe("#", qos=1)
        task = asyncio.create_task(listen(client))
        try:
            yield listener
        finally:
            task.cancel()
            await asyncio.wait({task})
