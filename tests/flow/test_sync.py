"""Pull from platforms that do it all wrong (2.2.1, transport_and_format: Pagination, Pull and Push)."""

import asyncio
import resource
from contextlib import asynccontextmanager

import msgspec
import pytest

from hub.config.model import Sync
from hub.core.modules import Interface
from hub.core.party import Party
from hub.sim import SimEmsp
from tests.partner import Partner, Say, hang, ocpi
from tests.support import EMSP, config, register, running

HUB = Party("NL", "HUB")
LIST = "GET /sender/locations"


def location(number, owner="NL-CPO", updated="2026-01-01T00:00:00Z", **more):
    return {"country_code": owner[:2], "party_id": owner[3:], "id": f"L{number}", "last_updated": updated, **more}


@asynccontextmanager
async def pulled(tmp_path, say, **changes):
    """A hub that has pulled once from a CPO which answers like this."""
    async with running(tmp_path, **{"sync": Sync(), **changes}) as app, Partner("NL-CPO:CPO").serve() as partner:
        partner.says[LIST] = say
        await partner.invited(app)
        assert (await partner.register()).code == 1000
        yield app, partner, await done(app)


async def done(app):
    async with asyncio.timeout(10):
        while not ((progress := app.operations.puller.progress(app.partners.find("NL-CPO"))) and progress.done):
            await asyncio.sleep(0.01)
    return progress


async def begin(app):
    """A pull of its own: one that is done may not have ended yet, and would be joined."""
    platform = app.partners.find("NL-CPO")
    while platform.id in app.operations.puller._running:
        await asyncio.sleep(0)
    app.operations.puller.begin(platform)


async def again(app):
    await begin(app)
    return await done(app)


async def held(app):
    async with SimEmsp("Emsp", [EMSP]) as emsp:
        await register(app, emsp)
        return [each["id"] for each in await emsp.fetch_all("locations", to=HUB)]


def offset(asked):
    query = asked.target.partition("?")[2]
    return int(dict(part.split("=") for part in query.split("&") if part).get("offset", 0))


async def test_an_endless_chain_of_links_stops_at_the_cap(tmp_path):
    def say(asked):
        at = offset(asked)
        return ocpi([location(at)], Link=f'<http://x.example/l?offset={at + 1}>; rel="next"')

    async with pulled(tmp_path, say, sync=Sync(pages=20)) as (app, partner, progress):
        assert (progress.pages, progress.kept) == (20, 20)
        assert "no end" in progress.problem
        assert partner.lines.count(LIST) == 20
        assert len(await held(app)) == 20
        await again(app)
        assert "date_from" not in partner.asked[-20].target, "an unfinished pull begins anew"


async def test_a_link_that_repeats_itself_ends_the_list(tmp_path):
    def say(asked):
        return ocpi([location(1)], Link=f'<{partner_url(asked)}>; rel="next"')

    def partner_url(asked):
        return f"http://{asked.headers['host']}/sender/locations?offset=1"

    async with pulled(tmp_path, say) as (_, partner, progress):
        assert (progress.problem, progress.pages) == ("", 2)
        assert partner.lines.count(LIST) == 2


@pytest.mark.parametrize(
    "say",
    [
        ocpi({"no": "list"}),
        ocpi([location(1)], code=2000),
        ocpi([location(1)], status=401),
        Say(200, b"<html>"),
        Say(200, b'{"status_code":1000,"timestamp":"x","data":[' + b"[" * 100_000),
    ],
)
async def test_what_is_no_list_ends_the_pull_with_a_reason(tmp_path, say):
    async with pulled(tmp_path, say) as (_, partner, progress):
        assert progress.problem
        assert "its log" not in progress.problem
        assert progress.kept == 0
        assert partner.lines.count(LIST) == 1


async def test_a_huge_answer_is_refused_and_not_read(tmp_path):
    """A server that would send 100 MB: the hub stops at its own limit."""
    sent = 0

    async def serve(reader, writer):
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(100):
                writer.write(b"100000\r\n" + b"[" * 0x100000 + b"\r\n")
                await writer.drain()
                sent += 1
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    limits = msgspec.structs.replace(config(tmp_path).limits, response_body=1 << 20)
    try:
        async with pulled(tmp_path, ocpi([]), limits=limits) as (app, partner, _):
            partner.endpoints["sender/locations"] = ""
            port = server.sockets[0].getsockname()[1]
            await app.partners.set_endpoint(
                "NL-CPO", "locations", "SENDER", f"http://127.0.0.1:{port}/l"
            )  # fmt: skip
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            progress = await again(app)
            assert "larger" in progress.problem or "large" in progress.problem, progress.problem
            assert sent < 50
            assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000
    finally:
        server.close()


async def test_foreign_and_broken_objects_are_passed_by(tmp_path):
    rows = [
        location(1), location(2, "DE-MSP"), location(3, updated="soon"), {"id": "L4"}, 5, None, "x",
        location(6, x_unknown=[None]), location(6, updated="2026-01-02T00:00:00Z"),
    ]  # fmt: skip
    async with pulled(tmp_path, ocpi(rows)) as (app, _, progress):
        assert (progress.objects, progress.kept, progress.refused) == (6, 3, 3)  # what is no object does not count
        assert await held(app) == ["L1", "L6"]


async def test_the_next_pull_goes_on_where_this_one_was(tmp_path):
    rows = [location(1), location(2, updated="2026-02-01T00:00:00Z")]
    async with pulled(tmp_path, ocpi(rows)) as (app, partner, _):
        await again(app)
        assert partner.asked[-1].target.endswith("?date_from=2026-02-01T00:00:00Z")


async def test_one_object_from_the_future_does_not_hide_the_changes_until_then(tmp_path):
    rows = [location(1), location(2, updated="2199-01-01T00:00:00Z")]
    async with pulled(tmp_path, ocpi(rows)) as (app, partner, _):
        await again(app)
        assert "2199" not in partner.asked[-1].target


async def test_a_platform_that_hangs_ends_the_pull_at_its_timeout(tmp_path):
    async with pulled(tmp_path, hang, sync=Sync(timeout=0.3)) as (_, _, progress):
        assert "longer than 0.3 s" in progress.problem


async def test_what_is_pulled_does_not_undo_a_newer_push(tmp_path):
    async with pulled(tmp_path, ocpi([location(1, name="old")])) as (app, partner, _):
        new = msgspec.json.encode(location(1, updated="2026-03-01T00:00:00Z", name="new"))
        routed = ("OCPI-to-country-code: NL", "OCPI-to-party-id: HUB", "OCPI-from-country-code: NL",
                  "OCPI-from-party-id: CPO")  # fmt: skip
        path = "/ocpi/2.2.1/receiver/locations/NL/CPO/L1"
        assert (await partner.ask("PUT", path, *routed, body=new)).code == 1000
        await again(app)
        async with SimEmsp("Emsp", [EMSP]) as emsp:
            await register(app, emsp)
            one = await emsp.call("locations", Interface.SENDER, "GET", "L1", to=HUB)
            assert one.data["name"] == "new"


async def test_registering_again_ends_a_pull_that_goes_by_the_old_endpoints(tmp_path):
    async with pulled(tmp_path, ocpi([])) as (app, partner, _):
        partner.says[LIST] = hang
        await begin(app)
        await partner.expect(LIST, 2)
        partner.says[LIST] = ocpi([location(1)])
        assert (await partner.register("PUT")).code == 1000
        await partner.expect(LIST, 3)
        assert (await done(app)).kept == 1
