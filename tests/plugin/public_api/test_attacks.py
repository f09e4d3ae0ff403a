"""The public API under attack: keys in addresses, forms, other origins, odd paths, fields too many, text of users."""

import re
from urllib.parse import quote

import msgspec
import pytest

from tests.dashboard.hostile import EVIL
from tests.plugin.public_api.conftest import HERE, opened
from tests.plugin.public_api.test_charging import charge
from tests.plugin.public_api.test_two_users import routes
from tests.raw import ask, request

pytestmark = pytest.mark.promise(13)

ORIGINS = (
    "https://evil.example", "null", "https://app.example.evil.example", "https://app.example@evil.example",
    "http://app.example", "https://app.example:444", "https://evilapp.example", "https://APP.example.", "file://",
    "https://app.example/", "https://app.example https://evil.example", "//app.example", "*",
)  # fmt: skip
ODD = (
    "%00", "a%00b", "%0d%0ax-in:%201", "..%2f..%2fetc%2fpasswd", "../../etc/passwd", "%2e%2e/app.js", "..\\x", "%ff%fe",
    "%e2%80%ae", "x" * 3000, "%2f" * 50, "'", "\"><x-in>", "{0}", "null", "-1", "9" * 40, "a;b", "%5c..%5cx",
)  # fmt: skip


def _filled(path: str, text: str = "x") -> str:
    return re.sub(r"{\w+}", lambda _: text, path)


async def test_no_key_in_an_address_opens_anything(desk, proof):
    user = await desk.user("anna")
    token = user.headers["Authorization"].removeprefix("Bearer ")
    opened_by, tried = [], 0
    for method, path, operation in routes(await desk.caller().get("/openapi.json")):
        if operation["x-access"] == "ticket":
            continue
        for name in ("x-api-key", "key", "api_key", "access_token"):
            tried += 1
            query = {name: user.key, "token": token, "authorization": f"Bearer {token}"}
            cookies = {"Cookie": f"x-api-key={user.key}; token={token}; ocpi_hub_session={token}"}
            status, _ = await desk.caller().call(method, _filled(path), {name: user.key}, params=query, headers=cookies)
            opened_by += [(method, path, name)] if status != 401 else []
    assert opened_by == []
    proof.at_least("public API: keys in addresses, bodies and cookies", tried, 70)
    proof.exactly("public API: that opened something", len(opened_by), 0)


async def test_no_form_and_no_field_too_many_is_taken(desk, proof):
    user, tried, took = await desk.user("anna"), 0, []
    kinds = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"
    for method, path, operation in routes(await desk.caller().get("/openapi.json")):
        if "requestBody" not in operation:
            continue
        caller = desk.back() if operation["x-access"] == "users" else user
        for name in ("user", "app", "scopes", "valid", "owner", "id", "__class__"):
            tried += 1
            status, answer = await caller.call(method, _filled(path), {name: "x"})
            fits = status == 400 and f"unknown field {name}" in answer["error"]["message"]
            took += [] if fits else [(method, path, name)]
        for kind in kinds:
            tried += 1
            options = {"data": b'{"label":"x"}', "headers": caller.headers | {"Content-Type": kind}}
            async with desk.session.request(method, desk.url + _filled(path), **options) as answer:
                took += [] if answer.status == 415 else [(method, path, kind)]
    assert took == []
    proof.at_least("public API: forms and fields too many", tried, 40)
    proof.exactly("public API: that were taken", len(took), 0)


async def test_no_other_origin_is_let_in(tmp_path, proof):
    """By preflights, reads, and WebSockets, which browsers open without asking."""
    let_in, tried = [], 0
    async with opened(tmp_path, origins=["https://app.example"]) as desk:
        user = await desk.user("anna")
        for origin in ORIGINS:
            for _, path, _ in routes(await desk.caller().get("/openapi.json")):
                asked = {"Origin": origin, "Access-Control-Request-Method": "DELETE"}
                for method in ("OPTIONS", "GET"):
                    tried += 1
                    await user.call(method, _filled(path), headers=asked)
                    let_in += [origin for name in user.last.headers if name.lower().startswith("access-control-allow")]
            tried += 1
            ticket = (await user.post("/v1/tickets"))["ticket"]
            socket = {"Origin": origin, "Upgrade": "websocket", "Connection": "Upgrade"}
            status, _ = await user.call("GET", f"/v1/live?ticket={ticket}", headers=socket)
            let_in += [origin] if status != 403 else []
        async with user.session.ws_connect(
            f"{desk.url}/v1/live?ticket={ticket}", headers={"Origin": "https://app.example"}
        ) as socket:
            assert (await socket.receive_json())["type"] == "sessions"
    assert let_in == []
    proof.at_least("public API: requests and WebSockets of other origins", tried, 400)
    proof.exactly("public API: other origins that were let in", len(let_in), 0)


async def test_no_odd_path_breaks_it(tmp_path, proof):
    wrong, tried = [], 0
    async with opened(tmp_path, example=True) as desk:
        user = await desk.user("anna")
        headers = [f"{name}: {value}" for name, value in user.headers.items()]
        paths = {_filled(path, "{}") for _, path, _ in routes(await desk.caller().get("/openapi.json")) if "{" in path}
        for path in (*paths, "/app/{}", "/docs/static/{}", "/v1/{}", "/v1/log?cursor={}", "/v1/live?ticket={}"):
            for odd in ODD:
                for method in ("GET", "DELETE", "OPTIONS"):
                    tried += 1
                    answer = await ask(desk.url, request(method, path.replace("{}", odd), *headers))
                    told = answer.status >= 500 or "x-in" in answer.headers or b"root:" in answer.body
                    html = b"<x-in>" in answer.body and "json" not in answer.headers["content-type"]
                    wrong += [(method, path, odd, answer.status)] if told or html else []
    assert wrong == []
    proof.at_least("public API: odd paths", tried, 600)
    proof.exactly("public API: odd paths that broke something", len(wrong), 0)


async def test_text_of_users_stays_text(desk, proof):
    """A label, a reference, and what is quoted back: as JSON that no browser takes for a page, and in CSV as text."""
    user = await desk.user("=HYPERLINK(1)")
    await charge(desk, user)
    wrong = []
    label = EVIL[:60]
    card = await user.post("/v1/cards", {"label": label})
    answers = [
        await user.call("GET", "/v1/cards"),
        await user.call("GET", f"/v1/sessions/{quote(EVIL[:40], safe='')}"),
        await user.call("GET", "/v1/locations", params=HERE | {"cursor": EVIL}),
        await user.call("POST", "/v1/sessions", {"party": EVIL, "location": EVIL, "evse": EVIL}),
        await desk.back().call("POST", f"/v1/users/{user.user}/cards", {"uid": EVIL, "label": EVIL}),
    ]
    assert card["label"] == label
    for status, answer in answers:
        text = msgspec.json.encode(answer).decode()
        wrong += [text] if status >= 500 or "Traceback" in text else []
    assert user.last.headers["Content-Type"].startswith("application/json")
    assert user.last.headers["X-Content-Type-Options"] == "nosniff"
    _, lines = await user.call("GET", "/v1/log.csv")
    cells = [each.lstrip('"') for line in lines.decode().splitlines() for each in line.split(",")]
    wrong += [each for each in cells if each.startswith(("=", "+", "@"))]
    assert wrong == []
    proof.exactly("public API: texts of users that were more than text", len(wrong), 0)
