"""Liveness over real sockets: routing follows the breaker at once, partners are told with hysteresis.

OCPI 2.2.1, hubclientinfo: Still alive check. The times are short here; the breaker's own are tested in core.
"""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from hub.core.breaker import Policy
from hub.core.party import PartyRole
from hub.core.status import ConnectionStatus
from hub.events import StatusChanged
from hub.partners.liveness import Liveness, answers
from hub.upstream import Fault
from tests.partners.places import VERSIONS, Desk, Diary, desk

CONNECTED, OFFLINE = ConnectionStatus.CONNECTED, ConnectionStatus.OFFLINE
PLANNED, SUSPENDED = ConnectionStatus.PLANNED, ConnectionStatus.SUSPENDED
QUICK = Policy(idle=60.0, first=0.02, longest=0.1, settle=0.05, quiet=0.3)


@asynccontextmanager
async def watching(office: Desk, policy: Policy = QUICK, **options):
    liveness = Liveness(office.keeper, office.client, office.bus, await office.statuses(), policy, **options)
    await liveness.start()
    try:
        yield liveness
    finally:
        await liveness.stop()


@pytest.fixture
async def office(tmp_path):
    async with desk(tmp_path) as office:
        yield office


async def offline(office: Desk, *expected: int) -> None:
    """Wait until just these platforms are out of reach."""
    async with asyncio.timeout(5):
        while office.keeper.current.offline != frozenset(expected):
            await asyncio.sleep(0.002)


def lose(liveness: Liveness, platform, fault=Fault.CONNECT, times=3) -> None:
    for _ in range(times):
        liveness.report(platform.id, fault)


async def test_a_platform_goes_and_returns_and_partners_are_told(office):
    diary = Diary(office.bus, StatusChanged)
    async with watching(office) as liveness:
        cpo, place = await office.connect("Cpo", "NL-CPO:CPO")
        await diary.until(lambda event: event.status is CONNECTED)
        await place.stop()
        lose(liveness, cpo)
        assert office.keeper.current.offline == {cpo.id}, "routing knows before anything else happens"
        gone = await diary.until(lambda event: event.status is OFFLINE)
        assert (gone.platform, gone.platform_id, gone.before) == ("Cpo", cpo.id, CONNECTED)
        assert gone.parties == {PartyRole.parse("NL-CPO:CPO"): OFFLINE}
        await place.start()
        await offline(office)
        back = await diary.until(lambda event: event.before is OFFLINE)
        assert back.status is CONNECTED
        assert back.at > gone.at


async def test_what_counts_as_trouble(office):
    trouble = (Fault.CONNECT, Fault.RESET, Fault.RESOLVE, Fault.TIMEOUT, Fault.TLS, 502, 503, 504)
    async with watching(office, Policy(first=3600.0)) as liveness:
        gone = set()
        for number, outcome in enumerate(trouble):
            platform, _ = await office.connect(f"Cpo {number}", f"NL-CP{number}:CPO")
            await office.bus.settle()
            lose(liveness, platform, outcome, times=2)
            assert office.keeper.current.offline == gone, outcome
            lose(liveness, platform, outcome, times=1)
            gone.add(platform.id)
            assert office.keeper.current.offline == gone, outcome


async def test_what_does_not_count_as_trouble(office):
    async with watching(office) as liveness:
        cpo, _ = await office.connect("Cpo", "NL-CPO:CPO")
        await office.bus.settle()
        trouble = {Fault.CONNECT, Fault.RESET, Fault.RESOLVE, Fault.TIMEOUT, Fault.TLS}
        for outcome in ({*Fault} - trouble) | {200, 401, 404, 500}:
            lose(liveness, cpo, outcome)
        assert not office.keeper.current.offline
        lose(liveness, cpo, Fault.RESET, times=2)
        lose(liveness, cpo, Fault.BUSY)
        lose(liveness, cpo, Fault.RESET, times=1)
        assert office.keeper.current.offline == {cpo.id}, "what says nothing does not end a row either"


async def test_an_answer_ends_a_row_of_failures(office):
    async with watching(office) as liveness:
        cpo, _ = await office.connect("Cpo", "NL-CPO:CPO")
        await office.bus.settle()
        for _ in range(5):
            lose(liveness, cpo, times=2)
            liveness.report(cpo.id, 200)
        assert not office.keeper.current.offline


async def test_a_silent_platform_is_asked_for_its_versions(office):
    policy = Policy(idle=0.1)
    async with watching(office, policy):
        _, place = await office.connect("Cpo", "NL-CPO:CPO")
        asked = await place.arrived(2, "GET")
        assert asked[0].path == "/versions"
        assert asked[0].headers["Authorization"] == "Token token-of-1"
        assert asked[0].headers["X-Request-ID"] != asked[0].headers["X-Correlation-ID"]
        assert not any(name.lower().startswith("ocpi-") for name in asked[0].headers)


async def test_one_that_is_silent_and_gone_is_found_out_without_traffic(office):
    async with watching(office, Policy(idle=0.1, first=0.02, longest=0.1)):
        cpo, place = await office.connect("Cpo", "NL-CPO:CPO")
        await place.stop()
        await offline(office, cpo.id)


async def test_a_platform_that_talks_is_not_asked(office):
    async with watching(office, Policy(idle=0.3)) as liveness:
        cpo, place = await office.connect("Cpo", "NL-CPO:CPO")
        _, other = await office.connect("Other", "NL-OTH:CPO")
        while not other.requests:
            liveness.seen(cpo.id)
            await asyncio.sleep(0.01)
        assert not place.requests


async def test_a_request_of_the_platform_brings_the_probe_forward(office):
    async with watching(office, Policy(first=3600.0, longest=3600.0)) as liveness:
        cpo, place = await office.connect("Cpo", "NL-CPO:CPO")
        await office.bus.settle()
        lose(liveness, cpo)
        assert not place.requests
        liveness.seen(cpo.id)
        assert office.keeper.current.offline == {cpo.id}, "a sign of life is no proof"
        await offline(office)
        assert len(place.by("GET")) == 1


async def test_probing_the_dead_takes_nothing_from_the_living(office):
    """Many that accept and never answer, few probes at a time: the one that returns is found all the same."""

    async def never(_):
        await asyncio.Event().wait()

    async with watching(office, timeout=0.2, at_once=4) as liveness:
        dead = [await office.connect(f"Dead {each}", f"NL-D{each:02}:CPO") for each in range(8)]
        cpo, place = await office.connect("Cpo", "NL-CPO:CPO")
        await office.bus.settle()
        for platform, silent in dead:
            silent.answer = never
            lose(liveness, platform)
        await place.stop()
        lose(liveness, cpo)
        await offline(office, cpo.id, *(platform.id for platform, _ in dead))
        await place.start()
        await offline(office, *(platform.id for platform, _ in dead))
        held = office.client.stats()
        assert all(isinstance(key, str) and key.startswith("probe ") for key in held), "no message's connection is used"
        assert sum(pool.in_use for pool in held.values()) <= 4


async def test_a_restart_begins_with_what_was_published(tmp_path):
    async with desk(tmp_path) as office:
        diary = Diary(office.bus, StatusChanged)
        async with watching(office) as liveness:
            cpo, place = await office.connect("Cpo", "NL-CPO:CPO")
            await office.connect("Emsp", "DE-MSP:EMSP")
            await diary.until(lambda event: event.platform == "Emsp" and event.status is CONNECTED)
            await place.stop()
            lose(liveness, cpo)
            told = await diary.until(lambda event: event.status is OFFLINE)
    async with desk(tmp_path) as office:
        diary = Diary(office.bus, StatusChanged)
        statuses = await office.statuses()
        assert statuses.get(cpo.id).changed_at == told.at
        async with watching(office):
            assert office.keeper.current.offline == {cpo.id}
            await place.start()
            await offline(office)
            event = await diary.until(lambda event: event.before is OFFLINE)
        assert (event.platform, event.status) == ("Cpo", CONNECTED)
        assert [each.platform for each in diary.events] == ["Cpo"], "nothing is told twice"
    await place.stop()


@pytest.mark.parametrize("known", [None, PLANNED, CONNECTED])
async def test_a_node_that_may_not_tell_waits_for_the_one_that_may(office, known):
    """What only this node can not reach is told by none: it probes on, takes its turns, and finds out when it is back.

    What is published may be news to this node, as of a partner that registered just now with another one.
    """
    async with watching(office, leads=lambda: False) as liveness:
        cpo, place = await office.connect("Cpo", "NL-CPO:CPO")
        await office.bus.settle()
        if known:
            await (statuses := liveness._statuses).set(cpo.id, known)
            await liveness.follow_statuses({str(cpo.id)})
            assert statuses.get(cpo.id).status is known
        await place.stop()
        lose(liveness, cpo)
        async with asyncio.timeout(5):
            await asyncio.sleep(2 * QUICK.quiet)
        assert office.keeper.current.offline == {cpo.id}
        await place.start()
        await offline(office)
        told = (await office.statuses()).get(cpo.id)
        assert (told and told.status) is known


async def test_one_that_is_removed_while_others_are_told_of_it(office):
    async with watching(office, leads=lambda: False) as liveness:
        other, place = await office.connect("Other", "NL-OTH:CPO")
        for number in range(20):
            cpo, _ = await office.connect(f"Cpo {number}", f"NL-C{number:02}:CPO")
            await office.bus.settle()
            removed = asyncio.create_task(office.remove(cpo))
            await asyncio.sleep(0)
            lose(liveness, cpo)
            await removed
        await asyncio.sleep(QUICK.quiet)
        await place.stop()
        lose(liveness, other)
        await place.start()
        await offline(office)


async def test_what_an_operator_does_is_told_at_once(office):
    diary = Diary(office.bus, StatusChanged)
    slow = Policy(settle=3600.0, quiet=3600.0)
    async with watching(office, slow):
        cpo, place = await office.connect("Cpo", "NL-CPO:CPO")
        await diary.until(lambda event: event.status is CONNECTED)
        await office.suspend(cpo)
        await diary.until(lambda event: event.status is SUSPENDED)
        assert not place.requests
        await office.resume(cpo)
        await diary.until(lambda event: event.before is SUSPENDED)
        assert [each.status for each in diary.events][-3:] == [CONNECTED, SUSPENDED, CONNECTED]
        assert len(place.by("GET")) == 1, "one that is resumed is looked at first"


async def test_one_that_is_invited_is_planned_and_one_that_is_removed_is_forgotten(office):
    diary = Diary(office.bus, StatusChanged)
    async with watching(office) as liveness:
        cpo = await office.invite("Cpo", "NL-CPO:CPO", "NL-CPO:EMSP")
        event = await diary.until(lambda event: event.status is PLANNED)
        assert set(event.parties.values()) == {PLANNED}
        place = await office.place()
        await office.register(cpo, place, "NL-CPO:CPO")
        event = await diary.until(lambda event: event.status is CONNECTED)
        assert event.parties == {
            PartyRole.parse("NL-CPO:CPO"): CONNECTED,
            PartyRole.parse("NL-CPO:EMSP"): PLANNED,
        }, "what was not presented yet is still planned"
        await place.stop()
        lose(liveness, cpo)
        await office.remove(cpo)
        await offline(office)
        liveness.report(cpo.id, Fault.CONNECT)
        liveness.seen(cpo.id)
        assert (await office.statuses()).get(cpo.id) is None


async def test_one_that_registers_again_is_reachable_at_once(office):
    async with watching(office, Policy(first=3600.0)) as liveness:
        cpo, place = await office.connect("Cpo", "NL-CPO:CPO")
        await office.bus.settle()
        lose(liveness, cpo)
        assert office.keeper.current.offline
        await office.register(cpo, place)
        await offline(office)


async def test_what_a_snapshot_keeps(office):
    """A change of one platform must not make another one reachable."""
    async with watching(office, Policy(first=3600.0)) as liveness:
        cpo, _ = await office.connect("Cpo", "NL-CPO:CPO")
        await office.bus.settle()
        lose(liveness, cpo)
        await office.connect("Emsp", "DE-MSP:EMSP")
        await office.bus.settle()
        assert office.keeper.current.offline == {cpo.id}


async def test_a_refused_token_is_a_sign_of_life(office):
    async def refuse(_):
        return web.Response(status=401, text="no")

    async with watching(office) as liveness:
        cpo, place = await office.connect("Cpo", "NL-CPO:CPO")
        await office.bus.settle()
        place.answer = refuse
        lose(liveness, cpo)
        await offline(office)


async def test_what_fails_for_one_ends_nothing(office):
    times = 0

    def leads() -> bool:
        nonlocal times
        times += 1
        if times == 1:
            raise ValueError("once")
        return True

    diary = Diary(office.bus, StatusChanged)
    with capture_logs() as logs:
        async with watching(office, leads=leads) as liveness:
            first, _ = await office.connect("First", "NL-ONE:CPO")
            await office.connect("Second", "NL-TWO:CPO")
            await diary.until(lambda event: event.platform == "Second")
            await diary.until(lambda event: event.platform == "First")
            assert liveness.look(first.id).reachable
    assert [each["platform_id"] for each in logs if each["event"] == "liveness_failed"] == [first.id]


async def test_a_probe_that_fails_as_nobody_expects_is_made_again(office, monkeypatch):
    send = office.client.send

    async def stumble(_):
        monkeypatch.setattr(office.client, "send", send)
        raise ValueError("once")

    with capture_logs() as logs:
        async with watching(office) as liveness:
            cpo, _ = await office.connect("Cpo", "NL-CPO:CPO")
            await office.bus.settle()
            monkeypatch.setattr(office.client, "send", stumble)
            lose(liveness, cpo)
            await offline(office)
    assert [each["platform_id"] for each in logs if each["event"] == "liveness_failed"] == [cpo.id]


async def test_a_status_of_one_that_is_removed_meanwhile(office):
    statuses = await office.statuses()
    cpo, _ = await office.connect("Cpo", "NL-CPO:CPO")
    telling = asyncio.create_task(statuses.set(cpo.id, CONNECTED))
    await asyncio.sleep(0)
    statuses.forget(cpo.id)
    assert (await telling).status is CONNECTED
    with capture_logs() as logs:
        await asyncio.gather(office.remove(cpo), statuses.set(cpo.id, OFFLINE))
        await statuses.set(cpo.id, CONNECTED)
    assert logs == []


async def test_what_can_not_be_kept_is_told_all_the_same(office):
    """Two changes within a millisecond are one after the other."""
    statuses = await office.statuses()
    await office.database.close()
    times = [(await statuses.set(99, status)).changed_at for status in (OFFLINE, CONNECTED, OFFLINE)]
    assert statuses.get(99).status is OFFLINE
    assert times == sorted(set(times))


@pytest.mark.parametrize(
    ("status", "body", "alive"),
    [
        (200, VERSIONS, True),
        (200, b'{"status_code":3000,"timestamp":"x"}', True),
        (200, b'[{"version":"2.2.1"}]', True),
        (400, b'{"status_code":2000}', True),
        (401, b"no", True),
        (403, b'{"detail":"no"}', True),
        (404, b"<html>Not Found</html>", False),
        (200, b"<html>We are back soon</html>", False),
        (200, b'{"hello":1}', False),
        (200, b"", False),
        (200, b"\xff", False),
        (200, b"[" * 100_000, False),
        (500, VERSIONS, False),
        (503, b"", False),
    ],
)
def test_which_answers_to_a_probe_are_the_platforms_own(status, body, alive):
    assert answers(status, body) is alive
