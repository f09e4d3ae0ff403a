"""What the journal keeps of a message, as far as it is told of in words: who, whom, what, and what came of it."""

import msgspec

from hub.core.outcome import Outcome

_COMMANDS = frozenset(("commands", "chargingprofiles"))
_EVERYBODY = {
    "broadcast": "everybody (a broadcast)",
    "collect": "the hub, for what everybody has",
    "ask": "whoever knows the token",
}


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery."""

    receiver: str
    receiver_name: str | None = None
    version: str | None = None
    outcome: Outcome
    http_status: int | None = None
    ocpi_status: int | None = None
    reason: str | None = None
    losses: int = 0
    loss: str | None = None

    @property
    def to(self) -> str:
        """Whom it was for, in a word."""
        return self.receiver_name or self.receiver


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange. Of what was turned away, `path` is known, and `sender` is whom it said to be."""

    sender: str | None = None
    sender_id: int | None = None
    sender_name: str | None = None
    receiver: str | None = None
    receiver_name: str | None = None
    module: str | None = None
    interface: str | None = None
    method: str = "GET"
    object_id: str | None = None
    path: str | None = None
    address: str | None = None
    way: str | None = None
    why: str | None = None
    outcome: Outcome
    http_status: int = 200
    ocpi_status: int = 1000
    reason: str | None = None
    findings: int = 0
    finding: str | None = None

    @property
    def by(self) -> str:
        """Who sent it, in a word."""
        return self.sender_name or self.sender or "a partner"

    def to(self, attempts: tuple[Attempt, ...]) -> str:
        """Whom it was for, in a word; where several were asked, who answered last."""
        if self.way == "ask":
            taken = [each for each in attempts if each.outcome in (Outcome.DELIVERED, Outcome.DECLINED)]
            return taken[-1].to if taken else "one of the eMSPs"
        if self.receiver_name is None and attempts:
            return attempts[0].to
        return self.receiver_name or self.receiver or "a partner"

    @property
    def kind(self) -> str:
        """What sort of message it is: `pull`, `command`, the `result` of one, the `question` for a token, or `push`."""
        if self.method == "GET":
            return "pull"
        if self.module in _COMMANDS:
            return "result" if self.interface == "SENDER" and self.method == "POST" else "command"
        return "question" if self.module == "tokens" and self.method == "POST" else "push"

    @property
    def asked(self) -> str:
        """Who wanted what, of whom."""
        what = " ".join(each for each in (self.method, self.module, self.object_id) if each)
        aim = _EVERYBODY.get(self.way or "") or _named(self.receiver_name, self.receiver) or "the hub"
        return f"{_named(self.sender_name, self.sender) or 'a partner'} sent {what} to {aim}."

    @property
    def status(self) -> str:
        """The status_code of the answer, with its HTTP status where that is not the usual one."""
        return str(self.ocpi_status) if self.http_status == 200 else f"HTTP {self.http_status}, {self.ocpi_status}"


def _named(name: str | None, party: str | None) -> str:
    return f"{name} ({party})" if name and party and name != party else name or party or ""
