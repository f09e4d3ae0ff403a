"""What a removed partner leaves in memory: nothing. And what it had under way when it was removed is no failure."""

import asyncio
import gc
import weakref

import msgspec
from sqlalchemy import Column, Integer, Table
from sqlalchemy import Text as Words

from hub.config.model import Sync
from hub.plugin import Tables
from hub.store import statements
from hub.store.plugins import PluginStores
from tests.partner import Partner, ocpi
from tests.raw import calm
from tests.support import running

HUB = "OCPI-to-country-code: NL", "OCPI-to-party-id: HUB", "OCPI-from-country-code: NL", "OCPI-from-party-id: CPO"
TARIFF = (
    b'{"country_code":"NL","party_id":"CPO","id":"T1","currency":"EUR","elements":[{"price_components":'
    b'[{"type":"ENERGY","price":0.25,"step_size":1}]}],"last_updated":"2026-01-01T00:00:00Z"}'
)
PATH = "/ocpi/2.2.1/receiver/tariffs/NL/CPO/T1"


async def joined(app, *endpoints):
    """A registered CPO, on a server that is open."""
    partner = Partner("NL-CPO:CPO", endpoints=endpoints or ("sender/tariffs",))
    partner.says["GET /sender/tariffs"] = ocpi([])
    return partner


async def test_nothing_is_kept_of_it(tmp_path):
    async with running(tmp_path, sync=Sync()) as app, (await joined(app)).serve() as partner:
        await partner.invited(app)
        assert (await partner.register()).code == 1000
        assert (await partner.ask("PUT", PATH, *HUB, body=TARIFF)).code == 1000
        platform = app.partners.find("NL-CPO")
        assert platform.id in app.gate._meters
        await app.partners.remove("NL-CPO")
        await app.bus.settle()
        gc.collect()
        assert app.gate._meters == {}
        assert dict(app.partners._registrar._busy) == {}


async def held(app):
    """A write that lets no other in until it is released."""
    begun, release = asyncio.Event(), asyncio.Event()

    async def work(_):
        begun.set()
        await release.wait()

    writing = asyncio.create_task(app.keeper._database.write(work))
    await begun.wait()
    return writing, release


async def test_a_push_that_was_under_way_is_refused(tmp_path):
    async with running(tmp_path) as app, (await joined(app)).serve() as partner:
        await partner.invited(app)
        assert (await partner.register()).code == 1000
        writing, release = await held(app)
        removing = asyncio.create_task(app.partners.remove("NL-CPO"))
        await asyncio.sleep(0)
        with calm():
            pushing = asyncio.create_task(partner.ask("PUT", PATH, *HUB, body=TARIFF))
            async with asyncio.timeout(10):
                while len(app.keeper._database._lock._waiters or ()) < 2:
                    await asyncio.sleep(0.01)
            release.set()
            answer = await pushing
        assert answer.status == 401
        assert "removed" in answer.message
        await asyncio.gather(writing, removing)


async def test_a_pull_that_was_under_way_ends_without_a_failure(tmp_path):
    async with running(tmp_path, sync=Sync()) as app, (await joined(app)).serve() as partner:
        gate = asyncio.Event()

        async def later(_):
            await gate.wait()
            return ocpi([msgspec.json.decode(TARIFF)])

        partner.says["GET /sender/tariffs"] = later
        await partner.invited(app)
        assert (await partner.register()).code == 1000
        await partner.expect("GET /sender/tariffs")
        (pulling,) = app.operations.puller._running.values()
        (progress,) = app.operations.puller._progress.values()
        with calm():
            writing, release = await held(app)
            removing = asyncio.create_task(app.partners.remove("NL-CPO"))
            await asyncio.sleep(0)
            gate.set()
            async with asyncio.timeout(10):
                while len(app.keeper._database._lock._waiters or ()) < 2 and not pulling.done():
                    await asyncio.sleep(0.01)
            release.set()
            await asyncio.gather(writing, removing)
            await asyncio.wait({pulling})
        assert progress.done
        assert "removed" in progress.problem


async def test_tables_of_a_plugin_go_with_it(tmp_path):
    async with running(tmp_path) as app:
        tables = Tables()
        mine = Table("plugin_mine", tables, Column("id", Words, primary_key=True), Column("n", Integer))
        store = await PluginStores(app.keeper._database).of("mine", tables)
        await store.write(lambda own: own.upsert(mine, [{"id": "a", "n": 1}]))
        assert await store.read(lambda own: own.scalar(mine.select())) == "a"
        gone = weakref.ref(tables)
        tables = mine = store = None
        statements._upsert.cache_clear()  # it keeps the latest 64
        gc.collect()
        assert gone() is None


def test_rows_are_written_in_parts_of_few_lengths():
    for count in range(300):
        rows = [{"id": number} for number in range(count)]
        parts = [list(part) for part in statements._parts(rows)]
        assert [row for part in parts for row in part] == rows
        assert {len(part) for part in parts} <= {100, 25, 5, 1}
