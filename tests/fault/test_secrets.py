"""No secret is where it need not be: canaries in every place, traffic of every kind, and a search through all there is.

The hub is a process of its own, at level debug, with every plugin that ships with it, bodies kept, and one plugin more
that fails with all that it can reach in its hands.
"""

import asyncio
import base64
import contextlib
import json
import re
import shutil
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.fault.canaries import Canaries, links, run_commands
from tests.fault.process import HubProcess
from tests.partner import Asked, Partner, Say, ocpi
from tests.plugin.shipped import SHIPPED
from tests.ports import free_port
from tests.promises import Proof
from tests.raw import Answer, ask, request
from tests.versions import CPO, CPO_MODULES, EMSP, EMSP_MODULES, cdr, location, send, session, token

pytestmark = [pytest.mark.promise(8), pytest.mark.timeout(180)]

PLUGINS = """
[journal]
enabled = true
[telemetry]
enabled = true
endpoint = "http://127.0.0.1:1/v1/traces?key={telemetry}"
[plugins.event_log]
enabled = true
bodies = true
every = 0.1
[plugins.mqtt]
enabled = true
port = 1
user = "hub"
password = "{mqtt}"
[plugins.mqtt_commands]
enabled = true
party = "NL-MQT"
port = 1
password_file = "mqtt.secret"
[plugins.webhooks]
enabled = true
secret_file = "webhooks.secret"
[[plugins.webhooks.endpoints]]
name = "shop"
url = "http://127.0.0.1:1/hook?key={hook}"
[plugins.public_api]
enabled = true
party = "NL-APP"
port = {api}
[plugins.registry]
enabled = true
port = {registry}
[plugins.statistics]
enabled = true
[plugins.presets]
enabled = true
[plugins.reservations]
enabled = true
[plugins.parking]
enabled = true
[plugins.leaky]
api_password = "{leaky}"
"""
LEAKY = """
from hub.plugin import Message, Plugin, Push, Registration, Reply, Settings, admit, on_push, receive, respond


class LeakySettings(Settings):
    api_password: str = ""


class Leaky(Plugin[LeakySettings]):
    async def start(self):
        self.log.info("begun", settings=self.settings, password=self.settings.api_password)

    @receive("tariffs.put")
    async def take(self, message: Message) -> None:
        secret = self.settings.api_password
        raise RuntimeError(f"{message!r} {vars(self)!r} {self.hub!r}")

    @respond("*")
    async def answer(self, message: Message, reply: Reply) -> None:
        raise KeyError(repr(self.settings), reply)

    @admit
    async def judge(self, registration: Registration) -> None:
        if registration.platform.startswith("BE-BAD"):
            raise ValueError(f"{registration!r}", self.settings)

    @on_push("*")
    async def see(self, push: Push) -> None:
        self.log.error("saw", push=push, settings=repr(self.settings))
        raise OSError(push, self.settings)
"""
ECHO = "Authorization: {0} -- your token {1} is wrong, {1}, or {2}"


class Net:
    """The hub, its partners, and everything that was answered, by what it answers."""

    def __init__(self, hub: HubProcess, folder: Path, admin: str, canaries: Canaries) -> None:
        self.hub = hub
        self.folder = folder
        self.admin = admin
        self.canaries = canaries
        self.told: list[tuple[str, bytes]] = []
        self.partners: list[Partner] = []

    def keep(self, what: str, answer: Answer | None) -> None:
        """An answer that may hold no secret at all, its headers neither."""
        if answer is not None:
            self.told.append((what, answer.body + repr(answer.headers).encode()))

    async def partner(self, stack: AsyncExitStack, role: str, modules: tuple[str, ...]) -> Partner:
        """An invited partner, whose own token is a canary, and which repeats what it is asked with where it fails."""
        partner = Partner(role, endpoints=modules)
        partner.token_out = self.canaries.new(f"token of {role}")
        await stack.enter_async_context(partner.serve())
        invitation = await self.hub.ask("invite", name=role, parties=[role])
        partner.token, partner.hub = self.canaries.learnt(f"TOKEN_A of {role}", invitation["token_a"]), self.hub.url
        self.partners.append(partner)
        return partner

    async def register(self, partner: Partner, method: str = "POST", **changes: Any) -> Answer:
        """A handshake; an answer that is no success holds no secret."""
        answer = await partner.register(method, **changes)
        if answer.code == 1000:
            self.canaries.learnt(f"token C of {partner.party}", partner.token)
        else:
            self.keep(f"{method} credentials", answer)
        return answer


def echo(asked: Asked, status: int = 200, code: int = 2001) -> Say:
    """A partner that shows what it was sent: as it came, and as it reads it."""
    header = asked.headers.get("authorization", "")
    read = base64.b64decode(asked.token + "==").decode("latin-1")
    read = read if read.isascii() and read.isprintable() else asked.token
    text = ECHO.format(header, asked.token, read)
    headers = {"X_Debug": text, "WWW_Authenticate": text, "Set_Cookie": f"t={read}"}
    return ocpi({"error": text, "token": read, "seen": dict(asked.headers)}, code, status, text, **headers)


@pytest.fixture
async def net(tmp_path: Path) -> Any:
    canaries, admin = Canaries(), free_port()
    hub = HubProcess(tmp_path, level="debug", timeout=3.0, environment={"PYTHONFAULTHANDLER": "1"})
    values = {name: canaries.new(f"{name} in config.toml") for name in ("telemetry", "mqtt", "hook", "leaky")}
    more = PLUGINS.format(api=free_port(), registry=free_port(), **values)
    config = tmp_path / "config.toml"
    config.write_text(config.read_text().replace("[admin]\nport = 0", f"[admin]\nport = {admin}") + more)
    shutil.copytree(SHIPPED, tmp_path / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "plugins" / "leaky.py").write_text(LEAKY)
    (tmp_path / "mqtt.secret").write_text(canaries.new("password_file of mqtt_commands"))
    (tmp_path / "webhooks.secret").write_text(canaries.new("secret_file of webhooks"))
    async with hub:
        key = (tmp_path / "data" / "hub.key").read_text().strip()
        canaries.learnt("hub.key as it is written", key)
        canaries.learnt("hub.key", base64.b64decode(key))
        yield Net(hub, tmp_path, f"http://127.0.0.1:{admin}", canaries)


async def handshakes(net: Net, stack: AsyncExitStack) -> tuple[Partner, Partner]:
    """Registrations that fail in all ways, and then two that do not; each token is renewed from both sides."""
    bad = await net.partner(stack, "BE-BAD:CPO", CPO_MODULES)
    for line in ("GET /versions", "GET /2.2.1"):
        for status, code in ((401, 2000), (200, 3000), (500, 2000), (404, 2000), (200, 1000)):
            bad.says = {line: lambda asked, s=status, c=code: echo(asked, s, c)}
            await net.register(bad)
    bad.says = {"GET /versions": lambda asked: Say(302, headers={"Location": f"http://127.0.0.2:1/?t={asked.token}"})}
    await net.register(bad)
    bad.says.clear()
    secret = net.canaries.new("token in a wrong place of credentials")
    for changes in (
        {"token": f"{secret} {secret}"}, {"token": [secret]}, {"token": {"value": secret}}, {"token": secret, "url": 5},
        {"token": secret, "url": f"http://user:{secret}@127.0.0.1/"}, {"token": secret, "url": f"//{secret}@x"},
        {"token": secret, "url": f"{bad.url}/nothing?token={secret}"}, {"token": secret, "roles": None},
        {"token": secret, "url": f"{bad.url}/nothing#access_token={secret}"}, {"roles": [], "authorization": secret},
    ):  # fmt: skip
        await net.register(bad, **changes)
    for body in (f'{{"token":"{secret}"', f'{{"token":"{secret}",', f'"{secret}"', f"token={secret}", f'["{secret}"]'):
        net.keep("credentials", await bad.ask("POST", "/ocpi/2.2.1/credentials", body=body.encode()))
    await net.register(bad)
    cpo = await net.partner(stack, "NL-CPO:CPO", (*CPO_MODULES, "receiver/commands", "receiver/chargingprofiles"))
    emsp = await net.partner(stack, "DE-MSP:EMSP", (*EMSP_MODULES, "sender/commands", "sender/chargingprofiles"))
    for partner in (cpo, emsp):
        answer = await net.register(partner)
        assert answer.code == 1000, answer
        await net.hub.ask("capture", ref=str(partner.party), minutes=60)
        partner.token_out = net.canaries.new(f"renewed token of {partner.party}")
        assert (await net.register(partner, "PUT")).code == 1000
        partner.token_out = net.canaries.new(f"token of {partner.party} that the operator renewed")
        await net.hub.ask("rotate", ref=str(partner.party))
        net.canaries.learnt(f"token C of {partner.party}, renewed by the operator", partner.token)
        partner.says["PUT /credentials"] = echo
        with contextlib.suppress(Exception):
            await net.hub.ask("rotate", ref=str(partner.party))
        del partner.says["PUT /credentials"]
    return cpo, emsp


async def strangers(net: Net, cpo: Partner) -> None:
    """Tokens in places where they do not belong."""
    wrong = net.canaries.new("token that nobody has")
    for secret in (wrong, cpo.token, base64.b64encode(cpo.token.encode()).decode()):
        for line in (
            f"Authorization: Token {wrong}", f"Authorization: Bearer {secret}", f"Authorization: {secret}",
            f"Authorization: Basic {secret}", f"Authorisation: Token {secret}", f"X-Api-Key: {secret}",
            f"Authorization: Token {wrong} {secret}", f"Token: {secret}", f"Cookie: token={secret}",
            f"Authorization: Token token={secret}", f"OCPI-to-party-id: {secret}", f"Authorization : Token {secret}",
            f"X-Request-ID: {secret}\x01", f"Authorization: Token {secret}\xff", f"Content-Length: {secret}",
            f"Transfer-Encoding: {secret}", f"{secret}: x", f"{secret}",
        ):  # fmt: skip
            for target in ("/ocpi/versions", f"/ocpi/2.2.1/sender/locations?token={secret}"):
                net.keep("a stranger", await ask(net.hub.url, request("GET", target, line.encode("latin-1"))))
        for target in (
            f"/ocpi/versions?token={secret}", f"/ocpi/{secret}", f"http://user:{secret}@hub/ocpi/versions",
            f"/ocpi/versions#{secret}", f"/ocpi/2.2.1/{secret}/locations", f"/ocpi/2.2.1/sealed/{secret}",
            f"/ocpi/2.2.1/sender/locations?authorization=Token%20{secret}&limit=a",
        ):  # fmt: skip
            for allowed in (None, cpo.token):
                net.keep("a target", await ask(net.hub.url, request("GET", target, token=allowed)))
        net.keep("no HTTP", await ask(net.hub.url, f"GET /{secret} HTTP/9\r\nToken {secret}\r\n\r\n".encode()))


async def messages(net: Net, cpo: Partner, emsp: Partner) -> None:
    """Traffic of every kind: what works, what partners refuse while they repeat what they were sent, what breaks."""
    secret = net.canaries.new("secret in a URL that was handed out")
    put = [("locations", "LOC1", location("2.2.1")), ("sessions", "S1", session("2.2.1"))]
    back = f"{emsp.url}/sender/commands/1?secret={secret}"
    body = {"response_url": back, "location_id": "LOC1", "token": token("2.2.1"), "session_id": "S1"}
    profile = f"receiver/chargingprofiles/S1?duration=5&response_url={emsp.url}/sender/chargingprofiles/1?s={secret}"
    sent = (
        *((cpo, "PUT", f"receiver/{module}/NL/CPO/{name}", made, EMSP) for module, name, made in put),
        (cpo, "PUT", "receiver/locations/NL/CPO/LOC1", put[0][2], None),
        (cpo, "PUT", "receiver/tariffs/NL/CPO/T1", {"id": "T1"}, EMSP),
        (cpo, "POST", "receiver/cdrs", cdr("2.2.1"), EMSP),
        (emsp, "GET", f"sender/locations?limit=1&token={secret}", None, CPO),
        (emsp, "GET", "sender/sessions?date_from=2026-01-01T00:00:00Z", None, None),
        (emsp, "PUT", "receiver/tokens/DE/MSP/CARD1", token("2.2.1"), CPO),
        (cpo, "POST", f"sender/tokens/CARD1/authorize?token={secret}", None, EMSP),
        (emsp, "POST", "receiver/commands/START_SESSION", body, CPO),
        (emsp, "GET", profile, None, CPO),
        (emsp, "POST", "receiver/commands/STOP_SESSION", {"response_url": f"http://u:{secret}@127.0.0.1/"}, CPO),
    )
    link = f'<http://127.0.0.1:1/x?token={secret}&offset=5>; rel="next"'
    answers: tuple[Any, ...] = (
        lambda asked: ocpi([], Location=f"/x?token={secret}", Link=link),
        lambda asked: echo(asked, 200, 2001), lambda asked: echo(asked, 401, 2002),
        lambda asked: echo(asked, 500, 3000),
        lambda asked: echo(asked, 404, 2003), lambda asked: Say(502, asked.headers["authorization"].encode()),
        lambda asked: Say(302, headers={"Location": f"http://x/?t={asked.token}"}),
        lambda asked: Say(200, asked.headers["authorization"].encode(), {"Content-Type": "application/json"}),
    )  # fmt: skip
    for answer in answers:
        for sender, method, path, made, to in sent:
            receiver = emsp if sender is cpo else cpo
            receiver.says = {f"{method} /{path.partition('?')[0]}": answer}
            net.keep(f"{method} {path}", await send(sender, method, path, made, to))
        for each in (cpo, emsp):
            await net.hub.ask("sync", ref=str(each.party))
    for each in (cpo, emsp):
        each.says.clear()


COMMANDS = (
    "check", "status", "partner list", "partner show DE-MSP", "partner show BE-BAD:CPO --json", "partner limits NL-CPO",
    "agreement list", "key list", "key list --json", "plugin list", "plugin show webhooks", "plugin show mqtt",
    "explain PUT receiver/locations/NL/CPO/LOC1 --from NL-CPO", "journal", "journal --json", "journal --csv",
    "findings", "trace c1",
    "losses", "stats", "sync NL-CPO", "partner certify DE-MSP --json", "partner capture NL-CPO --minutes 5", "reload",
    "partner rotate BE-BAD:CPO", "partner connect http://127.0.0.1:1/versions?key={0} --name Other --token-file -",
    "restore nowhere.db", "key create reader --scope wrong", "plugin call webhooks nothing", "--version",
)  # fmt: skip
FILL = {
    "partner": "NL-CPO", "plugin": "webhooks", "module": "locations", "owner": "NL-CPO", "id": "LOC1", "name": "read",
}  # fmt: skip


async def commands(net: Net) -> list[tuple[str, bytes]]:
    """What commands print; those that make a key print it, once, and that is taken out."""
    wrong = net.canaries.new("token of an operator that is wrong")
    words = [each.format(wrong).split() for each in COMMANDS] + [["backup", "saved/backup.db", "--json"]]
    (net.folder / "saved").mkdir()
    told = await asyncio.to_thread(run_commands, net.folder, words, wrong)
    assert {what: code for what, code, _ in told if code == 2 and "key create" not in what} == {}
    return [(what, output) for what, _, output in told]


async def keys(net: Net) -> dict[str, str]:
    """One admin key of each scope, and one of the public API."""
    makes = [["key", "create", scope, "--scope", scope, "--json"] for scope in ("read", "operate", "admin")]
    makes.append(
        ["plugin", "call", "public_api", "key-create", '{"name":"app","app":"shop","scopes":["read"]}', "--json"]
    )
    told = await asyncio.to_thread(run_commands, net.folder, makes)
    made = {words.split()[2]: json.loads(output.decode().removesuffix("None"))["key"] for words, _, output in told}
    for name, key in made.items():
        net.canaries.learnt(f"key {name}", key)
    return made


async def visits(net: Net, made: dict[str, str]) -> list[tuple[str, bytes]]:
    """Everything that can be read over HTTP: each GET of the API with each key, and each page of the dashboard."""
    seen: list[tuple[str, bytes]] = []

    async def get(session: aiohttp.ClientSession, path: str, **headers: str) -> bytes:
        async with session.get(path, headers=headers, allow_redirects=False) as answer:
            body = await answer.read()
            seen.append((f"GET {path}", body + repr(answer.headers).encode()))
            return body

    async with aiohttp.ClientSession(net.admin) as session:
        document = json.loads(await get(session, "/openapi.json"))
        for key in ("read", "operate", "admin"):
            for path, methods in document["paths"].items():
                if "get" in methods:
                    at = re.sub(r"{(\w+)}", lambda found: FILL.get(found[1], "1"), path)
                    await get(session, at, **{"x-api-key": made[key]})
            for path in ("/metrics", "/api/v1/partners/DE-MSP", "/api/v1/journal?limit=500", "/api/v1/plugins/mqtt"):
                await get(session, path, **{"x-api-key": made[key]})
            rows = json.loads(await get(session, "/api/v1/journal?limit=100", **{"x-api-key": made[key]}))["items"]
            for row in rows[:: len(rows) // 12 or 1]:
                await get(session, f"/api/v1/trace/{row['correlation_id']}", **{"x-api-key": made[key]})
        for path in (f"/api/v1/status?x-api-key={made['admin']}", f"/docs?key={made['admin']}", "/health/ready"):
            await get(session, path, **{"x-api-key": made["admin"] + "x"})
    return seen + await pages(net, made["admin"])


async def pages(net: Net, key: str) -> list[tuple[str, bytes]]:
    """Every page that links lead to, with its twin in JSON. Its form has the CSRF token: there, and nowhere else."""
    seen: list[tuple[str, bytes]] = []
    async with aiohttp.ClientSession(net.admin, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.post("/dashboard/login", data={"key": key, "to": ""}, allow_redirects=False) as answer:
            cookie = answer.cookies["ocpi_hub_session"].value
            net.canaries.learnt("session of the dashboard", cookie)
        async with session.post("/dashboard/login", data={"key": f"{key}x", "to": f"/dashboard/?{key}"}) as answer:
            seen.append(("a login that fails", (await answer.read()).replace(key.encode(), b"", 1)))
        waiting, known = ["/dashboard/overview"], {"/dashboard/overview"}
        csrf = b""
        while waiting and len(known) < 400:
            path = waiting.pop()
            async with session.get(path, allow_redirects=False) as answer:
                body = await answer.read()
                if found := re.search(rb'name="csrf" value="(\w+)"', body):
                    csrf = found[1]
                seen.append(
                    (f"GET {path}", (body.replace(csrf, b"") if csrf else body) + repr(answer.headers).encode())
                )
                more = links(body.decode("utf-8", "replace")) if "html" in answer.content_type else set()
            for each in sorted(more - known):
                if each.startswith(("/dashboard", "/plugins")) and len(known) < 400:
                    known.add(each)
                    waiting.append(each)
        assert len(seen) > 40
        net.canaries.learnt("CSRF token", csrf)
        async with session.post("/dashboard/agreements", data={"csrf": "wrong"}) as answer:
            seen.append(("a form that is refused", await answer.read()))
    return seen


def own(path: str) -> bool:
    """Where the operator put secrets: the files that are there for them."""
    return path.endswith(("hub.key", "config.toml", ".secret"))


async def test_nothing_leaks(net: Net, proof: Proof) -> None:
    async with AsyncExitStack() as stack:
        cpo, emsp = await handshakes(net, stack)
        await strangers(net, cpo)
        await messages(net, cpo, emsp)
        made = await keys(net)
        told = net.told + await visits(net, made) + await commands(net)
        process = Path(f"/proc/{net.hub._process.pid}")
        told += [(name, (process / name).read_bytes()) for name in ("cmdline", "environ", "comm")]
        before = net.hub.files()
        await net.hub.signalled("SIGABRT")
        log = net.hub.log.read_text()
        assert "Fatal Python error: Aborted" in log
        assert all(each in log for each in ("plugin_fault", "saw", "registration_refused", "delivery_failed"))
        files = [each for each in (*before, *net.hub.files()) if not own(each[0])]
        assert {Path(each).name for each, _ in files} >= {"hub.db", "hub.log", "events.jsonl", "backup.db"}
    leaks = net.canaries.search(told) + net.canaries.search(files)
    print("\n".join(leaks[:40]))
    proof.at_least("kinds of canaries", len(net.canaries.names), 30)
    proof.at_least("answers, pages and outputs searched", len(told), 500)
    proof.at_least("files searched", len(files), 50)
    proof.exactly("secrets found where they need not be", len(leaks), 0)
