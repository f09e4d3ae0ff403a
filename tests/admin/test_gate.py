"""Keys at the door: which opens what, and what wrong ones cost."""

import asyncio
import time

import aiohttp
import pytest
from structlog.testing import capture_logs

from hub.admin import gate as gate_module
from hub.admin.gate import Doorman
from hub.admin.problems import Problem
from hub.admin.table import ROUTES
from hub.config import Admin
from hub.core.scopes import Scope
from hub.partners import keys as keys_module
from hub.partners.keys import KeyBook
from hub.store.database import Database
from hub.store.migrations import upgrade
from tests.support import running

DAY = 86_400_000


@pytest.fixture
async def book(tmp_path):
    database = await Database.open(tmp_path / "hub.db")
    await upgrade(database)
    book = KeyBook(database)
    await book.load()
    yield book
    await database.close()


async def refused(doorman, key, remote="192.0.2.1", scope=Scope.READ):
    with pytest.raises(Problem) as caught:
        await doorman.admit(key, scope, remote)
    return caught.value


@pytest.mark.parametrize("route", ROUTES, ids=lambda each: f"{each.method} {each.path}")
def test_what_changes_something_needs_more_than_read(route):
    looks = route.method == "GET" or route.path.endswith("/explain")
    assert looks or route.scope is not Scope.READ


async def test_every_route_needs_a_key_of_its_scope(net):
    order = [None, "read", "operate", "admin"]
    for route in ROUTES:
        path = (
            route.path.replace("{partner}", "nobody")
            .replace("{name}", "no")
            .format(module="m", owner="o", id="i", plugin="no")
        )
        needed = order.index(route.scope.value)
        for scope in order:
            status = (await net.api.raw(route.method, path, {} if route.body else None, scope=scope)).status
            expected = 401 if scope is None else 403
            assert (status == expected) == (order.index(scope) < needed), (route.path, scope, status)


async def test_a_wrong_key_is_told_apart_from_none_and_counted(net):
    answer = await net.api.raw("GET", "/api/v1/partners")
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'ApiKey header="x-api-key"')
    assert "needs a key" in await answer.text()
    for key in ("wrong", net.api.keys["read"] + "x", net.api.keys["read"][:-1]):
        answer = await net.api.raw("GET", "/api/v1/partners", headers={"x-api-key": key})
        assert (answer.status, "opens nothing" in await answer.text()) == (401, True)
    twice = [("x-api-key", net.api.keys["read"])] * 2
    async with net.api._session.get(f"{net.app.admin_url}/api/v1/partners", headers=twice) as answer:
        assert answer.status == 400
    metrics = await (await net.api.raw("GET", "/metrics", scope="read")).text()
    assert "ocpi_hub_admin_refused_total 4.0" in metrics


async def test_a_key_ends_when_it_expires_or_is_revoked(book, monkeypatch):
    doorman = Doorman(book, first=0.0)
    short, other = await book.create("short", "read", 1), await book.create("other", "read")
    assert (await doorman.admit(short.key, Scope.READ, "::1")).name == "short"
    later = keys_module.now_ms() + DAY + 1
    monkeypatch.setattr(keys_module, "now_ms", lambda: later)
    assert (await refused(doorman, short.key)).status == 401
    assert [(each.name, each.expired) for each in book.all()] == [("other", False), ("short", True)]
    await book.revoke("other")
    assert (await refused(doorman, other.key)).status == 401


@pytest.mark.promise(13)
async def test_wrong_keys_get_slower_and_right_ones_do_not(book):
    right = (await book.create("right", "read")).key
    doorman = Doorman(book, first=0.02, longest=0.1)
    took = []
    for _ in range(5):
        began = time.monotonic()
        assert (await refused(doorman, "wrong")).status == 401
        took.append(time.monotonic() - began)
    assert [seconds >= least for seconds, least in zip(took, (0.02, 0.04, 0.08, 0.1, 0.1), strict=True)] == [True] * 5
    waiting = asyncio.create_task(refused(doorman, "wrong"))
    await asyncio.sleep(0)
    await doorman.admit(right, Scope.READ, "192.0.2.1")
    assert not waiting.done()
    await waiting


@pytest.mark.promise(13)
async def test_many_wrong_keys_at_once_are_turned_away(book):
    doorman = Doorman(book, first=0.05, longest=0.05)
    problems = await asyncio.gather(*(refused(doorman, "wrong") for _ in range(20)))
    assert sorted(each.status for each in problems) == [401] * 5 + [429] * 15
    assert {each.headers["Retry-After"] for each in problems if each.status == 429} == {"1"}
    assert doorman.refused == 20
    assert (await refused(doorman, "wrong", "192.0.2.2")).status == 401


async def test_what_is_remembered_of_addresses_is_bounded(book, monkeypatch):
    monkeypatch.setattr(gate_module, "_REMEMBERED", 10)
    doorman = Doorman(book, first=0.0)
    for number in range(50):
        await refused(doorman, "wrong", f"192.0.2.{number}")
        await refused(doorman, "wrong", f"2001:db8::{number:x}")
    assert len(doorman._addresses) == 10
    assert "2001:db8::" in doorman._addresses  # one network, however many addresses
    assert doorman._addresses["2001:db8::"].wrong == 50


async def test_an_address_is_forgiven_after_a_while(book, monkeypatch):
    doorman = Doorman(book, first=0.0)
    for _ in range(3):
        await refused(doorman, "wrong")
    monkeypatch.setattr(gate_module, "_FORGIVEN", -1.0)
    await refused(doorman, "wrong")
    assert doorman._addresses["192.0.2.1"].wrong == 1


@pytest.mark.promise(13)
async def test_a_proxy_that_is_believed_tells_who_is_slowed_down(tmp_path):
    async def tried(url, session, *forwarded):
        headers = [("x-api-key", "wrong"), *(("X-Forwarded-For", each) for each in forwarded)]
        async with session.get(f"{url}/api/v1/partners", headers=headers) as answer:
            return answer.status

    admin = Admin(port=0, trusted_proxies=("127.0.0.0/8",))
    async with running(tmp_path, admin=admin) as app, aiohttp.ClientSession() as session:
        with capture_logs() as logs:
            assert await tried(app.admin_url, session, "6.6.6.6, 203.0.113.1") == 401
            assert await tried(app.admin_url, session, "6.6.6.6", "203.0.113.2") == 401
            assert await tried(app.admin_url, session) == 401
        wrong = [each["address"] for each in logs if each["event"] == "wrong_admin_key"]
        assert wrong == ["203.0.113.1", "203.0.113.2", "127.0.0.1"]


@pytest.mark.promise(13)
async def test_without_such_a_proxy_nobody_can_hide(net):
    with capture_logs() as logs:
        for number in range(2):
            headers = {"x-api-key": "wrong", "X-Forwarded-For": f"203.0.113.{number}"}
            assert (await net.api.raw("GET", "/api/v1/partners", headers=headers)).status == 401
    assert [each["address"] for each in logs if each["event"] == "wrong_admin_key"] == ["127.0.0.1"]
