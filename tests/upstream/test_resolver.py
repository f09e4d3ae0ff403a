"""Look-ups: one at a time per name, none that holds up another, and a memory that is no longer than it should be."""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from hub.upstream.request import Fault, Limits, SendError
from hub.upstream.resolver import Resolver, system_lookup


class Names:
    """Name servers of a test: some names hang until `release`, some are unknown."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.addresses: dict[str, list[str]] = {}
        self.gate = threading.Event()
        self.threads: set[threading.Thread] = set()

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked[host] += 1
        self.threads.add(threading.current_thread())
        if host.startswith("hang"):
            self.gate.wait(10)
        if host not in self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self.addresses[host]


@pytest.fixture
def names() -> Iterator[Names]:
    made = Names()
    yield made
    made.gate.set()
    for thread in made.threads:
        thread.join()


async def refused(resolver: Resolver, host: str, asker: str | None = None) -> str:
    with pytest.raises(SendError) as caught:
        await resolver.resolve(host, 80, asker)
    assert (caught.value.fault, caught.value.sent) == (Fault.RESOLVE, False)
    return str(caught.value)


async def test_a_name_is_asked_for_once_and_remembered(names: Names):
    names.addresses["a.example"] = ["192.0.2.1", "192.0.2.2", "192.0.2.1"]
    resolver = Resolver(Limits(), names)
    found = await asyncio.gather(*[resolver.resolve("a.example", 80) for _ in range(40)])
    assert set(found) == {("192.0.2.1", "192.0.2.2")}
    assert await resolver.resolve("a.example", 443) == ("192.0.2.1", "192.0.2.2")
    assert names.asked == {"a.example": 1}


async def test_memory_ends(names: Names, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hub.upstream.resolver._KEEP", 0.0)
    names.addresses["a.example"] = ["192.0.2.1"]
    resolver = Resolver(Limits(), names)
    assert await resolver.resolve("a.example", 80) == ("192.0.2.1",)
    names.addresses["a.example"] = ["192.0.2.2"]
    assert await resolver.resolve("a.example", 80) == ("192.0.2.2",)


async def test_memory_is_bounded(names: Names, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hub.upstream.resolver._KEEP_NAMES", 2)
    resolver = Resolver(Limits(), names)
    for host in ("a.example", "b.example", "c.example", "a.example", "c.example"):
        names.addresses[host] = ["192.0.2.1"]
        await resolver.resolve(host, 80)
    assert names.asked == {"a.example": 2, "b.example": 1, "c.example": 1}


async def test_an_unknown_name_is_remembered_for_a_moment(names: Names):
    resolver = Resolver(Limits(), names)
    for _ in range(3):
        assert "unknown.example: Name or service not known" in await refused(resolver, "unknown.example")
    assert names.asked == {"unknown.example": 1}


async def test_a_name_without_addresses(names: Names):
    names.addresses["empty.example"] = []
    assert "empty.example: the name has no address" in await refused(Resolver(Limits(), names), "empty.example")


async def test_forty_requests_for_a_hanging_name_take_one_thread_and_hold_up_nobody(names: Names):
    names.addresses["a.example"] = ["192.0.2.1"]
    resolver = Resolver(Limits(dns_timeout=0.2, dns_threads=2), names)
    hanging = [asyncio.create_task(refused(resolver, "hang.example")) for _ in range(40)]
    await asyncio.sleep(0)
    assert await resolver.resolve("a.example", 80) == ("192.0.2.1",)
    assert not any(task.done() for task in hanging)
    texts = await asyncio.gather(*hanging)
    assert set(texts) == {"no address of hang.example within 0.2 s; do its name servers answer?"}
    assert names.asked == {"hang.example": 1, "a.example": 1}


async def test_a_new_name_is_refused_at_once_when_every_thread_is_stuck(names: Names, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hub.upstream.resolver._STUCK", 0.05)
    resolver = Resolver(Limits(dns_timeout=0.1, dns_threads=2), names)
    await asyncio.gather(refused(resolver, "hang1.example"), refused(resolver, "hang2.example"))
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert "busy" in await refused(resolver, "a.example")
    assert loop.time() - began < 0.05
    assert names.asked["a.example"] == 0


async def test_many_names_at_once_wait_for_their_turn(names: Names):
    hosts = [f"n{number}.example" for number in range(50)]
    names.addresses = {host: ["192.0.2.1"] for host in hosts}
    resolver = Resolver(Limits(dns_threads=2), names)
    await asyncio.gather(*[resolver.resolve(host, 80) for host in hosts])
    assert names.asked == dict.fromkeys(hosts, 1)


async def test_one_with_many_names_that_hang_leaves_threads_to_the_others(names: Names):
    names.addresses["a.example"] = ["192.0.2.1"]
    resolver = Resolver(Limits(dns_timeout=1.0, dns_threads=16), names)
    many = [asyncio.create_task(refused(resolver, f"hang-{each}.example", "evil")) for each in range(1000)]
    async with asyncio.timeout(1.0):
        while not names.asked:
            await asyncio.sleep(0)
        assert await resolver.resolve("a.example", 80, "good") == ("192.0.2.1",)
    await asyncio.gather(*many)
    assert len(names.threads) == 3, "the others' look-ups were never begun"
    assert await resolver.resolve("a.example", 80, "evil") == ("192.0.2.1",)


async def test_a_thread_that_comes_back_is_used_again(names: Names):
    names.addresses["a.example"] = ["192.0.2.1"]
    resolver = Resolver(Limits(dns_threads=1), names)
    hanging = asyncio.create_task(refused(resolver, "hang.example"))
    waiting = asyncio.create_task(resolver.resolve("a.example", 80))
    await asyncio.sleep(0)
    names.gate.set()
    assert await waiting == ("192.0.2.1",)
    await hanging


async def test_a_known_name_is_still_used_while_its_name_servers_hang(names: Names, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hub.upstream.resolver._KEEP", 0.0)
    names.addresses["hang.example"] = ["192.0.2.1"]
    names.gate.set()
    resolver = Resolver(Limits(dns_timeout=0.05), names)
    await resolver.resolve("hang.example", 80)
    names.gate.clear()
    assert await resolver.resolve("hang.example", 80) == ("192.0.2.1",)


async def test_one_that_stops_waiting_does_not_stop_the_others(names: Names):
    names.addresses["hang.example"] = ["192.0.2.1"]
    resolver = Resolver(Limits(), names)
    first, second = [asyncio.create_task(resolver.resolve("hang.example", 80)) for _ in range(2)]
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    names.gate.set()
    assert await second == ("192.0.2.1",)
    assert names.asked == {"hang.example": 1}


def test_a_look_up_that_ends_after_the_loop_is_no_error(names: Names):
    async def leave() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(Resolver(Limits(), names).resolve("hang.example", 80), 0.05)

    asyncio.run(leave())
    names.gate.set()
    for thread in names.threads:
        assert thread.daemon
        thread.join()


def test_the_system_knows_localhost():
    assert "127.0.0.1" in system_lookup("localhost", 80)
