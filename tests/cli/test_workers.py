"""`ocpi-hub serve --workers N`: several processes on one machine, which share ports, a data folder and PostgreSQL."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from tests.cli.conftest import ANY_ADMIN_PORT, PATIENCE, process
from tests.ports import free_port

CONFIG = """
[hub]
party = "NL-HUB"
[listen]
port = {port}
[admin]
port = {admin}
open_metrics = true
[node]
name = "here"
[store]
url = "{url}"
[limits]
drain = {drain}
[log]
format = "json"
"""


@pytest.fixture
def workers(cli, postgresql):
    """Two of them, at work."""
    url = postgresql.migrated()
    port, admin = free_port(), free_port()
    settings = {"port": port, "admin": admin, "url": url}
    with running(cli, settings) as found:
        yield found
    postgresql.drop(url)


@contextmanager
def running(cli, settings):
    write(cli.folder, settings)
    with process(cli.folder, "serve", "--workers", "2", **{ANY_ADMIN_PORT: str(settings["admin"])}) as parent:
        found = Found(cli, parent, settings)
        words = []
        while "workers are at work" not in "".join(words):
            words.append(parent.line())
            assert words[-1], parent.end()
        assert words[0] == f"OCPI hub NL-HUB is ready. Versions URL for partners: {found.url}"
        pids = found.pids()
        assert len(pids) == 2
        yield found
        parent.kill()
        wait(lambda: not any(map(alive, pids)))


def write(folder, settings, **changes):
    (folder / "config.toml").write_text(CONFIG.format(**({"drain": 5.0} | settings | changes)))


class Found:
    """What a test needs to know of them."""

    def __init__(self, cli, parent, settings):
        self.cli, self.parent, self.settings = cli, parent, settings
        self.events = []
        self.url = f"http://127.0.0.1:{settings['port']}/ocpi/versions"

    def pids(self):
        """Of the workers, by their number."""
        found = {}
        for each in Path(f"/proc/{self.parent.pid}/task").glob("*/children"):
            for pid in each.read_text().split():
                with suppress(FileNotFoundError, ValueError):  # it is gone, or is just becoming one
                    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                    found[int(words[words.index(b"--worker") + 1])] = int(pid)
        return [found[number] for number in sorted(found)]

    def invite(self):
        made = self.cli.json("partner", "invite", "ACME", "--party", "NL-ACM:CPO")
        return {"Authorization": f"Token {made['token_a']}"}

    def log(self, text):
        """What was logged: what `until` has read, and the rest."""
        return self.events + [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def until(self, event, times):
        """Read the log until it has an event so many times."""
        while len([each for each in self.events if each["event"] == event]) < times:
            self.events += map(json.loads, filter(lambda line: line.startswith("{"), [self.parent.log_line()]))


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait(condition: Callable[[], object]):
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def connections(pid, port):
    """So many connections to a port are this process's."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    taken = {row[9] for row in rows if row[3] == "01" and int(row[1].rpartition(":")[2], 16) == port}
    held = set()
    for each in Path(f"/proc/{pid}/fd").iterdir():
        try:
            held.add(str(each.readlink()).removeprefix("socket:[").rstrip("]"))
        except FileNotFoundError:
            continue
    return len(taken & held)


async def statuses(url, headers, times):
    """Each on a connection of its own."""
    found = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True), headers=headers) as session:
        for _ in range(times):
            try:
                async with session.get(url) as answer:
                    await answer.read()
                    found.append(answer.status)
            except (aiohttp.ClientError, OSError):
                found.append(0)
    return found


def test_a_file_is_for_one_process(cli):
    error = cli.fails("serve", "--workers", "2")
    assert "2 workers can not share" in error
    assert "store.url" in error
    assert "docs/scaling.md" in error
    assert not (cli.folder / "data").exists()


def test_both_serve_one_dies_and_is_back(workers):
    headers, first, second = workers.invite(), *workers.pids()
    port, admin = workers.settings["port"], workers.settings["admin"]

    async def spread():
        limit = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=limit, headers=headers) as session:
            answers = await asyncio.gather(*(session.get(workers.url) for _ in range(60)))
            counts = [connections(pid, port) for pid in (first, second)]
            for each in answers:
                each.release()
            for place in range(3):  # all of them, and each by itself
                async with session.get(f"http://127.0.0.1:{admin + place}/health/ready") as ready:
                    assert ready.status == 200, await ready.text()
        return counts

    # The second one follows what the first has changed.
    wait(lambda: asyncio.run(statuses(workers.url, headers, 20)) == [200] * 20)
    assert min(asyncio.run(spread())) > 5

    async def load():
        clients = [asyncio.create_task(statuses(workers.url, headers, 40)) for _ in range(8)]
        await asyncio.sleep(0.2)
        os.kill(first, signal.SIGKILL)
        return [each for client in clients for each in await client]

    found = asyncio.run(load())
    assert len(found) == 320
    assert set(found) <= {200, 0}
    assert found.count(0) <= 8, "what was under way on the one that died, at most one of each client"
    # Commands go to the one that lives, and then to both again. As long as one that was killed has a thread left, its
    # socket might still take them.
    wait(lambda: not Path(f"/proc/{first}").exists())
    assert [each["name"] for each in workers.cli.json("partner", "list")] == ["ACME"]
    wait(lambda: len(workers.pids()) == 2)
    wait(lambda: asyncio.run(statuses(f"http://127.0.0.1:{admin + 1}/health/ready", {}, 1)) == [200])
    workers.parent.signal(signal.SIGTERM)
    status, rest, log = workers.parent.end()
    assert (status, rest) == (0, "Stopped.\n")
    (ended,) = (each for each in workers.log(log) if each["event"] == "worker_ended")
    assert (ended["worker"], ended["signal"]) == (1, "SIGKILL")
    assert [each["worker"] for each in workers.log(log) if each["event"] == "worker_ready"] == [1, 2, 1]


def test_what_one_is_told_all_are_told(workers):
    folder, cli = workers.cli.folder, workers.cli
    write(folder, workers.settings, drain=6.0)
    assert cli.json("reload") == {"changed": ["limits.drain"], "restart_needed": [], "problems": []}
    write(folder, workers.settings, drain=7.0)
    workers.parent.signal(signal.SIGHUP)
    workers.until("reloaded", 4)
    write(folder, workers.settings, drain='"nonsense"')
    workers.parent.signal(signal.SIGHUP)
    workers.until("reload_refused", 2)
    write(folder, workers.settings, drain=7.0)
    # What a worker has in force shows in what differs from it: nothing.
    assert cli.json("reload")["changed"] == []
    workers.parent.signal(signal.SIGINT)
    assert workers.parent.line() == "Finishing what is under way; press Ctrl-C again to stop at once."
    status, rest, log = workers.parent.end()
    assert (status, rest) == (0, "Stopped.\n")
    events = workers.log(log)
    for number in (1, 2):
        mine = [each for each in events if each.get("worker") == number]
        assert [each["changed"] for each in mine if each["event"] == "reloaded"] == [
            ["limits.drain"], ["limits.drain"], [],
        ]  # fmt: skip
        assert len([each for each in mine if each["event"] == "reload_refused"]) == 1
        assert mine[-1]["event"] == "stopped"
        assert [each["at_most_seconds"] for each in mine if each["event"] == "stopping"] == [37.0]
    assert not list((folder / "data").glob("*.sock"))


def test_when_the_parent_is_killed_its_workers_end(workers):
    pids = workers.pids()
    workers.parent.kill()
    wait(lambda: not any(map(alive, pids)))


def test_what_keeps_the_first_one_from_starting_is_told_once(cli, postgresql):
    settings = {"port": free_port(), "admin": free_port(), "url": postgresql.url("nothing")}
    write(cli.folder, settings)
    with process(cli.folder, "serve", "--workers", "3") as parent:
        status, _, log = parent.end()
    assert status == 1
    assert log.count("Make it with createdb") == 1


def test_a_port_that_another_hub_shares_is_not_taken(workers, tmp_path):
    """The system would give it a part of the connections."""
    other = tmp_path / "other"
    other.mkdir()
    write(other, workers.settings)
    with process(other, "serve", "--workers", "2") as parent:
        status, _, log = parent.end()
    assert status == 1
    assert f"can not listen on 127.0.0.1 port {workers.settings['port']}: Address already in use" in log
