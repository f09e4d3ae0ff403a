"""Tells programs elsewhere what happens in the hub, by signed HTTP requests. Off until it is switched on.

    [plugins.webhooks]
    enabled = true
    secret_file = "webhooks.secret"

    [[plugins.webhooks.endpoints]]
    name = "billing"
    url = "https://billing.example/ocpi"
    events = ["push"]
    selectors = ["cdrs.post"]

Everything about it stands in docs/webhooks.md.
"""

import asyncio
import hashlib
import hmac
import time
from collections import Counter, deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
from msgspec import Meta
from sqlalchemy import BigInteger, Column, Table, Text, select

from hub.plugin import (
    Call,
    Connection,
    Event,
    Figure,
    Figures,
    HttpFailed,
    OcpiError,
    PartnerChanged,
    Plugin,
    PluginSetAside,
    Problem,
    Push,
    Query,
    Registered,
    Rows,
    Scope,
    Settings,
    StatusChanged,
    Tables,
    Unregistered,
    admin_route,
    check_selector,
    matches,
    on,
    on_push,
    panel,
    verb,
)

SIGNATURE, TIMESTAMP = "X-Hub-Signature", "X-Hub-Timestamp"
_SHORTEST_SECRET = 16
_LATEST = 50
_FLUSH = 5.0
_NAMES: dict[type[Event], str] = {
    StatusChanged: "status_changed",
    Registered: "registered",
    Unregistered: "unregistered",
    PartnerChanged: "partner_changed",
    PluginSetAside: "plugin_set_aside",
}
Kind = Literal["push", "status_changed", "registered", "unregistered", "partner_changed", "plugin_set_aside"]

tables = Tables()
outcomes = Table(
    "plugin_webhooks_outcome",
    tables,
    Column("endpoint", Text, primary_key=True),
    Column("outcome", Text, primary_key=True),
    Column("times", BigInteger, nullable=False),
    Column("latest", BigInteger, nullable=False),
)


class Endpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table `[[plugins.webhooks.endpoints]]`."""

    name: Annotated[str, Meta(pattern="^[a-z0-9_-]{1,40}$", description="What it is called in figures and in the log.")]
    url: Annotated[str, Meta(pattern="^https?://", max_length=2000, description="Where requests go.")]
    events: Annotated[list[Kind], Meta(description="Which events are sent; an empty list means all.")] = []
    selectors: Annotated[
        tuple[str, ...], Meta(min_length=1, description="Of pushes: which, as in hooks of plugins.")
    ] = ("*",)
    bodies: Annotated[bool, Meta(description="Whether the body of a push is in the request.")] = True
    refused: Annotated[bool, Meta(description="Whether pushes that were not accepted are sent, too.")] = False


class WebhooksSettings(Settings):
    """The `[plugins.webhooks]` table."""

    endpoints: Annotated[list[Endpoint], Meta(description="Who is told: a table for each.")] = []
    secret: Annotated[str, Meta(description="Key of the signatures; for the environment, not for config.toml.")] = ""
    secret_file: Annotated[str, Meta(description="File with the key of the signatures.")] = ""
    patience: Annotated[float, Meta(gt=0, le=60, description="Seconds from an event to the answer of an endpoint.")] = (
        5.0
    )
    at_once: Annotated[int, Meta(ge=1, le=32, description="Requests to one endpoint at the same time.")] = 8
    waiting: Annotated[int, Meta(ge=1, le=100_000, description="Events that may wait for one endpoint.")] = 1000


class Sending(msgspec.Struct, frozen=True):
    """One event on its way to one endpoint. `until` is the loop's time by which the answer has to be there."""

    event: str
    id: str
    body: bytes
    until: float


class OutcomeCount(msgspec.Struct, frozen=True):
    """How often something came of requests to an endpoint; `latest` is in milliseconds since 1970."""

    endpoint: str
    outcome: str
    times: int
    latest: int


class Outcomes(msgspec.Struct, frozen=True):
    """All counts, since the plugin was used for the first time."""

    outcomes: list[OutcomeCount]


class Attempt(msgspec.Struct, frozen=True):
    """What came of one request."""

    at: int
    endpoint: str
    event: str
    outcome: str


class Webhooks(Plugin[WebhooksSettings]):
    """Each endpoint has its own queue and its own workers: one that is slow delays none of the others."""

    enabled_by_default = False
    tables = tables

    async def start(self) -> None:
        self.secret = self.read_secret()
        self.queues: dict[str, asyncio.Queue[Sending]] = {}
        self.counted: Counter[tuple[str, str]] = Counter()
        self.seen: dict[tuple[str, str], int] = {}
        self.attempts: deque[Attempt] = deque(maxlen=_LATEST)
        self.failing: set[str] = set()
        for endpoint in self.settings.endpoints:
            self.check(endpoint)
            self.queues[endpoint.name] = asyncio.Queue(self.settings.waiting)
            for number in range(self.settings.at_once):
                self.spawn(self.work(endpoint), name=f"{endpoint.name} {number}")
        self.spawn(self.keep_counting(), name="count")

    async def stop(self) -> None:
        await self.flush()

    def read_secret(self) -> bytes:
        secret = self.settings.secret.encode()
        if self.settings.secret_file:
            secret = (self.folder / self.settings.secret_file).read_bytes().strip()
        if len(secret) < _SHORTEST_SECRET:
            raise ValueError(
                f"the secret is missing, or shorter than {_SHORTEST_SECRET} bytes; set secret_file, or "
                "OCPI_HUB__PLUGINS__WEBHOOKS__SECRET in the environment"
            )
        return secret

    def check(self, endpoint: Endpoint) -> None:
        if endpoint.name in self.queues:
            raise ValueError(f"two endpoints have the name {endpoint.name!r}")
        parts = urlsplit(endpoint.url)
        if parts.username is not None or not parts.hostname:
            raise ValueError(f"endpoint {endpoint.name!r}: the url needs a host, and takes no user name or password")
        for selector in endpoint.selectors:
            check_selector(selector)

    @on_push("*")
    async def pushed(self, push: Push) -> None:
        wanted = [each for each in self.settings.endpoints if _wants(each, push)]
        bodies = {bodies: _push(push, bodies=bodies) for bodies in {each.bodies for each in wanted}}
        for endpoint in wanted:
            self.offer(endpoint, "push", bodies[endpoint.bodies])

    @on(*_NAMES)
    async def happened(self, event: Event) -> None:
        name = _NAMES[type(event)]
        for endpoint in self.settings.endpoints:
            if not endpoint.events or name in endpoint.events:
                self.offer(endpoint, name, _plain(event))

    def offer(self, endpoint: Endpoint, event: str, data: Mapping[str, Any]) -> None:
        """Let an event wait for an endpoint; one that is too many is dropped."""
        try:
            self.queues[endpoint.name].put_nowait(self.sending(event, data))
        except asyncio.QueueFull:
            self.count(endpoint, event, "dropped: too many waited")

    def sending(self, event: str, data: Mapping[str, Any]) -> Sending:
        sent = {"id": str(uuid4()), "event": event, "at": _time(), "hub": self.hub.party.id, "data": data}
        until = asyncio.get_running_loop().time() + self.settings.patience
        return Sending(event, sent["id"], msgspec.json.encode(sent), until)

    async def work(self, endpoint: Endpoint) -> None:
        while True:
            sending = await self.queues[endpoint.name].get()
            self.count(endpoint, sending.event, await self.send(endpoint, sending))

    async def send(self, endpoint: Endpoint, sending: Sending) -> str:
        """One attempt, and no second one. What came of it, in words."""
        seconds = sending.until - asyncio.get_running_loop().time()
        if seconds <= 0:
            return "dropped: waited too long"
        timestamp = str(int(time.time()))
        headers = (
            ("Content-Type", "application/json"),
            ("User-Agent", "ocpi-hub"),
            ("X-Hub-Event", sending.event),
            ("X-Hub-Delivery", sending.id),
            (TIMESTAMP, timestamp),
            (SIGNATURE, sign(self.secret, timestamp, sending.body)),
        )
        try:
            answer = await self.http.send("POST", endpoint.url, headers=headers, body=sending.body, seconds=seconds)
        except HttpFailed as failed:
            return f"failed: {failed.kind}"
        return "delivered" if 200 <= answer.status < 300 else f"refused: HTTP {answer.status}"

    def count(self, endpoint: Endpoint, event: str, outcome: str) -> None:
        now = time.time_ns() // 1_000_000
        self.counted[endpoint.name, outcome] += 1
        self.seen[endpoint.name, outcome] = now
        self.attempts.append(Attempt(now, endpoint.name, event, outcome))
        if outcome != "delivered" and endpoint.name not in self.failing:
            self.failing.add(endpoint.name)
            self.log.warning("webhook_fails", endpoint=endpoint.name, outcome=outcome)
        elif outcome == "delivered" and endpoint.name in self.failing:
            self.failing.discard(endpoint.name)
            self.log.info("webhook_works_again", endpoint=endpoint.name)

    async def keep_counting(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH)
            await self.flush()

    async def flush(self) -> None:
        """Add what was counted to the table."""
        counted, self.counted = self.counted, Counter()
        rows = [
            {"endpoint": name, "outcome": outcome, "times": times, "latest": self.seen[name, outcome]}
            for (name, outcome), times in counted.items()
        ]
        if rows:
            await self.store.write(lambda own: own.upsert(outcomes, rows, adding=["times"]))

    async def all_counts(self) -> list[OutcomeCount]:
        async def read(own: Connection) -> list[OutcomeCount]:
            found = await own.execute(select(outcomes).order_by(outcomes.c.endpoint, outcomes.c.outcome))
            return [OutcomeCount(**row) for row in found.mappings()]

        await self.flush()
        return await self.store.read(read)

    @admin_route("GET", "/outcomes", scope=Scope.READ)
    async def list_outcomes(self, call: Call[Query, None]) -> Outcomes:
        """List what came of webhooks, by endpoint."""
        return Outcomes(await self.all_counts())

    @verb("test")
    async def test(self, given: str) -> Attempt:
        """Send a test event to the endpoint of this name now, and tell what came of it."""
        endpoint = next((each for each in self.settings.endpoints if each.name == given), None)
        if endpoint is None:
            names = ", ".join(each.name for each in self.settings.endpoints)
            raise Problem(404, f"there is no endpoint {given!r}; there are: {names or 'none'}")
        outcome = await self.send(endpoint, self.sending("test", {}))
        self.count(endpoint, "test", outcome)
        return self.attempts[-1]

    @panel("Outcomes")
    async def show_outcomes(self) -> Rows:
        counts = await self.all_counts()
        rows = tuple((each.endpoint, each.outcome, each.times, _time(each.latest)) for each in counts)
        return Rows(("endpoint", "outcome", "times", "latest"), rows[:1000])

    @panel("Waiting")
    async def show_waiting(self) -> Figures:
        return Figures(tuple(Figure(name, queue.qsize(), "events") for name, queue in self.queues.items()))

    @panel("Latest attempts")
    async def show_attempts(self) -> Rows:
        rows = tuple((_time(each.at), each.endpoint, each.event, each.outcome) for each in reversed(self.attempts))
        return Rows(("at", "endpoint", "event", "outcome"), rows)


def sign(secret: bytes, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over the timestamp, a dot and the body; written `sha256=` and 64 hexadecimal digits."""
    return f"sha256={hmac.new(secret, timestamp.encode() + b'.' + body, hashlib.sha256).hexdigest()}"


def _wants(endpoint: Endpoint, push: Push) -> bool:
    return (
        (not endpoint.events or "push" in endpoint.events)
        and (push.ok or endpoint.refused)
        and any(matches(selector, push.message.operation) for selector in endpoint.selectors)
    )


def _push(push: Push, *, bodies: bool) -> dict[str, Any]:
    message = push.message
    data = {
        "version": message.version,
        "module": message.module,
        "interface": message.interface,
        "method": message.method,
        "path": message.segments,
        "sender": message.sender.id,
        "receivers": [] if push.route.way == "refuse" else [party.id for party in push.route.destinations],
        "correlation_id": message.correlation_id,
        "accepted": push.ok,
        "code": push.reply.ocpi_status,
    }
    return {**data, "body": _body(push)} if bodies else data


def _body(push: Push) -> Any:
    try:
        push.json()
    except OcpiError:
        return None
    return msgspec.Raw(push.message.body or b"null")


def _plain(event: Event) -> dict[str, Any]:
    if isinstance(event, StatusChanged):
        parties = {f"{role.party.id}:{role.role}": status for role, status in event.parties.items()}
        return {"platform": event.platform, "before": event.before, "status": event.status, "parties": parties}
    if isinstance(event, Registered):
        roles = [f"{role.party.id}:{role.role}" for role in event.roles]
        return {"platform": event.platform, "version": event.version, "roles": roles}
    return {name: getattr(event, name) for name in event.__struct_fields__}


def _time(milliseconds: int | None = None) -> str:
    at = datetime.now(UTC) if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
