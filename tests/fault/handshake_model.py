"""The model that test_handshake_machine compares the hub with: one platform as it should be, and what it may do."""

from typing import Any

import msgspec

from hub.core.directory import Directory, Platform, State, TokenKind

Status = tuple[int, int]
"""HTTP status and OCPI status_code."""

DONE, UNKNOWN_TOKEN, NOT_NOW, NOT_INVITED, NOT_REACHED = (200, 1000), (401, 2000), (405, 2000), (200, 2001), (200, 3001)

NOTHING = (401, 401, 401)
"""What a token opens that is not known."""


class Model(msgspec.Struct, kw_only=True):
    """`named` and `presented` are roles written as NL-TNM:CPO; `tokens` those that open anything.

    `shown` is the token with which the hub calls the platform, None where it has none, `raw` how it writes it.
    """

    named: set[str]
    presented: set[str] = set()
    tokens: dict[str, TokenKind] = {}
    shown: str | None = None
    raw: bool = False
    suspended: bool = False

    @property
    def state(self) -> State:
        if self.suspended:
            return State.SUSPENDED
        return State.INVITED if self.shown is None else State.REGISTERED

    @property
    def parties(self) -> set[str]:
        return parties(self.named)

    def unregistered(self, token_a: str | None = None) -> None:
        self.presented, self.shown = set(), None
        self.tokens = {token_a: TokenKind.A} if token_a else {}

    def registered(self, presented: set[str], token: str, shown: str, *, raw: bool) -> None:
        self.presented, self.tokens, self.shown, self.raw = presented, {token: TokenKind.C}, shown, raw

    def pending(self, token: str | None) -> None:
        """The hub presented a token: the partner may have heard of it, or (None) has not."""
        self.tokens = {token: kind for token, kind in self.tokens.items() if kind is not TokenKind.PENDING}
        if token:
            self.tokens[token] = TokenKind.PENDING

    def answer(self, method: str, token: str, presented: set[str], *, reachable: bool) -> Status:
        """What a credentials request has to be answered with."""
        if token not in self.tokens or self.suspended:
            return UNKNOWN_TOKEN
        if (method == "POST") != (self.tokens[token] is TokenKind.A):
            return NOT_NOW
        if method == "DELETE":
            return DONE
        if not presented <= self.named:
            return NOT_INVITED
        return DONE if reachable else NOT_REACHED

    def opens(self, token: str) -> tuple[int, int, int]:
        """HTTP status of GET versions, of a functional request, and of `wrong`."""
        if self.suspended:
            return NOTHING
        return 200, 200 if self.tokens[token] is TokenKind.C else 401, 405

    def wrong(self, token: str) -> str:
        """A method that credentials do not have for this token."""
        return "PUT" if self.tokens[token] is TokenKind.A else "POST"


def parties(roles: set[str]) -> set[str]:
    """NL-TNM for NL-TNM:CPO."""
    return {role.partition(":")[0] for role in roles}


def plain(directory: Directory) -> tuple[Any, ...]:
    """A directory as values that can be compared."""
    return (
        {key: _facts(platform) for key, platform in directory.platforms.items()},
        {party: platform.id for party, platform in directory.parties.items()},
        {digest: (each.platform.id, each.kind) for digest, each in directory.credentials.items()},
    )


def _facts(platform: Platform) -> dict[str, Any]:
    secret = platform.authorization
    return msgspec.structs.asdict(platform) | {"authorization": secret and secret.reveal()}
