"""Statistics: what passes is counted once, in every version; credits subtract; sums, logs and snapshots."""

import asyncio
import base64
import csv
import io
import sqlite3
import time
import tracemalloc
from contextlib import asynccontextmanager
from itertools import pairwise

import aiohttp
import msgspec
import pytest
from sqlalchemy import Engine, event

from hub.config import Admin
from hub.plugin import Problem
from hub.plugin.testing import message
from tests.partner import Partner, ocpi
from tests.plugin.shipped import installed, pdf_text, plugin, until
from tests.support import running
from tests.versions import CPO_MODULES, EMSP_MODULES, cdr, location, price, send, session, token

NAME = "statistics"
EVIL = '=HYPERLINK("http://evil")'


@asynccontextmanager
async def roaming(folder, cpo="2.2.1", emsp="2.2.1", **settings):
    """A hub with statistics between a CPO and an eMSP that takes all it is told."""
    installed(folder, NAME)
    partners = (
        Partner("NL-CPO:CPO", endpoints=CPO_MODULES, version=cpo),
        Partner("DE-MSP:EMSP", endpoints=EMSP_MODULES, version=emsp),
    )
    given = {"enabled": True, "snapshot_every": 86_400, **settings}
    async with (
        running(folder, plugins={NAME: given}, validation="report", admin=Admin(port=0)) as app,
        partners[0].serve(),
        partners[1].serve(),
    ):
        for each in partners:
            each.raw = each.version == "2.1.1"
            await each.invited(app)
            assert (await each.register()).code == 1000
        for line in ("POST /receiver/cdrs", "PUT /receiver/locations/NL/CPO/LOC1"):
            partners[1].says[line] = ocpi()
        for number in range(1, 4):
            for method in ("PUT", "PATCH"):
                partners[1].says[f"{method} /receiver/sessions/NL/CPO/S{number}"] = ocpi()
        partners[0].says["PUT /receiver/tokens/DE/MSP/CARD1"] = ocpi()
        yield app, *partners


async def call(app, verb, **given):
    return await app.plugins.reception.call(NAME, verb, msgspec.json.encode(given))


async def sums(app, by="", **given):
    return (await call(app, "sums", by=by, **given)).sums


async def post(cpo, emsp, *bodies, code=1000):
    for body in bodies:
        answer = await send(cpo, "POST", "receiver/cdrs", body, None if cpo.version == "2.1.1" else emsp.party)
        assert answer.code == code, answer.envelope


async def counted(app, times):
    """When so many pushes have come to the plugin and were written."""
    await until(lambda: len(plugin(app, NAME).waiting) + sum(plugin(app, NAME).counted.values()) >= times)
    await plugin(app, NAME).flush()


async def test_a_cdr_is_counted_once_and_a_credit_subtracts(tmp_path):
    async with roaming(tmp_path) as (app, cpo, emsp):
        one = cdr("2.2.1")
        credit = one | {"id": "C3", "credit": True, "credit_reference_id": "CDR1", "total_cost": price("2.2.1", -2.5)}
        await post(
            cpo, emsp, one, one, one | {"id": "cdr1"}, one | {"id": "CDR2", "total_energy": 2.5, "total_time": 0.5}
        )
        await counted(app, 4)
        (before,) = await sums(app, "day,cpo,emsp,location,token,contract")
        assert (before.count, before.kwh, before.hours, before.cost, before.currency) == (2, 10.0, 1.5, 5.0, "EUR")
        assert before.group == {
            "day": "2026-01-01", "cpo": "NL-CPO", "emsp": "DE-MSP", "location": "NL-CPO LOC1", "token": "CARD1",
            "contract": "DE-MSP-C1",
        }  # fmt: skip
        await post(cpo, emsp, credit, credit)
        await counted(app, 6)
        (after,) = await sums(app)
        assert (after.count, after.kwh, after.hours, after.cost) == (1, 2.5, 0.5, 2.5)
        emsp.says["POST /receiver/cdrs"] = ocpi(code=2000, message="not one of ours")
        await post(cpo, emsp, one | {"id": "CDR4"}, code=2000)
        emsp.says["POST /receiver/cdrs"] = ocpi()
        await post(cpo, emsp, one | {"id": "CDR5", "currency": "CHF"})
        await counted(app, 7)
        assert [(each.currency, each.count) for each in await sums(app)] == [("CHF", 1), ("EUR", 1)]


@pytest.mark.parametrize("version", ["2.1.1", "2.2.1", "2.3.0"])
async def test_every_version_is_counted_the_same(tmp_path, version):
    async with roaming(tmp_path, cpo=version) as (app, cpo, emsp):
        assert (await send(emsp, "PUT", "receiver/tokens/DE/MSP/CARD1", token("2.2.1"))).code == 1000
        await post(cpo, emsp, cdr(version))
        await counted(app, 1)
        (found,) = (await call(app, "sums", by="cpo,emsp,location,token")).sums
        assert found.group == {"cpo": "NL-CPO", "emsp": "DE-MSP", "location": "NL-CPO LOC1", "token": "CARD1"}
        assert (found.count, found.kwh, found.hours, found.cost, found.currency) == (1, 7.5, 1.0, 2.5, "EUR")


async def test_a_card_that_the_hub_does_not_know_is_counted_by_its_contract(tmp_path):
    async with roaming(tmp_path, cpo="2.1.1", emsp="2.1.1") as (app, cpo, emsp):
        emsp.says["POST /receiver/cdrs"] = ocpi()
        told = cdr("2.1.1")
        answer = await send(cpo, "POST", "receiver/cdrs", told)
        assert answer.code == 2001  # nobody knows whose it is
        found = await plugin(app, NAME).hub.told(_message(app, told))
        assert "cdr_token" not in found
        assert found["cdr_location"]["id"] == "LOC1"


def _message(app, body):
    given = message("POST receiver/cdrs", msgspec.json.encode(body), sender="NL-CPO")
    operation = app.catalogue.module("2.1.1", given.interface, "cdrs").find("POST", ())
    return msgspec.structs.replace(given, operation=operation)


async def test_sessions_as_they_were_told_last_and_snapshots_of_them(tmp_path):
    async with roaming(tmp_path, snapshot_every=1) as (app, cpo, emsp):
        now = int(time.time())
        begun = session("2.2.1") | {"kwh": 1.0, "start_date_time": stamp(now - 7200), "last_updated": stamp(now - 3600)}
        assert (await send(cpo, "PUT", "receiver/locations/NL/CPO/LOC1", location("2.2.1"))).code == 1000
        await put(cpo, emsp, "S1", begun)
        await put(cpo, emsp, "S2", begun | {"id": "S2", "status": "COMPLETED", "end_date_time": stamp(now)})
        await patch(cpo, emsp, "S1", {"kwh": 12.0, "last_updated": stamp(now)})
        await patch(cpo, emsp, "S1", {"kwh": 3.0, "last_updated": stamp(now - 60)})
        await patch(cpo, emsp, "S3", {"kwh": 3.0, "last_updated": stamp(now)})
        await counted(app, 5)
        (live,) = await plugin(app, NAME).running()
        assert (live.id, live.kwh, live.kw, live.status, live.location) == ("S1", 12.0, 11.0, "ACTIVE", "LOC1")
        assert {each.count: each.kwh for each in await sums(app, of="session")} == {2: 13.0}
        rows = csv_of((await call(app, "csv", of="session")).csv)
        assert rows[0]["time_zone"] == "Europe/Amsterdam"
        assert rows[0]["place"] == "Town hall"
        async with asyncio.timeout(10):
            while len(found := await told(app, "/api/v1/plugins/statistics/snapshots?cpo=nl-cpo&session=s1")) < 3:
                await asyncio.sleep(0.05)
        moments = [each["at"] for each in found]
        seconds = [int(each[-3:-1]) for each in moments]
        assert all((later - earlier) % 60 == 1 for earlier, later in pairwise(seconds))
        assert (found[0]["kwh"], found[0]["kw"], found[0]["status"]) == (12.0, 11.0, "ACTIVE")
        await patch(
            cpo, emsp, "S1", {"status": "COMPLETED", "end_date_time": stamp(now), "last_updated": stamp(now + 1)}
        )
        await until(lambda: plugin(app, NAME).waiting)
        assert await plugin(app, NAME).running() == []
        shown = {each.title: each for each in await app.plugins.reception.panels(NAME)}
        assert [each.problem for each in shown.values()] == [""] * 7
        assert shown["Power of running sessions, 24 hours"].drawing.lines[0].points[0][1] == 11.0


async def test_what_is_no_number_or_no_time_is_told_and_harms_nothing(tmp_path):
    async with roaming(tmp_path) as (app, cpo, emsp):
        one = cdr("2.2.1")
        wrong = [
            {"total_energy": 1e300}, {"start_date_time": "yesterday"}, {"total_cost": "much"}, {"currency": None},
            {"cdr_location": [1]}, {"id": "x" * 5000},
        ]  # fmt: skip
        await post(cpo, emsp, *(one | {"id": f"W{number}"} | each for number, each in enumerate(wrong)))
        evil = {**one["cdr_token"], "uid": EVIL, "contract_id": "a\0b\u202e\x1b[31m" + "y" * 9000}
        await post(cpo, emsp, one | {"id": "=1+1\n", "cdr_token": evil})
        await counted(app, 7)
        assert plugin(app, NAME).counted == {"not as OCPI has it": 6, "rows written": 1}
        (row,) = csv_of((await call(app, "csv")).csv)
        assert (row["id"], row["token"], row["kwh"]) == ("'=1+1 ", "'" + EVIL.upper(), "7.5")
        assert row["contract"].startswith("AB [31MYYY")
        assert len(row["contract"]) < 255
        assert all(each.drawing for each in await app.plugins.reception.panels(NAME))
        assert app.plugins.status()[0].faults == 0


async def test_sums_by_pages_and_filters(tmp_path):
    async with roaming(tmp_path) as (app, cpo, emsp):
        one = cdr("2.2.1")
        for month in range(1, 8):
            at = f"2026-{month:02}-03T10:00:00Z"
            await post(cpo, emsp, one | {"id": f"M{month}", "start_date_time": at, "end_date_time": at})
        await counted(app, 7)
        first = await call(app, "sums", by="month", limit=3)
        second = await call(app, "sums", by="month", limit=3, cursor=first.next)
        third = await call(app, "sums", by="month", limit=3, cursor=second.next)
        months = [each.group["month"] for page in (first, second, third) for each in page.sums]
        assert months == [f"2026-{month:02}" for month in range(1, 8)]
        assert third.next is None
        (some,) = await sums(app, date_from="2026-02-03T10:00:00Z", date_to="2026-04-03T12:00:00+02:00", cpo="nl-cpo")
        assert some.count == 2
        assert (
            await sums(app, emsp="DE-XXX") == await sums(app, contract="none") == await sums(app, currency="CHF") == []
        )
        for wrong in (
            {"by": "weekday"},
            {"by": "day,day"},
            {"date_from": "then"},
            {"cursor": "x"},
            {"cursor": first.next},
        ):
            with pytest.raises(Problem) as caught:
                await call(app, "sums", **{"by": "day,cpo", **wrong})
            assert caught.value.status == 400


async def test_who_may_see_drivers(tmp_path):
    async with roaming(tmp_path) as (app, cpo, emsp), aiohttp.ClientSession(app.admin_url) as client:
        await post(cpo, emsp, cdr("2.2.1"))
        await counted(app, 1)
        keys = {scope: (await app.operations.keys.create(scope, scope)).key for scope in ("read", "admin")}
        for scope, path, status in [
            ("read", "/api/v1/plugins/statistics/sums?by=day,emsp", 200),
            ("read", "/api/v1/plugins/statistics/running", 200),
            ("read", "/api/v1/plugins/statistics/sums?by=token", 403),
            ("read", "/api/v1/plugins/statistics/sums-by-driver?by=token", 403),
            ("read", "/api/v1/plugins/statistics/log", 403),
            ("read", "/plugins/statistics/log.csv", 403),
            ("admin", "/api/v1/plugins/statistics/sums-by-driver?by=token&token=card1", 200),
            ("admin", "/api/v1/plugins/statistics/log?of=cdr", 200),
            ("admin", "/plugins/statistics/log.csv?emsp=DE-MSP", 200),
            ("admin", "/plugins/statistics/log.csv?colour=red", 400),
            ("admin", "/plugins/statistics/log.pdf?contract=DE-MSP-C1", 200),
        ]:
            answer = await client.get(path, headers={"x-api-key": keys[scope]})
            assert answer.status == status, (path, await answer.text())


async def test_a_log_of_40_000_rows_streams_in_constant_memory(tmp_path):
    async with roaming(tmp_path) as (app, _, _), aiohttp.ClientSession(app.admin_url) as client:
        await fill(app, 40_000)
        key = (await app.operations.keys.create("admin", "admin")).key
        tracemalloc.start()
        lines, last = 0, b""
        answer = await client.get("/plugins/statistics/log.csv", headers={"x-api-key": key})
        async for line in answer.content:
            lines, last = lines + 1, line
            if lines == 10_000:
                tracemalloc.reset_peak()
                before = tracemalloc.get_traced_memory()[0]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert lines == 40_001
        assert b"S39999" in last
        assert peak - before < 12_000_000
        with pytest.raises(Problem) as caught:
            await call(app, "pdf")
        assert caught.value.message == "these are 40000 rows; a PDF has 5000 at most"
        began = time.perf_counter()
        assert sum(each.count for each in await sums(app, "month,cpo,emsp,location", limit=1000)) == 40_000
        assert time.perf_counter() - began < 10


async def test_old_rows_are_forgotten(tmp_path):
    async with roaming(tmp_path) as (app, _, _):
        await fill(app, 12_000)
        mine = plugin(app, NAME)
        charges = mine.tables.tables["plugin_statistics_charge"]
        await mine.forget(charges, charges.c.started, 1_767_225_600_000 + 11_990 * 60_000)
        assert [each.count for each in await sums(app)] == [10]


async def test_a_pdf_that_can_be_read_on_paper(tmp_path):
    async with roaming(tmp_path) as (app, cpo, emsp):
        await fill(app, 120)
        card = {**cdr("2.2.1")["cdr_token"], "uid": EVIL}
        await post(cpo, emsp, cdr("2.2.1") | {"id": "CHF1", "currency": "CHF", "cdr_token": card})
        await counted(app, 1)
        (tmp_path / "log.pdf").write_bytes(base64.b64decode((await call(app, "pdf", cpo="NL-CPO")).pdf))
    text = pdf_text(tmp_path / "log.pdf")
    assert "page 4 of 4" in text
    assert "Total CHF" in text
    assert "Total EUR" in text
    assert text.count("Begin (UTC)") == 4


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def csv_of(text):
    return list(csv.DictReader(io.StringIO(text)))


async def told(app, path):
    key = (await app.operations.keys.create(str(time.time_ns()), "admin")).key
    async with aiohttp.ClientSession(app.admin_url) as client:
        answer = await client.get(path, headers={"x-api-key": key})
        return (await answer.json())["snapshots"]


async def put(cpo, emsp, session_id, body):
    answer = await send(cpo, "PUT", f"receiver/sessions/NL/CPO/{session_id}", body, emsp.party)
    assert answer.code == 1000, answer.envelope


async def patch(cpo, emsp, session_id, body):
    answer = await send(cpo, "PATCH", f"receiver/sessions/NL/CPO/{session_id}", body, emsp.party)
    assert answer.code == 1000, answer.envelope


async def fill(app, count):
    """So many CDRs, a minute apart from the beginning of 2026."""
    charges = plugin(app, NAME).tables.tables["plugin_statistics_charge"]
    begin = 1_767_225_600_000
    rows = [
        {
            "kind": "cdr", "cpo": "NL-CPO", "key": f"S{number:05}", "id": f"S{number:05}", "emsp": "DE-MSP",
            "location": f"LOC{number % 7}", "place": "Town hall, Markt", "zone": "Europe/Amsterdam",
            "token": f"CARD{number % 50}", "contract": f"DE-MSP-C{number % 50}", "started": begin + number * 60_000,
            "ended": begin + number * 60_000 + 3_600_000, "updated": begin, "hour": f"2026-0{1 + number % 9}-01T00",
            "currency": "EUR", "sign": 1, "energy": 75_000 + number, "seconds": 3600, "cost": 25_000, "cost_vat": None,
            "status": "FINAL", "power": None,
        }
        for number in range(count)
    ]  # fmt: skip
    await plugin(app, NAME).store.write(lambda own: own.upsert(charges, rows))


async def test_what_a_disk_does_not_take_waits_and_is_written_later(tmp_path):
    async with roaming(tmp_path) as (app, cpo, emsp):
        mine = plugin(app, NAME)
        charges = mine.tables.tables["plugin_statistics_charge"]
        with sqlite3.connect(tmp_path / "data" / "hub.db", timeout=0) as other:
            other.execute(f"ALTER TABLE {charges.name} RENAME TO away")
        await post(cpo, emsp, cdr("2.2.1"))
        await until(lambda: mine.problem)
        assert len(mine.waiting) == 1
        with sqlite3.connect(tmp_path / "data" / "hub.db", timeout=0) as other:
            other.execute(f"ALTER TABLE away RENAME TO {charges.name}")
        await until(lambda: not mine.waiting)
        assert (mine.problem, [each.count for each in await sums(app)]) == ("", [1])
        assert app.plugins.status()[0].faults == 0


async def test_what_is_known_of_a_batch_is_the_same_statement_however_large_it_is(tmp_path):
    """Of a statement with a parameter for each key, SQLite would keep a version for each number of them."""
    asked = set()

    def note(_connection, _cursor, statement, *_):
        if statement.startswith("SELECT plugin_statistics_charge."):
            asked.add(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        async with roaming(tmp_path) as (app, cpo, emsp):
            counting = plugin(app, NAME)
            for size in range(1, 4):
                async with counting.writing:
                    await post(cpo, emsp, *(cdr("2.2.1") | {"id": f"C{size}{each}"} for each in range(size)))
                    await until(lambda size=size: len(counting.waiting) == size)
                await counting.flush()
            assert counting.counted["rows written"] == 6
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert len(asked) == 1
