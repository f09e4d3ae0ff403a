"""The control socket: how `ocpi-hub partner ...` reaches a hub that runs (a Unix socket, mode 0600).

One POST per verb, JSON in and out. The same table of verbs serves a command that opens the store itself.
"""

import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import structlog
from aiohttp import web

from hub.asking import Arguments, ControlError, address
from hub.config import Config
from hub.core.directory import Secret
from hub.core.outcome import Outcome
from hub.core.party import Party
from hub.errors import OcpiError
from hub.flow.certifying import Certifier
from hub.flow.explain import Explainer
from hub.flow.mirror import Mirror
from hub.flow.overview import Overview
from hub.flow.reload import Reloader
from hub.flow.sync import Puller
from hub.nodes.node import no_news
from hub.partners.agreements import AgreementBook
from hub.partners.board import Board
from hub.partners.counts import CountBook
from hub.partners.journal import JournalBook
from hub.partners.keys import KeyBook
from hub.partners.operations import Partners, PartnerView, StatusChange
from hub.plugin.runner import Runner
from hub.plugin.serving import Problem
from hub.store.errors import StoreError
from hub.store.journal import Filter

log = structlog.get_logger()

DRAIN = 5.0
"""Seconds that a verb under way gets when the hub stops."""
_DIGITS = 18
_CHANGES = 3
"""So many changes of a status stand with a partner."""
T = TypeVar("T")
_ENCODER = msgspec.json.Encoder()


class Operations(msgspec.Struct, frozen=True):
    """What verbs act on. Without a running hub there is nobody to explain, and nothing to pull with.

    `news` brings what is known up to date with other nodes: an operator may have begun at another one.
    """

    partners: Partners
    agreements: AgreementBook
    counts: CountBook
    keys: KeyBook
    explainer: Explainer | None = None
    puller: Puller | None = None
    board: Board | None = None
    mirror: Mirror | None = None
    plugins: Runner | None = None
    reloader: Reloader | None = None
    journal: JournalBook | None = None
    overview: Overview | None = None
    certifier: Certifier | None = None
    news: Callable[[], Awaitable[bool]] = no_news

    @property
    def config(self) -> Config | None:
        """The configuration in force, where a hub runs."""
        return self.reloader.config if self.reloader else None


class PartnerDetail(PartnerView, frozen=True, kw_only=True):
    """One partner, how its objects are checked, how many findings there are, and how its status changed last."""

    validation: str
    validation_set: bool
    findings: int
    changes: tuple[StatusChange, ...]


async def run_verb(operations: Operations, verb: str, arguments: Arguments) -> Any:
    """Run one verb and give its result as plain JSON values. Raises ControlError."""
    run = _VERBS.get(verb)
    if run is None:
        raise ControlError(f"there is no verb {verb!r}; is the hub that runs older than this command?")
    await operations.news()
    try:
        result = await run(operations, arguments)
    except OcpiError as error:
        raise ControlError(error.message) from None
    except StoreError as error:
        raise ControlError(str(error)) from None
    except Problem as problem:
        raise ControlError("; ".join(filter(None, (problem.message, problem.hint)))) from None
    return msgspec.to_builtins(result)


async def _list(do: Operations, _: Arguments) -> Any:
    return do.partners.all()


async def partner_detail(do: Operations, ref: str) -> PartnerDetail:
    """All that is known of one partner."""
    platform = do.partners.find(ref)
    view, standing = do.partners.show(str(platform.id)), await do.counts.standing(platform)
    changes = await do.partners.history(str(platform.id), _CHANGES)
    return PartnerDetail(**msgspec.structs.asdict(view), **msgspec.structs.asdict(standing), changes=changes)


async def set_validation(do: Operations, ref: str, mode: str) -> PartnerDetail:
    """Set how a partner's objects are checked."""
    view = await do.partners.set_validation(ref, mode)
    return await partner_detail(do, str(view.id))


async def _key_list(do: Operations, _: Arguments) -> Any:
    return do.keys.all()


async def _findings(do: Operations, given: Arguments) -> Any:
    return await do.counts.findings(do.partners.find(given.ref) if given.ref else None)


async def _findings_clear(do: Operations, given: Arguments) -> Any:
    return await do.counts.clear(do.partners.find(given.ref))


async def _losses(do: Operations, given: Arguments) -> Any:
    return await do.counts.losses(do.partners.find(given.ref) if given.ref else None)


async def _status(do: Operations, _: Arguments) -> Any:
    if do.overview is None:
        raise ControlError("no hub runs here. Start it: ocpi-hub serve")
    return do.overview.status()


async def _reload(do: Operations, _: Arguments) -> Any:
    if do.reloader is None:
        raise ControlError("no hub runs that could reload; it reads the configuration when it starts: ocpi-hub serve")
    return await do.reloader.reload()


async def _agreements(do: Operations, _: Arguments) -> Any:
    return do.agreements.all()


async def _explain(do: Operations, given: Arguments) -> Any:
    if do.explainer is None:
        raise ControlError("the hub has to run for this, as it is its plugins and memory that count: ocpi-hub serve")
    return await do.explainer.explain(given.method, given.url, given.name, given.ref, given.body.encode())


async def _sync(do: Operations, given: Arguments) -> Any:
    return needed(do.puller).begin(do.partners.find(given.ref))


async def _sync_progress(do: Operations, given: Arguments) -> Any:
    return needed(do.puller).progress(do.partners.find(given.ref))


async def _certify(do: Operations, given: Arguments) -> Any:
    try:
        sender = Party.parse(given.name) if given.name else None
    except ValueError as reason:
        raise ControlError(str(reason)) from None
    platform = do.partners.find(given.ref)
    return needed(do.certifier).begin(platform, write=given.mode == "write", sender=sender)


async def _certify_progress(do: Operations, given: Arguments) -> Any:
    return needed(do.certifier).progress(do.partners.find(given.ref))


async def _journal(do: Operations, given: Arguments) -> Any:
    return await needed(do.journal).page(_wanted(do, given), given.before, given.limit)


async def _journal_watch(do: Operations, given: Arguments) -> Any:
    return await needed(do.journal).watch(_wanted(do, given), given.after)


async def _trace(do: Operations, given: Arguments) -> Any:
    return await needed(do.journal).trace(given.name)


async def _capture(do: Operations, given: Arguments) -> Any:
    if do.config and not do.config.journal.enabled:
        raise ControlError("this hub keeps no journal, so no bodies either: set journal.enabled, and start it again")
    return await needed(do.journal).capture(do.partners.find(given.ref), given.minutes)


async def _plugin_list(do: Operations, _: Arguments) -> Any:
    return needed(do.plugins).status()


async def _plugin_panels(do: Operations, given: Arguments) -> Any:
    return await needed(do.plugins).reception.panels(given.name)


async def _plugin_call(do: Operations, given: Arguments) -> Any:
    return await needed(do.plugins).reception.call(given.name, given.ref, given.body.encode())


async def _plugin_reset(do: Operations, given: Arguments) -> Any:
    plugins = needed(do.plugins)
    try:
        await plugins.reset(given.name)
    except LookupError as reason:
        raise ControlError(str(reason)) from None
    return next(each for each in plugins.status() if each.name == given.name)


def _wanted(do: Operations, given: Arguments) -> Filter:
    """What of the journal is asked for."""
    partner = partner_id(do, given.ref) if given.ref else None
    try:
        outcome = Outcome(given.outcome) if given.outcome else None
    except ValueError:
        raise ControlError(f"{given.outcome!r} is no outcome; they are {', '.join(Outcome)}") from None
    return Filter(partner=partner, module=given.module or None, outcome=outcome, since=given.since)


def partner_id(do: Operations, ref: str) -> int:
    """The number of a partner in the journal: one that was removed is still found by it."""
    gone = ref.isdecimal() and len(ref) <= _DIGITS and int(ref) not in {each.id for each in do.partners.all()}
    return int(ref) if gone else do.partners.find(ref).id


def needed(part: T | None) -> T:
    """A part of the operations that only a hub which runs has. Raises ControlError."""
    if part is None:
        raise ControlError("the hub has to run for this: ocpi-hub serve")
    return part


_VERBS: dict[str, Callable[[Operations, Arguments], Awaitable[Any]]] = {
    "invite": lambda do, given: do.partners.invite(given.name, given.parties),
    "invite-again": lambda do, given: do.partners.invite_again(given.ref),
    "add-parties": lambda do, given: do.partners.add_parties(given.ref, given.parties),
    "connect": lambda do, given: do.partners.connect(given.name, given.url, Secret(given.token), given.parties),
    "list": _list,
    "show": lambda do, given: partner_detail(do, given.ref),
    "suspend": lambda do, given: do.partners.suspend(given.ref),
    "resume": lambda do, given: do.partners.resume(given.ref),
    "remove": lambda do, given: do.partners.remove(given.ref),
    "rotate": lambda do, given: do.partners.rotate(given.ref),
    "validation": lambda do, given: set_validation(do, given.ref, given.mode),
    "status": _status,
    "reload": _reload,
    "limits": lambda do, given: do.partners.set_limits(given.ref, given.limits),
    "findings": _findings,
    "findings-clear": _findings_clear,
    "losses": _losses,
    "endpoint-set": lambda do, given: do.partners.set_endpoint(given.ref, given.module, given.interface, given.url),
    "agreement-allow": lambda do, given: do.agreements.set(given.name, given.ref, given.module, allow=True),
    "agreement-deny": lambda do, given: do.agreements.set(given.name, given.ref, given.module, allow=False),
    "agreement-remove": lambda do, given: do.agreements.remove(given.name, given.ref, given.module),
    "agreement-list": _agreements,
    "explain": _explain,
    "key-create": lambda do, given: do.keys.create(given.name, given.scope, given.days),
    "key-list": _key_list,
    "key-revoke": lambda do, given: do.keys.revoke(given.name),
    "certify": _certify,
    "certify-progress": _certify_progress,
    "journal": _journal,
    "journal-watch": _journal_watch,
    "trace": _trace,
    "capture": _capture,
    "plugin-list": _plugin_list,
    "plugin-panels": _plugin_panels,
    "plugin-call": _plugin_call,
    "plugin-reset": _plugin_reset,
    "sync": _sync,
    "sync-progress": _sync_progress,
}


class ControlServer:
    """Listens on the socket while the hub runs. Whoever may open the socket may do everything."""

    def __init__(self, path: Path, operations: Operations) -> None:
        self._path = path
        self._operations = operations
        self._runner: web.ServerRunner | None = None

    async def start(self) -> None:
        """Open the socket; one that a killed hub left behind is replaced (the folder's lock is held)."""
        listener = _listener(self._path)
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=DRAIN)
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()

    async def stop(self) -> None:
        """Close the socket and take it away."""
        if self._runner:
            await self._runner.cleanup()
        self._path.unlink(missing_ok=True)

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        try:
            arguments = msgspec.json.decode(await request.read(), type=Arguments)
            result = await run_verb(self._operations, request.path.strip("/"), arguments)
        except (ControlError, msgspec.MsgspecError) as error:
            return _json(400, {"error": str(error)})
        except Exception:
            log.exception("control_failed")
            return _json(500, {"error": "the hub failed; the reason is in its log"})
        return _json(200, result)


def _listener(path: Path) -> socket.socket:
    """The bound socket, for its owner alone. It does not listen yet: before the chmod nobody can have connected."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        with address(path) as name:
            listener.bind(name)
        path.chmod(0o600)
    except OSError as error:
        listener.close()
        raise ControlError(f"the control socket {path} can not be made: {error.strerror or error}") from None
    listener.setblocking(False)
    return listener


def _json(status: int, value: Any) -> web.Response:
    return web.Response(status=status, body=_ENCODER.encode(value), content_type="application/json")
