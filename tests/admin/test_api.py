"""The admin API: each route once, lists in parts, filters, and what is wrong with a request said by name."""

import asyncio
import io

import pytest

from hub.admin.table import ROUTES
from hub.core.party import PartyRole
from hub.sim import SimCpo

HOUR = 3_600_000
NASTY = "<b>\"x'\u202e\u0007\r\n" + "y" * 90


async def test_every_route_answers_as_its_struct_says(net):
    """`api.call` compares each answer with the struct of its route."""
    call = net.api.call
    net.cpo.seed(3)
    sent = await net.cpo.push_location(net.emsp.party)
    await net.app.bus.settle()

    invited = await call("POST", "/partners", {"name": "New", "parties": ["NL-NEW:CPO"]}, status=201)
    assert invited["versions_url"] == net.app.versions_url
    again = await call("POST", "/partners/New/invite")
    assert again["token_a"] != invited["token_a"]
    more = await call("POST", "/partners/NL-NEW/parties", {"parties": ["NL-NE2:CPO"]})
    assert set(more["not_presented"]) == {"NL-NEW:CPO", "NL-NE2:CPO"}
    assert (await call("DELETE", "/partners/New"))["name"] == "New"
    async with SimCpo("Late", [PartyRole.parse("BE-LAT:CPO")]) as late:
        given = {"name": "Late", "versions_url": late.versions_url, "token": late.invite(), "parties": ["BE-LAT:CPO"]}
        assert (await call("POST", "/partners/connect", given, status=201))["state"] == "REGISTERED"
        assert (await call("POST", "/partners/BE-LAT/rotate"))["state"] == "REGISTERED"

    assert (await call("GET", "/partners/Cpo"))["parties"] == ["NL-CPO:CPO"]
    assert (await call("POST", "/partners/Cpo/suspend"))["state"] == "SUSPENDED"
    assert (await call("POST", "/partners/Cpo/resume"))["state"] == "REGISTERED"
    changes = (await call("GET", "/partners/Cpo/history"))["items"]
    assert [each["status"] for each in changes][-2:] == ["CONNECTED", "PLANNED"]
    assert [each["at"] for each in changes] == sorted((each["at"] for each in changes), reverse=True)
    part = await call("GET", "/partners/Cpo/history?limit=1")
    rest = await call("GET", f"/partners/Cpo/history?cursor={part['next']}")
    assert part["items"] + rest["items"] == changes
    by_hand = {"module": "locations", "interface": "RECEIVER", "url": "http://127.0.0.1:9/l"}
    assert [each for each in (await call("PUT", "/partners/Cpo/endpoint", by_hand))["endpoints"] if each["manual"]]
    assert (await call("PUT", "/partners/Cpo/validation", {"mode": "report"}))["validation"] == "report"
    assert (await call("PUT", "/partners/Cpo/limits", {"requests": 5}))["limits"]["requests"] == 5
    assert (await call("PUT", "/partners/Cpo/capture", {"minutes": 5}))["until"]
    assert (await call("POST", "/partners/Cpo/sync", status=202))["platform"] == "Cpo"
    while not (await call("GET", "/partners/Cpo/sync"))["done"]:
        await asyncio.sleep(0)
    assert (await call("DELETE", "/partners/Cpo/findings"))["cleared"] == 0

    rule = {"one": "NL-CPO", "other": "DE-MSP", "module": "tokens", "allow": False}
    assert (await call("PUT", "/agreements", rule))["rules"] == [{**rule, "one": "DE-MSP", "other": "NL-CPO"}]
    assert len((await call("GET", "/agreements?party=nl-cpo&module=tokens"))["items"]) == 1
    assert (await call("DELETE", "/agreements?one=NL-CPO&other=DE-MSP&module=tokens"))["rules"] == []
    assert [each["party"] for each in (await call("GET", "/parties?role=EMSP"))["items"]] == ["DE-MSP"]
    assert len((await call("GET", "/partners"))["items"]) == 3
    statuses = (await call("GET", "/status?reachable=true"))["items"]
    (node,) = (await call("GET", "/nodes"))["items"]
    assert (node["leads"], node["here"]) == (True, True)
    overview = await call("GET", "/overview")
    assert overview["traffic"]["outcomes"] == {"delivered": 1}
    assert [each["name"] for each in overview["troubles"]] == ["Late"]  # it has ended
    assert await call("POST", "/reload") == {"changed": [], "restart_needed": [], "problems": []}
    assert ["Cpo", "CONNECTED"] in [[each["partner"], each["status"]] for each in statuses]

    passed = await call("GET", "/journal?partner=NL-CPO&module=locations")
    correlation_id = passed["items"][0]["correlation_id"]
    assert sent.status_code == passed["items"][0]["ocpi_status"] == 1000
    (traced,) = (await call("GET", f"/trace/{correlation_id}"))["items"]
    assert traced["deliveries"][0]["receiver_name"] == "Emsp"
    at = passed["items"][0]["at"]
    time = f"since={at - HOUR}&until={at + HOUR}"
    (pair,) = (await call("GET", f"/traffic?{time}&step=60000"))["pairs"]
    assert [each["module"] for each in pair["modules"]] == ["locations"]
    assert (await call("GET", f"/traffic?{time}&step=900000&partner=Cpo"))["pairs"] == [pair]
    assert (await call("GET", f"/traffic?{time}&step=900000&partner=Late"))["buckets"] == []
    question = {"method": "GET", "path": "sender/locations", "sender": "DE-MSP", "receiver": "NL-CPO"}
    assert (await call("POST", "/explain", question))["destinations"] == ["NL-CPO"]
    held = await call("GET", "/mirror/locations?owner=NL-CPO")
    assert (await call("GET", f"/mirror/locations/NL-CPO/{held['items'][0]['id']}"))["object"]["party_id"] == "CPO"
    assert (await call("GET", "/findings?partner=Cpo"))["items"] == []
    assert (await call("GET", "/losses"))["items"] == []
    assert [each["name"] for each in (await call("GET", "/plugins"))["items"]] == ["mine"]
    assert (await call("GET", "/plugins/mine"))["state"] == "running"
    assert (await call("GET", "/plugins/mine/panels"))["panels"] == []
    assert (await call("POST", "/plugins/mine/reset"))["faults"] == 0
    assert (await call("GET", "/configuration"))["tables"]["hub"]["party"] == "NL-HUB"

    made = await call("POST", "/keys", {"name": "grafana", "scope": "read", "days": 30}, status=201)
    assert made["expires_at"]
    assert "grafana" in [each["name"] for each in (await call("GET", "/keys"))["items"]]
    assert (await call("DELETE", "/keys/grafana"))["name"] == "grafana"

    assert {f"{each.method} {each.path}" for each in set(ROUTES) - net.api.called} == set()


async def test_no_answer_but_a_new_one_holds_a_secret(net):
    """Tokens of both sides, and keys, stand in no answer that only looks."""
    invitation = await net.app.partners.invite("New", ["NL-NEW:CPO"])
    held = [invitation.token_a, *net.api.keys.values(), *(each.peer.token.reveal() for each in (net.cpo, net.emsp))]
    for route in ROUTES:
        if route.method == "GET" and not route.parameters and "since" not in route.query.__struct_fields__:
            text = await (await net.api.raw("GET", route.path, scope="admin")).text()
            assert [each for each in held if each in text] == []
    text = await (await net.api.raw("GET", "/api/v1/partners/1", scope="admin")).text()
    assert [each for each in held if each in text] == []


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_a_list_in_parts_is_the_list(net, limit):
    for number in range(5):
        await net.app.partners.invite(f"P{number}", [f"NL-P0{number}:CPO", f"NL-P0{number}:EMSP"])
        await net.app.operations.agreements.set("NL-CPO", f"NL-P0{number}", "*", allow=True)
    net.cpo.seed(5)
    puller = net.app.operations.puller
    puller.begin(net.app.partners.find("Cpo"))
    while not puller.progress(net.app.partners.find("Cpo")).done:
        await asyncio.sleep(0)
    for path in ("/partners", "/parties", "/agreements", "/status", "/mirror/locations", "/keys", "/journal"):
        whole = await net.api.call("GET", path)
        assert whole["next"] is None
        parts, cursor = [], ""
        while cursor is not None:
            part = await net.api.call("GET", f"{path}?limit={limit}{cursor and f'&cursor={cursor}'}")
            assert len(part["items"]) <= limit
            parts += part["items"]
            cursor = part["next"]
        known = ("id", "partner_id", "party", "role", "one", "other", "name")
        names = [[[each.get(name) for name in known] for each in items] for items in (parts, whole["items"])]
        assert names[0] == names[1]
        assert len(parts) > 2 or path == "/journal"


async def test_a_page_goes_on_where_the_last_ended_whatever_went_meanwhile(net):
    for number in range(4):
        await net.app.partners.invite(f"P{number}", [f"NL-P0{number}:CPO"])
    first = await net.api.call("GET", "/partners?limit=3")
    await net.app.partners.remove("P0")
    rest = await net.api.call("GET", f"/partners?cursor={first['next']}")
    assert [each["name"] for each in rest["items"]] == ["P1", "P2", "P3"]


async def test_filters(net):
    await net.app.partners.invite("Zebra", ["NL-ZEB:CPO"])

    async def names(query):
        return [each["name"] for each in (await net.api.call("GET", f"/partners?{query}"))["items"]]

    assert await names("state=INVITED") == ["Zebra"]
    assert await names("version=2.2.1") == ["Cpo", "Emsp"]
    assert await names("name=ZEB") == ["Zebra"]
    assert await names("state=INVITED&name=Cpo") == []
    assert [each["partner"] for each in (await net.api.call("GET", "/status?status=PLANNED"))["items"]] == ["Zebra"]
    parties = (await net.api.call("GET", "/parties?partner=Zebra"))["items"]
    assert [(each["party"], each["presented"]) for each in parties] == [("NL-ZEB", False)]


MISTAKES = [
    ("GET", "/partners?limit=0", None, 400, "limit: expected int >= 1"),
    ("GET", "/partners?limit=many", None, 400, "limit: expected int, got str"),
    ("GET", "/partners?limit=1&limit=2", None, 400, "limit: it came twice"),
    ("GET", "/partners?colour=red", None, 400, "object contains unknown field colour"),
    ("GET", "/partners?state=null", None, 400, "state: null is no value here"),
    ("GET", "/partners?state=ASLEEP", None, 400, "state: invalid enum value 'ASLEEP'"),
    ("GET", "/partners?cursor=!", None, 400, "cursor: it is not one of this hub"),
    ("GET", "/partners?cursor=WyJ4Il0", None, 400, "cursor: it is not of this list"),
    ("GET", "/mirror/locations?cursor=WyJ4Il0", None, 400, "cursor: it is not of this list"),
    ("GET", "/journal?cursor=WyJ4Il0", None, 400, "cursor: it is not of this list"),
    ("GET", "/mirror/locations?owner=nobody", None, 400, "owner: "),
    ("GET", "/partners/nobody", None, 404, "no partner 'nobody'"),
    ("GET", "/partners/nobody/history", None, 404, "no partner 'nobody'"),
    ("GET", "/journal?partner=nobody", None, 404, "no partner 'nobody'"),
    ("GET", "/partners/1/sync", None, 404, "nothing was pulled from Cpo since the hub started"),
    ("GET", "/mirror/locations/NL-CPO/none", None, 404, "the hub holds no such object of NL-CPO"),
    ("GET", "/trace/none", None, 404, "the journal has nothing with the id 'none'"),
    ("GET", "/traffic?since=0&until=9007199254740991&step=60000", None, 400, "from `since` to `until` it is"),
    ("GET", "/traffic?since=0&until=60000&step=90000", None, 400, "whole minutes"),
    ("GET", "/traffic?since=0&until=60000&step=60000", None, 400, "are kept for 2 days"),
    ("DELETE", "/keys/none", None, 404, "no key 'none'"),
    ("DELETE", "/agreements?one=NL-CPO&other=DE-MSP", None, 404, "there is no agreement"),
    ("DELETE", "/agreements?one=NL-CPO", None, 400, "object missing required field other"),
    ("POST", "/partners", {"name": "A"}, 400, "object missing required field parties"),
    ("POST", "/partners", {"name": 1, "parties": []}, 400, "name: expected str, got int"),
    ("POST", "/partners", {"name": "A", "parties": []}, 400, "parties: expected array of length >= 1"),
    ("POST", "/partners", {"name": "A", "parties": ["x"], "more": 1}, 400, "object contains unknown field more"),
    ("POST", "/partners", {"name": "A", "parties": ["NL-CPO:CPO"]}, 400, "NL-CPO already belongs to"),
    ("POST", "/partners/1/parties", {"parties": ["DE-MSP:CPO"]}, 409, "DE-MSP already belongs to"),
    ("POST", "/partners/1/resume", None, 400, "Cpo is not suspended"),
    ("PUT", "/partners/1/validation", {"mode": "x"}, 400, "mode: invalid enum value 'x'"),
    ("PUT", "/partners/1/limits", {"requests": -1}, 400, "requests is -1"),
    ("PUT", "/agreements", {"one": "x", "other": "*", "allow": True}, 400, ""),
    ("POST", "/keys", {"name": "a/b", "scope": "read"}, 400, "the name of a key is"),
    ("POST", "/keys", {"name": "a read key", "scope": "read"}, 400, "there is a key named 'a read key' already"),
    ("POST", "/keys", {"name": "a", "scope": "read", "days": 0}, 400, "days: expected int >= 1"),
    ("POST", "/explain", {"method": "GET", "path": "x", "sender": "DE-MSP"}, 404, "OCPI 2.2.1 has no GET x"),
]


async def test_what_is_wrong_is_named(api):
    for method, path, body, status, words in MISTAKES:
        assert words in await api.error(method, path, body, status=status), path


async def test_bodies_that_are_no_json(api):
    for content, kind, status, words in (
        (b"{", "application/json", 400, "the body is not JSON"),
        (b"[" * 100_000, "application/json", 400, "expected object, got array"),
        (b'{"parties":' + b"[" * 100_000, "application/json", 400, "expected str, got array"),
        (b'{"name": "\xff"}', "application/json", 400, "the body is not JSON"),
        (b"[]", "application/json", 400, "expected object, got array"),
        (b"{}", "text/plain", 415, "the body has to be JSON"),
        (b"", "application/json", 400, "the body is not JSON"),
        (io.BytesIO(b" " * (2**20 + 1)), "application/json", 413, "the body is too large"),
    ):
        answer = await api.raw("POST", "/api/v1/partners", scope="admin", data=content, headers={"Content-Type": kind})
        assert (answer.status, words in await answer.text()) == (status, True), await answer.text()


async def test_odd_names_stay_text(net):
    """What a partner says of itself is told as it is, escaped by JSON and not by anything else."""
    await net.api.error("POST", "/partners", {"name": NASTY, "parties": ["NL-NEW:CPO"]}, status=400)
    answer = await net.api.raw("GET", "/api/v1/partners/%3Cb%3E%22%0d%0aX: y", scope="read")
    assert answer.status == 404
    assert answer.content_type == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_other_methods_and_paths(net):
    raw = net.api.raw
    answer = await raw("POST", "/api/v1/status", scope="admin")
    assert (answer.status, "GET" in answer.headers["Allow"]) == (405, True)
    assert (await answer.json())["error"]["message"] == "this path has no such method"
    for path in ("/api/v1", "/api/v1/none", "/docs/static/../server.py", "/docs/static/%2e%2e%2fserver.py"):
        assert (await raw("GET", path, scope="admin")).status == 404
    answer = await raw("OPTIONS", "/api/v1/partners")
    assert (answer.status, answer.headers["Allow"]) == (204, "GET, HEAD, POST, OPTIONS")
    answer = await raw("HEAD", "/api/v1/partners", scope="read")
    assert (answer.status, int(answer.headers["Content-Length"]) > 2) == (200, True)
    assert (await raw("HEAD", "/api/v1/partners")).status == 401


async def test_headers_keep_browsers_careful(net):
    for path in ("/api/v1/partners", "/api/v1/none", "/docs", "/docs/static/docs.js", "/health/live", "/metrics"):
        headers = (await net.api.raw("GET", path, headers={"Origin": "https://evil.example"})).headers
        assert not [name for name in headers if name.lower().startswith("access-control")]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Server"] == "ocpi-hub"


async def test_what_the_hub_can_not_do_now_is_a_503(net):
    """A store that fails: no inside of it is told."""
    await net.app.keeper._database.close()
    assert "hub is stopping" in await net.api.error(
        "POST", "/partners", {"name": "A", "parties": ["NL-AAA:CPO"]}, status=503
    )


async def test_a_reader_is_not_told_cards(net):
    """With the uid of a card somebody could charge."""
    await net.emsp.push_token(net.cpo.roles[0].party)
    await net.emsp.push_token(net.app.keeper.current.hub)
    await net.app.bus.settle()
    (entry,) = (await net.api.call("GET", "/mirror/tokens"))["items"]
    (hidden,) = (await net.api.call("GET", "/mirror/tokens", scope="read"))["items"]
    assert hidden == entry | {"id": f"…{entry['id'][-4:]}"}
    path = f"/mirror/tokens/{entry['owner']}/{entry['id']}"
    assert (await net.api.call("GET", path, scope="operate"))["object"]["uid"] == entry["id"]
    assert "scope operate" in await net.api.error("GET", path, scope="read", status=403)
