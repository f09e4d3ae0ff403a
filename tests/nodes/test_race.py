"""Two nodes are asked for the same thing at the same moment: one wins, and all nodes agree on who that was."""

import asyncio
import secrets
from typing import Any

import pytest

from hub.asking import ControlError
from hub.core.party import PartyRole
from tests.fault.by_hand import Platform
from tests.fault.raw_partner import RawPartner, Received, accept
from tests.fault.wire import Answer, authorization, call
from tests.nodes.cluster import NodeProcess, Nodes, cluster, join
from tests.promises import size

ROUNDS = size(20, 500)
"""Of all kinds together."""
AT_ONCE = 5

pytestmark = [pytest.mark.promise(15), pytest.mark.timeout(size(400, 900))]


class Race:
    """Three nodes, and the tokens that they showed to partners."""

    def __init__(self, nodes: Nodes, server: RawPartner) -> None:
        self.nodes = nodes
        self.server = server
        self.shown: dict[str, str] = {}
        self.caller: Platform
        self.half_states = 0
        server.behaviour = self._note

    async def begin(self) -> None:
        self.caller = await join(self.nodes, self.server, "DE-CAL:EMSP")

    def pair(self, number: int) -> list[NodeProcess]:
        """Two nodes, other ones each time."""
        both = [self.nodes.all[(number + place) % len(self.nodes.all)] for place in (0, 1)]
        return both[:: 1 if number % 2 else -1]

    async def one_party(self, number: int) -> None:
        """Two invitations of one party, or under one name: one is made."""
        party = f"NL-{number:03}:CPO"
        names = f"one {number}", f"other {number}"
        parties = party, party
        if number % 2:
            names, parties = (f"one {number}", f"ONE {number}"), (party, f"BE-{number:03}:CPO")
        asked = zip(self.pair(number), names, parties, strict=True)
        told = await asyncio.gather(
            *(node.ask("invite", name=name, parties=(role,)) for node, name, role in asked), return_exceptions=True
        )
        made = [each for each in told if not isinstance(each, BaseException)]
        refused = [str(each) for each in told if isinstance(each, ControlError)]
        assert (len(made), len(refused)) == (1, 1), told
        assert "already" in refused[0] or "belongs to" in refused[0], refused
        await self.agree(made[0]["name"], "INVITED", [name for name in names if name != made[0]["name"]])

    async def one_invitation(self, number: int) -> None:
        """One TOKEN_A, shown to two nodes: it registers once."""
        platform = await self._invited(number)
        await self._credentials("POST", platform, number)

    async def one_renewal(self, number: int) -> None:
        """A partner renews its token at two nodes: one of the new tokens is its token."""
        platform = await self._invited(number)
        await platform.send_credentials("POST")
        await self._credentials("PUT", platform, number)

    async def _invited(self, number: int) -> Platform:
        role = PartyRole.parse(f"NL-{number:03}:CPO")
        platform = Platform(f"p{number}", role, self.server.url, self.nodes.url)
        platform.token = (await self.nodes.ask("invite", name=platform.key, parties=(str(role),)))["token_a"]
        return platform

    async def _credentials(self, method: str, platform: Platform, number: int) -> None:
        fresh = [secrets.token_hex(16) for _ in range(2)]
        answers = await asyncio.gather(
            *(
                call(method, f"{node.url}/ocpi/2.2.1/credentials", platform.token, platform.credentials(token))
                for node, token in zip(self.pair(number), fresh, strict=True)
            )
        )
        won = [each for each in answers if (each.status, each.code) == (200, 1000)]
        assert len(won) == 1, answers
        lost = answers[1 - answers.index(won[0])]
        assert lost.status in (401, 405), lost
        await self.holds(platform, won[0], fresh[answers.index(won[0])])

    async def holds(self, platform: Platform, won: Answer, token_out: str) -> None:
        """The winner's token opens every node at once, and every node calls it with the token that it gave."""
        platform.token = won.data["token"]
        for node in self.nodes.all:
            mine = Platform(platform.key, platform.role, self.server.url, node.url)
            mine.token = platform.token
            self.half_states += (await mine.get_locations(self.caller)).code != 1000
        await self.agree(platform.key, "REGISTERED", [])
        for node in self.nodes.all:
            caller = Platform(self.caller.key, self.caller.role, self.server.url, node.url)
            caller.token = self.caller.token
            self.half_states += (await caller.get_locations(platform)).code != 1000
            self.half_states += self.shown.pop(platform.key, "") != authorization(token_out)

    async def agree(self, name: str, state: str, absent: list[str]) -> None:
        """All nodes say the same within a second."""
        views: list[Any] = []
        async with asyncio.timeout(10):
            while len(views) != len(self.nodes.all) or any(each != views[0] for each in views):
                all_told = [await node.ask("list") for node in self.nodes.all]
                views = [[each for each in told if each["name"] in (name, *absent)] for told in all_told]
                views = [each for each in views if each]
        assert [(each["name"], each["state"]) for each in views[0]] == [(name, state)]

    async def _note(self, request: Received, writer: asyncio.StreamWriter) -> None:
        self.shown[request.platform] = request.headers["authorization"]
        await accept(request, writer)


async def test_two_nodes_that_register_the_same_agree_on_one(tmp_path, url, nursery, proof):
    async with cluster(tmp_path, url, nursery) as nodes, RawPartner() as server:
        race = Race(nodes, server)
        await race.begin()
        kinds = race.one_party, race.one_invitation, race.one_renewal
        for first in range(0, ROUNDS, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, ROUNDS))
            await asyncio.gather(*(kinds[number % len(kinds)](number) for number in numbers))
        held = await nodes.held()
        states = [standing.state for subject, standing in held.items() if subject[0] == "partner"]
        assert len(states) == ROUNDS + 1
    proof.at_least("races of two nodes for one party, name, invitation or token", ROUNDS, size(20, 500))
    proof.exactly("half states after them", race.half_states, 0)
