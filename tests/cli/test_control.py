"""The control socket: who may open it, what goes through, and what is said when that fails."""

import asyncio
import os
import socket
import stat
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hub.asking import Arguments, ControlError
from hub.asking import ask as ask_and_wait
from hub.control import ControlServer
from hub.store.errors import StoreLocked
from tests.support import running


async def ask(path: Path, verb: str, arguments: Arguments, seconds: float) -> Any:
    """A verb, beside the loop that the hub runs on."""
    return await asyncio.to_thread(ask_and_wait, path, verb, arguments, seconds)


async def test_only_its_owner_may_open_it(tmp_path):
    async with running(tmp_path) as app:
        path = app.config.data_folder / "hub.sock"
        assert path.is_socket()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert await ask(path, "list", Arguments(), 5) == []
    assert not path.exists()


async def test_who_may_not_open_it_is_told_whose_it_is(tmp_path):
    """Not that no hub runs: then the command would try the store itself."""
    async with running(tmp_path) as app:
        path = app.config.data_folder / "hub.sock"
        path.chmod(0)
        me = os.geteuid()
        if me == 0:  # root may open everything
            os.seteuid(65534)
        try:
            with pytest.raises(ControlError, match="run this as the user that runs the hub"):
                await ask(path, "list", Arguments(), 5)
        finally:
            os.seteuid(me)


async def test_one_that_was_left_behind_is_replaced(tmp_path):
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "hub.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(ConnectionError):
        await ask(path, "list", Arguments(), 5)
    async with running(tmp_path):
        assert await ask(path, "list", Arguments(), 5) == []


async def test_where_there_is_none_a_connection_error_says_so(tmp_path):
    for path in (tmp_path / "hub.sock", tmp_path / "none" / "hub.sock", tmp_path / ("x" * 120) / "hub.sock"):
        with pytest.raises(ConnectionError):
            await ask(path, "list", Arguments(), 5)


async def test_a_long_path_works_from_everywhere(tmp_path, monkeypatch):
    """The address of a Unix socket has about 100 bytes; the path of a data folder may have thousands."""
    folder = tmp_path / ("a" * 100) / ("b" * 100)
    folder.mkdir(parents=True)
    async with running(folder) as app:
        await app.partners.invite("ACME", ["NL-ACM:CPO"])
        for here in (folder, Path("/")):
            monkeypatch.chdir(here)
            (partner,) = await ask(folder / "data" / "hub.sock", "list", Arguments(), 5)
            assert partner["name"] == "ACME"


async def test_what_can_not_be_done_is_told(tmp_path):
    async with running(tmp_path) as app:
        path = app.config.data_folder / "hub.sock"
        with pytest.raises(ControlError, match="no partner 'X'; see: ocpi-hub partner list"):
            await ask(path, "show", Arguments(ref="X"), 5)
        with pytest.raises(ControlError, match="there is no verb 'dance'"):
            await ask(path, "dance", Arguments(), 5)
        await ask(path, "invite", Arguments(name="ACME", parties=("NL-ACM:CPO",)), 5)
        given = Arguments(ref="1", module="cdrs", interface="SENDER", url="http://x")
        with pytest.raises(ControlError, match="ACME has not registered yet"):
            await ask(path, "endpoint-set", given, 5)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"ref": 1}', b'{"reff": "X"}', b"\xff"])
async def test_what_can_not_be_read_is_refused(tmp_path, body):
    async with running(tmp_path) as app:
        connector = aiohttp.UnixConnector(str(app.config.data_folder / "hub.sock"))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.post("http://hub/show", data=body) as response,
        ):
            assert response.status == 400
            assert set(await response.json()) == {"error"}


async def test_a_failure_inside_shows_nothing_of_the_inside(tmp_path):
    server = ControlServer(tmp_path / "hub.sock", None)
    await server.start()
    try:
        with pytest.raises(ControlError, match="the hub failed; the reason is in its log"):
            await ask(tmp_path / "hub.sock", "list", Arguments(), 5)
    finally:
        await server.stop()


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_hub_that_ends_or_hangs_meanwhile_is_told(tmp_path, hangs):
    gone = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if hangs:
            await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    async with await asyncio.start_unix_server(handle, tmp_path / "hub.sock"):
        with pytest.raises(ControlError, match=r"the hub did not answer .* see what it did: ocpi-hub partner list"):
            await ask(tmp_path / "hub.sock", "list", Arguments(), 0.3)
        await asyncio.wait_for(gone.wait(), 5)


async def test_only_one_hub_opens_it(tmp_path, monkeypatch):
    """The second hub in a folder never gets as far as to take the first one's socket away."""
    monkeypatch.setattr("hub.app.LOCK_PATIENCE", 0.1)
    async with running(tmp_path) as app:
        with pytest.raises(StoreLocked):
            async with running(tmp_path):
                raise AssertionError
        assert await ask(app.config.data_folder / "hub.sock", "list", Arguments(), 5) == []
