"""What checks ask with: requests in the words of OCPI, their answers read, and all of it kept as evidence."""

import base64
import datetime
import re
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import urlencode
from uuid import uuid4

import msgspec

from hub.certify.model import Ask, Awaited, Evidence, Heard, NoAnswer, Subject, Wire
from hub.core.catalogue import WITHOUT_INTERFACES
from hub.core.directory import Encoding
from hub.core.headers import CORRELATION_ID, REQUEST_ID, routing
from hub.core.modules import Interface
from hub.core.party import Party, Role
from hub.core.paths import join
from hub.core.redact import HIDDEN, redacted
from hub.ocpi.envelope import date_time

_SHOWN = re.compile(r"content-type|link|location|retry-after|x-.*|ocpi-.*|www-authenticate")
_LONGEST = 4000
_LONGEST_HEADER = 400
_MOST_EVIDENCE = 6
_TAKEN_BY_CPOS = ("tokens", "commands", "chargingprofiles")
"""Modules whose RECEIVER interface is a CPO's; of all others it is the SENDER interface."""


class Failed(Exception):
    """The platform does not do what OCPI says: what was found, and what to change."""

    def __init__(self, found: str, advice: str = "") -> None:
        super().__init__(found)
        self.found = found
        self.advice = advice


class Advised(Failed):
    """OCPI allows it, and yet it is better done otherwise."""


class NotApplicable(Exception):
    """There is nothing here that the check is about; the text says why."""


class Unchecked(Exception):
    """The check could not be made; the text says why, and what it would need."""


class Answer:
    """An answer, read as OCPI has it: `body` is None where it is no JSON, `code` where it is no OCPI envelope."""

    def __init__(self, heard: Heard) -> None:
        self.status = heard.status
        self.raw = heard.body
        self._headers = heard.headers
        try:
            self.body: Any = msgspec.json.decode(heard.body)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            self.body = None
        code = self.body.get("status_code") if isinstance(self.body, dict) else None
        self.code: int | None = code if type(code) is int else None

    @property
    def ok(self) -> bool:
        """OCPI success."""
        return 200 <= self.status < 300 and self.code is not None and 1000 <= self.code < 2000

    @property
    def data(self) -> Any:
        """What is in the envelope."""
        return self.body.get("data") if isinstance(self.body, dict) else None

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next((value for key, value in self._headers if key == name.lower()), None)

    def __str__(self) -> str:
        """In words, for what was found."""
        if self.code is not None:
            return f"HTTP {self.status} with status_code {self.code}"
        return f"HTTP {self.status} with a body that is {'not JSON' if self.body is None else 'no OCPI response'}"


class Probe:
    """Asks one platform. Pages that were fetched once are not fetched again."""

    def __init__(self, subject: Subject, wire: Wire) -> None:
        self.subject = subject
        self._wire = wire
        self._pages: dict[tuple[str, str], Answer] = {}
        self._evidence: list[Evidence] = []
        self._kept: dict[tuple[str, str], Evidence] = {}

    @property
    def version(self) -> str:
        """The version that was agreed on."""
        return self.subject.version

    @property
    def routed(self) -> bool:
        """Whether this version has routing headers and message ids, and one URL for each interface."""
        return self.version not in WITHOUT_INTERFACES

    def evidence(self) -> tuple[Evidence, ...]:
        """What was asked since this was called last."""
        taken, self._evidence = self._evidence, []
        return tuple(taken[-_MOST_EVIDENCE:])

    def stamp(self, minutes: int = 0) -> str:
        """The moment of the run to the second, so many minutes later: some keep no more of a moment."""
        moment = datetime.datetime.fromtimestamp(self.subject.now // 1000, datetime.UTC)
        return date_time(moment + datetime.timedelta(minutes=minutes))

    def expect(self) -> Awaited:
        """A place for the result of a command."""
        return self._wire.expect(self.version)

    def party(self, module: str, interface: Interface) -> Party:
        """The party of the platform that a request on a module goes to: one that has the right role."""
        is_cpo = (interface is Interface.RECEIVER) == (module in _TAKEN_BY_CPOS)
        for party, roles in self.subject.roles.items():
            if (Role.CPO in roles) if is_cpo else roles - {Role.CPO}:
                return party
        return next(iter(self.subject.roles))

    def url(self, module: str, interface: Interface, *path: str, **query: str) -> str:
        """A URL below an endpoint. Unchecked where the platform has none."""
        endpoint = self.subject.endpoints.get((module, interface))
        if endpoint is None:
            raise Unchecked(f"the platform has no endpoint {module} {interface}")
        return join(endpoint, path, urlencode(query))

    async def get(self, module: str, *path: str, **query: str) -> Answer:
        """GET of a SENDER interface."""
        return await self.functional("GET", module, Interface.SENDER, *path, query=query)

    async def functional(
        self,
        method: str,
        module: str,
        interface: Interface,
        *path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        shown: str = "",
    ) -> Answer:
        """A request on a functional module. `shown` stands in the evidence in the place of its last path segment."""
        url = self.url(module, interface, *path, **(query or {}))
        seen = self.url(module, interface, *path[:-1], shown, **(query or {})) if shown and path else url
        to = self.party(module, interface)
        return await self.send(method, url, body=body, routed=to, seen=seen)

    async def page(self, module: str, **query: str) -> Answer:
        """A page of a list, asked for once in the whole run. Sessions need a date (2.2.1, mod_sessions)."""
        wanted = {"date_from": "2000-01-01T00:00:00Z"} | query if module == "sessions" else query
        key = module, urlencode(sorted(wanted.items()))
        if key not in self._pages:
            self._pages[key] = await self.get(module, **wanted)
            self._kept[key] = self._evidence[-1]
        elif self._kept[key] not in self._evidence:
            self._evidence.append(self._kept[key])
        return self._pages[key]

    async def objects(self, module: str, **query: str) -> list[Any]:
        """The objects of a page. Unchecked where it can not be read, NotApplicable where it is empty."""
        answer = await self.page(module, **query)
        if not answer.ok or not isinstance(answer.data, list):
            raise Unchecked(f"the list can not be read: {answer}")
        if not answer.data:
            raise NotApplicable("the list is empty: the platform shows this hub no object")
        return answer.data

    async def send(
        self,
        method: str,
        url: str,
        *,
        body: Any = None,
        routed: Party | None = None,
        authorization: str | None = None,
        seen: str = "",
    ) -> Answer:
        """One request. `authorization` replaces the header, "" leaves it out. Unchecked where no answer came."""
        raw = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        written = self.authorization() if authorization is None else authorization
        headers = [("Authorization", written)] if written else []
        headers += [(REQUEST_ID, str(uuid4())), (CORRELATION_ID, str(uuid4()))]
        if routed and self.routed:
            headers += routing(self.subject.sender, routed)
        if raw:
            headers.append(("Content-Type", "application/json"))
        ask = Ask(method, url, tuple(headers), raw)
        try:
            heard = await self._wire.send(ask)
        except NoAnswer as reason:
            self._evidence.append(_evidence(ask, seen or url, None, str(reason)))
            raise Unchecked(f"{method} brought no answer: {reason}") from None
        self._evidence.append(_evidence(ask, seen or url, heard, ""))
        return Answer(heard)

    def authorization(self, *, other_encoding: bool = False) -> str:
        """The header as the hub sends it, or in the other encoding."""
        token = self.subject.token.reveal()
        raw = (self.subject.encoding is Encoding.RAW) != other_encoding
        return f"Token {token if raw else base64.b64encode(token.encode()).decode()}"

    def sent(self, name: str) -> str:
        """A header of the last request."""
        prefix = f"{name}: "
        return next(each.removeprefix(prefix) for each in self._evidence[-1].headers if each.startswith(prefix))


def fail(found: str, advice: str = "") -> NoReturn:
    """Say that the platform does not do what OCPI says."""
    raise Failed(found, advice)


def _evidence(ask: Ask, url: str, heard: Heard | None, reason: str) -> Evidence:
    headers = tuple(f"{name}: {'Token ' + HIDDEN if name == 'Authorization' else value}" for name, value in ask.headers)
    if heard is None:
        return Evidence(f"{ask.method} {url}", headers, redacted(ask.body)[:_LONGEST], 0, (), reason)
    shown = tuple(f"{name}: {value[:_LONGEST_HEADER]}" for name, value in heard.headers if _SHOWN.fullmatch(name))
    return Evidence(
        f"{ask.method} {url}",
        headers,
        redacted(ask.body)[:_LONGEST],
        heard.status,
        shown[:20],
        redacted(heard.body)[:_LONGEST],
    )
