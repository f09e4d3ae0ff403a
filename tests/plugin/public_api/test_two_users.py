"""Nothing of one user is reachable for another: every route there is, with ids of the other, and of the other app."""

import re

import pytest

from hub.plugin import Interface, Party
from tests.plugin.public_api.conftest import HERE
from tests.plugin.public_api.test_charging import charge

NO_USER = {("GET", "/v1/locations"), ("GET", "/v1/locations/{party}/{location}"), ("GET", "/v1/live")}
BODIES = {
    ("POST", "/v1/sessions"): {"party": "NL-CPO", "location": "LOC1", "evse": "1001-1", "card": "{card}"},
    ("POST", "/v1/users"): {"reference": "anna"},
    ("POST", "/v1/users/{user}/cards"): {"uid": "04AABBCCDD"},
    ("POST", "/v1/cards"): {},
}
LISTS = {"/v1/cards", "/v1/sessions", "/v1/log", "/v1/log.csv"}
OWN = {("POST", "/v1/cards"), ("POST", "/v1/tickets"), ("GET", "/v1/log.pdf"), ("GET", "/v1/users")}
"""Nothing of others can be named here."""


@pytest.fixture
async def anna_and_bob(desk):
    """Anna has charged; Bob is of the same app, Carl of another one."""
    anna, bob = await desk.user("anna"), await desk.user("bob")
    carl = await desk.user("carl", app="other")
    command, session = await charge(desk, anna)
    card = (await anna.get("/v1/cards"))["items"][0]["id"]
    ids = {"command": command["id"], "session": session, "card": card, "user": anna.user}
    return desk, anna, {"bob": bob, "carl": carl}, ids


def routes(document):
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield method.upper(), path, operation


@pytest.mark.promise(13)
@pytest.mark.parametrize("other", ["bob", "carl"])
async def test_no_route_gives_what_is_anothers(anna_and_bob, other, proof):
    desk, anna, others, ids = anna_and_bob
    stranger = others[other]
    document = await desk.caller().get("/openapi.json")
    tried = set()
    for method, path, operation in routes(document):
        tried.add((method, path))
        if (method, path) in NO_USER:
            continue
        caller = stranger
        if operation["x-access"] == "users":
            caller = desk.back("other")
        url = re.sub(r"{(\w+)}", lambda part: ids[part[1]], path)
        body = {name: value.format(**ids) for name, value in BODIES.get((method, path), {}).items()}
        status, answer = await caller.call(method, url, body if (method, path) in BODIES else None)
        if "{" in path or body.get("card"):
            assert status == 404, (method, path, answer)
        elif path in LISTS and method == "GET":
            assert status == 200
            items = answer["items"] if isinstance(answer, dict) else answer.decode().splitlines()[1:]
            assert not {each.get("id") for each in items if isinstance(each, dict)} & set(ids.values())
            assert path == "/v1/cards" or not items
        else:
            assert (method, path) in OWN | {("POST", "/v1/users")}, (method, path)
    proof.exactly(f"IDOR: routes of the public API tried with ids of another user, by {other}", len(tried), 20)
    # All that Anna had is still there, and Anna's token is as good as before.
    assert len((await anna.get("/v1/cards"))["items"]) == 1
    assert len((await anna.get("/v1/sessions"))["items"]) == 1
    assert len((await anna.get("/v1/log"))["items"]) == 1


@pytest.mark.promise(13)
async def test_each_route_wants_its_key_and_its_token(anna_and_bob):
    desk, anna, others, ids = anna_and_bob
    document = await desk.caller().get("/openapi.json")
    back, front = desk.back(), desk.caller(anna.key)
    token = anna.headers["Authorization"]
    for method, path, operation in routes(document):
        url = re.sub(r"{(\w+)}", lambda part: ids.get(part[1], "LOC1"), path)
        assert (await desk.caller().call(method, url))[0] in (400, 401), path
        wrong = await desk.caller("pk_" + "x" * 43).call(method, url, headers={"Authorization": token})
        assert wrong[0] in (400, 401), path
        if operation["x-access"] == "users":
            assert (await anna.call(method, url))[0] == 403
        if operation["x-access"] == "charge":
            assert (await front.call(method, url))[0] == 401
            assert (await back.call(method, url, headers={"Authorization": token}))[0] == 403
            # The token of a user of one app opens nothing with the key of another.
            assert (await others["carl"].call(method, url, headers={"Authorization": token}))[0] == 401


@pytest.mark.promise(13)
async def test_a_socket_tells_only_its_user(anna_and_bob):
    desk, anna, others, _ = anna_and_bob
    bob = others["bob"]
    ticket = await bob.post("/v1/tickets")
    socket = await bob.listen(ticket)
    assert await socket.receive_json() == {"type": "sessions", "sessions": []}
    await charge(desk, anna)
    await charge(desk, bob, "1001-2")
    seen = []
    while (message := await socket.receive_json())["type"] != "entry":
        seen.append(message)
    mine = {each["id"] for each in (await bob.get("/v1/sessions"))["items"]}
    assert {each["session"]["id"] for each in seen if each["type"] == "session"} == mine
    assert len({each["command"]["id"] for each in seen if each["type"] == "command"}) <= 2
    await socket.close()
    again = await bob.call("GET", ticket["url"].removeprefix(desk.url.replace("http", "ws")))
    assert again[0] in (400, 401)


async def test_a_new_token_shuts_the_old_one_out(desk):
    user = await desk.user("anna")
    await desk.back().post(f"/v1/users/{user.user}/token")
    assert (await user.call("GET", "/v1/cards"))[0] == 401


async def test_a_removed_user_has_nothing(desk):
    user = await desk.user("anna")
    await charge(desk, user)
    assert (await desk.back().call("DELETE", f"/v1/users/{user.user}"))[0] == 200
    assert (await user.call("GET", "/v1/log"))[0] == 401
    answer = await desk.cpo.call("tokens", Interface.SENDER, "GET", "", to=desk.plugin.own, sender=Party("NL", "CPO"))
    assert [each["valid"] for each in answer.data] == [False]


async def test_revoked_keys_open_nothing(desk):
    key = await desk.key("old", "read")
    caller = desk.caller(key)
    await caller.get("/v1/locations", **HERE)
    await desk.verb("key-revoke", b'"old"')
    assert (await caller.call("GET", "/v1/locations", params=HERE))[0] == 401
    assert "pk_" not in str(await desk.verb("key-list"))
