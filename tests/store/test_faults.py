"""PostgreSQL that fails over, hangs, is cut off, or is behind a pooler: a clear error, nothing lost, and on it goes."""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text

from hub.store import driver
from hub.store.database import Database, Part
from hub.store.driver import each_host
from hub.store.errors import DatabaseReadOnly, DatabaseSlow, NoConnection, SharedSession, StoreUnavailable
from hub.store.schema import meta
from tests.ports import free_port
from tests.postgresql import Cluster, cluster


async def keys(connection):
    return set(await connection.scalars(select(meta.c.key)))


def put(name):
    return lambda connection: connection.execute(insert(meta).values(key=name, value=""))


async def until_written(database, name, seconds=20.0):
    """Write as soon as that is possible; the errors until then."""
    errors = []
    async with asyncio.timeout(seconds):
        while True:
            try:
                await database.write(put(name))
            except StoreUnavailable as error:
                errors.append(error)
                await asyncio.sleep(0.05)
            else:
                return errors


@asynccontextmanager
async def opened(url):
    database = await Database.open(url)
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
def url(postgresql):
    url = postgresql.migrated()
    yield url
    postgresql.drop(url)


class Proxy:
    """Between hub and server: passes all on, until it is `cut`, when it takes everything and passes nothing."""

    def __init__(self, port):
        self._port = port
        self.open = asyncio.Event()
        self.open.set()
        self._tasks = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        except OSError:
            pass
        finally:
            writer.close()
            back.close()
            self._tasks.discard(asyncio.current_task())

    async def _pass(self, reader, writer):
        while data := await reader.read(65536):
            await self.open.wait()
            writer.write(data)
        writer.close()


async def test_a_statement_that_takes_too_long_is_given_up(url, monkeypatch):
    monkeypatch.setattr(driver, "_HURRIED", {**driver._HURRIED, "statement_timeout": 200})
    async with opened(url) as database:
        with pytest.raises(DatabaseSlow, match=r"statement timeout.*pg_stat_activity"):
            await database.read(lambda connection: connection.execute(text("SELECT pg_sleep(30)")))
        await database.write(put("next"))


async def test_a_lock_that_somebody_keeps_holds_nobody_for_ever(url, monkeypatch):
    monkeypatch.setattr(driver, "_HURRIED", {**driver._HURRIED, "lock_timeout": 200})
    async with opened(url) as database, opened(url) as other:
        begun, over = asyncio.Event(), asyncio.Event()

        async def long(connection):
            begun.set()
            await over.wait()

        holding = asyncio.create_task(other.write(long))
        await begun.wait()
        with pytest.raises(DatabaseSlow, match="lock timeout"):
            await database.write(put("waits"))
        await database.write(put("journal"), Part.JOURNAL)
        over.set()
        await holding
        await database.write(put("after"))
        assert await database.read(keys) == {"journal", "after"}


async def test_a_node_that_hangs_within_a_transaction_loses_its_lock(url, monkeypatch):
    monkeypatch.setattr(driver, "_HURRIED", {**driver._HURRIED, "idle_in_transaction_session_timeout": 200})
    async with opened(url) as database, opened(url) as other:

        async def hangs(connection):
            await put("lost")(connection)
            begun.set()
            await over.wait()
            await put("lost, too")(connection)

        begun, over = asyncio.Event(), asyncio.Event()
        hanging = asyncio.create_task(other.write(hangs))
        await begun.wait()
        await database.write(put("mine"))
        over.set()
        with pytest.raises(StoreUnavailable):
            await hanging
        assert await database.read(keys) == {"mine"}


async def test_a_server_that_says_nothing_is_given_up_and_found_again(postgresql, url, monkeypatch):
    """Its system takes what is sent, so no connection breaks off."""
    monkeypatch.setattr(driver, "_ANSWER", 0.5)
    connect = driver.connect
    monkeypatch.setattr(driver, "connect", lambda *a, **k: connect(*a, **({"answer": 0.5, "within": 1.0} | k)))
    async with (
        Proxy(postgresql.port) as proxy,
        opened(url.replace(str(postgresql.port), str(proxy.port))) as database,
    ):
        await database.write(put("before"))
        proxy.open.clear()
        began = time.monotonic()
        for work in (database.read(keys), database.write(put("unheard"))):
            with pytest.raises(DatabaseSlow, match="it said nothing"):
                await work
        assert time.monotonic() - began < 10
        proxy.open.set()
        assert len(await until_written(database, "after")) < 20
        assert {"before", "after"} <= await database.read(keys)


async def test_both_sides_find_out_that_the_other_has_vanished(url):
    """So that the locks of a node whose network was cut are free within 10 s."""
    async with opened(url) as database:

        async def settings(connection):
            names = "tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout"
            rows = [await connection.scalar(text(f"SHOW {name}")) for name in names]
            plain = (await connection.get_raw_connection()).driver_connection._transport.get_extra_info("socket")
            options = socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT
            mine = [plain.getsockopt(socket.IPPROTO_TCP, each) for each in options]
            return rows, [plain.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), *mine]

        for use in (database.read, database.write):
            assert await use(settings) == (["3", "2", "2", "7000"], [1, 3, 2, 2, 7000])


async def test_a_standby_takes_over():
    """No acknowledged write is lost, as the standby has confirmed each; the hub finds it by itself."""
    with cluster() as primary:
        primary.sql("CREATE TABLE meta (key text PRIMARY KEY, value text)")
        primary.sql("GRANT ALL ON meta TO hub")
        with standby_of(primary) as standby:
            primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
            primary.sql("SELECT pg_reload_conf()")
            with pytest.raises(DatabaseReadOnly, match="can only be read"):
                await Database.open(
                    f"postgresql://hub@127.0.0.1:{standby.port}/postgres?target_session_attrs=read-write"
                )
            hosts = f"127.0.0.1:{standby.port},127.0.0.1:{primary.port}"
            async with opened(f"postgresql://hub@{hosts}/postgres?target_session_attrs=read-write") as database:
                acknowledged = {f"n{place}" for place in range(30)}
                for name in acknowledged:
                    await database.write(put(name))
                primary.stop("immediate")
                with pytest.raises((NoConnection, DatabaseReadOnly)):
                    await database.write(put("to nobody"))
                standby.run("pg_ctl", "promote", "-w", "-D", str(standby.folder / "data"))
                standby.sql("ALTER SYSTEM RESET synchronous_standby_names")
                standby.sql("SELECT pg_reload_conf()")
                await until_written(database, "after")
                assert acknowledged | {"after"} <= await database.read(keys)
            primary.start()  # `cluster` stops it


@contextmanager
def standby_of(primary):
    folder = primary.folder.with_name(f"{primary.folder.name}-standby")
    folder.mkdir()
    try:
        standby = Cluster(folder, free_port(), primary.bin, primary.settings)
        if not os.geteuid():
            shutil.chown(folder, standby.user["user"], standby.user["group"])
        standby.run(
            "pg_basebackup", "-h", str(primary.folder), "-p", str(primary.port), "-U", "postgres",
            "-D", str(folder / "data"), "-R", "-X", "stream", "--checkpoint=fast", "--no-sync",
        )  # fmt: skip
        standby.start()
        try:
            yield standby
        finally:
            standby.stop()
    finally:
        shutil.rmtree(folder)


@contextmanager
def pgbouncer(folder, port_of_server, mode):
    port = free_port()
    folder.chmod(0o755)
    (folder / "users.txt").write_text('"hub" ""\n')
    (folder / "pgbouncer.ini").write_text(f"""
[databases]
* = host=127.0.0.1 port={port_of_server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users.txt
pool_mode = {mode}
logfile = {folder}/pgbouncer.log
""")
    for each in folder.iterdir():
        each.chmod(0o644)
    user = [] if os.geteuid() else ["-u", "nobody"]
    (folder / "pgbouncer.log").touch(0o666)
    (folder / "pgbouncer.log").chmod(0o666)
    running = subprocess.Popen([shutil.which("pgbouncer"), *user, folder / "pgbouncer.ini"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.02)
        yield port
    finally:
        running.terminate()
        running.wait()


@pytest.fixture
def readable(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pgbouncer")
    for each in (folder, *folder.parents):
        if each == Path(tempfile.gettempdir()):
            break
        each.chmod(0o755)
    return folder


needs_pgbouncer = pytest.mark.skipif(not shutil.which("pgbouncer"), reason="apt-get install pgbouncer")


@needs_pgbouncer
async def test_behind_pgbouncer_with_a_session_for_each(postgresql, url, readable):
    with pgbouncer(readable, postgresql.port, "session") as port:
        async with opened(url.replace(str(postgresql.port), str(port))) as database:
            for place in range(20):
                await database.write(put(f"n{place}"))
            found = await asyncio.gather(*(database.read(keys) for _ in range(12)))
            assert all(len(each) == 20 for each in found)
            await database.write_rows(lambda rows: rows.insert("meta", [[f"r{n}", ""] for n in range(50)]))
            with pytest.raises(DatabaseReadOnly):
                await database.read(put("no"))
            seat = database.seat()
            await seat.keep()
            assert seat.leads
            await seat.close()


@needs_pgbouncer
async def test_behind_pgbouncer_that_mixes_sessions_no_hub_begins(postgresql, url, readable):
    with (
        pgbouncer(readable, postgresql.port, "transaction") as port,
        pytest.raises(SharedSession, match="Set pool_mode = session"),
    ):
        await Database.open(url.replace(str(postgresql.port), str(port)))


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql:///hub?host=/run", ["postgresql:///hub?host=/run"]),
        ("postgresql://hub:a%2Cb@one/x?y=1", ["postgresql://hub:a%2Cb@one/x?y=1"]),
        ("postgresql://u:p@a:1,[::1]:2/x?y=1,2", ["postgresql://u:p@a:1/x?y=1,2", "postgresql://u:p@[::1]:2/x?y=1,2"]),
        ("postgresql://a,b", ["postgresql://a", "postgresql://b"]),
    ],
)
def test_each_host_of_a_url_is_tried_by_itself(url, hosts):
    assert each_host(url) == hosts
