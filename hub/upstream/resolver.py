"""Name look-ups that can not stall each other: own daemon threads, one look-up per name at a time, a short memory.

The loop's default resolver shares few threads, and one name whose servers hang takes them all. Threads of an
executor are also joined when the interpreter exits, which a hung look-up would hold up.
"""

import asyncio
import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Callable, Hashable

import msgspec

from hub.upstream.request import Fault, Limits, SendError, seconds

Lookup = Callable[[str, int], list[str]]
"""Host and port to IP addresses, blocking; OSError when there are none."""

_KEEP = 30.0
_KEEP_FAILURE = 2.0
_KEEP_NAMES = 4096
_STUCK = 1.0
_SHARES = 8
"""One asker has this part of the threads at most."""


class _Answer(msgspec.Struct, frozen=True):
    addresses: tuple[str, ...]
    problem: str
    until: float


class _Flight(msgspec.Struct, eq=False):
    """A look-up under way, and who asked first; `since` is when its thread began, `callers` how many wait for it."""

    host: str
    port: int
    asker: Hashable
    answer: asyncio.Future[_Answer]
    since: float = 0.0
    callers: int = 0


def system_lookup(host: str, port: int) -> list[str]:
    """The addresses that the operating system knows for `host`, best first."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class Resolver:
    """Addresses of names. Belongs to the loop it was made in."""

    def __init__(self, limits: Limits, lookup: Lookup) -> None:
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._lookup = lookup
        self._memory: dict[str, _Answer] = {}
        self._flights: dict[str, _Flight] = {}
        self._waiting: dict[Hashable, dict[_Flight, None]] = {}
        self._taken: Counter[Hashable] = Counter()
        self._running: set[_Flight] = set()

    async def resolve(self, host: str, port: int, asker: Hashable = None) -> tuple[str, ...]:
        """The addresses of `host`, at least one, or SendError(RESOLVE) within `Limits.dns_timeout`.

        Each `asker` has no more than its share of the threads: one with many names that hang leaves the rest to others.
        """
        known = self._memory.get(host)
        if known is None or known.until <= self._loop.time():
            try:
                known = await self._ask(host, port, asker)
            except SendError:
                if known is None or not known.addresses:
                    raise
                # Where a name was a moment ago is worth more than nothing while look-ups hang.
                self._memory[host] = msgspec.structs.replace(known, until=self._loop.time() + _KEEP)
        if not known.addresses:
            raise SendError(Fault.RESOLVE, f"can not find the address of {host}: {known.problem}")
        return known.addresses

    async def _ask(self, host: str, port: int, asker: Hashable) -> _Answer:
        flight = self._flights.get(host)
        if flight is None:
            if self._stuck():
                raise SendError(Fault.RESOLVE, f"name look-ups are busy, {host} can not be asked for now; is DNS down?")
            flight = self._begin(host, port, asker)
        flight.callers += 1
        try:
            # Not wait_for: it would cancel the look-up that others wait for too.
            await asyncio.wait((flight.answer,), timeout=self._limits.dns_timeout)
        finally:
            flight.callers -= 1
            if not flight.callers and not flight.since:
                self._leave_queue(flight)
                del self._flights[host]
        if flight.answer.done():
            return flight.answer.result()
        text = f"no address of {host} within {seconds(self._limits.dns_timeout)}; do its name servers answer?"
        raise SendError(Fault.RESOLVE, text)

    def _stuck(self) -> bool:
        """Every thread is taken, and none of them only just."""
        if len(self._running) < self._limits.dns_threads:
            return False
        return max(flight.since for flight in self._running) < self._loop.time() - _STUCK

    def _begin(self, host: str, port: int, asker: Hashable) -> _Flight:
        flight = self._flights[host] = _Flight(host, port, asker, self._loop.create_future())
        self._waiting.setdefault(asker, {})[flight] = None
        self._start_waiting()
        return flight

    def _start_waiting(self) -> None:
        while len(self._running) < self._limits.dns_threads and (flight := self._next()):
            self._leave_queue(flight)
            flight.since = self._loop.time()
            self._running.add(flight)
            self._taken[flight.asker] += 1
            threading.Thread(target=self._work, args=(flight,), name=f"lookup-{flight.host}", daemon=True).start()

    def _next(self) -> _Flight | None:
        """The look-up whose turn it is: of the askers, who have threads of their share left, that of the first."""
        share = max(1, self._limits.dns_threads // _SHARES)
        for asker, flights in self._waiting.items():
            if asker is None or self._taken[asker] < share:
                return next(iter(flights))
        return None

    def _leave_queue(self, flight: _Flight) -> None:
        """Its asker goes to the end, if anything else of it waits."""
        flights = self._waiting.pop(flight.asker)
        del flights[flight]
        if flights:
            self._waiting[flight.asker] = flights

    def _work(self, flight: _Flight) -> None:
        addresses: tuple[str, ...] = ()
        problem = "the name has no address"
        try:
            addresses = tuple(dict.fromkeys(self._lookup(flight.host, flight.port)))
        except (OSError, UnicodeError) as error:
            problem = (error.strerror if isinstance(error, OSError) else None) or str(error)
        with contextlib.suppress(RuntimeError):  # the loop may be closed by now
            self._loop.call_soon_threadsafe(self._finish, flight, addresses, problem)

    def _finish(self, flight: _Flight, addresses: tuple[str, ...], problem: str) -> None:
        until = self._loop.time() + (_KEEP if addresses else _KEEP_FAILURE)
        answer = _Answer(addresses, problem, until)
        self._memory.pop(flight.host, None)
        if len(self._memory) >= _KEEP_NAMES:
            del self._memory[next(iter(self._memory))]
        self._memory[flight.host] = answer
        del self._flights[flight.host]
        self._running.remove(flight)
        self._taken[flight.asker] -= 1
        if not self._taken[flight.asker]:
            del self._taken[flight.asker]
        flight.answer.set_result(answer)
        self._start_waiting()
