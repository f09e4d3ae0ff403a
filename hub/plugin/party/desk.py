"""Answers requests with the methods of a party: what comes in is decoded, what goes out is checked and wrapped.

OCPI 2.2.1, transport_and_format. Nothing that a party's code does reaches the caller as anything but an OCPI answer.
"""

import asyncio
import datetime
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn, cast, get_origin
from urllib.parse import quote

import msgspec
import structlog

from hub.core.catalogue import WITHOUT_INTERFACES
from hub.core.message import Reply
from hub.core.modules import METHODS, Interface, Operation, is_placeholder
from hub.core.paging import PageQuery, paging
from hub.core.party import Party
from hub.core.urls import endpoint_path
from hub.errors import InvalidParameters, MethodNotAllowed, NotFound, OcpiError, ReceiverTimeout, ServerError
from hub.ocpi import envelope
from hub.ocpi.check import Finding, describe
from hub.ocpi.kinds import answer_checker, body_struct, struct_in
from hub.ocpi.writing import written
from hub.plugin.contain import Container, Fault
from hub.plugin.faults import Faults
from hub.plugin.party.base import CALLER, Call, PartyPlugin
from hub.plugin.party.changes import Changes
from hub.plugin.party.command import Command
from hub.plugin.party.errors import UnknownToken
from hub.plugin.party.network import Answer
from hub.plugin.party.offer import Handler, Offer
from hub.plugin.party.page import Page, Paged
from hub.plugin.party.reading import commanded, converted, decoded, query

log = structlog.get_logger()

Report = Callable[[str, Sequence[Finding]], None]
_FAILED = "this party failed to answer; its operator finds the reason in the log"


class Desk:
    """Answers in the name of one party, as long as its plugin runs. `root` is its URL of all versions.

    `page_limit` is the most objects of one page, and may change. `report` is told of objects that its lists leave out,
    because they are not what OCPI says.
    """

    def __init__(
        self,
        offer: Offer,
        plugin: PartyPlugin[Any],
        container: Container,
        faults: Faults,
        root: str,
        page_limit: int,
        report: Report,
    ) -> None:
        self.offer = offer
        self.plugin = plugin
        self.root = root
        self._container = container
        self._faults = faults
        self.page_limit = page_limit
        self._report = report
        self._looks_on = type(plugin).answering is not PartyPlugin.answering

    @property
    def aside(self) -> bool:
        """Whether the plugin failed too often, and is asked no more."""
        return self._faults.aside

    def find(self, method: str, version: str, path: tuple[str, ...]) -> tuple[Operation, tuple[str, ...]]:
        """The operation at a path below `root` and a version. NotFound and MethodNotAllowed, as OCPI has them."""
        if version in WITHOUT_INTERFACES:
            sides, module, rest = tuple(Interface), (*path, "")[0], path[1:]
        else:
            side, module, *others = (*path, "", "")
            sides = tuple(each for each in Interface if each == side.upper())
            rest = tuple(others[:-2]) if len(path) < 2 else path[2:]
        tables = [rows for each in sides if (rows := self.offer.catalogue.module(version, each, module))]
        found = next((row for rows in tables if (row := rows.find(method, rest))), None)
        if found is not None:
            return found, rest
        if allowed := tuple(each for each in METHODS if any(rows.find(each, rest) for rows in tables)):
            raise MethodNotAllowed(f"{self.offer.party} has no {method} here; it has {', '.join(allowed)}", allowed)
        raise NotFound(f"{self.offer.party} offers nothing at this path; see its version details")

    async def answer(self, call: Call) -> Reply:
        """The answer, whatever comes of it. Raises only ReceiverTimeout, where the party does not answer in time."""
        if not self._looks_on:
            return await self._answer(call)
        try:
            reply = await self._ask("answering", call, [call, partial(self._answer, call)])
        except ReceiverTimeout:
            raise
        except OcpiError as error:
            return refusal(error)
        self._faults.succeeded("answering")
        return cast("Reply", reply)

    async def _answer(self, call: Call) -> Reply:
        try:
            return await self._handle(call)
        except ReceiverTimeout:
            raise
        except OcpiError as error:
            return refusal(error)

    async def _handle(self, call: Call) -> Reply:
        handler = self.offer.handler(call.operation)
        page = PageQuery.read(call.query, self.page_limit) if call.operation.is_list else None
        given = [self._given(handler, call, name, kind, page) for name, kind in handler.parameters.items()]
        result = await self._ask(handler.method, call, given)
        if page is not None:
            return self._list(handler, call, page, result)
        return self._one(handler, call, result)

    async def _ask(self, name: str, call: Call, given: list[Any]) -> Any:
        """What a method of the party returns. OcpiError where it raises one, fails, or does not end in time."""
        left = call.deadline - asyncio.get_running_loop().time()
        mark = CALLER.set(call.caller)  # the task that the call runs in begins with a copy of this context
        try:
            answer = await self._container.call(getattr(self.plugin, name), *given, seconds=max(left, 0.0))
        except Fault as fault:
            if isinstance(fault.__cause__, OcpiError):
                self._faults.succeeded(name)
                raise fault.__cause__ from None
            self._faults.failed(name, fault)
            if fault.kind == "slow":
                raise ReceiverTimeout(f"{self.offer.party} did not answer in time") from None
            raise ServerError(_FAILED) from None
        finally:
            CALLER.reset(mark)
        return answer.value

    def _given(self, handler: Handler, call: Call, name: str, kind: Any, page: PageQuery | None) -> Any:
        """The value of one parameter of a method."""
        if name == "owner":
            return Party.of(call.segments[0], call.segments[1])
        if (shape := f"{{{name}}}") in handler.path:
            return call.segments[handler.path.index(shape)]
        if kind is Page and page is not None:
            return Page.read(page)
        if name == "token_type":
            return converted("type", query(call, "type") or "RFID", kind)
        if name == "duration":
            return converted("duration", query(call, "duration"), int)
        if kind is Changes:
            return Changes(self._changes(call))
        if get_origin(kind) is Command or kind is Command:
            return self._command(call)
        return decoded(call, kind, handler.path)

    def _changes(self, call: Call) -> dict[str, Any]:
        if call.operation.body is None:
            return dict(decoded(call, dict[str, Any]))
        patch = decoded(call, body_struct(call.operation))
        given = {name: getattr(patch, name) for name in patch.__struct_fields__}
        return {name: value for name, value in given.items() if value is not msgspec.UNSET}

    def _command(self, call: Call) -> Command[Any, Any]:
        """The request, and the way back for its result."""
        operation = call.operation
        body = None if operation.body is None else commanded(call, body_struct(operation))
        url = query(call, "response_url") if body is None else body.response_url
        if not url:
            raise InvalidParameters("query: response_url is missing")
        to, network = call.caller.party, self.plugin.network
        network.check(url)

        async def post(url: str, result: bytes) -> Answer:
            try:
                return Answer.of(await network.send("POST", url, to=to, body=result, seconds=None))
            except OcpiError as error:
                log.info("result_not_delivered", party=str(self.offer.party), reason=error.message)
                return Answer.refused(error)

        answers, results = (struct_in(operation, kind) for kind in (operation.data, operation.result))
        return Command(body, url, answers, results, post)

    def _list(self, handler: Handler, call: Call, asked: PageQuery, result: Any) -> Reply:
        paged = result if isinstance(result, Paged) else Page.read(asked).of(result) if _is_list(result) else None
        if paged is None:
            self._wrong(handler, f"returned {type(result).__name__}; a list returns a list, or page.of(...), or Paged")
        objects = [self._encoded(handler, each) for each in paged.objects]
        rows = [each for each in objects if self._is_fine(call.operation, each)]
        self._faults.succeeded(handler.method)
        url = self._url(call.operation, call.segments)
        return _success(rows, headers=paging(asked, paged.total, url))

    def _one(self, handler: Handler, call: Call, result: Any) -> Reply:
        operation = call.operation
        if result is None and (operation.method == "GET" or operation.path[-1:] == ("authorize",)):
            raise _nothing(operation, call.segments)
        if result is None or isinstance(result, bool):
            if operation.data is not None:
                self._wrong(handler, f"returned {result}; it has to answer with a {operation.data}")
            self._faults.succeeded(handler.method)
            return _success(status=201 if result else 200, headers=self._location(call))
        data = self._encoded(handler, result)
        if found := _findings(operation, data, self.offer.version):
            self._wrong(handler, f"returned a {operation.data} that is none: {describe(found)}")
        self._faults.succeeded(handler.method)
        return _success(data)

    def _location(self, call: Call) -> tuple[tuple[str, str], ...]:
        """Where a CDR that was posted can be read again (2.2.1, cdrs 10.2.2.2), where the party has a method for it."""
        operation = call.operation
        if (operation.module, operation.method) != ("cdrs", "POST"):
            return ()
        rows = self.offer.catalogue.module(self.offer.version, Interface.RECEIVER, "cdrs")
        if rows is None or rows.find("GET", ("id",)) is None:
            return ()
        cdr = msgspec.json.decode(call.body)
        return (("Location", self._url(operation, ()) + quote(str(cdr["id"]), safe="")),)

    def _url(self, operation: Operation, segments: tuple[str, ...]) -> str:
        path = endpoint_path(self.offer.version, operation.interface, operation.module)
        return f"{self.root}/{path}{''.join(f'{quote(each)}/' for each in segments)}"

    def _encoded(self, handler: Handler, value: Any) -> msgspec.Raw:
        try:
            return msgspec.Raw(written(value))
        except (TypeError, ValueError, msgspec.MsgspecError) as error:
            self._wrong(handler, f"returned what is no JSON: {error}")

    def _is_fine(self, operation: Operation, row: msgspec.Raw) -> bool:
        """Whether an object of a list may go out. One that may not must not keep back all others."""
        if not (found := _findings(operation, row, self.offer.version)):
            return True
        log.warning("object_left_out", party=str(self.offer.party), module=operation.module, reason=describe(found))
        self._report(operation.data or operation.module, found)
        return False

    def _wrong(self, handler: Handler, reason: str) -> NoReturn:
        self._faults.failed(handler.method, Fault("answered wrong", reason))
        raise ServerError(_FAILED)


def refusal(error: OcpiError) -> Reply:
    """The answer that says an error."""
    body = envelope.encode(_now(), error.code, error.message)
    return Reply(status=error.http, body=body, ocpi_status=error.code, headers=error.headers)


def _success(data: Any = msgspec.UNSET, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    return Reply(status=status, body=envelope.encode(_now(), data=data), ocpi_status=1000, headers=headers)


def _now() -> str:
    return envelope.date_time(datetime.datetime.now(datetime.UTC))


def _nothing(operation: Operation, segments: tuple[str, ...]) -> OcpiError:
    if operation.path[-1:] == ("authorize",):
        return UnknownToken("this token is not known here")
    named = [part for shape, part in zip(operation.path, segments, strict=True) if is_placeholder(shape)]
    return NotFound(f"there is no {operation.data or operation.module} {'/'.join(named)[:128]!r} here")


def _findings(operation: Operation, data: msgspec.Raw, version: str) -> Sequence[Finding]:
    checker = answer_checker(operation, version, many=False)
    return checker.check(bytes(data)) if checker else ()


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
