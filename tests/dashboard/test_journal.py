"""The journal without a browser: filters, pages, files for spreadsheets, and text of partners."""

import csv
import io
import re

import msgspec

from hub.config import Admin, Journal
from hub.dashboard import journal
from hub.dashboard.journal import JournalView
from hub.dashboard.pages import ROOT
from tests.dashboard.conftest import Net
from tests.partner import Partner, ocpi
from tests.support import running
from tests.versions import EMSP_MODULES, send

_JOURNAL = f"{ROOT}/journal"
EVIL = "<script>alert(1)</script>\x1b[31m\u202egnp.exe\n=cmd()"
LOC = "receiver/locations/NL/CPO/LOC1"


async def _push(net, times=1):
    for _ in range(times):
        await net.cpo.push_location(net.emsp.roles[0].party, next(iter(net.cpo.locations))["id"])


async def _twin(visitor, query="", status=200):
    answer = await visitor.get(f"{_JOURNAL}.json?{query}")
    assert answer.status == status, answer.text
    return msgspec.json.decode(answer.text, type=JournalView)


async def test_what_passed_is_found_by_each_filter(net, visitor):
    await _push(net, 3)
    await net.emsp.fetch_all("tariffs", to=net.cpo.roles[0].party)
    everything = await _twin(visitor)
    assert [each.module for each in everything.rows[:4]] == ["tariffs", "locations", "locations", "locations"]
    assert {each.module for each in everything.rows[4:]} == {"credentials", "versions"}
    assert (everything.live, everything.kept, everything.lost) == (True, True, 0)
    assert everything.partners == ("Cpo", "Emsp")
    whole = len(everything.rows)
    for query, count in (
        ("partner=Cpo&outcome=delivered", 4), ("partner=NL-CPO&module=locations", 3), ("partner=4711", 0),
        ("partner=1&module=tariffs", 1), ("module=tariffs", 1), ("outcome=delivered", 4), ("outcome=failed", 0),
        ("since=10m", whole), ("until=10m", 0), ("since=2h&until=2999-01-01T00:00", whole), ("since=2999-01-01", 0),
        ("partner=&module=&outcome=&since=&until=", whole),
    ):  # fmt: skip
        assert len((await _twin(visitor, query)).rows) == count, query


async def test_what_is_wrong_stands_beside_its_field(visitor):
    for query, field in (
        ("since=yesterday", "since"),
        ("until=-1m", "until"),
        ("since=99999999999d", "since"),
        ("partner=nobody", "partner"),
        ("outcome=good", "outcome"),
        ("partner=%3Cb%3E", "partner"),
    ):
        page = await visitor.get(f"{_JOURNAL}?{query}")
        assert page.status == 400
        assert f'id="{field}-wrong"' in page.text
        assert "<b>" not in page.text
        assert (await _twin(visitor, query, 400)).wrong.keys() == {field}
        told = await visitor.get(f"{_JOURNAL}.csv?{query}")
        assert told.status == 400
        assert f"{field}: " in told.text
    for query in ("before=x", "before=0", "before=99999999999999999999", "nonsense=1", "partner=a&partner=b"):
        assert (await visitor.get(f"{_JOURNAL}?{query}")).status == 400


async def test_pages_lead_to_older_ones_and_back(net, visitor, monkeypatch):
    monkeypatch.setattr(journal, "ROWS", 2)
    await _push(net, 7)
    ids = [each.id for each in (await _twin(visitor)).rows]
    place = f"{_JOURNAL}?module=locations"
    seen, texts = [], []
    while place:
        page = (await visitor.get(place)).text
        texts.append(page)
        seen += [int(number) for number in re.findall(r'id="row-(\d+)"', page)]
        older = re.search(r'href="([^"]+)" rel="next"', page)
        place = older[1].replace("&amp;", "&") if older else ""
        assert "module=locations" in place or not place
    assert seen[:2] == ids
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == 7
    assert "These are the newest" in texts[0]
    assert 'id="live_rows"' in texts[0]
    assert not any('id="live_rows"' in each for each in texts[1:]), "an older page stands still"
    newer = re.search(r'href="([^"]+)" rel="prev"', texts[-1])[1].replace("&amp;", "&")
    back = (await visitor.get(newer)).text
    assert [int(number) for number in re.findall(r'id="row-(\d+)"', back)] == seen[4:6]
    assert 'rel="prev"' not in texts[1], "before the second page there is only the first, which stays live"
    assert len((await _twin(visitor, f"after={seen[1]}")).rows) == 2, "where less is newer, it is the first page"


async def test_the_file_has_all_that_is_filtered_and_no_formula(net, visitor, monkeypatch):
    monkeypatch.setattr(journal, "_PIECE", 2)
    async with Partner("BE-BAD:EMSP", endpoints=EMSP_MODULES).serve() as bad:
        await bad.invited(net.app)
        await bad.register()
        says = iter((EVIL, "=1+1", "@x", "-2", "+3", "\t=x", "x" * 10_000))
        net.cpo.seed(1)
        for _ in range(7):
            text = next(says)
            bad.says["PUT /receiver/locations/NL/CPO/LOC1"] = ocpi(code=2001, message=text)
            await net.cpo.push_location(bad.party, next(iter(net.cpo.locations))["id"])
    await _push(net, 2)
    answer = await visitor.get(f"{_JOURNAL}.csv?outcome=declined")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="journal.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == len((await _twin(visitor, "outcome=declined")).rows) == 7
    assert [each["reason"] for each in rows][1:6] == ["' =x", "'+3", "'-2", "'@x", "'=1+1"]
    assert "\x1b" not in answer.text
    assert "\u202e" not in answer.text
    empty = await visitor.get(f"{_JOURNAL}.csv?module=none")
    assert len(empty.text.splitlines()) == 1


async def test_the_file_is_for_who_has_a_key(net):
    async with net.stranger() as stranger:
        assert (await stranger.get(f"{_JOURNAL}.csv")).status == 303
        by_key = await stranger.get(f"{_JOURNAL}.csv", headers={"x-api-key": net.keys["read"]})
        assert by_key.text.startswith("at,correlation_id")
        assert (await stranger.get(f"{_JOURNAL}.csv", headers={"x-api-key": "ohk_wrong"})).status == 401


async def test_rows_that_were_lost_are_told(net, visitor):
    net.app.operations.journal._running._lost = 3
    assert "3 rows could not be kept" in (await visitor.get(_JOURNAL)).text
    assert (await _twin(visitor)).lost == 3


async def test_an_empty_journal_says_what_to_do_next(tmp_path):
    async with running(tmp_path, admin=Admin(port=0)) as app:
        net = Net(app, None, None, {"read": (await app.operations.keys.create("read", "read")).key})
        async with net.visitor("read") as visitor:
            assert "Nothing has passed yet" in (await visitor.get(_JOURNAL)).text
            assert "nothing like this" in (await visitor.get(f"{_JOURNAL}?module=cdrs")).text


async def test_a_hub_without_a_journal_says_so(tmp_path):
    async with running(tmp_path, admin=Admin(port=0), journal=Journal(enabled=False)) as app:
        net = Net(app, None, None, {"read": (await app.operations.keys.create("read", "read")).key})
        async with net.visitor("read") as visitor:
            assert "keeps no journal now" in (await visitor.get(_JOURNAL)).text
            assert not (await _twin(visitor)).kept


async def test_text_of_partners_is_one_harmless_line(net, visitor):
    async with Partner("BE-BAD:EMSP", endpoints=EMSP_MODULES).serve() as bad:
        await bad.invited(net.app)
        await bad.register()
        bad.says[f"PUT /{LOC}"] = ocpi(code=2001, message=EVIL)
        path = "/ocpi/2.2.1/sender/%3Cimg%20src=x%3E/%E2%80%AE"
        await bad.ask("GET", path)
        await send(bad, "PUT", "receiver/tokens/BE/BAD/%3Cb%3E", {}, net.cpo.roles[0].party)
        await net.cpo.push_location(bad.party, next(iter(net.cpo.locations))["id"])
    page = (await visitor.get(_JOURNAL)).text
    assert not re.search(r"<script(?![^>]* src=)|<img|<b>|\u202e|\x1b", page)
