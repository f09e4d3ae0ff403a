"""The control socket: how `ocpi-hub partner ...` reaches a hub that runs (a Unix socket, mode 0600).

One POST per verb, JSON in and out. The same table of verbs serves a command that opens the store itself.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import structlog
from aiohttp import web

from hub.core.directory import Secret
from hub.errors import OcpiError
from hub.partners.operations import Partners
from hub.store.errors import StoreError

log = structlog.get_logger()

_TOO_LONG = 100
_ENCODER = msgspec.json.Encoder()


class ControlError(Exception):
    """A verb failed; the text says why, for the operator."""


class Arguments(msgspec.Struct, forbid_unknown_fields=True):
    """What verbs are given; each takes those it needs."""

    ref: str = ""
    name: str = ""
    url: str = ""
    token: str = ""
    module: str = ""
    interface: str = ""
    parties: tuple[str, ...] = ()


async def run_verb(partners: Partners, verb: str, arguments: Arguments) -> Any:
    """Run one verb and give its result as plain JSON values. Raises ControlError."""
    try:
        result = await _VERBS[verb](partners, arguments)
    except KeyError:
        raise ControlError(f"there is no verb {verb!r}") from None
    except OcpiError as error:
        raise ControlError(error.message) from None
    except StoreError as error:
        raise ControlError(str(error)) from None
    return msgspec.to_builtins(result)


async def _list(partners: Partners, _: Arguments) -> Any:
    return partners.all()


async def _show(partners: Partners, given: Arguments) -> Any:
    return partners.show(given.ref)


_VERBS: dict[str, Callable[[Partners, Arguments], Awaitable[Any]]] = {
    "invite": lambda partners, given: partners.invite(given.name, given.parties),
    "invite-again": lambda partners, given: partners.invite_again(given.ref),
    "connect": lambda partners, given: partners.connect(given.name, given.url, Secret(given.token), given.parties),
    "list": _list,
    "show": _show,
    "suspend": lambda partners, given: partners.suspend(given.ref),
    "resume": lambda partners, given: partners.resume(given.ref),
    "remove": lambda partners, given: partners.remove(given.ref),
    "rotate": lambda partners, given: partners.rotate(given.ref),
    "endpoint-set": lambda partners, given: partners.set_endpoint(given.ref, given.module, given.interface, given.url),
}


class ControlServer:
    """Listens on the socket while the hub runs. Whoever may open the socket may do everything."""

    def __init__(self, path: Path, partners: Partners) -> None:
        self._path = path
        self._partners = partners
        self._runner: web.ServerRunner | None = None

    async def start(self) -> None:
        """Open the socket; one that a killed hub left behind is replaced (the folder's lock is held)."""
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None))
        await self._runner.setup()
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            await web.UnixSite(self._runner, _short(self._path)).start()
        finally:
            os.umask(before)

    async def stop(self) -> None:
        """Close the socket and take it away."""
        if self._runner:
            await self._runner.cleanup()
        self._path.unlink(missing_ok=True)

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        try:
            arguments = msgspec.json.decode(await request.read(), type=Arguments)
            result = await run_verb(self._partners, request.path.strip("/"), arguments)
        except (ControlError, msgspec.MsgspecError) as error:
            return _json(400, {"error": str(error)})
        except Exception:
            log.exception("control_failed")
            return _json(500, {"error": "the hub failed; the reason is in its log"})
        return _json(200, result)


async def ask(path: Path, verb: str, arguments: Arguments, timeout: float) -> Any:  # noqa: ASYNC109 - the limit is aiohttp's
    """Run a verb in the hub that listens at `path`. ConnectionError where none does; raises ControlError."""
    connector = aiohttp.UnixConnector(_short(path))
    limit = aiohttp.ClientTimeout(total=timeout)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=limit) as session,
            session.post(f"http://hub/{verb}", data=_ENCODER.encode(arguments)) as response,
        ):
            answer = msgspec.json.decode(await response.read())
    except (aiohttp.ClientConnectorError, FileNotFoundError) as error:
        raise ConnectionError(str(error)) from None
    except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
        raise ControlError(f"the hub did not answer: {error or 'no answer in time'}") from None
    if response.status != 200:
        raise ControlError(answer["error"])
    return answer


def _short(path: Path) -> str:
    """A Unix socket's path has about 100 bytes: a long one is given relative to the current folder."""
    if len(os.fsencode(path)) <= _TOO_LONG:
        return str(path)
    relative = os.path.relpath(path)
    if len(os.fsencode(relative)) > _TOO_LONG:
        raise ControlError(f"{path} is too long for a socket; use a data folder with a shorter path")
    return relative


def _json(status: int, value: Any) -> web.Response:
    return web.Response(status=status, body=_ENCODER.encode(value), content_type="application/json")
