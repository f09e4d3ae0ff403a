"""The map without a browser: its twin, filters and order, and what it says where there is nothing."""

import re

import pytest

from hub.config import Admin, Journal
from tests.dashboard.conftest import Net
from tests.support import network


@pytest.fixture
async def busy(net):
    """The CPO sends two pushes, of which the second fails; the eMSP sends one."""
    msp, cpo = net.emsp.roles[0].party, net.cpo.roles[0].party
    await net.cpo.push_location(msp, "LOC1")
    await net.emsp.push_token(cpo)
    await net.emsp.stop()
    await net.cpo.push_location(msp, "LOC1")
    return net


async def test_the_twin_tells_who_talks_to_whom(busy, visitor):
    told = (await visitor.get("/dashboard/map.json?span=day")).json()
    assert [(each["sender"], each["receiver"], each["messages"], each["failed"]) for each in told["pairs"]] == [
        ("NL-CPO", "DE-MSP", 2, 1),
        ("DE-MSP", "NL-CPO", 1, 0),
    ]
    assert told["pairs"][0]["last_failure"]["correlation_id"]
    assert told["modules"] == ["locations", "tokens"]
    sides = {each["party"]: (each["side"], each["sent"], each["got"]) for each in told["parties"]}
    assert sides == {"NL-CPO": ("CPOs", 2, 1), "DE-MSP": ("eMSPs", 1, 2)}


async def test_a_module_or_a_party_is_filtered(busy, visitor):
    async def pairs(query):
        told = (await visitor.get(f"/dashboard/map.json?{query}")).json()
        return [(each["sender"], each["messages"]) for each in told["pairs"]]

    assert await pairs("module=tokens") == [("DE-MSP", 1)]
    assert await pairs("party=nl-cpo&module=locations") == [("NL-CPO", 2)]
    assert await pairs("party=FR-ABC") == []
    assert await pairs("module=%3Cb%3E") == []


@pytest.mark.parametrize(
    ("sort", "first"),
    [("messages", "NL-CPO"), ("failed", "NL-CPO"), ("share", "NL-CPO"), ("from", "DE-MSP"), ("to", "NL-CPO")],
)
async def test_the_table_is_sorted(busy, visitor, sort, first):
    told = (await visitor.get(f"/dashboard/map.json?sort={sort}")).json()
    assert told["pairs"][0]["sender"] == first
    page = (await visitor.get(f"/dashboard/map?sort={sort}")).text
    assert len(re.findall(r'aria-sort="\w+"><a href="[^"]*sort=' + sort, page)) == 1


async def test_what_is_asked_for_badly_is_told(visitor):
    for query in ("span=year", "sort=name", "party=" + "x" * 11, "nothing=1"):
        assert (await visitor.get(f"/dashboard/map?{query}")).status == 400


async def test_text_of_an_address_stays_text(visitor):
    page = (await visitor.get("/dashboard/map?module=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&party=%22%3E%3Cb%3E")).text
    assert "<script>alert" not in page
    assert '"><b>' not in page
    assert "Nobody talked to anybody in this time, as far as it was asked for" in page


async def test_without_a_journal_it_says_what_to_set(tmp_path):
    async with network(tmp_path, admin=Admin(port=0), journal=Journal(enabled=False)) as (app, cpo, emsp):
        net = Net(app, cpo, emsp, {"read": (await app.operations.keys.create("read", "read")).key})
        async with net.visitor("read") as visitor:
            assert (await visitor.get("/dashboard/map.json")).json()["pairs"] is None
            assert "Set <code>journal.enabled</code>" in (await visitor.get("/dashboard/map")).text
