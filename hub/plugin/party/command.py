"""Requests whose result comes later: commands and charging profiles (2.2.1, chapters 13 and 14)."""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

import msgspec

from hub.ocpi.check import Checker, describe
from hub.ocpi.writing import written
from hub.plugin.party.network import Answer

T = TypeVar("T")
R = TypeVar("R")
U = TypeVar("U")

Post = Callable[[str, bytes], Awaitable[Answer]]
_TIMEOUT = 30


class Command(Generic[T, R]):
    """A request that is answered twice: at once whether it is accepted, later what came of it.

    Return `command.answer(...)` from the handler, and `await command.result(...)` when the result is known, from a
    background task (`self.spawn`). `body` is what was sent; None where the request has no body.
    """

    def __init__(self, body: T, response_url: str, answers: type[R], results: Any, post: Post) -> None:
        """The hub makes it. `answers` and `results` are the structs of the two answers."""
        self.body = body
        self._url = response_url
        self._answers = answers
        self._results = results
        self._post = post

    def answer(self, result: str = "ACCEPTED", *, timeout: int = _TIMEOUT, message: str = "") -> R:
        """The first answer. `timeout`: seconds within which the result comes. `message` is shown to the driver."""
        made: R = _made(self._answers, result, message, {"timeout": timeout})
        return made

    async def result(self, result: str = "ACCEPTED", *, message: str = "", **fields: Any) -> Answer:
        """Tell the result: once, and where that fails, no second time. `fields` are those that the result has beside.

        Raises ValueError where OCPI has no such result.
        """
        body = written(_made(self._results, result, message, fields))
        if found := Checker(self._results).check(body):
            raise ValueError(f"{self._results.__name__}: {describe(found)}")
        return await self._post(self._url, body)


class Outcome(msgspec.Struct, Generic[R, U], frozen=True):
    """What came of a request that was answered twice. `result` is None where it was not accepted, or none came."""

    response: R
    result: U | None = None


def _made(kind: Any, result: str, message: str, fields: dict[str, Any]) -> Any:
    """A struct of one of the versions: what it has no field for is left out."""
    known = {field.name for field in msgspec.structs.fields(kind)}
    given = {"result": result, **fields}
    if message:
        given["message"] = [{"language": "en", "text": message[:512]}]
    try:
        return msgspec.convert({name: value for name, value in given.items() if name in known}, kind)
    except msgspec.ValidationError as reason:
        raise ValueError(f"{kind.__name__}: {reason}") from None
