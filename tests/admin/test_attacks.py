"""The admin listener under attack: other names, other sites, cookies, forms, keys that open less, fields too many.

Routes are taken from the router and the OpenAPI document, those of plugins among them: a new one is tried as well.
"""

import asyncio
import re
import time
from typing import Any

import aiohttp
import msgspec
import pytest
from structlog.testing import capture_logs

from hub.admin import gate
from hub.config import Admin
from hub.core.hosts import Hosts
from hub.dashboard.sessions import COOKIE
from tests.plugin.shipped import installed
from tests.support import running

pytestmark = pytest.mark.promise(13)

STEMS = ("event_log", "presets", "statistics")
LOOKS = {("post", "/api/v1/explain")}
"""Nothing changes by it, though it is no GET."""
PARTS = {"partner": "1", "plugin": "presets", "name": "x", "owner": "NL-CPO", "module": "locations", "id": "1"}


@pytest.fixture
async def hub(tmp_path):
    """A hub with plugins that add routes, keys for it, and what calls it."""
    for stem in STEMS:
        installed(tmp_path, stem)
    on: dict[str, Any] = {stem: {"enabled": True} for stem in STEMS}
    admin = Admin(port=0, names=("hub-admin.example",))
    async with running(tmp_path, admin=admin, plugins=on) as app, aiohttp.ClientSession(app.admin_url) as session:
        await app.partners.invite("Acme", ["NL-ACM:CPO"])
        keys = {scope: (await app.operations.keys.create(scope, scope)).key for scope in ("read", "operate", "admin")}
        yield Hub(app, session, keys)


class Hub:
    """What runs, and who calls it."""

    def __init__(self, app, session, keys) -> None:
        self.app, self.session, self.keys = app, session, keys

    async def status(self, method: str, path: str, scope: str | None = None, **options: Any) -> int:
        """The status of an answer; with a `scope`, a key of it is sent."""
        key = {"x-api-key": self.keys[scope]} if scope else {}
        headers = key | options.pop("headers", {})
        async with self.session.request(method, path, headers=headers, allow_redirects=False, **options) as answer:
            self.text, self.headers = await answer.text(), answer.headers.copy()
            return answer.status

    async def operations(self) -> list[tuple[str, str, dict]]:
        """Every method and path of the OpenAPI document, with parts filled in."""
        await self.status("GET", "/openapi.json")
        paths = msgspec.json.decode(self.text)["paths"]
        return [
            (method, re.sub(r"\{(\w+)\}", lambda part: PARTS.get(part[1], "x"), path), operation)
            for path, operations in paths.items()
            for method, operation in operations.items()
        ]

    async def changing(self) -> list[tuple[str, str, dict]]:
        """Those that change something."""
        return [each for each in await self.operations() if each[0] != "get" and each[:2] not in LOOKS]

    async def login(self) -> tuple[str, str]:
        """The cookie of somebody who is logged in, and the CSRF token."""
        form = {"key": self.keys["admin"]}
        async with self.session.post("/dashboard/login", data=form, allow_redirects=False) as answer:
            cookie = f"{COOKIE}={answer.cookies[COOKIE].value}"
        self.session.cookie_jar.clear()
        await self.status("GET", "/dashboard/overview", headers={"Cookie": cookie})
        return cookie, re.search(r'name="csrf" value="(\w+)"', self.text)[1]

    def stands(self) -> tuple[Any, ...]:
        """What a change would change."""
        do = self.app.operations
        return do.partners.all(), do.agreements.all(), [each.name for each in do.keys.all()]


async def test_no_cookie_opens_the_api(hub, proof):
    cookie, csrf = await hub.login()
    before, opened, tried = hub.stands(), [], 0
    for method, path, _ in await hub.operations():
        for more in ({}, {"X-CSRF-Token": csrf}, {"Authorization": f"Bearer {hub.keys['admin']}"}):
            tried += 1
            if await hub.status(method, path, headers={"Cookie": cookie, **more}, json={}) != 401:
                opened.append((method, path))
    assert opened == []
    assert hub.stands() == before
    proof.at_least("admin API: requests with the cookie of the dashboard", tried, 120)
    proof.exactly("admin API: that a cookie opened", len(opened), 0)


async def test_no_key_in_an_address_or_a_body_opens_the_api(hub, proof):
    key, opened, tried = hub.keys["admin"], [], 0
    for method, path, _ in await hub.operations():
        for name in ("x-api-key", "X-API-Key", "api_key", "key", "access_token", "token"):
            tried += 1
            if await hub.status(method, path, params={name: key}, json={name: key}) != 401:
                opened.append((method, path, name))
    assert opened == []
    proof.at_least("keys in addresses: tried", tried, 240)
    proof.exactly("keys in addresses: that opened something", len(opened), 0)


async def test_no_form_is_taken_for_json(hub, proof):
    """What a page of another site can send without asking first."""
    took, tried, before = [], 0, hub.stands()
    kinds = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "text/json", "")
    for method, path, operation in await hub.changing():
        for kind in kinds if "requestBody" in operation else ():
            tried += 1
            status = await hub.status(method, path, "admin", data=b'{"name":"x"}', headers={"Content-Type": kind})
            took += [(method, path, kind)] if status != 415 else []
    assert took == []
    assert hub.stands() == before
    proof.at_least("forms to the JSON API: tried", tried, 50)
    proof.exactly("forms to the JSON API: that were taken", len(took), 0)


async def test_no_method_is_taken_for_another(hub, proof):
    before, changed, tried = hub.stands(), [], 0
    names = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
    for method, path, _ in await hub.changing():
        with capture_logs() as logs:
            for sent in ("GET", "HEAD", "OPTIONS"):
                for name in names:
                    tried += 1
                    await hub.status(sent, path, "admin", headers={name: method.upper()}, params={"_method": method})
        changed += [path] if {"key_created", "partner_changed"} & {each["event"] for each in logs} else []
        tried += 1
        assert await hub.status("TRACE", path, "admin") == 405
    assert (changed, hub.stands()) == ([], before)
    proof.at_least("method override: tried", tried, 200)
    proof.exactly("method override: that changed something", len(changed), 0)


async def test_no_key_opens_more_than_its_scope(hub, proof):
    """Each route by its scope in the document: who has less gets 403, whatever is in the path or the body."""
    order, opened, tried = ("read", "operate", "admin"), [], 0
    for method, path, operation in await hub.operations():
        for scope in order[: order.index(operation["x-scope"])]:
            for body in ({}, {"scope": "admin", "name": "x"}):
                tried += 1
                if await hub.status(method, path, scope, json=body) != 403:
                    opened.append((method, path, scope))
        if method != "get" and (method, path) not in LOOKS:
            assert operation["x-scope"] != "read", path
    assert opened == []
    proof.at_least("scopes: requests with a key for less", tried, 70)
    proof.exactly("scopes: that got more", len(opened), 0)


async def test_no_field_too_many_is_taken(hub, proof):
    """Mass assignment: what is not asked for is refused, also deep in what is."""
    took, tried = [], 0
    fields = ("id", "scope_", "state", "revision", "is_admin", "created_at", "__class__", "digest")
    for method, path, operation in await hub.operations():
        for name in fields if "requestBody" in operation else ():
            tried += 1
            status = await hub.status(method, path, "admin", json={name: "admin"})
            took += [(path, name)] if status != 400 or f"unknown field {name}" not in hub.text else []
    assert took == []
    schemas = await _schemas(hub)
    assert len(schemas) >= 10
    assert [name for name, each in schemas.items() if each.get("additionalProperties") is not False] == []
    proof.at_least("mass assignment: fields tried", tried, 80)
    proof.exactly("mass assignment: fields that were taken", len(took), 0)


async def _schemas(hub) -> dict[str, Any]:
    """The structs of all bodies, and what is in them."""
    found: dict[str, Any] = {}
    operations = await hub.operations()
    known = msgspec.json.decode(hub.text)["components"]["schemas"]
    left = [each[2]["requestBody"] for each in operations if "requestBody" in each[2]]
    while left:
        for name in set(re.findall(r"#/components/schemas/(\w+)", str(left.pop()))) - set(found):
            found[name] = known[name]
            left.append(known[name])
    return {name: each for name, each in found.items() if each.get("type") == "object"}


FOREIGN = (
    "evil.example", "EVIL.example:8001", "127.0.0.1.evil.example", "127.0.0.1.nip.io", "localhost.evil.example",
    "hub-admin.example.evil.example", "evil.example.", "[evil.example]", "[::1].evil.example", "a.b", "1.2.3",
    "127.0.0.1@evil.example", "evil.example#127.0.0.1", "hub-admin,evil.example", "xn--e1afmkfd.example",
    "evil.localhost",
)  # fmt: skip
KNOWN = (
    "127.0.0.1:8001", "127.0.0.1", "[::1]:8001", "[::1]", "localhost", "LOCALHOST:1", "hub:8001", "10.1.2.3",
    "hub-admin.example", "Hub-Admin.Example.:443", "[2001:db8::1]",
)  # fmt: skip


async def test_no_foreign_name_leads_here(hub, proof):
    """DNS rebinding: to the browser, what is behind a name of the attacker's is the attacker's."""
    cookie, _ = await hub.login()
    told, tried = [], 0
    routes = {each.resource.canonical for each in hub.app.admin.application.router.routes() if each.resource}
    paths = [re.sub(r"\{[^}]+\}", "1", each) for each in routes if not each.startswith("/health/")]
    for name in FOREIGN:
        for path in paths:
            tried += 1
            if await hub.status("GET", path, "admin", headers={"Host": name, "Cookie": cookie}) != 421:
                told.append((name, path))
    assert told == []
    for name in KNOWN:
        assert await hub.status("GET", "/api/v1/overview", "admin", headers={"Host": name}) == 200, name
    assert await hub.status("GET", "/health/live", headers={"Host": "evil.example"}) == 200
    proof.at_least("DNS rebinding: requests by a foreign name", tried, 800)
    proof.exactly("DNS rebinding: that were served", len(told), 0)


def test_who_listens_at_a_name_is_called_by_it():
    assert Hosts(["admin.lan"]).knows("admin.lan:8001")
    assert not Hosts().knows("admin.lan:8001")


async def test_no_other_site_may_read(hub, proof):
    """CORS: no origin is allowed anything, neither by a preflight nor by an answer."""
    allowed, tried = [], 0
    for method, path, _ in await hub.operations():
        for origin in ("https://evil.example", "null", hub.app.admin_url, "http://localhost:1"):
            asked = {"Origin": origin, "Access-Control-Request-Method": method.upper()}
            asked["Access-Control-Request-Headers"] = "x-api-key"
            for sent in ("OPTIONS", "GET"):
                tried += 1
                await hub.status(sent, path, "admin", headers=asked)
                allowed += [path for name in hub.headers if name.lower().startswith("access-control-")]
    assert allowed == []
    proof.at_least("CORS: preflights and reads of other origins", tried, 300)
    proof.exactly("CORS: that were allowed", len(allowed), 0)


async def test_every_answer_keeps_browsers_careful(hub, proof):
    """No page in a frame, nothing in a shared cache, no type guessed, no address told on: from every route there is."""
    cookie, _ = await hub.login()
    routes = {each.resource.canonical for each in hub.app.admin.application.router.routes() if each.resource}
    paths = [re.sub(r"\{(\w+)[^}]*\}", lambda part: PARTS.get(part[1], "1"), each) for each in sorted(routes)]
    careless, tried = [], 0
    for path in [*paths, "/nothing", "/dashboard/nothing", "/api/v1/nothing", "/docs/static/docs.css"]:
        for scope, headers in (("admin", {}), (None, {"Cookie": cookie}), (None, {}), (None, {"Host": "evil.example"})):
            for method in ("GET", "POST", "PATCH"):
                tried += 1
                status = await hub.status(method, path, scope, headers=headers)
                careless += [(method, path, status, each) for each in _careless(hub.headers)]
    assert careless == []
    proof.at_least("headers: answers looked at", tried, 700)
    proof.exactly("headers: answers that leave a browser careless", len(careless), 0)


def _careless(headers) -> list[str]:
    """Which headers do not say what they should."""
    found = {
        "X-Frame-Options": headers.get("X-Frame-Options") == "DENY",
        "Content-Security-Policy": "frame-ancestors 'none'" in headers.get("Content-Security-Policy", "")
        and "default-src 'none'" in headers["Content-Security-Policy"]
        and "unsafe" not in headers["Content-Security-Policy"],
        "Cache-Control": headers.get("Cache-Control") == "no-store" or _is_static(headers),
        "X-Content-Type-Options": headers.get("X-Content-Type-Options") == "nosniff",
        "Referrer-Policy": headers.get("Referrer-Policy") in ("no-referrer", "same-origin"),
        "Cross-Origin-Resource-Policy": headers.get("Cross-Origin-Resource-Policy") == "same-origin",
        "Server": headers.get("Server") == "ocpi-hub",
    }
    return [name for name, good in found.items() if not good]


def _is_static(headers) -> bool:
    return headers["Content-Type"].partition(";")[0] in ("text/css", "text/javascript", "image/svg+xml")


async def test_who_guesses_keys_waits_and_nobody_else_does(hub, proof, monkeypatch):
    """By headers and by the login form, each time with another claimed address; the right key comes in meanwhile."""
    monkeypatch.setattr(hub.app.admin._doorman, "_first", 0.05)
    monkeypatch.setattr(hub.app.admin._doorman, "_longest", 0.4)
    refused = hub.app.admin._doorman.refused

    async def guess(number: int) -> int:
        claimed = dict.fromkeys(("X-Forwarded-For", "X-Real-IP", "Forwarded"), f"10.0.{number // 250}.{number % 250}")
        wrong = f"{hub.keys['admin'][:-1]}.{number % 10}"
        if number % 2:
            return await hub.status("GET", "/api/v1/keys", headers={**claimed, "x-api-key": wrong})
        return await hub.status("POST", "/dashboard/login", data={"key": wrong}, headers=claimed)

    guesses = [asyncio.create_task(guess(number)) for number in range(120)]
    waited = []
    for local in ("127.0.0.1", "127.0.0.2"):
        connector = aiohttp.TCPConnector(local_addr=(local, 0))
        async with aiohttp.ClientSession(hub.app.admin_url, connector=connector) as other:
            for _ in range(3):
                at = time.monotonic()
                async with other.get("/api/v1/keys", headers={"x-api-key": hub.keys["admin"]}) as answer:
                    assert answer.status == 200
                waited.append(time.monotonic() - at)
    statuses = await asyncio.gather(*guesses)
    assert set(statuses) == {401, 429}
    addresses = hub.app.admin._doorman._addresses
    assert hub.app.admin._doorman.refused - refused == len(statuses)
    proof.at_least("brute force: wrong keys tried", len(statuses), 120)
    proof.exactly("brute force: addresses that one guesser was taken for", len(addresses), 1)
    proof.at_most("brute force: of these, judged and not turned away", statuses.count(401), 60)
    proof.at_most(
        "brute force: seconds that the right key waited (median)", round(sorted(waited)[len(waited) // 2], 3), 1.0
    )


async def test_keys_are_looked_up_by_their_digests(hub):
    """So how long a wrong one takes does not depend on how much of it is right: no key is there to compare with."""
    book = hub.app.operations.keys
    assert {len(each) for each in book._by_digest} == {32}
    assert not any(key in repr(vars(book)) for key in hub.keys.values())
    assert gate.FIRST > 0
