"""The demo: a hub and three simulated platforms in one process, exchanging real OCPI messages over real sockets.

It tells what flows, line by line, and counts it. Everything lives in a temporary folder and ends with it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from hub.app import App
from hub.config import Admin, Config, Limits, Listen, Upstream
from hub.config import Hub as HubSection
from hub.core.directory import Encoding
from hub.core.modules import Interface
from hub.core.party import Party, PartyRole
from hub.core.scopes import Scope
from hub.core.status import ConnectionStatus
from hub.events import Handled, Registered
from hub.sim import Sent, SimCpo, SimEmsp, SimEvent

CPO = PartyRole.parse("NL-CPO:CPO")
EMSP = PartyRole.parse("NL-EMO:EMSP")
SECOND = PartyRole.parse("DE-WAT:EMSP")
HUB = Party("NL", "HUB")
_PLUGIN = "home_market"
_PACE = 0.25
_SETTLE = 1.0
_CONNECTING = (ConnectionStatus.PLANNED, ConnectionStatus.CONNECTED)


class Summary(msgspec.Struct, kw_only=True):
    """What happened. `messages` counts by module and OCPI status_code; `ok` where all that should happen did."""

    ok: bool = False
    seconds: float = 0.0
    registrations: int = 0
    messages: dict[str, dict[str, int]] = {}
    hooks_fired: int = 0
    commands_completed: int = 0
    sessions_completed: int = 0
    cdrs_delivered: int = 0
    pages_fetched: int = 0
    statuses_learned: list[str] = []
    broadcast_receivers: int = 0
    objects_from_hub: int = 0
    offline_push_status: int = 0
    offline_push_ms: float = 0.0
    deliveries_after_recovery: int = -1
    missing: list[str] = []


Tell = Callable[[str, str], None]
"""Takes who speaks (`hub`, a platform's name, or `demo`) and one line of text."""


class Demo:
    """Runs the scenario once, and then goes on with everyday traffic until its time is up."""

    def __init__(self, folder: Path, tell: Tell, pace: float = _PACE) -> None:
        self._folder = folder
        self._tell = tell
        self._pace = pace
        self._dashboard = ""
        self._messages: Counter[tuple[str, str]] = Counter()
        self._summary = Summary()

    async def run(self, seconds: float | None) -> Summary:
        """Run for about `seconds`, or until cancelled (None). The scenario itself is always finished."""
        began = time.perf_counter()
        async with App(_config(self._folder)) as app:
            app.bus.subscribe(self._handled, Handled, name="demo")
            app.bus.subscribe(self._registered, Registered, name="demo")
            self._tell("hub", f"{app.keeper.current.hub} listens at {app.versions_url}")
            await self._open_dashboard(app)
            async with (
                SimCpo("Volt Streets", [CPO], observe=self._observe) as cpo,
                SimEmsp("EasyMove", [EMSP], token_encoding=Encoding.RAW, observe=self._observe) as emsp,
                SimEmsp("Wattway", [SECOND], observe=self._observe) as second,
            ):
                await self._register(app, cpo)
                await self._register(app, emsp)
                await self._share(cpo, emsp)
                await self._register(app, second, told=cpo)
                await self._everybody(cpo, emsp, second)
                await self._charge(cpo, emsp)
                await self._offline(cpo, emsp)
                await self._go_on(cpo, began, seconds)
                await app.bus.settle()
        self._summary.seconds = round(time.perf_counter() - began, 1)
        return self.summary()

    def summary(self) -> Summary:
        """What happened so far, judged."""
        done = self._summary
        done.messages = {}
        for (module, status), count in sorted(self._messages.items()):
            done.messages.setdefault(module, {})[status] = count
        expected = {
            "three registrations": done.registrations >= 3,
            "locations, tariffs and tokens pushed": all(
                done.messages.get(module, {}).get("1000") for module in ("locations", "tariffs", "tokens")
            ),
            "a plugin hook": done.hooks_fired >= 1,
            "a command with its result": done.commands_completed >= 2,
            "a session from start to end": done.sessions_completed >= 1,
            "a CDR": done.cdrs_delivered >= 1,
            "a list in pages": done.pages_fetched >= 2,
            "the news of a party that connects": done.statuses_learned == [*_CONNECTING],
            "a broadcast to two": done.broadcast_receivers == 2,
            "GET All from the hub": done.objects_from_hub >= 1,
            "the push to an offline party refused with 4003": done.offline_push_status == 4003,
            "no delivery after recovery": done.deliveries_after_recovery == 0,
        }
        done.missing = [what for what, happened in expected.items() if not happened]
        done.ok = not done.missing
        return done

    async def _open_dashboard(self, app: App) -> None:
        """Say where the dashboard is, and a key that opens it: both end with the demo."""
        key = await app.operations.keys.create("demo", Scope.READ)
        self._dashboard = f"{app.admin_url}/dashboard"
        self._tell("demo", f"open {self._dashboard} in a browser; the key to log in: {key.key}")

    async def _register(self, app: App, platform: SimCpo | SimEmsp, told: SimCpo | None = None) -> None:
        """`told` learns from the hub what happens: HubClientInfo."""
        role = platform.roles[0]
        invitation = await app.partners.invite(platform.name, [str(role)])
        self._tell("hub", f"invites {platform.name} ({role}): versions URL and TOKEN_A are handed over")
        if told:
            await self._news(told, role.party)
        await platform.register(invitation.versions_url, invitation.token_a)
        if told:
            await self._news(told, role.party)
        view = app.partners.show(platform.name)
        self._tell("hub", f"{platform.name} is {view.state}, OCPI {view.version}, token sent {view.gets_token_as}")
        await self._pause()

    async def _share(self, cpo: SimCpo, emsp: SimEmsp) -> None:
        for location in cpo.locations:
            await cpo.push_location(EMSP.party, location["id"])
            await self._pause()
        await cpo.push_tariff(EMSP.party)
        await self._pause()
        await emsp.push_token(CPO.party)
        await self._pause()
        cpo.page_cap = 2
        locations = await emsp.fetch_all("locations", to=CPO.party)
        self._summary.pages_fetched = (len(locations) + 1) // 2
        self._tell(emsp.name, f"fetched {len(locations)} locations in pages of 2, every Link leading through the hub")
        await self._pause()

    async def _news(self, platform: SimCpo, about: Party) -> None:
        """Wait until the hub tells a platform how a party stands."""
        while (info := (await platform.expect("hubclientinfo", "PUT")).json())["party_id"] != about.party_id:
            pass
        self._summary.statuses_learned.append(info["status"])

    async def _everybody(self, cpo: SimCpo, emsp: SimEmsp, second: SimEmsp) -> None:
        """A push to the hub itself reaches every eMSP; a GET to the hub itself brings what all CPOs have."""
        cpo.seed(4)
        self._tell(cpo.name, f"pushes location LOC4 to {HUB}, the hub: a broadcast")
        await cpo.push_location(HUB, "LOC4")
        for each in (emsp, second):
            while (await each.expect("locations", "PUT")).segments[-1] != "LOC4":
                pass
            self._summary.broadcast_receivers += 1
        await self._pause()
        locations = await second.fetch_all("locations", to=HUB)
        self._summary.objects_from_hub = len(locations)
        self._tell(second.name, f"asked the hub for everybody's locations: GET All brought {len(locations)}")
        await self._pause()

    async def _charge(self, cpo: SimCpo, emsp: SimEmsp) -> None:
        """From authorising a card to its CDR. The CPO does not say whose card it is: a plugin of the hub knows."""
        token = emsp.token()
        allowed = await cpo.authorize(token["uid"], None)
        self._tell(cpo.name, f"card is {allowed.data['allowed']}; the {_PLUGIN} plugin of the hub chose whom to ask")
        await self._pause()
        location_id, evse_uid = _first_evse(cpo)
        started = await emsp.start_session(location_id, evse_uid, token, CPO.party)
        await self._completed(emsp, started)
        session = await emsp.expect("sessions", "PUT")
        await self._pause()
        stopped = await emsp.stop_session(session.segments[-1], CPO.party)
        await self._completed(emsp, stopped)
        await emsp.expect("cdrs", "POST")
        self._summary.sessions_completed += 1
        self._summary.cdrs_delivered = len(emsp.their_cdrs)
        await self._pause()

    async def _completed(self, emsp: SimEmsp, command: Sent) -> None:
        result = await emsp.result(of=command)
        self._summary.commands_completed += command.accepted and result.result == "ACCEPTED"
        await self._pause()

    async def _offline(self, cpo: SimCpo, emsp: SimEmsp) -> None:
        """A push to a party that is away fails at once, and is never repeated when the party is back."""
        path = "/".join((CPO.party.country, CPO.party.party_id, *_first_evse(cpo)))
        before = len(emsp.received)
        await emsp.stop()
        self._tell(emsp.name, "goes offline")
        began = time.perf_counter()
        reply = await cpo.call(
            "locations", Interface.RECEIVER, "PATCH", path, to=EMSP.party,
            body={"status": "OUTOFORDER", "last_updated": "2026-01-01T00:00:00Z"},
        )  # fmt: skip
        self._summary.offline_push_ms = round((time.perf_counter() - began) * 1000, 1)
        self._summary.offline_push_status = reply.status_code or 0
        self._tell(
            "hub", f"push refused after {self._summary.offline_push_ms} ms: {reply.status_code} {reply.status_message}"
        )
        self._tell("demo", f"why, and what then: {self._dashboard}/journal?outcome=failed")
        await self._pause()
        await emsp.start()
        self._tell(emsp.name, "is back; nothing was kept for it")
        await asyncio.sleep(_SETTLE)
        self._summary.deliveries_after_recovery = len(emsp.received) - before
        self._tell("demo", f"deliveries after recovery: {self._summary.deliveries_after_recovery}")
        locations = await emsp.fetch_all("locations", to=CPO.party)
        self._tell(emsp.name, f"gets in sync itself: GET {len(locations)} locations")

    async def _go_on(self, cpo: SimCpo, began: float, seconds: float | None) -> None:
        """Everyday traffic until the time is up."""
        location_id, evse_uid = _first_evse(cpo)
        statuses = ("CHARGING", "AVAILABLE", "BLOCKED", "AVAILABLE")
        turn = 0
        while seconds is None or time.perf_counter() - began < seconds:
            await cpo.patch_evse_status(location_id, evse_uid, statuses[turn % len(statuses)], EMSP.party)
            await asyncio.sleep(4 * self._pace)
            turn += 1

    async def _pause(self) -> None:
        await asyncio.sleep(self._pace)

    async def _handled(self, event: Handled) -> None:
        self._messages[event.message.module, str(event.reply.ocpi_status)] += 1
        self._summary.hooks_fired += any(step.startswith(f"plugin {_PLUGIN}") for step in event.route.trail)

    async def _registered(self, _: Registered) -> None:
        self._summary.registrations += 1

    def _observe(self, event: SimEvent) -> None:
        self._tell(event.platform, event.text)


def _first_evse(cpo: SimCpo) -> tuple[str, str]:
    location = next(iter(cpo.locations))
    return location["id"], location["evses"][0]["uid"]


def shipped_plugins() -> Path:
    """The folder of the plugins that ship with the hub: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).resolve().parent
    installed = package / "shipped_plugins"
    return installed if installed.is_dir() else package.parent / "plugins"


def _config(folder: Path) -> Config:
    return Config(
        hub=HubSection(name="Demo Hub", party="NL-HUB", plugins=str(shipped_plugins()), data=str(folder)),
        listen=Listen(port=0),
        admin=Admin(port=0),
        limits=Limits(timeout=10.0),
        upstream=Upstream(allow_private=("127.0.0.0/8",)),
        plugins={_PLUGIN: {"prefer": {CPO.party.country: EMSP.party.party_id}}},
        folder=folder,
    )
