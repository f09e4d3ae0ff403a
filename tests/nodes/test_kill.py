"""SIGKILL of one of three nodes under load, and a restart of their database: nobody else notices, nothing is lost.

Partners and operators change all that a hub keeps, and others push through it, while one node after the other is
killed. Only what was just under way on that node fails. The database then has to hold all that was acknowledged, and
each partner's last tokens have to work through every node, in both directions.
"""

import asyncio
import random
import re
import time
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from hub.asking import ControlError
from tests.fault.by_hand import Platform, Refused
from tests.fault.promised import Book
from tests.fault.raw_partner import RawPartner, Received, accept
from tests.fault.wire import NoAnswer, authorization, call
from tests.fault.writers import Member, Scene, Writer
from tests.nodes.cluster import NodeProcess, Nodes, cluster, join, until
from tests.postgresql import Cluster as Server
from tests.postgresql import cluster as database_server
from tests.promises import size

KILLS = size(3, 30)
WRITERS, PUSHERS = 5, 5
BEFORE, AFTER = size((15, 30), (30, 60)), 15
"""How many changes are acknowledged between a start and a kill, and then until the node is started again."""
RESTARTS = size(1, 6)
LEADS_WITHIN = 10.0
MARKER = re.compile(rb"push-\d+")
AWAY = re.compile("no connection to|does not answer|database")
LEADING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1330860106 AND objid = 0 AND granted"

pytestmark = [pytest.mark.promise(3), pytest.mark.timeout(size(400, 0))]


class Crew(Writer):
    """A writer whose partners are suspended and resumed by any node: that is in force on all within a second."""

    async def _change_standing(self, member: Member, verb: str, state: str) -> None:
        await super()._change_standing(member, verb, state)
        nodes = self._scene.hub
        async with asyncio.timeout(5):
            for node in nodes.alive:
                with suppress(ConnectionError, ControlError):
                    while (await node.ask("show", ref=member.platform.key))["state"] != state:
                        await asyncio.sleep(0.02)


class Traffic:
    """Pushes that need no store, one after the other on connections of their own; `failed` got no answer."""

    def __init__(self, sender: Platform, receiver: Platform) -> None:
        self._sender, self._receiver = sender, receiver
        self.answered: Counter[tuple[int, int | None]] = Counter()
        self.delivered: set[bytes] = set()
        self.failed = 0
        self.slowest = 0.0
        self._number = 0

    async def run(self, over: asyncio.Event) -> None:
        while not over.is_set():
            self._number += 1
            marker = f"push-{self._number}"
            began = time.monotonic()
            try:
                answer = await self._sender.put_session(self._receiver, {"id": "S1", "remark": marker})
            except NoAnswer:
                self.failed += 1
            else:
                self.answered[answer.status, answer.code] += 1
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.delivered.add(marker.encode())


class Trial:
    """Three nodes, their database, and those who write and push."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self.book = Book()
        self.server = RawPartner(self._note, MARKER)
        self.scene = Scene(nodes, self.server, self.book)
        self.writers = [Crew(number, self.scene) for number in range(WRITERS)]
        self.traffic: Traffic
        self.random = random.Random(9)
        self.wrong: list[Any] = []
        self.cut_off = 0
        """Changes that were under way on a node when it was killed."""
        self.put_off = 0
        """And those that met a node which had no database, and said so."""
        self._shown: dict[str, str] = {}

    async def begin(self) -> None:
        """Have two partners that only push."""
        sender = await join(self.nodes, self.server, "NL-SND:CPO")
        receiver = await join(self.nodes, self.server, "DE-RCV:EMSP")
        self.traffic = Traffic(sender, receiver)
        for number in range(8):
            assert (await sender.put_session(receiver, {"id": f"S{number}"})).code == 1000

    @property
    def acknowledged(self) -> int:
        return self.book.acknowledged.total()

    async def reach(self, goal: int) -> None:
        async with asyncio.timeout(60):
            while self.acknowledged < goal:
                await asyncio.sleep(0.005)

    async def kill(self, victim: NodeProcess) -> None:
        """Kill a node under load. Only what had got to it fails, each at most once."""
        over, front = asyncio.Event(), self.nodes.front
        before, failed, cut_off = Counter(front.unanswered), self.traffic.failed, self.cut_off
        asked = self.nodes.unanswered
        async with asyncio.TaskGroup() as group:
            for writer in self.writers:
                group.create_task(self._until_cut_off(writer, over))
            for _ in range(PUSHERS):
                group.create_task(self.traffic.run(over))
            await self.reach(self.acknowledged + self.random.randint(*BEFORE))
            await asyncio.sleep(self.random.uniform(0, 0.02))
            victim.kill()
            await self.reach(self.acknowledged + AFTER)
            over.set()
        broken = Counter(front.unanswered) - before
        assert set(broken) <= {victim.port}, (broken, victim.port)
        failures = self.traffic.failed - failed + self.cut_off - cut_off - (self.nodes.unanswered - asked)
        assert failures == broken.total() <= WRITERS + PUSHERS, (failures, broken)

    async def restart(self, server: Server, mode: str) -> float:
        """Restart the database under load: what needs it not goes on. Seconds until a node leads again."""
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for writer in self.writers:
                group.create_task(self._until_cut_off(writer, over))
            for _ in range(PUSHERS):
                group.create_task(self.traffic.run(over))
            await self.reach(self.acknowledged + BEFORE[0])
            await asyncio.to_thread(server.stop, mode)
            pushes = self.traffic.answered.total()
            await until(lambda: self.traffic.answered.total() >= pushes + 5 * PUSHERS)
            await asyncio.to_thread(server.start)
            began = time.monotonic()
            while await asyncio.to_thread(server.sql, LEADING) != "1\n":
                await asyncio.sleep(0.05)
            seconds = time.monotonic() - began
            over.set()
        return seconds

    async def _until_cut_off(self, writer: Writer, over: asyncio.Event) -> None:
        """One change after the other, until it is over, or one is cut off: what came of that is not known."""
        while not over.is_set():
            try:
                await writer.write()
            except NoAnswer:
                self.cut_off += 1
                return
            except Refused as refused:
                if refused.answer.status != 503:
                    raise
                self.put_off += 1
                return
            except ControlError as error:
                if not AWAY.search(str(error)):
                    raise
                self.put_off += 1
                return

    async def settle(self) -> None:
        """All that was acknowledged is there; of what was under way all was done, or nothing."""
        held = await self.nodes.held()
        for key in [each for each in held if each[0] == "partner" and each[1] in ("snd", "rcv")]:
            del held[key]
        self.wrong += self.book.wrong(held)
        done, _ = self.book.settle(held)
        for writer in self.writers:
            for member in writer.members:
                if member.subject in done and not writer.knows_its_token(member):
                    await writer.again(member)
                elif writer.is_invited(member):
                    await writer.handshake(member)

    async def check(self) -> None:
        """Each partner can send through each node, and be reached through it."""
        members = [member.platform for writer in self.writers for member in writer.registered()]
        for node in self.nodes.alive:
            for sender, receiver in zip(members, members[1:] + members[:1], strict=True):
                url = f"{node.url}/ocpi/2.2.1/sender/locations/"
                answer = await call("GET", url, sender.token, sender=sender.role.party, to=receiver.role.party)
                assert (answer.status, answer.code) == (200, 1000), (node.name, sender.key, receiver.key, answer)
                assert self._shown.pop(receiver.key) == authorization(receiver.token_out), (node.name, receiver.key)

    def check_pushes(self) -> int:
        """Nothing came twice, and all that was answered came; so many were answered."""
        assert set(self.traffic.answered) == {(200, 1000)}, self.traffic.answered
        assert max(self.server.deliveries.values()) == 1
        assert self.traffic.delivered <= set(self.server.deliveries)
        return self.traffic.answered.total()

    async def _note(self, request: Received, writer: asyncio.StreamWriter) -> None:
        self._shown[request.platform] = request.headers["authorization"]
        await accept(request, writer)


async def test_a_killed_node_takes_nothing_with_it_but_what_was_under_way_on_it(tmp_path, url, nursery, proof):
    async with cluster(tmp_path, url, nursery) as nodes:
        trial = Trial(nodes)
        async with trial.server:
            await trial.begin()
            for number in range(KILLS):
                victim = nodes.all[number % len(nodes.all)]
                await trial.kill(victim)
                await trial.settle()
                await victim.start()
                await trial.check()
            pushes = trial.check_pushes()
    proof.at_least("kills of a node of three under writes", KILLS, size(3, 30))
    proof.at_least("writes acknowledged by nodes", trial.acknowledged, size(90, 1300))
    proof.at_least("pushes through nodes meanwhile", pushes, size(100, 2000))
    proof.exactly("acknowledged writes lost by nodes", len(trial.wrong), 0)
    proof.at_least("requests cut off by them", trial.cut_off + trial.traffic.failed, 1)
    proof.at_most("requests that nodes put off meanwhile", trial.put_off, KILLS)


async def test_a_restart_of_the_database_loses_nothing_and_stops_no_push(tmp_path, nursery, proof):
    with database_server() as server:
        async with cluster(tmp_path, server.make(), nursery) as nodes:
            trial, took = Trial(nodes), []
            async with trial.server:
                await trial.begin()
                for number in range(RESTARTS):
                    took.append(await trial.restart(server, ("fast", "immediate")[number % 2]))
                    await trial.settle()
                    await trial.check()
                trial.check_pushes()
    proof.at_least("restarts of the database under writes", RESTARTS, size(1, 6))
    proof.exactly("pushes that failed meanwhile", trial.traffic.failed, 0)
    proof.exactly("acknowledged writes lost by restarts of the database", len(trial.wrong), 0)
    proof.at_most("seconds until a node leads again", round(max(took), 1), LEADS_WITHIN)
