"""What the open internet does: too much, too large, too slow, too odd. Over real sockets."""

import asyncio
import json
import socket

import msgspec
import pytest

from hub.plugin import Party
from tests.plugin.public_api.conftest import HERE, opened


async def raw(url: str, text: bytes, seconds: float = 10.0) -> bytes:
    """What comes back, until the connection ends."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(text)
        async with asyncio.timeout(seconds):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_key_and_an_address_have_their_pace(tmp_path):
    async with opened(tmp_path, key_requests=1, burst=3) as desk:
        one, other = [desk.caller(await desk.key(name, "read")) for name in ("one", "two")]
        answers = [await one.call("GET", "/v1/locations", params=HERE) for _ in range(5)]
        assert [status for status, _ in answers] == [200, 200, 200, 429, 429]
        assert answers[-1][1]["error"] == {"message": "too many requests with this key", "hint": "come back later"}
        assert int(one.last.headers["Retry-After"]) >= 1
        assert (await other.call("GET", "/v1/locations", params=HERE))[0] == 200


async def test_an_address_has_its_pace(tmp_path):
    async with opened(tmp_path, address_requests=1, burst=3, trusted_proxies=["127.0.0.0/8"]) as desk:
        caller = desk.caller(await desk.key("one", "read"))

        async def ask(address: str) -> int:
            return (await caller.call("GET", "/v1/cards", headers={"X-Forwarded-For": address}))[0]

        assert [await ask("192.0.2.1") for _ in range(4)] == [403, 403, 403, 429]
        assert await ask("192.0.2.2") == 403
        assert [await ask(f"2001:db8::{each}") for each in range(4)] == [403, 403, 403, 429]


async def test_who_guesses_keys_is_slowed_down_and_others_are_not(tmp_path):
    async with opened(tmp_path, wrong_keys=3) as desk:
        good = desk.caller(await desk.key("one", "read"))
        bad = [(await desk.caller(f"pk_{each}").call("GET", "/v1/cards"))[0] for each in range(5)]
        assert bad == [401, 401, 401, 429, 429]
        assert (await good.call("GET", "/v1/locations", params=HERE))[0] == 200


async def test_what_is_too_large_is_refused(desk):
    user = await desk.user("anna")
    status, answer = await user.call("POST", "/v1/cards", {"label": "x" * 20_000})
    assert (status, answer["error"]["message"]) == (413, "the body is too large")
    long = await raw(desk.url, b"GET /v1/cards HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 5000 + b"\r\n\r\n")
    assert long.partition(b"\r\n")[0].endswith(b" 400 Bad Request")
    assert b'"the request is not valid HTTP"' in long
    many = b"".join(b"X-%d: 1\r\n" % each for each in range(100))
    assert (
        (await raw(desk.url, b"GET / HTTP/1.1\r\nHost: x\r\n" + many + b"\r\n"))
        .partition(b"\r\n")[0]
        .endswith(b" 400 Bad Request")
    )
    assert (
        (await raw(desk.url, b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"))
        .partition(b"\r\n")[0]
        .endswith(b" 400 Bad Request")
    )
    assert (
        (await raw(desk.url, b"\x16\x03\x01 what is this\r\n\r\n")).partition(b"\r\n")[0].endswith(b" 400 Bad Request")
    )


async def test_who_never_asks_is_cut_off(tmp_path):
    async with opened(tmp_path, patience=0.3) as desk:
        assert await raw(desk.url, b"GET /v1/cards HTTP/1.1\r\nHost: x\r\nX-Slow: ") == b""


async def test_connections_of_one_address_are_limited(tmp_path):
    async with opened(tmp_path, connections_per_address=2) as desk:
        host, port = desk.url.removeprefix("http://").split(":")
        open_ones = [await asyncio.open_connection(host, int(port)) for _ in range(2)]
        assert await raw(desk.url, b"GET /docs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") == b""
        for _, writer in open_ones:
            writer.close()
            await writer.wait_closed()
        async with asyncio.timeout(10):
            while not await raw(desk.url, b"GET /docs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):
                await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("/v1/locations", "missing required field `lat`"),
        ("/v1/locations?lat=91&lon=0", "lat"),
        ("/v1/locations?lat=nan&lon=0", "lat"),
        ("/v1/locations?lat=52&lon=5&radius=0", "radius"),
        ("/v1/locations?lat=52&lon=5&limit=101", "limit"),
        ("/v1/locations?lat=52&lon=5&cursor=x", "cursor"),
        ("/v1/locations?lat=52&lon=5&cursor=WyJhIiwxXQ", "cursor"),
        ("/v1/locations?lat=52&lon=5&lat=53", "lat"),
        ("/v1/locations?lat=52&lon=5&nothing=1", "nothing"),
        ("/v1/sessions?cursor=WzEsMl0", "cursor"),
        ("/v1/log?since=yesterday", "since"),
    ],
)
async def test_bad_parameters_are_named(desk, path, wrong):
    user = await desk.user("anna")
    status, answer = await user.call("GET", path)
    assert status == 400
    assert wrong.replace("`", "") in answer["error"]["message"]
    assert "Traceback" not in json.dumps(answer)


async def test_bad_bodies_are_named(desk):
    user = await desk.user("anna")
    start = {"party": "NL-CPO", "location": "LOC1", "evse": "1001-1"}
    for change, status in (
        ({"party": "nobody"}, 400),
        ({"party": "NL-XXX"}, 404),
        ({"location": "LOC99"}, 404),
        ({"evse": "x"}, 404),
        ({"card": "0" * 32}, 404),
        ({"card": "mine"}, 400),
        ({"more": 1}, 400),
        ({"evse": 5}, 400),
    ):
        got, answer = await user.call("POST", "/v1/sessions", start | change)
        assert (got, set(answer["error"])) == (status, {"message", "hint"}), change
    for data in (b"", b"{", b"\xff", b"[" * 5000, b"null"):
        headers = user.headers | {"Content-Type": "application/json"}
        async with user.session.post(f"{user.url}/v1/sessions", data=data, headers=headers) as answer:
            assert answer.status == 400, data
    assert (await user.call("POST", "/v1/sessions", headers={"Content-Type": "text/plain"}))[0] == 415
    assert (await user.call("PUT", "/v1/sessions"))[0] == 405
    assert (await user.call("GET", "/v1/nothing"))[0] == 404
    assert (await user.call("GET", "/../../etc/passwd"))[0] == 404
    assert (await user.call("GET", "/app/"))[0] == 404


async def test_a_user_has_not_too_many_of_anything(tmp_path):
    async with opened(tmp_path, cards_per_user=1, sockets_per_user=1) as desk:
        user = await desk.user("anna")
        assert (await user.call("POST", "/v1/cards", {}))[0] == 409
        first = await user.listen()
        ticket = await user.post("/v1/tickets")
        status, _ = await user.call("GET", ticket["url"].partition(desk.url.removeprefix("http://"))[2])
        assert status == 400  # it is no WebSocket yet, and the ticket is as good as before
        with pytest.raises(Exception, match="429"):
            await user.session.ws_connect(ticket["url"])
        await first.close()


async def test_headers_keep_browsers_careful_and_cors_is_by_configuration(tmp_path):
    async with opened(tmp_path, origins=["https://app.example"], public_url="https://api.example") as desk:
        caller = desk.caller(await desk.key("one", "read"))
        mine, other = {"Origin": "https://app.example"}, {"Origin": "https://evil.example"}
        await caller.call("GET", "/v1/locations", params=HERE, headers=mine)
        headers = caller.last.headers
        assert headers["Access-Control-Allow-Origin"] == "https://app.example"
        assert headers["Vary"] == "Origin"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Cache-Control"] == "no-store"
        assert headers["Strict-Transport-Security"]
        assert headers["Server"] == "ocpi-hub"
        assert "Access-Control-Allow-Credentials" not in headers
        await caller.call("GET", "/v1/locations", params=HERE, headers=other)
        assert "Access-Control-Allow-Origin" not in caller.last.headers
        for origin, allowed in ((mine, "authorization, content-type, x-api-key"), (other, None)):
            assert (await caller.call("OPTIONS", "/v1/sessions", headers=origin))[0] == 204
            assert caller.last.headers.get("Access-Control-Allow-Headers") == allowed
        user = await desk.user("anna")
        ticket = (await user.post("/v1/tickets"))["ticket"]
        with pytest.raises(Exception, match="403"):
            await user.session.ws_connect(f"{desk.url}/v1/live?ticket={ticket}", headers=other)


async def test_a_socket_that_is_not_read_is_dropped(desk):
    user = await desk.user("anna")
    ticket = await user.post("/v1/tickets")
    host, port = desk.url.removeprefix("http://").split(":")
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(slow, (host, int(port)))
    await loop.sock_sendall(
        slow,
        f"GET /v1/live?ticket={ticket['ticket']} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode(),
    )
    assert b"101" in await loop.sock_recv(slow, 100)
    sockets = desk.plugin.sockets
    quick = await user.listen()
    taken = asyncio.create_task(drain(quick))
    async with asyncio.timeout(10):
        while len(sockets) < 2:
            await asyncio.sleep(0.01)
    sent = 0
    async with asyncio.timeout(60):
        while sockets.dropped == 0:
            sockets.tell(user.user, msgspec.json.encode(big()))
            sent += 1
            while not taken.done() and waiting(sockets, user.user) > 40:
                await asyncio.sleep(0)
            await asyncio.sleep(0)
    assert len(sockets) == 1
    assert waiting(sockets, user.user) <= 33
    slow.close()
    taken.cancel()
    await asyncio.wait({taken})
    await quick.close()


def big():
    """A large message."""
    import sys

    module = next(each for name, each in sys.modules.items() if name.endswith(".model") and "public_api" in name)
    return module.Live(type="command", command=None, sessions=None, session=None, entry="x" * 20_000)


def waiting(sockets, user) -> int:
    """The most that waits for one of a user's sockets."""
    return max((each.queue.qsize() for each in sockets._by_user.get(user, ())), default=0)


async def drain(client) -> None:
    async for _ in client:
        pass


async def test_sessions_of_unknown_cards_are_refused(desk):
    user = await desk.user("anna")
    await user.post("/v1/sessions", {"party": "NL-CPO", "location": "LOC1", "evse": "1001-1"}, 202)
    async with asyncio.timeout(20):
        while not (await user.get("/v1/sessions"))["items"]:
            await asyncio.sleep(0.01)
    session = next(iter(desk.cpo.sessions))
    forged = {**session, "id": "FORGED", "cdr_token": {**session["cdr_token"], "uid": "nobody"}}
    answer = await put(desk, forged)
    assert answer.status_code == 2004
    other = {**session, "id": "FORGED", "cdr_token": {**session["cdr_token"], "party_id": "XXX"}}
    assert (await put(desk, other)).status_code == 2001
    old = {**session, "kwh": 99.0, "last_updated": "2020-01-01T00:00:00Z"}
    assert (await put(desk, old)).ok
    assert (await user.get("/v1/sessions"))["items"][0]["kwh"] == 0.0


async def put(desk, session):
    from hub.plugin import Interface

    path = f"NL/CPO/{session['id']}"
    return await desk.cpo.call(
        "sessions", Interface.RECEIVER, "PUT", path, to=desk.plugin.own, sender=Party("NL", "CPO"), body=session
    )
