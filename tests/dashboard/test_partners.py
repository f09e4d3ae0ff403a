"""The pages of partners without a browser: their twins, what is done with forms, bad input, and who may do what."""

import asyncio
import re

import pytest
from yarl import URL

from hub.config import Admin, Journal
from hub.core.party import PartyRole
from hub.core.scopes import Scope
from hub.dashboard.table import ACTIONS
from hub.sim import SimCpo
from tests.dashboard.conftest import Net
from tests.partner import Partner
from tests.support import network

NASTY = "<script>alert(1)</script>\u202e & 'x' \"y\""
MINE = [each for each in ACTIONS if each.path.startswith("/partners/")]


def path_of(action, partner="1"):
    return "/dashboard" + action.path.format(partner=partner)


def told(answer, name):
    """What is shown once under a name."""
    return re.search(rf"<dt>{name}</dt><dd>\s*<(?:code|pre)[^>]*>(.*?)</(?:code|pre)>", answer.text, re.DOTALL)[1]


def alert(answer):
    """The error that a page begins with."""
    return re.search(r'role="alert">(.*?)</div>', answer.text, re.DOTALL)[1]


async def test_the_list_tells_each_and_finds_them(net, visitor):
    await net.app.partners.invite("Zebra", ["NL-ZEB:CPO"])
    await net.app.partners.suspend("Emsp")

    async def names(query=""):
        page = (await visitor.get(f"/dashboard/partners.json{query}")).json()
        assert (page["found"], page["all"]) == (len(page["partners"]), 3)
        return [each["partner"]["name"] for each in page["partners"]]

    assert await names() == ["Cpo", "Emsp", "Zebra"]
    assert await names("?state=registered") == ["Cpo"]
    assert await names("?state=invited&name=") == ["Zebra"]
    assert await names("?state=suspended") == ["Emsp"]
    assert await names("?state=unreachable") == []
    assert await names("?name=de-msp") == ["Emsp"]
    page = await visitor.get("/dashboard/partners?name=nobody")
    assert "None of the 3 partners is like that" in page.text
    for query in ("state=asleep", "colour=red", "name=a&name=b", f"name={'x' * 101}"):
        assert (await visitor.get(f"/dashboard/partners?{query}")).status == 400


async def test_a_partner_is_told_whole_by_id_name_and_party(net, visitor):
    net.cpo.seed(1)
    assert (await net.cpo.push_location(net.emsp.party)).ok
    assert (await net.emsp.push_token(net.cpo.party)).ok
    await net.app.partners.set_limits("Cpo", {"requests": 7})
    pages = [(await visitor.get(f"/dashboard/partners/{ref}.json")).json() for ref in ("1", "cpo", "nl*cpo")]
    for page in pages:
        assert (page["partner"]["name"], page["partner"]["limits"]["requests"]) == ("Cpo", 7)
        assert page["now"]["allowed"]["requests"] == 7
        assert [each["status"] for each in page["history"]] == ["CONNECTED", "PLANNED"]
        assert page["partner"]["changes"] == page["history"]
        latest = [(each["module"], each["outcome"]) for each in page["exchanges"]][:2]
        assert latest == [("tokens", "delivered"), ("locations", "delivered")]
        assert sum(each["outcomes"].get("delivered", 0) for each in page["traffic"]["buckets"]) == 2
        assert {(each["sender"], each["receiver"]) for each in page["traffic"]["pairs"]} == {
            ("NL-CPO", "DE-MSP"), ("DE-MSP", "NL-CPO"),
        }  # fmt: skip
        assert page["troubles"] == page["findings"] == page["losses"] == []
    page = (await visitor.get("/dashboard/partners/1?span=day")).text
    assert "/dashboard/trace/" in page
    assert re.search(r'<rect class="fill CONNECTED"[^>]*><title>CONNECTED from', page)
    for ref in ("9", "nobody", "%3Cb%3E", "x" * 300, "9" * 30):
        answer = await visitor.get(f"/dashboard/partners/{ref}")
        assert (answer.status, "<b>" in answer.text) == (404, False)


async def test_its_troubles_findings_and_losses_are_shown(net, visitor):
    old = Partner("BE-OLD:CPO", version="2.1.1")
    async with old.serve():
        await old.invited(net.app)
        await old.register()
        await net.app.partners.set_validation("BE-OLD", "report")
        await old.ask("PUT", "/ocpi/2.1.1/locations/BE/OLD/L1", body=b'{"id": "L1", "name": 7}')
        await net.app.partners.set_limits("BE-OLD", {"requests": 0.01})
        await old.ask("GET", "/ocpi/2.1.1/locations")
        await old.ask("GET", "/ocpi/2.1.1/locations")
        await net.app.bus.settle()
        told = (await visitor.get("/dashboard/partners/BE-OLD.json")).json()
        assert told["findings"]
        assert {each["count"] for each in told["findings"]} == {1}
        (trouble,) = told["troubles"]
        assert "too many requests per second" in trouble["what"]
        assert "too many requests per second" in (await visitor.get("/dashboard/partners/BE-OLD")).text
        cleared = await visitor.send(f"/dashboard/partners/{told['partner']['id']}/findings")
        assert f"{len(told['findings'])} findings are forgotten." in cleared.text


async def test_without_a_journal_there_is_nothing_to_draw_and_nothing_to_keep_bodies_in(tmp_path):
    async with network(tmp_path, admin=Admin(port=0), journal=Journal(enabled=False)) as (app, cpo, emsp):
        key = (await app.operations.keys.create("admin", "admin")).key
        async with Net(app, cpo, emsp, {"admin": key}).visitor() as visitor:
            page = (await visitor.get("/dashboard/partners/1.json")).json()
            assert page["traffic"] is page["exchanges"] is page["captured_until"] is None
            assert "keeps no journal" in (await visitor.get("/dashboard/partners/1")).text
            answer = await visitor.send("/dashboard/partners/1/capture", {"minutes": "5"})
            assert "set journal.enabled" in alert(answer)


async def test_an_invitation_is_told_once_and_works(net, visitor):
    form = {"name": "Late", "parties": "BE-LAT:CPO,\r\n NL-LAT:CPO;"}
    invited = await visitor.send("/dashboard/partners/invite", form)
    assert invited.status == 200
    url, token, text = (told(invited, name) for name in ("Versions URL", "TOKEN_A", "Text for the partner"))
    assert url == net.app.versions_url
    assert url in text
    assert "BE-LAT:CPO, NL-LAT:CPO" in text
    assert token not in text, "it goes another way"
    page = await visitor.get("/dashboard/partners/Late")
    assert token not in page.text
    again = await visitor.send("/dashboard/partners/3/invite")
    assert told(again, "TOKEN_A") != token
    async with SimCpo("Late", [PartyRole.parse("BE-LAT:CPO")]) as late:
        with pytest.raises(Exception, match="token"):
            await late.register(url, token)
        await late.register(url, told(again, "TOKEN_A"))
    shown = (await visitor.get("/dashboard/partners/3.json")).json()["partner"]
    assert (shown["state"], shown["parties"], shown["not_presented"]) == ("REGISTERED", ["BE-LAT:CPO"], ["NL-LAT:CPO"])


async def test_the_hub_connects_with_a_token_that_is_shown_to_nobody(net, visitor):
    async with SimCpo("Late", [PartyRole.parse("BE-LAT:CPO")]) as late:
        form = {"name": "Late", "versions_url": late.versions_url, "token": "c4n4ry", "parties": "BE-LAT:CPO"}
        failed = await visitor.send("/dashboard/partners/connect", form)
        assert (failed.status, "c4n4ry" in failed.text) == (502, False)
        assert "the token is not accepted" in alert(failed)
        assert late.versions_url in failed.text, "what was filled in stays"
        done = await visitor.send("/dashboard/partners/connect", form | {"token": late.invite(), "parties": ""})
        assert "Late is connected, with OCPI 2.2.1." in done.text


async def test_everything_that_is_done_is_in_force(net, visitor):
    async def do(what, form=None):
        answer = await visitor.send(f"/dashboard/partners/1/{what}", form)
        assert answer.status == 200, alert(answer)
        return (await visitor.get("/dashboard/partners/1.json")).json()

    assert (await do("suspend"))["partner"]["state"] == "SUSPENDED"
    assert (await do("resume"))["partner"]["state"] == "REGISTERED"
    before = net.cpo.peer.token
    await do("rotate")
    assert net.cpo.peer.token != before
    assert (await do("parties", {"parties": "BE-CPO:CPO"}))["partner"]["not_presented"] == ["BE-CPO:CPO"]
    by_hand = {"module": "tokens", "interface": "SENDER", "url": "http://127.0.0.1:9/t"}
    endpoints = (await do("endpoint", by_hand))["partner"]["endpoints"]
    assert [each["url"] for each in endpoints if each["manual"]] == ["http://127.0.0.1:9/t"]
    endpoints = (await do("endpoint", by_hand | {"url": ""}))["partner"]["endpoints"]
    assert not [each for each in endpoints if each["manual"]]
    checked = (await do("validation", {"mode": "report"}))["partner"]
    assert (checked["validation"], checked["validation_set"]) == ("report", True)
    assert not (await do("validation", {"mode": "default"}))["partner"]["validation_set"]
    limits = {"requests": "0.5", "broadcasts": "", "parallel": "0"}
    assert (await do("limits", limits))["partner"]["limits"] == {"requests": 0.5, "broadcasts": None, "parallel": 0}
    assert (await do("limits"))["partner"]["limits"] == {"requests": None, "broadcasts": None, "parallel": None}
    assert (await do("capture", {"minutes": "5"}))["captured_until"]
    assert (await do("capture", {"minutes": "0"}))["captured_until"] is None
    assert (await do("sync"))["pulled"]["platform"] == "Cpo"
    while not (pulled := (await visitor.get("/dashboard/partners/1.json")).json()["pulled"])["done"]:
        await asyncio.sleep(0)
    assert pulled["problem"] == ""
    removed = await visitor.send("/dashboard/partners/1/remove")
    assert "Cpo is removed" in removed.text
    assert [each.name for each in net.app.partners.all()] == ["Emsp"]


MISTAKES = [
    ("invite", {"name": "A"}, 400, "parties"),
    ("invite", {"name": "A", "parties": " , "}, 400, "name at least one party"),
    ("invite", {"name": "A", "parties": "NL-ACM"}, 400, "NL-ACM:CPO"),
    ("invite", {"name": "A", "parties": "NL-CPO:CPO"}, 400, "already belongs to"),
    ("invite", {"name": "cpo", "parties": "NL-ACM:CPO"}, 400, "already"),
    ("invite", {"name": "x" * 101, "parties": "NL-ACM:CPO"}, 400, "name: expected"),
    ("invite", {"name": NASTY, "parties": "NL-ACM:CPO"}, 400, "printable"),
    ("invite", {"name": "A", "parties": "NL-ACM:CPO", "more": "1"}, 400, "more"),
    ("connect", {"name": "A", "versions_url": "ftp://x", "token": "x"}, 400, "is not an http or https URL"),
    ("1/parties", {"parties": "DE-MSP:CPO"}, 409, "already belongs to"),
    ("1/resume", {}, 400, "Cpo is not suspended"),
    ("1/validation", {"mode": "x"}, 400, "mode"),
    ("1/limits", {"requests": "-1"}, 400, "requests is -1"),
    ("1/limits", {"requests": "nan"}, 400, "requests is nan"),
    ("1/limits", {"parallel": "1.5"}, 400, "parallel"),
    ("1/capture", {"minutes": "10081"}, 400, "minutes"),
    ("1/capture", {}, 400, "minutes"),
    ("1/endpoint", {"module": "x", "interface": "SENDER", "url": "http://x"}, 400, "OCPI 2.2.1 has no x SENDER"),
    ("1/endpoint", {"module": "tokens", "interface": "BOTH", "url": "http://x"}, 400, "interface"),
    ("9/suspend", {}, 404, "no partner"),
]


async def test_a_mistake_is_told_on_the_page_and_changes_nothing(net, visitor):
    before = net.app.partners.all()
    for path, form, status, words in MISTAKES:
        answer = await visitor.send(f"/dashboard/partners/{path}", form)
        assert answer.status == status, path
        assert words in alert(answer).replace("&#39;", "'"), path
        assert "<script>alert" not in answer.text
    assert net.app.partners.all() == before


async def test_a_read_key_does_nothing_and_sees_no_form(net):
    before = net.app.partners.all()
    async with net.visitor("read") as reader:
        for action in MINE:
            answer = await reader.send(path_of(action))
            assert answer.status == 403
            assert f"scope {action.scope}" in alert(answer)
        page = (await reader.get("/dashboard/partners")).text + (await reader.get("/dashboard/partners/1")).text
    assert set(re.findall(r'method="post" action="([^"]+)"', page)) == {"/dashboard/logout"}
    assert net.app.partners.all() == before


async def test_an_operator_is_offered_what_an_operator_may(net):
    await net.app.partners.set_endpoint("1", "tokens", "SENDER", "http://127.0.0.1:9/t")
    await net.app.partners.suspend("2")
    async with net.visitor("operate") as operator:
        for action in MINE:
            if action.scope is Scope.ADMIN:
                assert (await operator.send(path_of(action))).status == 403
        pages = [(await operator.get(f"/dashboard/partners{of}")).text for of in ("", "/1", "/2")]
    offered = set(re.findall(r'action="(/dashboard/partners[^"]+)"', "".join(pages).replace("/2/", "/1/")))
    allowed = {path_of(action) for action in MINE if action.scope is Scope.OPERATE}
    assert offered == allowed - {"/dashboard/partners/1/findings"}, "there are none to forget"


async def test_a_form_without_the_right_token_does_nothing(net, visitor):
    before = net.app.partners.all()
    for action in MINE:
        for csrf in ({}, {"csrf": "x"}):
            assert (await visitor.post(path_of(action), csrf)).status == 403
    assert net.app.partners.all() == before


async def test_what_partners_write_is_harmless(net, visitor):
    await net.app.partners.invite("<img src=x onerror=alert(1)>&", ["NL-EVL:CPO"])
    async with Partner("BE-BAD:CPO").serve() as bad:
        await bad.invited(net.app)
        await bad.register()
        await bad.ask(
            "PUT", "/ocpi/2.2.1/receiver/tariffs/BE/BAD/%3Ci%3E", "X-Correlation-ID: <b>/../?x=1#y", body=b'{"<u>": 1}'
        )
        await net.app.bus.settle()
        pages = [(await visitor.get(f"/dashboard/partners{of}")).text for of in ("", "/3", "/4")]
    assert not re.search(r"<(img|b|i|u)\b", "".join(pages))
    assert "&lt;img src=x onerror=alert(1)&gt;&amp;" in pages[0]
    (odd,) = (each for each in re.findall(r'href="(/dashboard/trace/[^"]*)"', pages[2]) if "%3Cb%3E" in each)
    assert (await visitor.get(URL(odd, encoded=True))).status == 200


async def test_there_is_no_live_page_of_nobody(visitor):
    """Else a browser would ask again and again."""
    assert (await visitor.get("/dashboard/partners/9", headers={"Accept": "text/event-stream"})).status == 404
