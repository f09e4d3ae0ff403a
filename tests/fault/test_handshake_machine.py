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
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hub.app import App
from hub.core.directory import Secret
from hub.errors import OcpiError
from hub.partners.directory import DirectoryKeeper
from tests.fault.by_hand import credentials
from tests.fault.handshake_model import DONE, NOTHING, Model, parties, plain
from tests.fault.raw_partner import RawPartner, Received, close, ocpi
from tests.fault.wire import authorization, call
from tests.support import config

DEAD = 2
"""How many of the tokens that died last are tried."""

names = st.sampled_from(["p0", "p1", "p2"])
numbers = st.integers(0, 11)
some_roles = st.sets(
    st.sampled_from(["NL-AAA:CPO", "NL-AAA:EMSP", "NL-BBB:CPO", "BE-CCC:EMSP"]), min_size=1, max_size=2
)
roles_or_all = st.none() | some_roles
mostly = st.sampled_from([True, True, True, True, False])
partners = st.sampled_from(["accepts", "accepts unheard", "refuses"])
anybody = precondition(lambda self: self.models)
room = precondition(lambda self: len(self.models) < 3)


class Handshake(RuleBasedStateMachine):
    """The hub, one server for all its partners, and the models of its platforms by name."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.models: dict[str, Model] = {}
        self.issued: list[str] = ["never"]
        self.restarted = True
        self.server = RawPartner()
        self.server.credentials = self.answer_the_hub
        self.run(self.server.start())
        self.app = self.run(self.started())

    def teardown(self) -> None:
        self.run(self.app.__aexit__(None, None, None))
        self.run(self.server.stop())
        self.runner.close()
        self.folder.cleanup()

    async def started(self) -> App:
        return await App(config(Path(self.folder.name))).__aenter__()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def operate(self, work: Coroutine[Any, Any, Any]) -> Any:
        """What an operation of the operator returns; None where it is refused."""
        self.restarted = False
        try:
            return self.run(work)
        except OcpiError:
            return None

    @initialize(named=some_roles)
    def one_is_registered(self, named):
        self.invite("p0", named)
        self.request("POST", 0, 0, named, alive=True, reachable=True, raw=False)

    # What partners do.

    @anybody
    @rule(
        method=st.sampled_from(["PUT", "PUT", "POST", "DELETE"]),
        number=numbers,
        which=numbers,
        presented=roles_or_all,
        alive=mostly,
        reachable=mostly,
        raw=st.booleans(),
    )
    def request(self, method, number, which, presented, alive, reachable, raw):
        """A request with one of a platform's tokens, or with one that is dead or never was."""
        name, model = self.pick(number)
        tokens = [*reversed(model.tokens)] if model.tokens and alive else self.dead()
        token = tokens[which % len(tokens)]
        presented = presented or model.named
        fresh = secrets.token_hex(8)
        server = self.server.url if reachable else "http://127.0.0.1:1"
        body = None if method == "DELETE" else credentials(fresh, f"{server}/{name}/versions", presented)
        answer = self.run(call(method, f"{self.app.url}/ocpi/2.2.1/credentials", token, body, raw=raw))
        expected = model.answer(method, token, presented, reachable=reachable)
        assert (answer.status, answer.code) == expected, answer.body
        self.restarted = False
        if expected == DONE and method == "DELETE":
            model.unregistered()
        elif expected == DONE:
            self.issued.append(answer.data["token"])
            model.registered(presented, answer.data["token"], fresh, raw=raw)

    async def answer_the_hub(self, request: Received, writer: asyncio.StreamWriter) -> None:
        """The hub registers, renews or unregisters: call it back with the new token, as partners do, and answer."""
        self.asked.append((request.method, request.headers["authorization"]))
        if request.method == "DELETE":
            writer.write(ocpi())
            return
        self.pending = msgspec.json.decode(request.body)["token"]
        self.issued.append(self.pending)
        if (await self.try_one(self.pending)) != (200, 401):
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
        self.partner, self.presents, self.fresh = partner, presents, secrets.token_hex(8)
        self.asked: list[tuple[str, str]] = []

    # What the operator does.

    @room
    @rule(name=names, named=some_roles)
    def invite(self, name, named):
        invitation = self.operate(self.app.partners.invite(name, sorted(named)))
        assert (invitation is not None) == (name not in self.models and self.free(name, named))
        if invitation:
            self.issued.append(invitation.token_a)
            self.models[name] = Model(named=named)
            self.models[name].unregistered(invitation.token_a)

    @room
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

    @anybody
    @rule(number=numbers, presented=roles_or_all, partner=partners)
    def rotate(self, number, presented, partner):
        """The hub renews. Where its partner may have heard of the new token, that one goes on opening credentials."""
        name, model = self.pick(number)
        presented = presented or model.named
        self.meet(partner, presented)
        view = self.operate(self.app.partners.rotate(name))
        if model.shown is None:
            assert (view, self.asked) == (None, [])
            return
        assert self.asked == [("PUT", authorization(model.shown, raw=model.raw))]
        heard = partner != "refuses" and not model.suspended
        assert (view is not None) == (heard and partner == "accepts" and presented <= model.named)
        if view:
            model.registered(presented, self.pending, self.fresh, raw=model.raw)
        else:
            model.pending(self.pending if heard else None)

    @anybody
    @rule(number=numbers, what=st.sampled_from(["invite again", "suspend or resume", "suspend or resume", "remove"]))
    def change(self, number, what):
        name, model = self.pick(number)
        if what == "invite again":
            token = self.operate(self.app.partners.invite_again(name)).token_a
            self.issued.append(token)
            model.unregistered(token)
        elif what == "remove":
            assert self.operate(self.app.partners.remove(name)).name == name
            del self.models[name]
        else:
            resumed = self.operate(self.app.partners.resume(name))
            assert (resumed is not None) == model.suspended
            if not resumed:
                self.operate(self.app.partners.suspend(name))
            model.suspended = not resumed

    @precondition(lambda self: not self.restarted)
    @rule()
    def restart(self):
        self.run(self.app.__aexit__(None, None, None))
        self.app = self.run(self.started())
        self.restarted = True

    # What has to be true at any time.

    @invariant()
    def all_is_as_it_should_be(self):
        self.check_tokens()
        self.check_views()
        self.check_directory()

    def check_tokens(self) -> None:
        expected = dict.fromkeys(self.dead()[:DEAD], NOTHING)
        wrong = dict.fromkeys(expected, "PUT")
        for model in self.models.values():
            expected |= {token: model.opens(token) for token in model.tokens}
            wrong |= {token: model.wrong(token) for token in model.tokens}
        assert self.run(self.try_all(wrong)) == expected

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

    async def try_all(self, wrong: dict[str, str]) -> dict[str, tuple[int, int, int]]:
        url = f"{self.app.url}/ocpi/2.2.1/credentials"
        return {
            token: (*await self.try_one(token), (await call(method, url, token)).status)
            for token, method in wrong.items()
        }

    async def try_one(self, token: str) -> tuple[int, int]:
        """HTTP status of GET versions and of a functional request."""
        versions = await call("GET", self.app.versions_url, token)
        functional = await call("GET", f"{self.app.url}/ocpi/2.2.1/sender/locations/", token)
        return versions.status, functional.status

    def pick(self, number: int) -> tuple[str, Model]:
        return sorted(self.models.items())[number % len(self.models)]

    def dead(self) -> list[str]:
        """Tokens that open nothing any more, those that died last first."""
        live = {token for model in self.models.values() for token in model.tokens}
        return [token for token in reversed(self.issued) if token not in live]

    def free(self, name: str, roles: set[str]) -> bool:
        """Whether no other platform has one of the parties."""
        others = [model.parties for other, model in self.models.items() if other != name]
        return parties(roles).isdisjoint(set().union(*others))


TestHandshake = Handshake.TestCase
TestHandshake.settings = settings(
    max_examples=15,
    stateful_step_count=20,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],  # twenty steps are read faster than they are shrunk
    suppress_health_check=list(HealthCheck),
)
