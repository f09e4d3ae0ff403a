"""Takes commands from an MQTT broker, sends them as an eMSP, and publishes what came of them. Off by default.

    [plugins.mqtt_commands]
    enabled = true
    party = "NL-MQT"
    host = "broker.example"
    allow_commands = ["NL-TNM"]

It needs the package aiomqtt: `pip install ocpi-hub[mqtt]`. Everything about it stands in docs/mqtt.md.
"""

import asyncio
import logging
import random
import secrets
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import aiomqtt
import msgspec
from msgspec import Meta

from hub.ocpi import v2_2_1 as ocpi
from hub.plugin import Figure, Figures, OcpiError, Party, panel
from hub.plugin.party import CommandOutcome, Emsp, Page, PartySettings

_QUIET = logging.getLogger("plugin.mqtt_commands")
_QUIET.disabled = True  # this plugin counts what it would tell
_FIRST_PAUSE = 0.5
_LOOK = 0.5
_LARGEST = 64 * 1024


class _LeadsNoMore(Exception):
    """Another node takes commands now."""


class MqttCommandsSettings(PartySettings):
    """The `[plugins.mqtt_commands]` table."""

    party: Annotated[str, Meta(description="Party in whose name commands are sent.")] = ""
    name: Annotated[str, Meta(description="Its name, as partners see it.")] = "Commands by MQTT"
    website: Annotated[str | None, Meta(description="Its website, as partners see it.")] = None
    allow_commands: Annotated[list[str], Meta(description="Parties that get commands from the broker; * for all.")] = []
    host: Annotated[str, Meta(min_length=1, description="Host of the broker.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535, description="Port of the broker.")] = 1883
    user: Annotated[str, Meta(description="User name at the broker.")] = ""
    password: Annotated[str, Meta(description="Password; for the environment, not for config.toml.")] = ""
    password_file: Annotated[str, Meta(description="File with the password.")] = ""
    tls: Annotated[bool, Meta(description="Whether the connection is encrypted.")] = False
    ca_file: Annotated[str, Meta(description="PEM file with the broker's authority; else the system's.")] = ""
    prefix: Annotated[str, Meta(pattern="^[^+#\u0000]{1,100}$", description="First part of every topic.")] = "ocpi"
    at_once: Annotated[int, Meta(ge=1, le=1000, description="Commands under way; more are refused.")] = 20
    patience: Annotated[float, Meta(gt=0, le=60, description="Seconds that the broker may take to answer.")] = 5.0
    keepalive: Annotated[int, Meta(ge=5, le=3600, description="Seconds of silence after which both sides ask.")] = 30
    longest_pause: Annotated[float, Meta(ge=1, le=3600, description="Most seconds between two attempts.")] = 60.0


class Start(msgspec.Struct, frozen=True):
    """START_SESSION (2.2.1, commands 13.3.4), without response_url."""

    token: ocpi.Token
    location_id: str
    evse_uid: str | None = None
    connector_id: str | None = None
    authorization_reference: str | None = None


class Stop(msgspec.Struct, frozen=True):
    """STOP_SESSION, without response_url."""

    session_id: str


class Cancel(msgspec.Struct, frozen=True):
    """CANCEL_RESERVATION, without response_url."""

    reservation_id: str


class Unlock(msgspec.Struct, frozen=True):
    """UNLOCK_CONNECTOR, without response_url."""

    location_id: str
    evse_uid: str
    connector_id: str


class MqttCommands(Emsp[MqttCommandsSettings]):
    """An eMSP without cards: what it sends comes from a topic, and goes the way of every other command."""

    enabled_by_default = False

    async def start(self) -> None:
        for allowed in self.settings.allow_commands:
            if allowed != "*":
                Party.parse(allowed)
        self.allowed = {each if each == "*" else Party.parse(each).id for each in self.settings.allow_commands}
        self.password = self.read_password()
        self.tls = await asyncio.to_thread(self.make_tls)
        self.send_by_name: dict[str, tuple[Any, Callable[[Any, Party], Awaitable[CommandOutcome]]]] = {
            "START_SESSION": (Start, self.send_start),
            "STOP_SESSION": (Stop, lambda given, to: self.request_stop(given.session_id, to=to)),
            "CANCEL_RESERVATION": (Cancel, lambda given, to: self.request_cancellation(given.reservation_id, to=to)),
            "UNLOCK_CONNECTOR": (
                Unlock,
                lambda given, to: self.request_unlock(given.location_id, given.evse_uid, given.connector_id, to=to),
            ),
        }
        self.counts: Counter[str] = Counter()
        self.under_way = 0
        self.is_connected = False
        self.problem = ""

    async def take_over(self) -> None:
        """Only one version may listen: a command must not be sent twice."""
        self.spawn(self.stay_connected(), name="connection")

    async def tokens(self, page: Page) -> list[ocpi.Token]:
        """It has no cards of its own."""
        return []

    def read_password(self) -> str:
        if self.settings.password_file:
            return (self.folder / self.settings.password_file).read_text().strip()
        return self.settings.password

    def make_tls(self) -> ssl.SSLContext | None:
        if not self.settings.tls:
            return None
        file = self.settings.ca_file
        return ssl.create_default_context(cafile=str(self.folder / file) if file else None)

    async def stay_connected(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            if not self.nodes.leads:  # each command is for one node, and must not be sent twice
                await asyncio.sleep(_LOOK)
                continue
            try:
                await self.session()
            except* _LeadsNoMore:
                self.is_connected, self.problem = False, "left to the node that leads"
            except* (aiomqtt.MqttError, OSError, TimeoutError) as group:
                reason = str(group.exceptions[0]) or "no answer"
                if self.is_connected or not self.problem:
                    self.log.warning("mqtt_commands_disconnected", host=self.settings.host, reason=reason)
                pause = _FIRST_PAUSE if self.is_connected else min(pause * 2, self.settings.longest_pause)
                self.is_connected, self.problem = False, reason
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - it only spreads attempts

    async def session(self) -> None:
        """One connection. Its commands are given up when it breaks: nobody would learn what came of them."""
        settings = self.settings
        client = aiomqtt.Client(
            settings.host,
            settings.port,
            identifier=f"ocpi-hub-{secrets.token_hex(6)}",
            username=settings.user or None,
            password=self.password or None,
            tls_context=self.tls,
            keepalive=settings.keepalive,
            timeout=settings.patience,
            max_queued_incoming_messages=settings.at_once,
            logger=_QUIET,
        )
        async with client, asyncio.TaskGroup() as group:
            group.create_task(self.while_leading())
            await client.subscribe(f"{settings.prefix}/commands/+/+/+", qos=0)  # at most once
            self.is_connected, self.problem = True, ""
            self.log.info("mqtt_commands_connected", host=settings.host, port=settings.port)
            async for message in client.messages:
                if message.retain:
                    self.counts["ignored: retained"] += 1  # it would be sent again at each connection
                elif not self.nodes.leads:
                    self.counts["ignored: left to the node that leads"] += 1
                elif self.under_way >= settings.at_once:
                    self.counts["ignored: too many under way"] += 1
                else:
                    group.create_task(self.take(client, message))

    async def while_leading(self) -> None:
        while self.nodes.leads:  # noqa: ASYNC110 - nothing tells when it does no more
            await asyncio.sleep(_LOOK)
        raise _LeadsNoMore

    async def take(self, client: aiomqtt.Client, message: aiomqtt.Message) -> None:
        """Send one command, and publish what came of it."""
        *_, country, party_id, name = str(message.topic).split("/")
        self.under_way += 1
        try:
            told = await self.answer(country, party_id, name, bytes(message.payload))
        finally:
            self.under_way -= 1
        self.counts[told["outcome"]] += 1
        topic = f"{self.settings.prefix}/results/{country}/{party_id}/{name}"
        await client.publish(topic, msgspec.json.encode(told), qos=0)

    async def answer(self, country: str, party_id: str, name: str, payload: bytes) -> dict[str, Any]:
        """What came of a command: `outcome` is `sent` or `refused`; `reference` is the one that came with it."""
        reference = None
        try:
            given = _object(payload)
            reference = given.pop("reference", None)
            outcome = await self.send_command(Party.of(country, party_id), name, given)
        except (ValueError, OcpiError) as error:
            return {"reference": reference, "outcome": "refused", "reason": str(error)[:500]}
        return {
            "reference": reference,
            "outcome": "sent",
            "response": outcome.response.result,
            "result": outcome.result.result if outcome.result else None,
        }

    async def send_command(self, to: Party, name: str, given: dict[str, Any]) -> CommandOutcome:
        """Raises ValueError for what is not allowed, or no command; OcpiError where it was not accepted."""
        if not {to.id, "*"} & self.allowed:
            raise ValueError(f"{to.id} is not in allow_commands")
        if name not in self.send_by_name:
            raise ValueError(f"the command is none of {', '.join(self.send_by_name)}")
        kind, send = self.send_by_name[name]
        return await send(msgspec.convert(given, kind), to)

    async def send_start(self, given: Start, to: Party) -> CommandOutcome:
        place = given.location_id, given.evse_uid, given.connector_id
        return await self.request_start(given.token, *place, to=to, reference=given.authorization_reference)

    @panel("Commands by MQTT")
    async def figures(self) -> Figures:
        counts = tuple(Figure(name, times, "commands") for name, times in sorted(self.counts.items()))
        waits = "not connected yet" if self.nodes.leads else "left to the node that leads"
        state = "connected" if self.is_connected else self.problem or waits
        return Figures((Figure("connection", state), Figure("under way", self.under_way, "commands"), *counts))


def _object(payload: bytes) -> dict[str, Any]:
    if len(payload) > _LARGEST:
        raise ValueError(f"the message has more than {_LARGEST} bytes")
    try:
        return msgspec.json.decode(payload, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("the message is no JSON object") from None
