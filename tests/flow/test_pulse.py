"""Sums that move on with time are those that a recount of all slots gives."""

import gc
import random
import tracemalloc
from collections import Counter
from collections.abc import Callable

import pytest

from hub.events import Bus
from hub.flow import pulse as pulse_module
from hub.flow.counted import LATELY, SLOT, Times
from hub.flow.node_says import MOST_PARTNERS, NodeSays, PartnerSays, read, worth_telling, written
from hub.flow.pulse import Pulse, traffic_of

NAMES = ("One", "Two", "Three")


@pytest.fixture
def clock(monkeypatch):
    """The time, in slots; a test may move it."""
    now = [200_000_000]
    monkeypatch.setattr(pulse_module, "now_ms", lambda: now[0] * SLOT + 1)
    monkeypatch.setattr(pulse_module, "time_ns", lambda: (now[0] * SLOT + 1) * 1_000_000)
    return now


def recounted(pulse, name):
    """The same by looking at every slot."""
    lately, before = ([slot.partners[name] for slot in part if name in slot.partners] for part in pulse._lately())
    steps = Times().plus(each.times for each in lately).steps
    return PartnerSays(
        id=1,
        sent=sum(each.sent for each in lately),
        delivered=sum(each.delivered for each in lately),
        failed=sum(each.failed for each in lately),
        findings=sum(each.findings for each in lately),
        findings_before=sum(each.findings for each in before),
        steps=dict(steps),
    )


@pytest.mark.parametrize("seed", range(20))
def test_a_partner_counts_as_if_all_were_counted_anew(clock, seed):
    chance = random.Random(seed)
    pulse = Pulse(Bus())
    for _ in range(150):
        for _ in range(chance.randrange(4)):
            count = pulse._slot().of(chance.choice(NAMES))
            count.sent += 1
            count.delivered += chance.randrange(2)
            count.findings += chance.randrange(3)
            count.times.steps[chance.randrange(5)] += 1
        for name in NAMES:
            if chance.random() < 0.5:
                assert pulse.told([(1, name)]) == [recounted(pulse, name)]
        clock[0] += chance.choice((0, 1, 1, 1, 2, 3, 5, 7, 40))


def test_what_is_over_is_kept_small_and_counts_as_before(clock):
    pulse, plain, chance = Pulse(Bus()), Counter[int](), random.Random(1)

    def count() -> None:
        for _ in range(LATELY - 1):
            for step in (int(chance.gauss(120, 12)) for _ in range(300)):
                pulse._slot().of("One").times.steps[step] += 1
                plain[step] += 1
            clock[0] += 1
            pulse._slot()

    taken = tracemalloc_of(count)
    assert pulse.told([(1, "One")])[0].steps == plain
    numbers = sum(len(slot.partners["One"].times.counted()) for _, slot in pulse._slots if slot.partners)
    assert taken / numbers < 40, "bytes for each step of each slot, where a dict takes 60"


def tracemalloc_of(work: Callable[[], None]) -> int:
    """Bytes that are taken and kept by what a function does."""
    gc.collect()
    tracemalloc.start()
    try:
        work()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_of_too_many_partners_the_busiest_are_told(clock):
    pulse = Pulse(Bus())
    for number in range(20):
        pulse._slot().of(f"P{number}").sent += number
    clock[0] += 1
    pulse._slot()
    assert sorted(pulse.active(3)) == ["P17", "P18", "P19"]
    assert len(pulse.active(20)) == 20


def test_what_nodes_say_adds_up_and_has_a_bound():
    one = NodeSays(messages=3, outcomes={"delivered": 3}, hub={80: 3}, series=(1, 2))
    other = NodeSays(messages=1, outcomes={"failed": 1}, hub={120: 1}, series=(1,))
    assert read(written(one)) == one
    assert read(b'{"messages": "of a later version"}') == NodeSays()
    together = traffic_of([one, other])
    assert (together.messages, together.outcomes) == (4, {"delivered": 3, "failed": 1})
    assert (together.series[-2:], sum(together.series)) == ((1, 3), 4)
    assert together.hub_p50 < together.hub_p99
    many = [PartnerSays(id=each, sent=each) for each in range(MOST_PARTNERS + 50)]
    told, left_out = worth_telling([*many, PartnerSays(id=9999, down_for=1.0)])
    assert (told[0].id, len(told), left_out) == (9999, MOST_PARTNERS, 50)
