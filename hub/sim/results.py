"""Asynchronous results: a command is answered at once, what came of it is POSTed to its response_url."""

from collections.abc import Awaitable, Callable

import msgspec

from hub.sim.messages import Answer, Json
from hub.sim.platform import SimPlatform

_TIMEOUT_SECONDS = 30


class Outcome(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What a simulated charge point makes of a request.

    `response` is the direct answer; where it is ACCEPTED, `result` is POSTed (with the `profile` that was asked
    for), and then `follow_up` runs.
    """

    response: str = "ACCEPTED"
    result: str = "ACCEPTED"
    profile: Json | None = None
    follow_up: Callable[[], Awaitable[None]] | None = None


class Results:
    """Answers requests that have a response_url, and delivers their results: without routing headers, once."""

    def __init__(self, platform: SimPlatform) -> None:
        self.answer_before_result = True
        self._platform = platform

    async def answer(self, response_url: str, outcome: Outcome) -> Answer:
        """The direct answer. The result leaves after it, or before it where `answer_before_result` is off."""
        direct = {"result": outcome.response, "timeout": _TIMEOUT_SECONDS}
        if outcome.response != "ACCEPTED":
            return Answer(data=direct)
        if self.answer_before_result:
            return Answer(data=direct, after=lambda: self._finish(response_url, outcome))
        await self.post(response_url, outcome.result, outcome.profile)
        return Answer(data=direct, after=outcome.follow_up)

    async def post(self, response_url: str, result: str, profile: Json | None = None) -> None:
        """POST a result to exactly this URL."""
        body = {"result": result} | ({"profile": profile} if profile else {})
        await self._platform.attempt(
            f"result {result}", lambda: self._platform.call_url("POST", response_url, body=body)
        )

    async def _finish(self, response_url: str, outcome: Outcome) -> None:
        await self.post(response_url, outcome.result, outcome.profile)
        if outcome.follow_up is not None:
            await outcome.follow_up()
