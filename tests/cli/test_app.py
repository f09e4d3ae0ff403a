"""Starting and stopping: the port, the store, and what a failed start leaves behind."""

import asyncio
import errno
import socket
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from hub.app import App
from hub.config import Listen, Upstream
from hub.core.modules import Interface
from hub.flow.outgoing import partners_tls
from hub.listener import CannotStart, begin, bind
from hub.listener.opening import _not_bound
from hub.partners.opening import Store
from hub.plugin.errors import PluginError
from hub.sim.client import CallFailed
from hub.store.errors import KeyFileMissing, StoreLocked, StoreUnsuitable
from hub.store.lock import FolderLock
from tests.ports import free_port
from tests.support import EMSP, config, network, running

THIEF = """
import socket

from hub.plugin import Plugin

class Thief(Plugin):
    async def start(self):
        self.taken = socket.create_server(("127.0.0.1", {port}))

    async def stop(self):
        self.taken.close()
"""


def listening(**settings: object):
    return config(Path("/"), listen=Listen(**settings))


def _speaks_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def test_a_port_in_use_is_told_with_another_to_take():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=f"port {port}: Address already in use.*PORT={port + 1} ocpi-hub serve"):
            bind(listening(port=port))


@pytest.mark.parametrize("section", ["listen", "admin"])
def test_a_port_on_which_another_began_to_listen_meanwhile_is_told(section):
    with bind(listening(port=0)) as ours, socket.create_server(ours.getsockname()) as theirs:
        port = theirs.getsockname()[1]
        with pytest.raises(CannotStart, match=f"port {port}: Address .*__{section.upper()}__PORT={port + 1} ocpi-hub"):
            begin(ours, section)


@pytest.mark.parametrize("section", ["listen", "admin"])
@pytest.mark.timeout(30)
def test_a_hub_whose_port_a_plugin_took_does_not_start(cli, section, monkeypatch):
    """A plugin that opens it by itself, unseen by the hub. uvloop starts to listen, and says nothing of failing."""
    ports = {"listen": free_port(), "admin": free_port()}
    for name, port in ports.items():
        monkeypatch.setenv(f"OCPI_HUB__{name.upper()}__PORT", str(port))
    (cli.folder / "config.toml").write_text('[hub]\nevent_loop = "uvloop"\nplugins = "plugins"\n')
    (cli.folder / "plugins").mkdir()
    (cli.folder / "plugins" / "thief.py").write_text(THIEF.format(port=ports[section]))
    error = cli.fails("serve")
    assert f"Error: can not listen on 127.0.0.1 port {ports[section]}: Address already in use. " in error
    assert f"OCPI_HUB__{section.upper()}__PORT=" in error


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "no-such-host.invalid", "a..b", "x" * 70])
def test_a_host_that_is_not_here_is_told(host):
    with pytest.raises(CannotStart, match=r"listen\.host '.*' is no address of this machine.* use 127\.0\.0\.1"):
        bind(listening(host=host, port=0))


def test_a_port_that_this_user_may_not_use_is_told():
    """Judged from the error alone: root may use every port, and in many containers everybody may."""
    told = _not_bound("listen", "127.0.0.1", 443, PermissionError(errno.EACCES, "Permission denied"))
    assert "ports below 1024" in told
    assert told.endswith("OCPI_HUB__LISTEN__PORT=8000 ocpi-hub serve")


async def test_the_versions_url_is_where_it_listens(tmp_path):
    async with running(tmp_path) as app:
        port = int(app.url.removeprefix("http://127.0.0.1:"))
        socket.create_connection(("127.0.0.1", port)).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    async with running(tmp_path, listen=Listen(port=0, public_url="https://hub.example/x/")) as app:
        assert app.versions_url == "https://hub.example/x/ocpi/versions"


@pytest.mark.skipif(not _speaks_ipv6(), reason="this machine has no IPv6")
async def test_it_listens_on_ipv6(tmp_path):
    async with running(tmp_path, listen=Listen(host="::1", port=0)) as app:
        port = int(app.url.removeprefix("http://[::1]:"))
        socket.create_connection(("::1", port)).close()


async def test_the_store_is_opened_once(tmp_path):
    async with Store(config(tmp_path)):
        with pytest.raises(StoreLocked):
            async with Store(config(tmp_path)):
                raise AssertionError
    async with Store(config(tmp_path)):
        pass


async def test_a_start_waits_for_a_command_that_has_the_store_open(tmp_path):
    (tmp_path / "data").mkdir()
    lock = FolderLock(tmp_path / "data" / "hub.lock")
    lock.acquire()
    app = App(config(tmp_path))
    starting = asyncio.create_task(app.__aenter__())
    await asyncio.sleep(0.1)
    assert not starting.done()
    lock.release()
    await asyncio.wait_for(starting, 5)
    await app.__aexit__(None, None, None)


async def test_a_data_folder_that_is_none_is_told(tmp_path):
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StoreUnsuitable, match=r"hub\.lock: Not a directory\. The data folder has to be"):
        async with Store(config(tmp_path)):
            raise AssertionError


async def test_a_lost_key_is_not_replaced_by_another(tmp_path):
    async with Store(config(tmp_path)):
        pass
    (tmp_path / "data" / "hub.key").unlink()
    with pytest.raises(KeyFileMissing, match="Restore it from your backup"):
        async with Store(config(tmp_path)):
            raise AssertionError
    assert not (tmp_path / "data" / "hub.key").exists()


async def test_a_failed_start_leaves_port_and_store_free(tmp_path):
    plugin = tmp_path / "plugins" / "broken.py"
    plugin.parent.mkdir()
    plugin.write_text("1 / 0\n")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(PluginError, match=r"broken\.py:1: ZeroDivisionError"):
        await App(config(tmp_path, listen=Listen(port=port))).__aenter__()
    plugin.unlink()
    async with running(tmp_path, listen=Listen(port=port)) as app:
        assert app.url.endswith(f":{port}")


async def test_messages_under_way_are_finished_before_the_end(tmp_path):
    async with AsyncExitStack() as stack:
        app, cpo, emsp = await stack.enter_async_context(network(tmp_path))
        emsp.delay = 0.3
        pushed = asyncio.create_task(cpo.push_location(EMSP.party))
        async with asyncio.timeout(5):
            while not emsp.received:
                await asyncio.sleep(0.01)
        await app.__aexit__(None, None, None)
        assert pushed.done()
        assert (await pushed).status == 201
        with pytest.raises(CallFailed):
            await cpo.call("locations", Interface.RECEIVER, "GET", "NL/CPO/X", to=EMSP.party)


def test_authorities_of_ones_own_have_to_be_readable(tmp_path):
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n")
    with pytest.raises(CannotStart, match=r"ca_file: no certificates in PEM form can be read from .*ca\.pem"):
        partners_tls(config(tmp_path, upstream=Upstream(ca_file="ca.pem")))
    assert partners_tls(config(tmp_path)).verify_mode == partners_tls(config(tmp_path)).verify_mode.CERT_REQUIRED
