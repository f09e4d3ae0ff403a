"""The sandbox itself, and all that can be asked of it: one row for each action."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import msgspec

from hub.app import App
from hub.certify import Report
from hub.config import Config
from hub.core.party import Party, PartyRole
from hub.errors import InvalidParameters
from hub.partners.operations import Invitation
from hub.sim import CallFailed, Fault, Refused, SimCpo, SimEmsp, SimReply

CPO = PartyRole.parse("NL-SBC:CPO")
EMSP = PartyRole.parse("NL-SBE:EMSP")
HUB = "NL-SBH"
PARTNER = "You"
_STATUSES = ("CHARGING", "AVAILABLE")
_RESULT_SECONDS = 10.0
_LOCATIONS = 12


class Action(msgspec.Struct, frozen=True):
    """One thing that the sandbox does. `takes` says what is given with it; empty: nothing."""

    name: str
    words: str
    run: Callable[["Sandbox", str], Awaitable[Any]]
    takes: str = ""


class Sandbox:
    """A hub with both counterparts. `async with` starts and stops it; nothing is left behind but its folder.

    `parties` are those that the partner may present, as `NL-TNM:CPO`.
    """

    def __init__(self, config: Config, parties: Sequence[str]) -> None:
        self.app = App(config)
        self.cpo = SimCpo("Sandbox CPO", [CPO])
        self.emsp = SimEmsp("Sandbox eMSP", [EMSP])
        self.invitation: Invitation
        self.report: Report | None = None
        self._parties = parties
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._stack.enter_async_context(self.app)
            for each in (self.cpo, self.emsp):
                await self._stack.enter_async_context(each)
                invitation = await self.app.partners.invite(each.name, [str(role) for role in each.roles])
                await each.register(invitation.versions_url, invitation.token_a)
            self.cpo.seed(_LOCATIONS)
            self.cpo.page_cap = 5
            self.invitation = await self.app.partners.invite(PARTNER, self._parties)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def partner(self) -> Party:
        """The first of the partner's parties. InvalidParameters before it has registered."""
        platform = self.app.partners.find(PARTNER)
        if not platform.roles:
            raise InvalidParameters("you have not registered yet: use the versions URL and TOKEN_A that were printed")
        return next(iter(platform.roles))

    def state(self) -> dict[str, Any]:
        """How everything stands."""
        view = self.app.partners.show(PARTNER)
        return {
            "partner": {"state": view.state, "version": view.version, "parties": view.parties},
            "cpo": _counterpart(self.cpo) | {"party": str(CPO.party), "page": self.cpo.page_cap},
            "emsp": _counterpart(self.emsp) | {"party": str(EMSP.party)},
            "report": None if self.report is None else self.report.certified,
        }

    async def do(self, name: str, given: str = "") -> Any:
        """Do one action, and say what came of it. InvalidParameters for one that is none, or can not be done."""
        action = next((each for each in ACTIONS if each.name == name), None)
        if action is None:
            names = ", ".join(each.name for each in ACTIONS)
            raise InvalidParameters(f"there is no action {name[:40]!r}; there are: {names}")
        try:
            return await action.run(self, given.strip())
        except Refused as refused:
            return _told(refused.reply)
        except (CallFailed, KeyError, TimeoutError) as reason:
            raise InvalidParameters(f"{name}: {reason}") from None

    async def certify(self, *, write: bool) -> Report:
        """Check the partner's platform, in the name of the counterpart that it deals with."""
        platform = self.app.partners.find(PARTNER)
        is_cpo = any(role == "CPO" for roles in platform.roles.values() for role in roles)
        sender = EMSP.party if is_cpo else CPO.party
        certifier = self.app.operations.certifier
        if certifier is None:
            raise InvalidParameters("this hub has no certifier")
        progress = certifier.begin(platform, write=write, sender=sender)
        await certifier.finished(platform)
        if progress.report is None:
            raise InvalidParameters(progress.problem)
        self.report = progress.report
        return progress.report


async def _push_location(box: Sandbox, given: str) -> Any:
    return _told(await box.cpo.push_location(box.partner, given or "LOC1"))


async def _push_status(box: Sandbox, given: str) -> Any:
    location = box.cpo.locations.find(given or "LOC1")
    if location is None:
        raise InvalidParameters(f"there is no location {given[:40]!r}")
    evse = location["evses"][0]
    status = _STATUSES[evse["status"] == "CHARGING"]
    return _told(await box.cpo.patch_evse_status(location["id"], evse["uid"], status, box.partner))


async def _push_tariff(box: Sandbox, given: str) -> Any:
    return _told(await box.cpo.push_tariff(box.partner, given or "AC"))


async def _authorize(box: Sandbox, given: str) -> Any:
    return _told(await box.cpo.authorize(_needed(given, "the uid of a token of yours"), box.partner))


async def _push_token(box: Sandbox, given: str) -> Any:
    return _told(await box.emsp.push_token(box.partner, _number(given or "1", 3)))


async def _get_locations(box: Sandbox, _: str) -> Any:
    return [each.get("id") for each in await box.emsp.fetch_all("locations", to=box.partner)]


async def _start(box: Sandbox, given: str) -> Any:
    sent = await box.emsp.start_session(
        _needed(given, "the id of a location of yours"), None, box.emsp.token(), box.partner
    )
    if not sent.accepted:
        return _told(sent.reply)
    result = await box.emsp.result(_RESULT_SECONDS, of=sent)
    return _told(sent.reply) | {"result": result.body}


async def _stop(box: Sandbox, given: str) -> Any:
    sent = await box.emsp.stop_session(_needed(given, "the id of the session"), box.partner)
    if not sent.accepted:
        return _told(sent.reply)
    result = await box.emsp.result(_RESULT_SECONDS, of=sent)
    return _told(sent.reply) | {"result": result.body}


async def _received(box: Sandbox, _: str) -> Any:
    return {
        "locations": [each["id"] for each in box.emsp.their_locations],
        "sessions": [f"{each['id']} {each['status']}" for each in box.emsp.their_sessions],
        "cdrs": [each["id"] for each in box.emsp.their_cdrs],
        "tariffs": [each["id"] for each in box.emsp.their_tariffs],
        "tokens": len(box.cpo.their_tokens),
    }


async def _fail(box: Sandbox, given: str) -> Any:
    names = {each.value: each for each in Fault}
    if given not in names:
        raise InvalidParameters(f"say how: {', '.join(names)}")
    box.cpo.fault = box.emsp.fault = names[given]
    return box.state()


async def _delay(box: Sandbox, given: str) -> Any:
    box.cpo.delay = box.emsp.delay = float(_number(given or "0", 120, least=0))
    return box.state()


async def _pages(box: Sandbox, given: str) -> Any:
    box.cpo.page_cap = box.emsp.page_cap = _number(given or "5", 1000)
    return box.state()


async def _certify(box: Sandbox, _: str) -> Any:
    return _sums(await box.certify(write=False))


async def _certify_write(box: Sandbox, _: str) -> Any:
    return _sums(await box.certify(write=True))


ACTIONS: tuple[Action, ...] = (
    Action("push-location", "The CPO pushes a location to you.", _push_location, "LOC1 to LOC12"),
    Action("push-status", "The CPO changes the status of an EVSE, with PATCH.", _push_status, "LOC1 to LOC12"),
    Action("push-tariff", "The CPO pushes a tariff.", _push_tariff, "AC or DC"),
    Action("authorize", "The CPO asks whether your token may charge.", _authorize, "uid of your token"),
    Action("push-token", "The eMSP pushes a token: 1 may charge, 2 is blocked, 3 is an app's.", _push_token, "1 to 3"),
    Action("get-locations", "The eMSP reads all pages of your locations.", _get_locations),
    Action("start-session", "The eMSP starts a session at your location.", _start, "id of your location"),
    Action("stop-session", "The eMSP stops a session.", _stop, "id of the session"),
    Action("received", "What you have pushed to both.", _received),
    Action("fail", "From now on both fail when they are asked.", _fail, "none, hang, reset, status 500 or not json"),
    Action("delay", "From now on both take so long to answer.", _delay, "seconds"),
    Action("pages", "From now on their pages have so many objects at most.", _pages, "a number"),
    Action("certify", "Check your platform, without writing.", _certify),
    Action("certify-write", "Check your platform, and write test objects to it.", _certify_write),
)


def _counterpart(sim: SimCpo | SimEmsp) -> dict[str, Any]:
    return {"fault": sim.fault.value, "delay": sim.delay, "asked": len(sim.received)}


def _told(reply: SimReply) -> dict[str, Any]:
    """What the partner has answered."""
    return {
        "http": reply.status,
        "status_code": reply.status_code,
        "status_message": reply.status_message,
        "data": reply.data,
    }


def _sums(report: Report) -> dict[str, Any]:
    failed = [f"{each.module or 'platform'} {each.check}: {each.found}" for each in report.failures()]
    return {"certified": report.certified, "counts": dict(report.counts), "failed": failed, "report": "/report.html"}


def _needed(given: str, what: str) -> str:
    if not given:
        raise InvalidParameters(f"give {what}")
    return given


def _number(given: str, most: int, *, least: int = 1) -> int:
    if not given.isascii() or not given.isdigit() or not least <= int(given[:9]) <= most:
        raise InvalidParameters(f"a number from {least} to {most} is needed")
    return int(given)
