"""Serve the package extrawest-ocpi as one CPO or eMSP platform that keeps everything in memory.

A script for that package's own virtual environment; extrawest.py starts it and hands it a listening socket. The package
speaks OCPI 2.2.1 below /ocpi; what is here is what it asks of its user: storage, tokens, and the answers of a charge
point and a back office. Below /_test stand the controls for our tests, which are no part of OCPI:

    GET  /_test/state      what is stored and which OCPI requests came in; no secrets
    POST /_test/register   {versions_url, token_a}: register with the hub as the Sender of the credentials
    POST /_test/send       {method, url, headers?, body?}: one request to the hub with the token it gave us
    POST /_test/push       {module, object_id}: let the package push one stored object to the hub
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

import httpx
import uvicorn
from fastapi.encoders import jsonable_encoder
from py_ocpi import get_application
from py_ocpi.core.adapter import BaseAdapter
from py_ocpi.core.authentication.authenticator import Authenticator
from py_ocpi.core.config import settings
from py_ocpi.core.crud import Crud
from py_ocpi.core.enums import Action, ModuleID, RoleEnum
from py_ocpi.core.push import push_object
from py_ocpi.core.schemas import Push, Receiver
from py_ocpi.core.utils import encode_string_base64
from py_ocpi.modules.versions.enums import VersionNumber
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

THEN = "2025-01-01T00:00:00Z"
EARLIEST, LATEST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
VERSION = VersionNumber.v_2_2_1
OWNER = {"country_code": settings.COUNTRY_CODE, "party_id": settings.PARTY_ID}
VERSIONS_URL = f"{settings.PROTOCOL}://{settings.OCPI_HOST}/{settings.OCPI_PREFIX}/versions"
SHOWN_HEADERS = ("content-type", "x-request-id", "x-correlation-id", "host", "user-agent")


class Peer(Crud):
    """One platform: its objects, its tokens, and the hub it is registered with."""

    def __init__(self, role, token_a, locations):
        self.role = role
        self.token_a = token_a  # opens versions and credentials until the hub is registered
        self.token_c = None  # what the hub sends to us
        self.hub = None  # {token, url, roles, endpoints}; `token` is what we send to the hub
        self.objects = {module.value: {} for module in ModuleID}
        self.objects.update(seeds(role, locations))

    def credentials(self, token):
        name = {"name": f"Extrawest {self.role.value}"}
        return {"token": token, "url": VERSIONS_URL, "roles": [{"role": self.role, "business_details": name, **OWNER}]}

    def register(self, credentials, details, token_c):
        self.hub = {**credentials, "endpoints": details["endpoints"]}
        self.token_a, self.token_c = None, token_c
        return self.credentials(token_c)

    async def get(self, module, role, id, *args, **kwargs):  # noqa: A002
        if module == ModuleID.credentials_and_registration:
            return self.credentials(id)
        if module == ModuleID.commands:  # what the charge point made of a command
            return {"result": "ACCEPTED"}
        if "response_url" in kwargs:  # a charging profile's result, which the package asks for under hubclientinfo
            return {"result": "ACCEPTED", "profile": PROFILE} if "duration" in kwargs else None
        return self.objects[module].get(key(id, kwargs))

    async def list(self, module, role, filters, *args, **kwargs):
        start, end = utc(filters["date_from"] or EARLIEST), utc(filters["date_to"] or LATEST)
        items = self.objects[module].values()
        found = [item for item in items if start <= datetime.fromisoformat(item["last_updated"]) < end]
        last = filters["offset"] + filters["limit"]
        return found[filters["offset"] : last], len(found), last >= len(found)

    async def create(self, module, role, data, *args, **kwargs):
        if module == ModuleID.credentials_and_registration:
            return self.register(data["credentials"], data["endpoints"], new_token())
        if module == ModuleID.charging_profile:  # a result at our response_url
            data, name = dict(data), kwargs["query_params"].get("id", "result")
        else:
            name = data.get("id") or data.get("uid")
        self.objects[module][key(name, kwargs)] = data
        return data

    async def update(self, module, role, data, id, *args, **kwargs):  # noqa: A002
        if module == ModuleID.credentials_and_registration:
            return self.register(data["credentials"], data["endpoints"], new_token())
        if role == RoleEnum.cpo and module == ModuleID.sessions:
            return data  # charging preferences
        self.objects[module][key(kwargs.get("session_id", id), kwargs)] = data
        return data

    async def delete(self, module, role, id, *args, **kwargs):  # noqa: A002
        if module == ModuleID.credentials_and_registration:
            self.hub = self.token_c = None
        else:
            del self.objects[module][key(id, kwargs)]

    async def do(self, module, role, action, data=None, *args, **kwargs):
        if action == Action.get_client_token:
            return self.hub["token"]
        if action == Action.authorize_token:
            token = self.objects["tokens"][data["token_uid"].lower()]
            return {"allowed": "ALLOWED", "token": token, "location": data["location_reference"]}
        return {"result": "ACCEPTED", "timeout": 30}


def key(name, kwargs):
    """Store under the object's id, or the party's where it has none; the package changes the case of both."""
    return (name or f"{kwargs['country_code']}-{kwargs['party_id']}").lower()


def utc(moment):
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def new_token():
    return secrets.token_urlsafe(24)


def authenticator(peer):
    class PeerAuthenticator(Authenticator):
        @classmethod
        async def get_valid_token_a(cls):
            return [peer.token_a] if peer.token_a else []

        @classmethod
        async def get_valid_token_c(cls):
            return [peer.token_c] if peer.token_c else []

    return PeerAuthenticator


class Recorder:
    """Note every OCPI request and the HTTP status that it got."""

    def __init__(self, app, peer):
        self.app, self.peer, self.requests = app, peer, []

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
        for name, token in (("A", self.peer.token_a), ("C", self.peer.token_c)):
            if token and token in (sent, plain):
                return f"{scheme} <{name} {'raw' if token == sent else 'base64'}>"
        return f"{scheme} <unknown>"


class Refused(Exception):
    """The hub's answer was no OCPI success."""

    def __init__(self, answer):
        super().__init__(answer["status"])
        self.answer = answer


async def call(method, url, token, headers=None, body=None):
    """Send one request to the hub, with the token encoded as the package does it."""
    headers = {"Authorization": f"Token {encode_string_base64(token)}", **(headers or {})}
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


def controls(peer, recorder):
    async def state(_):
        requests = [{**note, "body": parsed(note["body"].decode(errors="replace"))} for note in recorder.requests]
        for note in requests:
            if note["path"].rstrip("/").endswith("/credentials"):
                note["body"] = without_token(note["body"])
        hub = without_token(peer.hub)
        return reply({"registered": bool(hub), "hub": hub, "objects": peer.objects, "requests": requests})

    async def register(request):
        order = await request.json()
        _, details = await discover(order["versions_url"], order["token_a"])
        url = next(each["url"] for each in details["endpoints"] if each["identifier"] == "credentials")
        peer.token_c = new_token()  # before the POST: the hub calls back while it handles it
        mine = jsonable_encoder(peer.credentials(peer.token_c))
        answer = await call("POST", url, order["token_a"], body=mine)
        try:
            theirs = data_of(answer)
        except Refused:
            peer.token_c = None
            raise
        peer.register(theirs, details, peer.token_c)
        return reply({**answer, "body": {**answer["body"], "data": without_token(theirs)}})

    async def send(request):
        order = await request.json()
        headers, body = order.get("headers"), order.get("body")
        return reply(await call(order["method"], order["url"], peer.hub["token"], headers, body))

    async def push(request):
        order = await request.json()
        url, _ = await discover(peer.hub["url"], peer.hub["token"])
        receiver = Receiver(endpoints_url=url, auth_token=peer.hub["token"])
        what = Push(module_id=order["module"], object_id=order["object_id"], receivers=[receiver])
        response = (await push_object(VERSION, what, peer, BaseAdapter)).receiver_responses[0]
        # Of a CDR's response the package gives the headers, of any other the body.
        headers, body = (response.response, "") if order["module"] == "cdrs" else ({}, response.response)
        return reply({"status": response.status_code, "headers": headers, "body": body})

    return [
        Route("/_test/state", state),
        Route("/_test/register", register, methods=["POST"]),
        Route("/_test/send", send, methods=["POST"]),
        Route("/_test/push", push, methods=["POST"]),
    ]


def reply(content):
    return JSONResponse(jsonable_encoder(content))


def seeds(role, locations):
    """What the platform owns at the start: a module's objects by lowercased id."""
    if role == RoleEnum.emsp:
        return {"tokens": {f"tok{n}": token(n) for n in range(1, 4)}}
    return {
        "locations": {f"loc{n}": location(n) for n in range(1, locations + 1)},
        "tariffs": {"tar1": TARIFF},
        "sessions": {"ses1": SESSION},
        "cdrs": {"cdr1": CDR},
    }


def location(n):
    connector = {"id": "1", "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE"}
    connector |= {"max_voltage": 400, "max_amperage": 32, "tariff_ids": ["TAR1"], "last_updated": THEN}
    evse = {"uid": f"EVSE{n}", "evse_id": f"DE*EXC*E{n}", "status": "AVAILABLE", "connectors": [connector]}
    evse |= {"last_updated": THEN}
    place = {"address": f"Teststraße {n}", "city": "Berlin", "country": "DEU", "time_zone": "Europe/Berlin"}
    place |= {"coordinates": {"latitude": "52.520008", "longitude": "13.404954"}}
    return {**OWNER, "id": f"LOC{n}", "publish": True, **place, "evses": [evse], "last_updated": THEN}


def token(n):
    contract = {"type": "RFID", "contract_id": f"NL-EXM-C{n}", "issuer": "Extrawest", "valid": True}
    return {**OWNER, "uid": f"TOK{n}", **contract, "whitelist": "ALLOWED", "last_updated": THEN}


PERIOD = {"start_date_time": THEN, "dimensions": [{"type": "ENERGY", "volume": 10.5}], "tariff_id": "TAR1"}
PRICE = {"type": "ENERGY", "price": 0.3, "vat": 19.0, "step_size": 1}
TARIFF = {**OWNER, "id": "TAR1", "currency": "EUR", "elements": [{"price_components": [PRICE]}], "last_updated": THEN}
CHARGING = {
    **OWNER,
    "start_date_time": THEN,
    "cdr_token": {"country_code": "NL", "party_id": "EXM", "uid": "TOK1", "type": "RFID", "contract_id": "NL-EXM-C1"},
    "auth_method": "AUTH_REQUEST",
    "currency": "EUR",
    "charging_periods": [PERIOD],
    "total_cost": {"excl_vat": 3.15, "incl_vat": 3.75},
    "last_updated": THEN,
}
SESSION = {
    **CHARGING,
    "id": "SES1",
    "kwh": 10.5,
    "location_id": "LOC1",
    "evse_uid": "EVSE1",
    "connector_id": "1",
    "status": "ACTIVE",
}
CDR = {
    **CHARGING,
    "id": "CDR1",
    "session_id": "SES1",
    "end_date_time": "2025-01-01T01:00:00Z",
    "cdr_location": {
        "id": "LOC1",
        "address": "Teststraße 1",
        "city": "Berlin",
        "country": "DEU",
        "coordinates": {"latitude": "52.520008", "longitude": "13.404954"},
        "evse_id": "DE*EXC*E1",
        "connector_id": "1",
        "connector_standard": "IEC_62196_T2",
        "connector_format": "SOCKET",
        "connector_power_type": "AC_3_PHASE",
    },
    "total_energy": 10.5,
    "total_time": 1.0,
}
PROFILE = {
    "start_date_time": THEN,
    "charging_profile": {
        "charging_rate_unit": "W",
        "min_charge_rate": 1380.0,
        "charging_profile_period": {"start_period": 0, "limit": 11000.0},
    },
}


def stop_with_parent():
    """End when the test that started us closes our input, in whichever way it ended."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def main():
    role = RoleEnum(os.environ["PEER_ROLE"])
    peer = Peer(role, os.environ["PEER_TOKEN_A"], int(os.environ["PEER_LOCATIONS"]))
    modules = [module for module in ModuleID if module != ModuleID.client_info]
    recorder = Recorder(get_application([VERSION], [role], peer, modules, authenticator(peer)), peer)
    refused = {Refused: lambda _, exc: reply(exc.answer)}
    app = Starlette(routes=[*controls(peer, recorder), Mount("/", recorder)], exception_handlers=refused)
    listening = socket.socket(fileno=int(os.environ["PEER_SOCKET"]))
    threading.Thread(target=stop_with_parent, daemon=True).start()
    uvicorn.Server(uvicorn.Config(app, timeout_graceful_shutdown=1)).run([listening])


if __name__ == "__main__":
    main()
