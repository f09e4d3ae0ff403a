"""A trace without a browser: by which ids it is found, what it shows, bodies, and what it leads to."""

import re
from urllib.parse import parse_qsl, quote

import msgspec

from hub.core.party import Party
from hub.dashboard.pages import ROOT
from hub.dashboard.trace import TracePage
from hub.store.journal import Filter
from tests.partner import Partner, ocpi
from tests.versions import EMSP_MODULES

_TRACE = f"{ROOT}/trace"
HUB = Party("NL", "HUB")


async def _push(net, to=None):
    """A location, and the row that the journal has of it."""
    await net.cpo.push_location(to or net.emsp.roles[0].party, next(iter(net.cpo.locations))["id"])
    return (await net.app.operations.journal.page(Filter(module="locations"), None, 1)).rows[0]


async def _twin(visitor, name):
    answer = await visitor.get(f"{_TRACE}/{quote(str(name), safe='')}.json")
    assert answer.status == 200, answer.text
    return msgspec.json.decode(answer.text, type=TracePage)


async def test_it_is_found_by_its_number_and_each_of_its_ids(net, visitor):
    row = await _push(net)
    found = await _twin(visitor, row.id)
    (leg,) = found.trace.deliveries
    for name in (row.correlation_id, row.request_id, leg.request_id):
        assert (await _twin(visitor, name)).trace == found.trace
    assert found.live
    assert found.others == ()
    page = (await visitor.get(f"{_TRACE}/{row.id}")).text
    for words in (row.correlation_id, row.request_id, leg.request_id, "Cpo (NL-CPO) sent PUT locations", "took it"):
        assert words in page
    assert page.count('<rect class="fill') == 4


async def test_what_is_not_there(visitor):
    for name in ("nobody", "17", "9" * 30, "٣", "<b>", "a/b", "..%2f", "x" * 1000):
        answer = await visitor.get(f"{_TRACE}/{quote(name, safe='')}")
        assert answer.status == 404, name
        assert "<b>" not in answer.text


async def test_others_with_the_same_correlation_id_are_linked(net, visitor):
    async with Partner("BE-SAM:EMSP", endpoints=EMSP_MODULES).serve() as same:
        await same.invited(net.app)
        await same.register()
        for _ in range(3):
            await same.ask("GET", "/ocpi/2.2.1/sender/nonsense", "X-Correlation-ID: ../#?%<b>")
    rows = (await net.app.operations.journal.page(Filter(module="nonsense"), None, 5)).rows
    assert {each.correlation_id for each in rows} == {"../#?%<b>"}
    found = await _twin(visitor, rows[1].id)
    assert [each.id for each in found.others] == [rows[2].id, rows[0].id]
    page = (await visitor.get(f"{_TRACE}/{rows[1].id}")).text
    assert f'href="{_TRACE}/{rows[0].id}"' in page
    assert "<b>" not in page
    assert found.question is None


async def test_a_broadcast_to_many_is_folded(net, visitor):
    row = await _push(net, HUB)
    await net.emsp.expect("locations", "PUT")
    await net.app.bus.settle()
    found = await _twin(visitor, row.id)
    many = msgspec.structs.replace(
        found, trace=msgspec.structs.replace(found.trace, deliveries=found.trace.deliveries * 40)
    )
    assert (len(many.shown()), len(many.folded())) == (30, 10)
    drawn = many.timeline()
    assert (len(drawn.lanes), drawn.more) == (31, 10)
    assert all(0 <= bar.x <= bar.x + bar.width <= drawn.width for lane in drawn.lanes for bar in lane.bars)
    assert sorted(lane.y for lane in drawn.lanes) == [lane.y for lane in drawn.lanes]
    assert drawn.lanes[-1].y < drawn.height


async def test_bodies_are_shown_only_where_they_were_captured(net, visitor):
    assert "Bodies" not in (await visitor.get(f"{_TRACE}/{(await _push(net)).id}")).text
    async with Partner("BE-BAD:EMSP", endpoints=EMSP_MODULES).serve() as bad:
        await bad.invited(net.app)
        await bad.register()
        await net.app.operations.journal.capture(net.app.partners.find("BE-BAD"), 5)
        location = next(iter(net.cpo.locations))["id"]
        path = f"PUT /receiver/locations/NL/CPO/{location}"
        bad.says[path] = ocpi({"a": ["</pre><script>x</script>", "\u202eevil\n\x07"]}, code=2001)
        row = await _push(net, bad.party)
    page = (await visitor.get(f"{_TRACE}/{row.id}")).text
    body = re.findall(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)
    assert len(body) == 2
    assert "&lt;/pre&gt;&lt;script&gt;" in body[1]
    assert r"\u202eevil\n\u0007" in body[1]
    assert body[1].count("\n") > 5, "a line for each value"
    assert "\u202e" not in page


def test_a_body_that_was_cut_off_is_shown_as_it_is():
    assert TracePage.pretty('{"a": 1') == '{"a": 1'
    assert TracePage.pretty("x\x1b\u202e\ny") == "x \ny"
    deep = "[" * 900 + "]" * 900
    assert TracePage.pretty(deep) == deep


async def test_the_same_message_can_be_explained(net, visitor):
    row = await _push(net)
    question = (await _twin(visitor, row.id)).question
    asked = dict(parse_qsl(question))
    assert asked == {
        "method": "PUT", "path": f"receiver/locations/NL/CPO/{row.object_id}", "sender": "NL-CPO", "receiver": "DE-MSP",
    }  # fmt: skip
    answer = (await visitor.get(f"{ROOT}/explain.json?{question}")).json()["answer"]
    assert (answer["way"], answer["destinations"]) == ("direct", ["DE-MSP"])


async def test_every_message_of_a_network_can_be_explained(net, visitor):
    """What the journal keeps is enough for a path that the explainer knows."""
    token = net.emsp.token()
    await net.emsp.push_token(net.cpo.roles[0].party)
    await net.cpo.authorize(token["uid"], net.emsp.roles[0].party)
    location = next(iter(net.cpo.locations))
    await net.emsp.start_session(location["id"], location["evses"][0]["uid"], token, net.cpo.roles[0].party)
    await net.emsp.fetch_all("locations", to=HUB)
    await _push(net)
    book = net.app.operations.journal
    rows = [each for each in (await book.page(Filter(), None, 100)).rows if each.interface]
    explained = 0
    for row in rows:
        question = (await _twin(visitor, row.id)).question
        if question:
            told = await visitor.get(f"{ROOT}/explain.json?{question}")
            assert told.status == 200, told.text
            assert told.json()["answer"]["way"] == row.way
            explained += 1
    assert explained >= 5
