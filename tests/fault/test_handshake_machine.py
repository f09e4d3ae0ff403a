"""The credentials handshake against a model of it: whatever happens in whatever order, tokens open what they should.

A real hub on real sockets (OCPI 2.2.1, chapter 7). After every step each token is tried, what the operator sees is
compared with the model, and the directory with the store.
"""

import asyncio
import secrets
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hub.app import App
from hub.core.directory import Directory, Platform, Secret, State, TokenKind
from hub.errors import OcpiError
from hub.partners.directory import DirectoryKeeper
from tests.fault.by_hand import credentials
from tests.fault.raw_partner import RawPartner, Received, close, ocpi
from tests.fault.wire import authorization, call
from tests.support import config

ROLES = ["NL-AAA:CPO", "NL-AAA:EMSP", "NL-BBB:CPO", "BE-CCC:EMSP"]
OPENS_EVERYTHING, OPENS_CREDENTIALS, OPENS_NOTHING = (200, 200), (200, 401), (401, 401)
"""HTTP status of GET versions and of a functional request."""
DEAD = 3
"""How many of the tokens that died last are tried."""

names = st.sampled_from(["p0", "p1", "p2"])
some_roles = st.sets(st.sampled_from(ROLES), min_size=1, max_size=2)
partners = st.sampled_from(["accepts", "refuses", "accepts unheard"])


class Model(msgspec.Struct, kw_only=True):
    """One platform as it should be. `tokens` are those that open something, `shown` is how the hub calls it."""

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
        return _parties(self.named)

    @property
    def header(self) -> str:
        """The Authorization header with which the hub calls it."""
        return authorization(self.shown or "", raw=self.raw)

    def invited(self, token: str) -> None:
        self.presented, self.tokens, self.shown = set(), {token: TokenKind.A}, None

    def registered(self, presented: set[str], token: str, shown: str, *, raw: bool) -> None:
        self.presented, self.tokens, self.shown, self.raw = presented, {token: TokenKind.C}, shown, raw


class Handshake(RuleBasedStateMachine):
    """The hub, one server for all its partners, and the models of its platforms by name."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.models: dict[str, Model] = {}
        self.issued: list[str] = ["never"]
        self.server = RawPartner()
        self.server.credentials = self.answer_the_hub
        self.partner = self.fresh = self.pending = ""
        self.presents: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self.run(self.server.start())
        self.start()

    def teardown(self) -> None:
        self.run(self.app.__aexit__(None, None, None))
        self.run(self.server.stop())
        self.runner.close()
        self.folder.cleanup()

    def start(self) -> None:
        async def start() -> App:
            return await App(config(Path(self.folder.name))).__aenter__()

        self.app = self.run(start())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def operate(self, work: Coroutine[Any, Any, Any]) -> Any:
        """What an operation of the operator returns; None where it is refused."""
        try:
            return self.run(work)
        except OcpiError:
            return None

    # What partners do.

    @rule(
        method=st.sampled_from(["POST", "PUT", "DELETE"]),
        name=names,
        which=st.integers(0, 5),
        alive=st.integers(0, 4).map(bool),
        presented=st.none() | some_roles,
        reachable=st.integers(0, 4).map(bool),
        raw=st.booleans(),
    )
    def handshake(self, method, name, which, alive, presented, reachable, raw):
        """A request with one of the platform's tokens, or with one that is dead or never was."""
        model = self.models.get(name)
        tokens = list(model.tokens) if model and model.tokens and alive else self.dead()
        token = tokens[which % len(tokens)]
        presented = presented or (model.named if model else set(ROLES[:1]))
        fresh = secrets.token_hex(8)
        server = self.server.url if reachable else "http://127.0.0.1:1"
        body = None if method == "DELETE" else credentials(fresh, f"{server}/{name}/versions", presented)
        answer = self.run(call(method, f"{self.app.url}/ocpi/2.2.1/credentials", token, body, raw=raw))
        expected = self.expected(method, name, token, presented, reachable=reachable)
        assert (answer.status, answer.code) == expected, answer.body
        if expected == (200, 1000) and method == "DELETE":
            model.presented, model.tokens, model.shown = set(), {}, None
        elif expected == (200, 1000):
            self.issued.append(answer.data["token"])
            model.registered(presented, answer.data["token"], fresh, raw=raw)

    def expected(self, method, name, token, presented, *, reachable) -> tuple[int, int]:
        """HTTP status and status_code of a credentials request."""
        model = self.models.get(name)
        if model is None or token not in model.tokens or model.suspended:
            return 401, 2000
        if (method == "POST") != (model.tokens[token] is TokenKind.A):
            return 405, 2000
        if method == "DELETE":
            return 200, 1000
        if not presented <= model.named:
            return 200, 2001
        return 200, 1000 if reachable else 3001

    async def answer_the_hub(self, request: Received, writer: asyncio.StreamWriter) -> None:
        """The hub registers, renews or unregisters: call it back with the new token, as partners do, and answer."""
        self.asked.append((request.method, request.headers["authorization"]))
        if request.method == "DELETE":
            writer.write(ocpi())
            return
        self.pending = msgspec.json.decode(request.body)["token"]
        self.issued.append(self.pending)
        if await self.opens(self.pending) != OPENS_CREDENTIALS:
            writer.write(ocpi(code=3001))
        elif self.partner == "refuses":
            writer.write(ocpi(code=2000))
        elif self.partner == "accepts unheard":
            await close(request, writer)
        else:
            url = f"{self.server.url}/{request.platform}/versions"
            writer.write(ocpi(credentials(self.fresh, url, self.presents)))

    def meet(self, partner: str, presents: set[str]) -> None:
        """Prepare for what the hub is about to ask."""
        self.partner, self.presents, self.fresh, self.asked = partner, presents, secrets.token_hex(8), []

    # What the operator does.

    @rule(name=names, named=some_roles)
    def invite(self, name, named):
        invitation = self.operate(self.app.partners.invite(name, sorted(named)))
        assert (invitation is not None) == (name not in self.models and self.free(name, named))
        if invitation:
            self.issued.append(invitation.token_a)
            self.models[name] = Model(named=named)
            self.models[name].invited(invitation.token_a)

    @rule(name=names)
    def invite_again(self, name):
        invitation = self.operate(self.app.partners.invite_again(name))
        assert (invitation is not None) == (name in self.models)
        if invitation:
            self.issued.append(invitation.token_a)
            self.models[name].invited(invitation.token_a)

    @rule(name=names, named=st.just(set()) | some_roles, presented=some_roles, partner=partners)
    def connect(self, name, named, presented, partner):
        """The hub begins. Where that fails, nothing is left."""
        self.meet(partner, presented)
        url, token = f"{self.server.url}/{name}/versions", "b" * 20
        view = self.operate(self.app.partners.connect(name, url, Secret(token), sorted(named)))
        begins = name not in self.models and self.free(name, named)
        fits = self.free(name, presented) and (not named or presented <= named)
        assert (view is not None) == (begins and fits and partner == "accepts")
        taken_back = [("DELETE", authorization(self.fresh))] if partner == "accepts" and not fits else []
        assert self.asked == ([("POST", authorization(token)), *taken_back] if begins else [])
        if view:
            self.models[name] = Model(named=named or presented)
            self.models[name].registered(presented, self.pending, self.fresh, raw=False)

    @rule(name=names, presented=st.none() | some_roles, partner=partners)
    def rotate(self, name, presented, partner):
        """The hub renews. Where its partner may have heard of the new token, that one goes on opening credentials."""
        model = self.models.get(name)
        presented = presented or (model.named if model else set())
        self.meet(partner, presented)
        view = self.operate(self.app.partners.rotate(name))
        if model is None or model.shown is None:
            assert (view, self.asked) == (None, [])
            return
        assert self.asked == [("PUT", model.header)]
        heard = partner != "refuses" and not model.suspended
        assert (view is not None) == (heard and partner == "accepts" and presented <= model.named)
        if view:
            model.registered(presented, self.pending, self.fresh, raw=model.raw)
        else:
            model.tokens = {token: kind for token, kind in model.tokens.items() if kind is not TokenKind.PENDING}
            model.tokens |= {self.pending: TokenKind.PENDING} if heard else {}

    @rule(name=names)
    def suspend(self, name):
        assert (self.operate(self.app.partners.suspend(name)) is not None) == (name in self.models)
        if name in self.models:
            self.models[name].suspended = True

    @rule(name=names)
    def resume(self, name):
        suspended = name in self.models and self.models[name].suspended
        assert (self.operate(self.app.partners.resume(name)) is not None) == suspended
        if suspended:
            self.models[name].suspended = False

    @rule(name=names)
    def remove(self, name):
        assert (self.operate(self.app.partners.remove(name)) is not None) == (name in self.models)
        self.models.pop(name, None)

    @rule()
    def restart(self):
        self.run(self.app.__aexit__(None, None, None))
        self.start()

    # What has to be true at any time.

    @invariant()
    def all_is_as_it_should_be(self):
        self.check_tokens()
        self.check_views()
        self.check_directory()

    def check_tokens(self) -> None:
        expected = dict.fromkeys(self.dead()[:DEAD], OPENS_NOTHING)
        for model in self.models.values():
            for token, kind in model.tokens.items():
                opens = OPENS_EVERYTHING if kind is TokenKind.C else OPENS_CREDENTIALS
                expected[token] = OPENS_NOTHING if model.suspended else opens
        assert self.run(self.try_all(expected)) == expected

    def check_views(self) -> None:
        """What the operator sees."""
        views = {each.name: (each.state, {*each.parties}, {*each.not_presented}) for each in self.app.partners.all()}
        assert views == {
            name: (model.state, model.presented, model.named - model.presented) for name, model in self.models.items()
        }

    def check_directory(self) -> None:
        """It is what a start would read from the store, and every party is one platform's."""
        keeper = self.app.keeper
        stored = DirectoryKeeper(keeper._database, keeper._keyring, keeper.current.hub)
        self.run(stored.load())
        assert plain(keeper.current) == plain(stored.current)
        assert keeper.records == stored.records
        owners = [(str(party), platform.name) for party, platform in keeper.current.parties.items()]
        assert sorted(owners) == sorted((party, name) for name in self.models for party in self.models[name].parties)

    async def try_all(self, tokens) -> dict[str, tuple[int, int]]:
        return {token: await self.opens(token) for token in tokens}

    async def opens(self, token: str) -> tuple[int, int]:
        versions = await call("GET", self.app.versions_url, token)
        functional = await call("GET", f"{self.app.url}/ocpi/2.2.1/sender/locations/", token)
        return versions.status, functional.status

    def dead(self) -> list[str]:
        """Tokens that open nothing any more, those that died last first."""
        live = {token for model in self.models.values() for token in model.tokens}
        return [token for token in reversed(self.issued) if token not in live]

    def free(self, name: str, roles: set[str]) -> bool:
        """Whether no other platform has one of the parties."""
        others = [model.parties for other, model in self.models.items() if other != name]
        return _parties(roles).isdisjoint(set().union(*others))


def _parties(roles: set[str]) -> set[str]:
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


TestHandshake = Handshake.TestCase
TestHandshake.settings = settings(
    max_examples=40,
    stateful_step_count=20,
    derandomize=True,
    phases=[Phase.generate],  # twenty steps are read faster than they are shrunk
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
