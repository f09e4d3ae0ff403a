"""Publishes what passes the hub to an MQTT broker: state as retained messages, the rest as it comes. Off by default.

    [plugins.mqtt]
    enabled = true
    host = "broker.example"

It needs the package aiomqtt: `pip install ocpi-hub[mqtt]`. Everything about it stands in docs/mqtt.md.
"""

import asyncio
import contextlib
import logging
import random
import secrets
import ssl
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import aiomqtt
import msgspec
from msgspec import Meta

from hub.plugin import (
    ConnectionStatus,
    Figure,
    Figures,
    Message,
    OcpiError,
    Party,
    Plugin,
    Push,
    Settings,
    StatusChanged,
    check_selector,
    matches,
    on,
    on_push,
    panel,
)

STATES = frozenset(("locations", "sessions", "tariffs", "tokens"))
_QUIET = logging.getLogger("plugin.mqtt")
_QUIET.disabled = True  # it would tell of every message that waits; this plugin counts them
_FIRST_PAUSE = 0.5
_LONGEST_SEGMENT = 200
_LONGEST_TOPIC = 1000
_GOODBYE = 1.0
_LOCATION = 4
"""Parts of the path of a location: module, country, party, id."""
_UNSAFE = str.maketrans({each: f"%{ord(each):02X}" for each in "%/+#"})


class MqttSettings(Settings):
    """The `[plugins.mqtt]` table."""

    host: Annotated[str, Meta(min_length=1, description="Host of the broker.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535, description="Port of the broker.")] = 1883
    user: Annotated[str, Meta(description="User name at the broker.")] = ""
    password: Annotated[str, Meta(description="Password; for the environment, not for config.toml.")] = ""
    password_file: Annotated[str, Meta(description="File with the password.")] = ""
    tls: Annotated[bool, Meta(description="Whether the connection is encrypted.")] = False
    ca_file: Annotated[
        str, Meta(description="PEM file with the authority of the broker; else those of the system.")
    ] = ""
    certificate: Annotated[str, Meta(description="PEM file with a certificate of the hub for the broker.")] = ""
    key: Annotated[str, Meta(description="PEM file with the key of that certificate.")] = ""
    prefix: Annotated[str, Meta(pattern="^[^+#\u0000]{1,100}$", description="First part of every topic.")] = "ocpi"
    selectors: Annotated[tuple[str, ...], Meta(min_length=1, description="Which pushes, as in hooks of plugins.")] = (
        "*",
    )
    retain: Annotated[bool, Meta(description="Whether state is retained by the broker.")] = True
    qos: Annotated[int, Meta(ge=0, le=1, description="0: at most once; 1: until the broker confirms it.")] = 1
    at_once: Annotated[int, Meta(ge=1, le=1000, description="Messages that the broker has yet to confirm.")] = 20
    waiting: Annotated[int, Meta(ge=1, le=100_000, description="Messages that may wait for their turn.")] = 1000
    remembered: Annotated[int, Meta(ge=0, le=1_000_000, description="Objects that are kept to put changes into.")] = (
        10_000
    )
    patience: Annotated[float, Meta(gt=0, le=60, description="Seconds that the broker may take for a message.")] = 5.0
    keepalive: Annotated[int, Meta(ge=5, le=3600, description="Seconds of silence after which both sides ask.")] = 30
    longest_pause: Annotated[
        float, Meta(ge=1, le=3600, description="Most seconds between two attempts to connect.")
    ] = 60.0


class Outbound(msgspec.Struct, frozen=True):
    """One message for the broker."""

    topic: str
    payload: bytes
    retain: bool


class Mqtt(Plugin[MqttSettings]):
    """One connection, which mends itself. While it is gone, nothing is kept for later."""

    enabled_by_default = False

    async def start(self) -> None:
        for selector in self.settings.selectors:
            check_selector(selector)
        self.password = self.read_password()
        self.tls = await asyncio.to_thread(self.make_tls)
        self.waiting: asyncio.Queue[Outbound] = asyncio.Queue(self.settings.waiting)
        self.known: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self.statuses: dict[str, bytes] = {}
        self.connected = False
        self.problem = ""
        self.published = self.dropped = self.connects = 0
        self.spawn(self.stay_connected(), name="connection")

    async def take_over(self) -> None:
        """The version before this one has said that the hub is gone: it is not."""
        if self.connected:
            self.offer(self.topic("hub"), _encode({"status": "online"}), retain=True)

    def read_password(self) -> str:
        if self.settings.password_file:
            return (self.folder / self.settings.password_file).read_text().strip()
        return self.settings.password

    def make_tls(self) -> ssl.SSLContext | None:
        if not self.settings.tls:
            return None
        settings = self.settings
        context = ssl.create_default_context(cafile=str(self.folder / settings.ca_file) if settings.ca_file else None)
        if settings.certificate:
            certificate = self.folder / settings.certificate
            context.load_cert_chain(certificate, self.folder / settings.key if settings.key else None)
        return context

    @on_push("*")
    async def pushed(self, push: Push) -> None:
        message = push.message
        if not push.ok or not any(matches(each, message.operation) for each in self.settings.selectors):
            return
        owner = message.owner or _owner(push)
        path = (message.module, owner.country, owner.party_id, *_ids(message))
        if message.method == "PATCH":
            self.changed(path, message)
            await self.share(path, message)
        elif message.method == "DELETE":
            self.known.pop(self.topic(*path), None)
            await self.share(path, message)
            self.offer(self.topic(*path), b"", retain=_is_state(message))
        else:
            if _is_state(message):
                self.remember(path, message)
                await self.share(path, message)
            self.offer(self.topic(*path), message.body, retain=_is_state(message))

    @on(StatusChanged)
    async def status_changed(self, event: StatusChanged) -> None:
        by_party: dict[tuple[str, str], dict[str, ConnectionStatus]] = {}
        for role, status in event.parties.items():
            by_party.setdefault((role.party.country, role.party.party_id), {})[role.role] = status
        for party, roles in by_party.items():
            told = {"status": event.status, "roles": roles, "at": _time(event.at)}
            self.statuses[self.topic("status", *party)] = _encode(told)
            self.offer(self.topic("status", *party), _encode(told), retain=True)

    async def share(self, path: tuple[str, ...], message: Message) -> None:
        """What other nodes remember of this object, and of what it is a part of, is no longer how it is."""
        if not self.nodes.several or not _is_state(message):
            return
        try:
            await self.nodes.tell(msgspec.msgpack.encode(path))
        except OcpiError as error:
            self.log.warning("mqtt_not_shared", reason=error.message)

    async def heard_from_node(self, body: bytes) -> None:
        path = msgspec.msgpack.decode(body, type=tuple[str, ...])
        for end in range(min(_LOCATION, len(path)), len(path) + 1):
            self.known.pop(self.topic(*path[:end]), None)
        if path[0] == "locations":
            inside = self.topic(*path) + "/"
            for topic in [each for each in self.known if each.startswith(inside)]:
                del self.known[topic]

    async def changed_elsewhere(self) -> None:
        """What other nodes told may have been missed."""
        self.known.clear()

    def changed(self, path: tuple[str, ...], message: Message) -> None:
        """What a PATCH changes goes to a topic of its own; where the whole object is known, that is published anew."""
        self.offer(self.topic("changes", *path), message.body, retain=False)
        whole, changes = self.whole(path), _object(message)
        if whole is None or changes is None:
            return
        if message.module == "sessions" and "charging_periods" in changes:  # they are added: 2.2.1, sessions 9.2.2.2
            changes["charging_periods"] = [*whole.get("charging_periods", ()), *(changes["charging_periods"] or ())]
        whole.update(changes)
        self.keep(path, whole)
        self.offer(self.topic(*path), _encode(whole), retain=_is_state(message))

    def remember(self, path: tuple[str, ...], message: Message) -> None:
        """Keep an object. Its parts that have topics of their own are published anew: what they said is older."""
        whole = _object(message)
        if whole is None:
            return
        self.keep(path, whole)
        for name, part in _parts(path, whole):
            if self.topic(*path, name) in self.known:
                self.keep((*path, name), part)
                self.offer(self.topic(*path, name), _encode(part), retain=True)

    def keep(self, path: tuple[str, ...], whole: dict[str, Any]) -> None:
        topic = self.topic(*path)
        self.known[topic] = whole
        self.known.move_to_end(topic)
        while len(self.known) > self.settings.remembered:
            self.known.popitem(last=False)

    def whole(self, path: tuple[str, ...]) -> dict[str, Any] | None:
        """An object as far as it is known: an EVSE or a connector also by what it is a part of."""
        known = self.known.get(self.topic(*path))
        if known is None and path[0] == "locations" and len(path) > _LOCATION:
            parent = self.whole(path[:-1])
            known = dict(_parts(path[:-1], parent)).get(path[-1]) if parent else None
        return known

    def topic(self, *parts: str) -> str:
        """A topic from what partners wrote: no part is empty, none is more than one level, none is a wildcard."""
        return "/".join((self.settings.prefix, *map(segment, parts)))

    def offer(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """Let a message wait for its turn; without a connection, or where too many wait, it is dropped."""
        if self.connected and len(topic.encode()) <= _LONGEST_TOPIC and not self.waiting.full():
            self.waiting.put_nowait(Outbound(topic, payload, retain and self.settings.retain))
        else:
            self.dropped += 1

    async def stay_connected(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            before = self.connects
            try:
                await self.session()
            except* (aiomqtt.MqttError, OSError, TimeoutError, ValueError) as group:
                self.lost(group.exceptions[0])
            pause = _FIRST_PAUSE if self.connects > before else min(pause * 2, self.settings.longest_pause)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - it only spreads attempts

    async def session(self) -> None:
        """One connection, from its begin to its end."""
        hub = self.topic("hub")
        gone = _encode({"status": "offline"})
        async with self.client(aiomqtt.Will(hub, gone, self.settings.qos, retain=True)) as client:
            self.found()
            if self.nodes.several:  # another node that ends says that the hub is gone
                await client.subscribe(hub, qos=1)
            self.offer(hub, _encode({"status": "online"}), retain=True)
            for topic, told in self.statuses.items():
                self.offer(topic, told, retain=True)
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(self.settings.at_once):
                        group.create_task(self.publish(client))
                    group.create_task(self.watch(client, gone))
            except asyncio.CancelledError:
                with contextlib.suppress(aiomqtt.MqttError):
                    await client.publish(hub, gone, 0, retain=True, timeout=_GOODBYE)
                raise

    async def watch(self, client: aiomqtt.Client, gone: bytes) -> None:
        """Ends with an error when the connection does. The hub is there as long as one of its nodes is."""
        async for message in client.messages:
            if message.payload == gone:
                self.offer(self.topic("hub"), _encode({"status": "online"}), retain=True)

    def client(self, will: aiomqtt.Will) -> aiomqtt.Client:
        settings = self.settings
        return aiomqtt.Client(
            settings.host,
            settings.port,
            # Each version has its own: a broker ends one connection when another of the same name comes.
            identifier=f"ocpi-hub-{secrets.token_hex(6)}",
            username=settings.user or None,
            password=self.password or None,
            tls_context=self.tls,
            will=will,
            keepalive=settings.keepalive,
            timeout=settings.patience,
            logger=_QUIET,
        )

    async def publish(self, client: aiomqtt.Client) -> None:
        """Publish what waits. A broker that is too slow for one message counts as gone, and all of it is dropped."""
        while True:
            outbound = await self.waiting.get()
            try:
                await client.publish(outbound.topic, outbound.payload, self.settings.qos, outbound.retain)
            except BaseException:
                self.dropped += 1
                raise
            self.published += 1

    def found(self) -> None:
        self.connected = True
        self.connects += 1
        self.log.info("mqtt_connected", host=self.settings.host, port=self.settings.port, dropped=self.dropped)
        self.problem = ""

    def lost(self, error: BaseException) -> None:
        """One line in the log, when the broker goes; what waits goes, too."""
        if self.connected or not self.problem:
            self.log.warning("mqtt_disconnected", host=self.settings.host, port=self.settings.port, reason=str(error))
        self.connected = False
        self.problem = str(error) or type(error).__name__
        while not self.waiting.empty():
            self.waiting.get_nowait()
            self.dropped += 1

    @panel("MQTT")
    async def figures(self) -> Figures:
        return Figures(
            (
                Figure("broker", f"{self.settings.host}:{self.settings.port}"),
                Figure("connection", "connected" if self.connected else self.problem or "not connected yet"),
                Figure("connections so far", self.connects),
                Figure("published", self.published, "messages"),
                Figure("dropped", self.dropped, "messages"),
                Figure("waiting", self.waiting.qsize(), "messages"),
                Figure("objects remembered", len(self.known)),
            )
        )


def segment(text: str) -> str:
    """One level of a topic: what means something in topics, and what can not be seen, is percent-encoded."""
    if len(text) > _LONGEST_SEGMENT:
        text = f"{text[:_LONGEST_SEGMENT]}…"
    seen = "".join(
        each if each.isprintable() else "".join(f"%{byte:02X}" for byte in each.encode("utf-8", "replace"))
        for each in text.translate(_UNSAFE)
    )
    return seen or "%00"


def _ids(message: Message) -> tuple[str, ...]:
    """What comes after the owner in the topic."""
    if message.module == "commands":
        return (message.segments[0] if message.interface == "RECEIVER" else "RESULT", message.correlation_id)
    if message.method == "POST":
        return (_id_in(message) or message.object_id or message.correlation_id,)
    if message.operation.path[:2] == ("{country_code}", "{party_id}"):
        return message.segments[2:]
    return message.segments


def _owner(push: Push) -> Party:
    """Whose it is where the message does not say: the sender's, where owners push to others; else the receiver's."""
    message = push.message
    there = () if push.route.way == "refuse" else push.route.destinations
    owners = message.interface == "RECEIVER" and message.operation.owner_role is not None
    return message.sender if owners or not there else there[0]


def _parts(path: tuple[str, ...], whole: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The EVSEs of a location, or the connectors of an EVSE, by their ids."""
    if path[0] != "locations":
        return []
    parts, name = ("evses", "uid") if len(path) == _LOCATION else ("connectors", "id")
    found = whole.get(parts)
    return [
        (part[name], part)
        for part in (found if isinstance(found, list) else ())
        if isinstance(part, dict) and isinstance(part.get(name), str)
    ]


def _id_in(message: Message) -> str | None:
    found = (_object(message) or {}).get("id")
    return found if isinstance(found, str) else None


def _is_state(message: Message) -> bool:
    """Whether a push says how something is, and not that something happened."""
    return message.module in STATES and message.interface == "RECEIVER" and message.method != "POST"


def _object(message: Message) -> dict[str, Any] | None:
    try:
        found = message.json()
    except OcpiError:
        return None
    return found if isinstance(found, dict) else None


def _encode(told: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(told)


def _time(milliseconds: int) -> str:
    at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
