"""What the hub answers itself: versions, version details, credentials and the list of client infos.

OCPI 2.2.1, chapters 6, 7 and 15.
"""

import asyncio
from typing import Any

import msgspec
import structlog

from hub.core.catalogue import CATALOGUE, WITHOUT_INTERFACES
from hub.core.directory import Encoding, Platform, Secret
from hub.core.headers import RequestHeaders, credentials_tokens
from hub.core.modules import Catalogue, Interface
from hub.core.paging import PageQuery, paging
from hub.core.party import Role
from hub.core.urls import endpoint_path
from hub.errors import MethodNotAllowed, OcpiError
from hub.flow.calls import Timing
from hub.flow.clock import now
from hub.flow.http import read_body
from hub.flow.response import Response
from hub.ids import new_id
from hub.listener.request import Request
from hub.ocpi import envelope
from hub.ocpi.handshake import Endpoint, Version, VersionDetails
from hub.partners.access import Caller
from hub.partners.clientinfo import HubClientInfo
from hub.partners.directory import DirectoryKeeper
from hub.partners.registration import Registrar

log = structlog.get_logger()

CLIENT_INFO = "hubclientinfo"
_LEARNING = 0.5
"""Seconds that a message waits until it is kept how its sender writes its token."""


class OwnModules:
    """The modules of the hub itself. `root` is where they are reached, without a slash.

    `client_info` is None where there is no hub, but one party: it has no others to tell of.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        keeper: DirectoryKeeper,
        registrar: Registrar,
        client_info: HubClientInfo | None,
        root: str,
    ) -> None:
        self.catalogue = catalogue
        self.client_info = client_info
        self.root = root
        self._keeper = keeper
        self._registrar = registrar
        self._learning: set[asyncio.Task[None]] = set()

    def versions(self, request: Request, headers: RequestHeaders) -> Response:
        """GET of the versions."""
        _only(request, "GET")
        return success(headers, [Version(version, f"{self.root}/{version}") for version in self.catalogue.versions])

    def details(self, request: Request, headers: RequestHeaders, version: str, caller: Caller) -> Response:
        """GET of the details of a version: the endpoints that are of use to a platform."""
        _only(request, "GET")
        platform, sender = caller.platform, Interface.SENDER
        endpoints = [Endpoint("credentials", f"{self.root}/{version}/credentials/", sender)]
        if self.client_info and version not in WITHOUT_INTERFACES:
            endpoints.append(Endpoint(CLIENT_INFO, self._endpoint(version, sender, CLIENT_INFO), sender))
        endpoints += [
            Endpoint(module, self._endpoint(version, interface, module), interface)
            for module, interface in self.catalogue.offered(version)
            if self._is_told(platform, version, module)
        ]
        if version in WITHOUT_INTERFACES:
            urls = {each.identifier: each.url for each in endpoints if _is_for(platform, each.identifier)}
            endpoints = [Endpoint(module, url) for module, url in urls.items()]
        return success(headers, VersionDetails(version, endpoints))

    def _endpoint(self, version: str, interface: Interface, module: str) -> str:
        return f"{self.root}/{endpoint_path(version, interface, module)}"

    def _is_told(self, platform: Platform, version: str, module: str) -> bool:
        """Whether a platform sees a module: one that is no part of OCPI only where an agreement lets it use it.

        OCPI 2.2.1, version_information_endpoint: Custom Modules. A party has no agreements: it shows what it has.
        """
        if self.client_info is None:
            return True
        agreements = self._keeper.current.agreements
        return CATALOGUE.has(version, module) or any(agreements.uses(party, module) for party in platform.parties)

    def infos(
        self,
        client_info: HubClientInfo,
        request: Request,
        headers: RequestHeaders,
        version: str,
        asked: PageQuery,
        caller: Caller,
    ) -> Response:
        """GET of HubClientInfo: the parties that the platform may reach, and whether they are there."""
        _only(request, "GET")
        rows, total = client_info.page(
            caller.platform, date_from=asked.date_from, date_to=asked.date_to, offset=asked.offset, limit=asked.limit
        )
        url = self._endpoint(version, Interface.SENDER, CLIENT_INFO)
        return Response(200, envelope.encode(now(), data=rows), *ids_of(headers), headers=paging(asked, total, url))

    async def credentials(
        self, request: Request, headers: RequestHeaders, version: str, caller: Caller, timing: Timing
    ) -> Response:
        """The credentials module, where registration begins and ends."""
        _only(request, "GET", "POST", "PUT", "DELETE")
        await self.learn(caller)
        if request.method == "GET":
            return success(headers, self._registrar.get(caller.platform, version, _token(headers, caller)))
        if request.method == "DELETE":
            await self._registrar.delete(caller)
            return success(headers, msgspec.UNSET)
        body = await read_body(request, timing.request_body, timing.slow_request)
        register = self._registrar.post if request.method == "POST" else self._registrar.put
        try:
            return success(headers, await register(caller, version, body))
        except OcpiError as error:
            log.info("registration_refused", platform=caller.platform.name, code=error.code, reason=error.message)
            raise

    async def learn(self, caller: Caller) -> None:
        """Keep how a platform writes its token. No message fails where that can not be kept, or waits for long."""
        task = asyncio.create_task(self._keep_encoding(caller), name="encoding")
        self._learning.add(task)
        task.add_done_callback(self._learning.discard)
        await asyncio.wait((task,), timeout=_LEARNING)

    async def _keep_encoding(self, caller: Caller) -> None:
        try:
            await self._keeper.learn_encoding(caller.platform.id, caller.digest, caller.encoding)
        except Exception as error:  # noqa: BLE001 - it is good to know, and no more
            log.warning("encoding_not_kept", platform=caller.platform.name, error=repr(error))

    async def stop(self) -> None:
        """Wait for what is being kept."""
        if self._learning:
            await asyncio.wait(self._learning)


def success(headers: RequestHeaders, data: Any) -> Response:
    """An answer of the hub itself; without data where that is UNSET."""
    return Response(200, envelope.encode(now(), data=data), *ids_of(headers))


def _is_for(platform: Platform, module: str) -> bool:
    """Whether a module is of use to a platform on OCPI 2.1.1: commands are nothing for one that only charges."""
    held = {role for roles in (*platform.roles.values(), *platform.reserved.values()) for role in roles}
    return module != "commands" or held != {Role.CPO}


def _only(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise MethodNotAllowed(f"only {', '.join(methods)} here", methods)


def _token(headers: RequestHeaders, caller: Caller) -> Secret:
    raw, decoded = credentials_tokens(headers.authorization)
    return Secret(decoded if caller.encoding is Encoding.BASE64 and decoded else raw)


def ids_of(headers: RequestHeaders) -> tuple[str, str]:
    """The ids of a message; new ones where it came without."""
    return headers.request_id or new_id(), headers.correlation_id or new_id()
