"""The deliveries of a broadcast over connections that are there: what the long way does is done there, too."""

from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from hub.config.model import Routing
from hub.core.modules import Interface
from hub.core.party import Party
from hub.events import Delivered
from hub.flow.delivery import Deliverer
from tests.crowd import collect, until
from tests.partner import Partner, Say, ocpi
from tests.support import network

HUB = Party("NL", "HUB")
LINE = "PUT /receiver/locations/NL/CPO/LOC1"
PARTIES = ("FR-ONE", "FR-TWO")


@asynccontextmanager
async def connected(tmp_path, monkeypatch, **changes):
    """A hub whose eMSPs have all got a push: from now on, the long way is counted in `long`."""
    async with AsyncExitStack() as stack:
        app, cpo, _ = await stack.enter_async_context(network(tmp_path, **changes))
        partners = [Partner(f"{party}:EMSP", endpoints=("receiver/locations",)) for party in PARTIES]
        for partner in partners:
            partner.says[LINE] = ocpi()
            await stack.enter_async_context(partner.serve())
            await partner.invited(app)
            assert (await partner.register()).code == 1000
        seen, long = collect(app, Delivered), []
        await push(cpo)
        await until(lambda: len(seen) == 3)
        deliver = Deliverer.deliver

        async def counted(self, message, to, *args, **more):
            long.append(str(to))
            return await deliver(self, message, to, *args, **more)

        monkeypatch.setattr(Deliverer, "deliver", counted)
        seen.clear()
        yield app, cpo, partners, seen, long


async def push(cpo, **changes):
    body = {**next(iter(cpo.locations)), "id": "LOC1", **changes}
    assert (await cpo.call("locations", Interface.RECEIVER, "PUT", "NL/CPO/LOC1", to=HUB, body=body)).ok


async def test_where_connections_are_there_no_delivery_goes_the_long_way(tmp_path, monkeypatch):
    async with connected(tmp_path, monkeypatch) as (app, cpo, partners, seen, long):
        await push(cpo, name="second")
        await until(lambda: len(seen) == 3)
        assert not long
        first, second = (await partners[0].expect(LINE, 2))[-2:]
        assert msgspec.json.decode(second.body)["name"] == "second"
        varying = {"x-request-id", "x-correlation-id", "content-length"}
        assert {k: v for k, v in first.headers.items() if k not in varying} == {
            k: v for k, v in second.headers.items() if k not in varying
        }
        correlation = {each.message.correlation_id for each in seen}
        assert {second.headers["x-correlation-id"]} == correlation
        ids = {each.leg.request_id for each in seen}
        assert len(ids) == 3
        assert second.headers["x-request-id"] in ids
        (trace, *_) = await app.operations.journal.trace(*correlation)
        assert sorted((leg.receiver, leg.outcome, leg.ocpi_status) for leg in trace.deliveries) == [
            ("DE-MSP", "delivered", 1000), ("FR-ONE", "delivered", 1000), ("FR-TWO", "delivered", 1000),
        ]  # fmt: skip


async def test_each_way_of_failing_is_told_as_on_the_long_way(tmp_path, monkeypatch):
    """And what an answer repeats of the token is taken out."""
    async with connected(tmp_path, monkeypatch) as (app, cpo, partners, seen, long):
        one, two = partners
        for says, outcome, ended in (
            (ocpi(code=2001, message=f"you are {one.token_out}"), "2001", "declined"),
            (Say(200, b"no envelope"), "4000", "failed"),
            (Say(401, b""), "4000", "failed"),
            (ocpi(status=500), "1000", "delivered"),
        ):
            seen.clear()
            one.says[LINE] = says
            await push(cpo)
            await until(lambda: len(seen) == 3)
            found = {str(each.to): each for each in seen}
            assert (found["FR-ONE"].outcome[:4], str(found["FR-ONE"].leg.ended)) == (outcome, ended)
            assert found["FR-TWO"].outcome == "1000"
            assert one.token_out.encode() not in found["FR-ONE"].leg.answer
        assert not long
        assert len(two.lines) == len(one.lines)
        assert app.partners.find("FR-ONE").id not in app.keeper.current.offline


async def test_a_redirect_is_followed_once_and_only_at_home(tmp_path, monkeypatch):
    async with connected(tmp_path, monkeypatch) as (_, cpo, (one, two), seen, long):
        one.says[LINE] = Say(307, headers={"Location": "/moved"})
        one.says["PUT /moved"] = ocpi()
        two.says[LINE] = Say(307, headers={"Location": "http://elsewhere.example/moved"})
        await push(cpo, name="moved")
        await until(lambda: len(seen) == 3)
        assert not long
        found = {str(each.to): each.outcome[:4] for each in seen}
        assert found == {"DE-MSP": "1000", "FR-ONE": "1000", "FR-TWO": "4000"}
        (moved,) = await one.expect("PUT /moved")
        assert msgspec.json.decode(moved.body)["name"] == "moved"
        assert one.lines.count(LINE) == two.lines.count(LINE) == 2


async def test_one_delivery_at_a_time_gets_to_all(tmp_path, monkeypatch):
    """One that is over begins the next one, also where it failed."""
    async with connected(tmp_path, monkeypatch, routing=Routing(broadcast_at_once=1)) as (_, cpo, (one, _), seen, long):
        one.says[LINE] = Say(200, b"no envelope")
        for number in (1, 2, 3):
            await push(cpo)
            await until(lambda number=number: len(seen) == 3 * number)
        assert not long
