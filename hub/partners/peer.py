"""The hub as a client of a partner's configuration modules: versions, version details, credentials.

OCPI 2.2.1, chapters 6 and 7. Partners deviate here more than anywhere, so answers are read with patience:
a list or an object, one object or a list of one, a slash more or less. What can not be used raises an error
of the 3xxx range that names the URL and what came back.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
import structlog

from hub.core.catalogue import ALIASES, WITHOUT_INTERFACES
from hub.core.directory import Encoding, Secret
from hub.core.modules import Interface
from hub.core.redact import without_query
from hub.errors import CannotUseApi, NoMatchingEndpoints, UnsupportedVersion
from hub.ocpi import envelope
from hub.ocpi.handshake import Version, VersionDetails
from hub.ocpi.rows import LARGEST
from hub.partners.calls import JSON, opening
from hub.partners.tokens import authorization
from hub.upstream import Client, Fault, Request, SendError

log = structlog.get_logger()
T = TypeVar("T")


class PeerRefused(CannotUseApi):
    """The partner answered, and refused. `denied` is True where it did not accept the token."""

    def __init__(self, message: str, *, denied: bool) -> None:
        super().__init__(message)
        self.denied = denied


class PeerSilent(CannotUseApi):
    """No usable answer. `unsure` is True where the request may have been carried out all the same.

    `forbidden` is the field whose URL leads to an address that the hub does not call. The text names that address, so
    it is for the operator, not for partners.
    """

    def __init__(self, message: str, *, unsure: bool, forbidden: str | None = None) -> None:
        super().__init__(message)
        self.unsure = unsure
        self.forbidden = forbidden


class Learned(msgspec.Struct, frozen=True):
    """What a partner's versions and details say: the version in common and its endpoints."""

    version: str
    encoding: Encoding
    credentials_url: str
    endpoints: dict[tuple[str, Interface], str]


class Peer:
    """Calls one partner's configuration endpoints through the hub's own client."""

    def __init__(self, client: Client, pool: str | int, timeout: float) -> None:
        self._client = client
        self._pool = pool
        self._timeout = timeout

    async def learn(
        self,
        versions_url: str,
        token: Secret,
        *,
        versions: Sequence[str],
        modules: frozenset[str],
        encodings: Sequence[Encoding],
    ) -> Learned:
        """Versions, then the details of the best of `versions`; the token encoding is found by trying.

        It is the one that the details accept: some platforms let everybody see their versions, or take a token there
        in an encoding that they refuse elsewhere.
        """
        check_url(self._client, versions_url, "url")
        received, encoding = await self._get(versions_url, token, encodings, "url")
        offered = {entry.version: entry.url for entry in read_versions(received.data, versions_url)}
        version = next((version for version in versions if version in offered), None)
        if version is None:
            raise UnsupportedVersion(
                f"{without_query(versions_url)} offers OCPI {', '.join(sorted(offered)) or 'no version'}; "
                f"this needs {' or '.join(versions)}"
            )
        check_url(self._client, offered[version], f"version {version}")
        others = (each for each in encodings if each is not encoding)
        received, encoding = await self._get(offered[version], token, (encoding, *others), f"version {version}")
        details = read_one(received.data, VersionDetails, offered[version])
        for endpoint in details.endpoints:
            check_url(self._client, endpoint.url, f"endpoint {endpoint.identifier[:40]}")
        return _learned(details, version, encoding, modules, offered[version])

    async def _get(
        self, url: str, token: Secret, encodings: Sequence[Encoding], field: str
    ) -> tuple[envelope.Received, Encoding]:
        """GET with the first encoding that is accepted. The refusal of the first where none is."""
        refused: PeerRefused | None = None
        for encoding in encodings:
            try:
                return await self.call("GET", url, token, encoding, field=field), encoding
            except PeerRefused as refusal:
                if not refusal.denied:
                    raise
                refused = refused or refusal
        raise refused or CannotUseApi("no token encoding is left to try")

    async def call(
        self,
        method: str,
        url: str,
        token: Secret,
        encoding: Encoding,
        body: bytes = b"",
        *,
        field: str = "endpoint credentials",
    ) -> envelope.Received:
        """One request to a URL that was checked, and stood in `field`.

        PeerSilent without a usable answer, PeerRefused where it is not a success.
        """
        asked = f"{method} {without_query(url)}"
        headers = (*opening(authorization(token, encoding)), *(JSON if body else ()))
        deadline = asyncio.get_running_loop().time() + self._timeout
        try:
            answer = await self._client.send(
                Request(
                    method=method,
                    url=url,
                    headers=headers,
                    body=body,
                    pool=self._pool,
                    deadline=deadline,
                    max_body=LARGEST,
                    credentials=bool(body),
                )
            )
        except SendError as error:
            log.info("partner_not_reached", asked=asked, fault=str(error.fault), reason=str(error))
            forbidden = field if error.fault is Fault.FORBIDDEN else None
            raise PeerSilent(f"{asked}: {error}", unsure=error.sent, forbidden=forbidden) from None
        received = envelope.receive(answer.body)
        if answer.status in (401, 403):
            raise PeerRefused(f"{asked}: HTTP {answer.status}, the token is not accepted", denied=True)
        if received is None:
            # Some answer a wrong token with a plain-text 500: worth the other encoding, too.
            raise PeerRefused(
                f"{asked}: HTTP {answer.status} with a body that is not an OCPI response",
                denied=answer.status >= 500,
            )
        if answer.status >= 400 or not 1000 <= received.status_code < 2000:
            said = str(received.status_message or "")[:200]
            raise PeerRefused(
                f"{asked}: HTTP {answer.status}, OCPI {received.status_code} {said!r}",
                denied=received.status_code == 3000,
            )
        return received


def check_url(client: Client, url: str, field: str) -> None:
    """PeerSilent where the URL in this field will not be called, as far as can be said before its name is looked up."""
    try:
        client.check(url)
    except SendError as error:
        log.info("url_refused", field=field, fault=str(error.fault), reason=str(error))
        forbidden = field if error.fault is Fault.FORBIDDEN else None
        raise PeerSilent(f"{field}: {error}", unsure=False, forbidden=forbidden) from None


def read_versions(data: msgspec.Raw, url: str) -> list[Version]:
    """The list of versions; some platforms send an object that holds the list, or a single version."""
    plain = _plain(data, url)
    if isinstance(plain, dict):
        plain = plain.get("versions", [plain])
    return _convert(plain, list[Version], url)


def read_one(data: msgspec.Raw, kind: type[T], url: str) -> T:
    """One object, also where it comes as a list of one."""
    plain = _plain(data, url)
    if isinstance(plain, list) and len(plain) == 1:
        plain = plain[0]
    return _convert(plain, kind, url)


def _plain(data: msgspec.Raw, url: str) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise CannotUseApi(f"{without_query(url)}: the data in the answer can not be read") from None


def _convert(plain: Any, kind: type[T], url: str) -> T:
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as reason:
        raise CannotUseApi(f"{without_query(url)}: the data in the answer is not what OCPI says: {reason}") from None


def _learned(details: VersionDetails, version: str, encoding: Encoding, modules: frozenset[str], url: str) -> Learned:
    credentials_url = None
    endpoints: dict[tuple[str, Interface], str] = {}
    for endpoint in details.endpoints:
        if endpoint.identifier == "credentials":
            credentials_url = endpoint.url
            continue
        module = endpoint.identifier.lower()
        for side in Interface:
            if endpoint.role.upper() == side or version in WITHOUT_INTERFACES:
                endpoints[ALIASES.get(module, module), side] = endpoint.url
    if credentials_url is None:
        raise NoMatchingEndpoints(f"{without_query(url)} lists no credentials endpoint")
    if not any(module in modules for module, _ in endpoints):
        raise NoMatchingEndpoints(f"{without_query(url)} lists no module that this hub routes")
    return Learned(version, encoding, credentials_url, endpoints)
