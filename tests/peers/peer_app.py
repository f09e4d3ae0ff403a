"""The half of a peer's app that is the same for every package: storage, seeds, controls, a record of what came in.

It runs beside a package in that package's own virtual environment, so it needs no more than what all of them bring:
starlette, FastAPI's encoders, httpx and uvicorn. What a package asks of its user (a `crud`) is `Platform`; it speaks
the version that PEER_VERSION says. Below /_test stand the controls for our tests, which are no part of OCPI:

    POST /_test/reset      {token_a, locations, page, driver}: as new, with these seeds; nobody is registered any more
    GET  /_test/state      what is stored and which OCPI requests came in; no secrets
    POST /_test/register   {versions_url, token_a}: register with the hub as the Sender of the credentials
    POST /_test/renew      {}: the same again, with PUT and the token it gave us
    POST /_test/send       {method, url, headers?, body?}: one request to the hub with the token it gave us
    POST /_test/push       {module, object_id}: let the package's own client push one stored object to the hub
"""

import base64
import binascii
import json
import os
import secrets
import signal
import socket
import sys
import threading
from datetime import UTC, datetime
from types import SimpleNamespace

import httpx
import uvicorn
from fastapi.encoders import jsonable_encoder
from peer_seeds import COUNTRY, OWNER, PARTY, ROLE, VERSION, seeds
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

EARLIEST, LATEST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
SHOWN_HEADERS = ("content-type", "x-request-id", "x-correlation-id", "host", "user-agent")


class Platform:
    """One platform: its objects, its tokens, and the hub it is registered with. This is what a package calls."""

    def __init__(self, name, versions_url, modules):
        self.name, self.versions_url, self.modules = name, versions_url, modules
        self.reset(None, locations=0, page=50, driver=[COUNTRY, PARTY])

    def reset(self, token_a, locations, page, driver):
        self.token_a = token_a  # opens versions and credentials until the hub is registered
        self.token_c = None  # what the hub sends to us
        self.hub = None  # {token, url, roles, endpoints}; `token` is what we send to the hub
        self.page = page  # the most objects of one page, which the packages leave to whoever uses them
        self.owned = seeds(locations, driver)
        self.objects = {module.value: {} for module in self.modules} | {k: dict(v) for k, v in self.owned.items()}

    def credentials(self, token):
        party = {"business_details": {"name": f"{self.name} {ROLE}"}, **OWNER}
        shown = party if VERSION == "2.1.1" else {"roles": [{"role": ROLE, **party}]}
        return {"token": token, "url": self.versions_url, **shown}

    def register(self, credentials, details, token_c):
        self.hub = {**credentials, "endpoints": details["endpoints"]}
        self.token_a, self.token_c = None, token_c
        return self.credentials(token_c)

    async def get(self, module, role, id, *args, **kwargs):  # noqa: A002
        if module == "credentials":
            return self.credentials(id)
        if module == "commands":  # what the charge point made of a command
            return {"result": "ACCEPTED"}
        return self.objects[module].get(key(id, kwargs))

    async def list(self, module, role, filters, *args, **kwargs):
        start, end = utc(filters["date_from"] or EARLIEST), utc(filters["date_to"] or LATEST)
        found = [item for item in self.objects[module].values() if start <= moment(item["last_updated"]) < end]
        filters["limit"] = min(filters["limit"], self.page)
        last = filters["offset"] + filters["limit"]
        return found[filters["offset"] : last], len(found), last >= len(found)

    async def create(self, module, role, data, *args, **kwargs):
        if module == "credentials":
            return self.register(data["credentials"], data["endpoints"], new_token())
        self.objects[module][key(data.get("id") or data.get("uid"), kwargs)] = data
        return data

    async def update(self, module, role, data, id, *args, **kwargs):  # noqa: A002
        if module == "credentials":
            return self.register(data["credentials"], data["endpoints"], new_token())
        if role == "CPO" and module == "sessions":
            return data  # charging preferences
        self.objects[module][key(id, kwargs)] = data
        return data

    async def delete(self, module, role, id, *args, **kwargs):  # noqa: A002
        if module == "credentials":
            self.hub = self.token_c = None
        else:
            del self.objects[module][key(id, kwargs)]

    async def do(self, module, role, action, data=None, *args, **kwargs):
        if action == "GetClientToken":
            return self.hub["token"]
        if action == "AuthorizeToken":
            token = self.objects["tokens"][data["token_uid"].lower()]
            return {"allowed": "ALLOWED", "token": token, "location": data["location_reference"]}
        return {"result": "ACCEPTED", "timeout": 30}


def key(name, kwargs):
    """Store under the object's id, or the party's where it has none; the packages change the case of both."""
    return (name or f"{kwargs['country_code']}-{kwargs['party_id']}").lower()


def utc(time):
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def moment(text):
    return utc(datetime.fromisoformat(text))


def new_token():
    """In hex: extrawest-ocpi in 2.1.1 takes a raw token for base64, and fails where it is almost such."""
    return secrets.token_hex(24)


class Recorder:
    """Note every OCPI request and the HTTP status that it got."""

    def __init__(self, app, platform):
        self.app, self.platform, self.requests = app, platform, []

    async def __call__(self, scope, receive, send):
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        shown = {name: value for name, value in headers.items() if name in SHOWN_HEADERS or name.startswith("ocpi-")}
        if "authorization" in headers:
            shown["authorization"] = self.name_token(headers["authorization"])
        note = {"method": scope["method"], "path": scope["path"], "query": scope["query_string"].decode()}
        note |= {"headers": shown, "body": b"", "status": None}
        self.requests.append(note)

        async def hear():
            message = await receive()
            note["body"] += message.get("body", b"")
            return message

        async def answer(message):
            note["status"] = message.get("status", note["status"])
            await send(message)

        await self.app(scope, hear, answer)

    def name_token(self, header):
        """Tell which token came, and whether it was base64: `Token <C base64>`."""
        scheme, _, sent = header.partition(" ")
        try:
            plain = base64.b64decode(sent, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            plain = None
        for name, token in (("A", self.platform.token_a), ("C", self.platform.token_c)):
            if token and token in (sent, plain):
                return f"{scheme} <{name} {'raw' if token == sent else 'base64'}>"
        return f"{scheme} <unknown>"


class Refused(Exception):
    """The hub's answer was no OCPI success."""

    def __init__(self, answer):
        super().__init__(answer["status"])
        self.answer = answer


def authorization(token):
    """As the packages write it."""
    if VERSION == "2.1.1":
        return f"Token {token}"
    return f"Token {base64.b64encode(token.encode()).decode()}"


async def call(method, url, token, headers=None, body=None):
    """Send one request to the hub."""
    headers = {"Authorization": authorization(token), **(headers or {})}
    async with httpx.AsyncClient(timeout=30) as client:
        response = await client.request(method, url, headers=headers, json=body)
    return {"status": response.status_code, "headers": dict(response.headers), "body": parsed(response.text)}


def parsed(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def without_token(credentials):
    return credentials and {name: value for name, value in credentials.items() if name != "token"}


def data_of(answer):
    if answer["status"] != 200 or answer["body"]["status_code"] != 1000:
        raise Refused(answer)
    return answer["body"]["data"]


async def discover(versions_url, token):
    """GET the hub's versions and the details of ours; give the URL of the details, and what they hold."""
    versions = data_of(await call("GET", versions_url, token))
    url = next(each["url"] for each in versions if each["version"] == VERSION)
    return url, data_of(await call("GET", url, token))


async def present(platform, method, versions_url, token):
    """Send our credentials to the hub; its answer, without the token."""
    _, details = await discover(versions_url, token)
    url = next(each["url"] for each in details["endpoints"] if each["identifier"] == "credentials")
    before, platform.token_c = platform.token_c, new_token()  # the hub calls back while it handles this
    answer = await call(method, url, token, body=jsonable_encoder(platform.credentials(platform.token_c)))
    try:
        theirs = data_of(answer)
    except Refused:
        platform.token_c = before
        raise
    platform.register(theirs, details, platform.token_c)
    return {**answer, "body": {**answer["body"], "data": without_token(theirs)}}


def controls(platform, recorder, push):
    async def reset(request):
        platform.reset(**await request.json())
        recorder.requests.clear()
        return reply({})

    async def state(_):
        requests = [{**note, "body": parsed(note["body"].decode(errors="replace"))} for note in recorder.requests]
        for note in requests:
            if note["path"].rstrip("/").endswith("/credentials"):
                note["body"] = without_token(note["body"])
        hub = without_token(platform.hub)
        return reply({"registered": bool(hub), "hub": hub, "objects": platform.objects, "requests": requests})

    async def register(request):
        order = await request.json()
        return reply(await present(platform, "POST", order["versions_url"], order["token_a"]))

    async def renew(_):
        return reply(await present(platform, "PUT", platform.hub["url"], platform.hub["token"]))

    async def send(request):
        order = await request.json()
        headers, body = order.get("headers"), order.get("body")
        return reply(await call(order["method"], order["url"], platform.hub["token"], headers, body))

    async def pushed(request):
        order = await request.json()
        url, details = await discover(platform.hub["url"], platform.hub["token"])
        hub = SimpleNamespace(details_url=url, endpoints=details["endpoints"], token=platform.hub["token"])
        return reply(await push(platform, hub, order["module"], order["object_id"]))

    orders = {"reset": reset, "register": register, "renew": renew, "send": send, "push": pushed}
    routes = [Route(f"/_test/{verb}", handler, methods=["POST"]) for verb, handler in orders.items()]
    return [Route("/_test/state", state), *routes]


def reply(content):
    return JSONResponse(jsonable_encoder(content))


def serve(application, platform, push):
    """Serve the package's application and the controls on the socket that we were given, until our parent is gone.

    `push(platform, hub, module, object_id)` has the package push an object; it gives status, headers and body.
    """
    recorder = Recorder(application, platform)
    routes = [*controls(platform, recorder, push), Mount("/", recorder)]
    app = Starlette(routes=routes, exception_handlers={Refused: lambda _, refused: reply(refused.answer)})
    listening = socket.socket(fileno=int(os.environ["PEER_SOCKET"]))
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    tls = {"ssl_certfile": chain, "ssl_keyfile": chain} if (chain := os.environ.get("PEER_TLS")) else {}
    uvicorn.Server(uvicorn.Config(app, timeout_graceful_shutdown=1, **tls)).run([listening])


def _stop_with_parent():
    """End when the tests that started us close our input, in whichever way they ended."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)
