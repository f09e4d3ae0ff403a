"""The bus: it never makes a publisher wait, and one bad subscriber harms nobody."""

import asyncio

import pytest

from hub.events import Bus, Event, PartnerChanged, Unregistered
from hub.events import bus as module


def gone(name: str) -> Unregistered:
    return Unregistered(platform=name)


@pytest.fixture
async def bus():
    bus = Bus()
    await bus.start()
    yield bus
    await bus.stop()


class Recorder:
    """A subscriber that waits at a gate, and notes what it was handed."""

    def __init__(self) -> None:
        self.seen = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = asyncio.Event()

    async def __call__(self, event) -> None:
        self.entered.set()
        await self.gate.wait()
        self.seen.append(event.platform)


async def test_a_subscriber_gets_the_events_of_its_types_in_order(bus):
    wanted = Recorder()
    bus.subscribe(wanted, Unregistered, name="wanted")
    for name in "abc":
        bus.publish(gone(name))
        bus.publish(PartnerChanged(platform="other", change="invited"))
    await bus.settle()
    assert wanted.seen == ["a", "b", "c"]


async def test_the_base_type_means_every_event(bus):
    everything = Recorder()
    bus.subscribe(everything, Event, name="everything")
    bus.publish(gone("a"))
    bus.publish(PartnerChanged(platform="b", change="invited"))
    await bus.settle()
    assert everything.seen == ["a", "b"]


async def test_a_full_queue_drops_its_oldest_and_counts(bus):
    slow, quick = Recorder(), Recorder()
    slow.gate.clear()
    subscription = bus.subscribe(slow, Unregistered, name="slow", size=3)
    bus.subscribe(quick, Unregistered, name="quick", size=100)
    bus.publish(gone("first"))
    await slow.entered.wait()
    for number in range(10):
        bus.publish(gone(str(number)))
    assert subscription.waiting == 3
    assert subscription.dropped == 7
    slow.gate.set()
    await bus.settle()
    assert slow.seen == ["first", "7", "8", "9"]
    assert quick.seen == ["first", *map(str, range(10))]


async def test_a_subscriber_that_raises_gets_the_next_event_all_the_same(bus):
    seen = []

    async def picky(event) -> None:
        seen.append(event.platform)
        if event.platform == "bad":
            raise ValueError("no")

    subscription = bus.subscribe(picky, Unregistered, name="picky")
    bus.publish(gone("bad"))
    bus.publish(gone("good"))
    await bus.settle()
    assert seen == ["bad", "good"]
    assert subscription.failed == 1


async def test_wants_tells_whether_anybody_listens(bus):
    assert not bus.wants(Unregistered)
    bus.publish(gone("unheard"))
    subscription = bus.subscribe(Recorder(), Unregistered, name="one")
    assert bus.wants(Unregistered)
    assert not bus.wants(PartnerChanged)
    await bus.unsubscribe(subscription)
    assert not bus.wants(Unregistered)


async def test_events_published_before_the_start_wait_for_it():
    bus, early = Bus(), Recorder()
    bus.subscribe(early, Unregistered, name="early")
    bus.publish(gone("a"))
    await bus.start()
    await bus.settle()
    assert early.seen == ["a"]
    await bus.stop()


async def test_stop_hands_out_what_waits_and_ends_every_task():
    bus, last = Bus(), Recorder()
    await bus.start()
    last.gate.clear()
    bus.subscribe(last, Unregistered, name="last")
    bus.publish(gone("a"))
    bus.publish(gone("b"))
    await last.entered.wait()
    stopping = asyncio.create_task(bus.stop())
    last.gate.set()
    await stopping
    assert last.seen == ["a", "b"]
    assert asyncio.all_tasks() == {asyncio.current_task()}
    bus.publish(gone("c"))
    assert last.seen == ["a", "b"]


async def test_stop_does_not_wait_for_ever():
    bus, stuck = Bus(), Recorder()
    await bus.start()
    stuck.gate.clear()
    bus.subscribe(stuck, Unregistered, name="stuck")
    bus.publish(gone("a"))
    await stuck.entered.wait()
    await bus.stop(drain=0.01)
    assert stuck.seen == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


class Noter:
    """Attached to the bus: notes what it is told, and fails where it is told to."""

    def __init__(self, bus: Bus, *kinds: type[Event], name: str = "noter") -> None:
        self.seen = []
        self.attached = bus.attach(dict.fromkeys(kinds or (Unregistered,), self), name=name)

    def __call__(self, event) -> None:
        self.seen.append(event.platform)
        if event.platform == "bad":
            raise ValueError("no")


async def test_who_attached_gets_the_events_of_its_types_in_the_next_turn_of_the_loop(bus):
    one, both = Noter(bus), Noter(bus, Unregistered, PartnerChanged)
    for name in "ab":
        bus.publish(gone(name))
        bus.publish(PartnerChanged(platform="other", change="invited"))
    assert (one.seen, both.seen) == ([], []), "the publisher goes on first"
    await asyncio.sleep(0)
    assert (one.seen, both.seen) == (["a", "b"], ["a", "other", "b", "other"])


async def test_one_bad_event_costs_neither_the_next_nor_anybody_else(bus):
    picky, other = Noter(bus), Noter(bus)
    for name in ("bad", "good"):
        bus.publish(gone(name))
    await bus.settle()
    assert picky.seen == other.seen == ["bad", "good"]
    assert picky.attached.failed == 1


async def test_too_many_events_of_one_turn_drop_the_oldest_and_count_them(bus, monkeypatch):
    monkeypatch.setattr(module, "PENDING", 3)
    noter, other = Noter(bus), Noter(bus, PartnerChanged, name="other")
    for number in range(10):
        bus.publish(gone(str(number)))
    assert bus.backlog() == [("noter", 7, 3), ("other", 0, 0)]
    await bus.settle()
    assert noter.seen == ["7", "8", "9"]
    assert (noter.attached.dropped, other.attached.dropped) == (7, 0)


async def test_very_many_events_let_others_have_their_turn_in_between(bus, monkeypatch):
    monkeypatch.setattr(module, "_AT_ONCE", 10)
    noter = Noter(bus)
    for number in range(25):
        bus.publish(gone(str(number)))
    counts = []
    while len(noter.seen) < 25:
        await asyncio.sleep(0)
        counts.append(len(noter.seen))
    assert counts == [10, 20, 25]


async def test_who_attaches_late_or_goes_gets_what_was_published_in_between():
    bus = Bus()
    early = Noter(bus)
    bus.publish(gone("a"))
    await bus.start()
    await asyncio.sleep(0)
    bus.publish(gone("b"))
    late = Noter(bus)
    assert bus.wants(Unregistered)
    bus.publish(gone("c"))
    await bus.unsubscribe(early.attached)
    bus.publish(gone("d"))
    await bus.stop()
    bus.publish(gone("e"))
    assert not bus.wants(Unregistered)
    assert (early.seen, late.seen) == (["a", "b", "c"], ["c", "d"])
