"""A stand-in for a hub whose every text is as bad as a partner can make it: what commands then print is the test."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import msgspec
from aiohttp import web
from msgspec import inspect

from hub.control import PartnerDetail
from hub.flow.explain import Explanation
from hub.flow.overview import Status
from hub.flow.sync import Progress
from hub.partners.agreements import AgreementsView
from hub.partners.counts import Cleared, FindingView, LossView
from hub.partners.journal import Captured, JournalPage, Trace
from hub.partners.keys import KeyView
from hub.partners.operations import Invitation, PartnerView

EVIL = (
    "[bold]<b>\"'`$(x)[/] [/red] [link=http://x]y[/link] :smile: \\"
    "\r\nFORGED 2026-01-01 [error] all is lost\n\tFORGED\x1b[31m\x1b]0;title\x07\x9b2J\x7f\x00\x08"
    "\u202eevil\u2066\u200b\u2028FORGED\u2029\u0085FORGED\ufeff\u00ad\U000e0041 =1+1 " + "A" * 10_000
)
ANSWERS: Mapping[str, Any] = {
    "list": tuple[PartnerView, ...],
    "show": PartnerDetail,
    "suspend": PartnerView,
    "invite": Invitation,
    "invite-again": Invitation,
    "limits": PartnerView,
    "validation": PartnerDetail,
    "status": Status,
    "findings": tuple[FindingView, ...],
    "findings-clear": Cleared,
    "losses": tuple[LossView, ...],
    "agreement-list": AgreementsView,
    "explain": Explanation,
    "key-list": tuple[KeyView, ...],
    "journal": JournalPage,
    "trace": tuple[Trace, ...],
    "capture": Captured,
    "sync": Progress,
}
_FIXED = {
    "state": "REGISTERED",
    "status": "OFFLINE",
    "interface": "SENDER",
    "outcome": "failed",
    "validation": "report",
    "default": "open",
    "done": True,
    "reachable": True,
}
"""Words of the hub's own, from a short list: what a partner says never gets there."""


def evil(kind: Any, text: str = EVIL) -> Any:
    """A value of this type with the text wherever there is one, and one item in every list."""
    return _value(inspect.type_info(kind), text)


def texts(value: Any) -> list[str]:
    """Every text in a value."""
    match value:
        case str():
            return [value]
        case dict():
            return [each for item in value.values() for each in texts(item)]
        case list():
            return [each for item in value for each in texts(item)]
    return []


class Hub:
    """Listens where a hub would, and answers each verb with the worst that it may hold. `fail` makes it refuse."""

    def __init__(self, folder: Path) -> None:
        self.text = EVIL
        self.fail = False
        self._path = folder / "data" / "hub.sock"
        self._runner: web.ServerRunner | None = None

    async def __aenter__(self) -> Self:
        self._path.parent.mkdir(exist_ok=True)
        self._runner = web.ServerRunner(web.Server(self._answer))
        await self._runner.setup()
        await web.UnixSite(self._runner, self._path).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner
        await self._runner.cleanup()

    def answer(self, verb: str) -> Any:
        """What it says to a verb."""
        return evil(ANSWERS[verb], self.text)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        if self.fail:
            return web.Response(status=400, body=msgspec.json.encode({"error": self.text}))
        return web.Response(body=msgspec.json.encode(self.answer(request.path.strip("/"))))


def _value(info: inspect.Type, text: str) -> Any:
    return _MADE[type(info)](info, text)


def _struct(info: inspect.StructType, text: str) -> dict[str, Any]:
    names = [(each.encode_name, each.type) for each in info.fields]
    return {name: _FIXED[name] if name in _FIXED else _value(kind, text) for name, kind in names}


def _mapping(info: inspect.DictType, text: str) -> dict[str, Any]:
    return {name: _value(info.value_type, text) for name in ("requests", "broadcasts", "parallel")}


def _any_of(info: inspect.UnionType, text: str) -> Any:
    return next(_value(each, text) for each in info.types if not isinstance(each, inspect.NoneType))


_MADE: Mapping[type[inspect.Type], Callable[[Any, str], Any]] = {
    inspect.StrType: lambda _, text: text,
    inspect.AnyType: lambda _, text: {"request": text, "answer": text},  # bodies, as a trace has them
    inspect.StructType: _struct,
    inspect.UnionType: _any_of,
    inspect.DictType: _mapping,
    inspect.ListType: lambda info, text: [_value(info.item_type, text)],
    inspect.VarTupleType: lambda info, text: [_value(info.item_type, text)],
    inspect.EnumType: lambda info, _: next(iter(info.cls)).value,
    inspect.IntType: lambda *_: 1,
    inspect.FloatType: lambda *_: 1.0,
    inspect.BoolType: lambda *_: True,
}
