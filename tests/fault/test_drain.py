"""SIGTERM under load: every request that was taken is answered, and the process ends with 0.

OCPI 2.2.1, transport_and_format: Offline behaviour. A partner that gets no answer can not know what became of its push.
"""

import asyncio
import json
import os
import signal
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.fault.load import ALL, LINE, Load, configure, join, put, receiver
from tests.fault.process import HubProcess
from tests.fault.vitals import children
from tests.partner import Partner, hang, ocpi
from tests.raw import wire


async def slowly(_):
    await asyncio.sleep(0.05)
    return ocpi()


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
async def test_under_load_every_request_is_answered(tmp_path, number):
    cpo, emsp = Partner("NL-CPO:CPO"), receiver()
    emsp.says[LINE] = slowly
    hub = HubProcess(tmp_path)
    async with hub, cpo.serve(), emsp.serve():
        await join(hub, cpo)
        await join(hub, emsp)
        load = Load(hub.url, put(cpo))
        async with asyncio.TaskGroup() as group, wire(hub.url, 20.0) as idle:
            group.create_task(load.run(25, 1_000_000))
            await load.reach(200)
            status = await hub.signalled(number)
            assert await idle.closed() == b"", "what asks nothing is closed"
        assert status == 0
    assert load.silent == 0
    assert load.closed == 25, "each connection was told to end"
    assert set(load.answers) <= {(200, 1000), (503, 3000)}
    assert load.answers.total() == load.sent
    assert load.answers[200, 1000] == len([each for each in emsp.lines if each == LINE])
    events = [json.loads(line)["event"] for line in hub.log.read_text().splitlines() if line.startswith("{")]
    assert events[-2:] == ["stopping", "stopped"]


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
async def test_what_was_noted_until_the_end_is_in_the_journal(tmp_path, number):
    """Also where the signal reaches all processes of the hub, as systemd and a terminal may do."""
    cpo, emsp = Partner("NL-CPO:CPO"), receiver()
    hub = HubProcess(tmp_path)
    async with hub, cpo.serve(), emsp.serve():
        await join(hub, cpo)
        await join(hub, emsp)
        (writer,) = children(hub.pid)
        load = Load(hub.url, put(cpo))
        async with asyncio.TaskGroup() as group:
            group.create_task(load.run(25, 1_000_000))
            await load.reach(1500)  # more than waits for half a second
            os.kill(writer, signal.Signals[number])
            assert await hub.signalled(number) == 0
    assert not Path(f"/proc/{writer}").exists()
    with closing(sqlite3.connect(hub.database)) as database:
        noted = database.execute("SELECT count(*) FROM exchange WHERE method = 'PUT' AND ocpi_status = 1000").fetchone()
        counted = database.execute("SELECT sum(count) FROM pair_sum WHERE span = 1").fetchone()
        sent = database.execute("SELECT count(*) FROM delivery").fetchone()
    assert noted == (load.answers[200, 1000],)
    assert counted == sent
    assert "journal_process_ended" not in hub.log.read_text()


async def test_what_comes_while_it_drains_is_refused_and_what_was_there_is_answered(tmp_path):
    cpo, emsp = Partner("NL-CPO:CPO"), receiver()
    release = asyncio.Event()

    async def held(_):
        await release.wait()
        return ocpi()

    emsp.says[LINE] = held
    hub = HubProcess(tmp_path)
    async with hub, cpo.serve(), emsp.serve():
        await join(hub, cpo)
        await join(hub, emsp)
        async with wire(hub.url) as first, wire(hub.url) as second:
            await first.send(put(cpo))
            await emsp.expect(LINE)
            # Two at once: the connection does not end before both are answered.
            await first.send(put(cpo))
            ending = asyncio.create_task(hub.signalled("SIGTERM"))
            await asyncio.wait_for(refuses_connections(hub.url), 10)
            await second.send(put(cpo))
            refused = await second.answer()
            assert refused.told == (503, 3000)
            assert refused.message == "this hub is just stopping and did not take the request"
            assert refused.headers["retry-after"] == "5"
            assert refused.headers["connection"].lower() == "close"
            assert await second.closed() == b""
            release.set()
            answered = await first.answer()
            assert answered.told == (200, 1000)
            assert "connection" not in answered.headers or answered.headers["connection"].lower() != "close"
            refused = await first.answer()
            assert (refused.told, refused.headers["connection"].lower()) == ((503, 3000), "close")
        assert await ending == 0
    assert len(await emsp.expect(LINE)) == 1


async def test_what_takes_too_long_is_answered_all_the_same(tmp_path):
    cpo, emsp = Partner("NL-CPO:CPO"), receiver()
    emsp.says[LINE] = hang
    hub = HubProcess(tmp_path, timeout=20.0)
    configure(hub, limits={"drain": 0.3})
    async with hub, cpo.serve(), emsp.serve():
        await join(hub, cpo)
        await join(hub, emsp)
        async with wire(hub.url, 10.0) as connection:
            await connection.send(put(cpo))
            await emsp.expect(LINE)
            ending = asyncio.create_task(hub.signalled("SIGTERM"))
            answer = await connection.answer()
            assert answer.told == (503, 3000)
            assert answer.message == "this hub stopped before the request was answered; GET what became of it"
            assert answer.headers["connection"].lower() == "close"
        assert await ending == 0
    assert "requests_given_up" in hub.log.read_text()


async def test_broadcasts_under_way_end_by_their_deadline(tmp_path):
    """Those that wait for their turn, too: the sender was told that the hub has taken it over."""
    cpo = Partner("NL-CPO:CPO")
    emsps = [receiver(f"DE-M{number:02}:EMSP") for number in range(6)]
    for each in emsps:
        each.says[LINE] = slowly
    hub = HubProcess(tmp_path)
    configure(hub, routing={"broadcast_at_once": 1})
    async with hub, cpo.serve():
        await join(hub, cpo)
        async with asyncio.TaskGroup() as group:
            stop = asyncio.Event()
            for each in emsps:
                group.create_task(_serve(each, stop))
            for each in emsps:
                while not each.url:
                    await asyncio.sleep(0.01)
                await join(hub, each)
            async with wire(hub.url) as connection:
                await connection.send(put(cpo, ALL))
                assert (await connection.answer()).told == (201, 1000)
            assert await hub.signalled("SIGTERM") == 0
            stop.set()
    assert [each.lines.count(LINE) for each in emsps] == [1] * 6


async def refuses_connections(url):
    """Wait until it does."""
    with suppress(ConnectionRefusedError):
        while True:
            async with wire(url):
                await asyncio.sleep(0.01)


async def _serve(partner, stop):
    async with partner.serve():
        await stop.wait()
