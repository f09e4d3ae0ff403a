"""The cases of the benchmark. Each makes its own data folders and processes, and gives rows and ratios."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from compileall import compile_dir
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

import hub
from hub.core.party import Role
from tests.bench import servers
from tests.bench.compare import Effort, Row, Subject, compare, cores
from tests.bench.process import Measured
from tests.bench.seed import Member, many, seed
from tests.bench.wrk import Request

Tell = Callable[[str], None]
_IDS = "11111111-2222-3333-4444-555555555555"


class Ratio(msgspec.Struct, frozen=True):
    """A figure that means something on any machine, and what it is to be: `at least 3`."""

    what: str
    figure: float
    wanted: float
    more_is_better: bool = True

    @property
    def reached(self) -> bool:
        """Whether it is as wanted."""
        return self.figure >= self.wanted if self.more_is_better else self.figure <= self.wanted


class Outcome(msgspec.Struct, frozen=True):
    """What one case gave."""

    rows: list[Row]
    ratios: list[Ratio]


class Bench:
    """One backend for all cases, and what is started before it."""

    def __init__(self, folder: Path, effort: Effort, tell: Tell, stack: ExitStack) -> None:
        self.effort = effort
        self.tell = tell
        self.stack = stack
        self.folder = folder
        self.core, self.other = cores()
        self._numbers = iter(range(1000))
        self._asked = 0
        self.backend = stack.enter_context(servers.backend(folder, self.other))

    def hub(self, members: list[Member], parts: servers.Parts = servers.EVERYTHING, locations: int = 0) -> Measured:
        """A hub that knows these platforms."""
        folder = self.folder / f"hub-{next(self._numbers)}"
        folder.mkdir()
        seed(folder, members, locations)
        return self.stack.enter_context(servers.hub(folder, self.core, parts))

    def pair(self, version: str = "2.2.1", to: str = "2.2.1") -> list[Member]:
        """A CPO and an eMSP."""
        url = self.backend.url
        return [*many(1, Role.CPO, url, "NL", version), *many(1, Role.EMSP, url, "DE", to)]

    def delivered(self) -> int:
        """How many requests the backend has taken, without those that ask."""
        with urllib.request.urlopen(f"{self.backend.url}/count") as answer:
            words = answer.read().split()
        self._asked += 1
        return int(words[9]) - self._asked

    def compare(self, case: str, subjects: dict[str, Subject]) -> list[Row]:
        """Measure subjects in turn."""
        return compare(case, subjects, self.effort, self.tell)


@contextmanager
def bench(effort: Effort, tell: Tell) -> Iterator[Bench]:
    """A backend and a folder for a while."""
    with TemporaryDirectory(prefix="ocpi-hub-bench-") as folder, ExitStack() as stack:
        yield Bench(Path(folder), effort, tell, stack)


def put(cpo: Member, to: str = "DE-AAA") -> Request:
    """A push of a 2 KB location of this CPO."""
    party = cpo.role.party
    body = servers.pushed(cpo.version).replace(b'"party_id":"CPO"', f'"party_id":"{party.party_id}"'.encode())
    side = "receiver/" if cpo.version != "2.1.1" else ""
    path = f"/ocpi/{cpo.version}/{side}locations/{party.country}/{party.party_id}/LOC1"
    return Request("PUT", path, _headers(cpo, to) | {"Content-Type": "application/json"}, body)


def get(emsp: Member, to: str = "NL-AAA") -> Request:
    """A page of the locations of a CPO: 50 KB."""
    return Request("GET", f"/ocpi/{emsp.version}/sender/locations/", _headers(emsp, to))


def _headers(member: Member, to: str) -> dict[str, str]:
    party = member.role.party
    return {
        "Authorization": f"Token {member.token}",
        "X-Request-ID": _IDS,
        "X-Correlation-ID": _IDS,
        "OCPI-from-country-code": party.country,
        "OCPI-from-party-id": party.party_id,
        "OCPI-to-country-code": to[:2],
        "OCPI-to-party-id": to[3:],
    }


def proxies(bench: Bench) -> Outcome:
    """The same PUT of 2 KB and GET of 50 KB through nginx, HAProxy, a plain aiohttp proxy and the hub."""
    cpo, emsp = bench.pair()
    fronts = {
        "direct": bench.backend,
        "nginx": bench.stack.enter_context(servers.nginx(bench.folder, bench.backend.port, bench.core)),
        "haproxy": bench.stack.enter_context(servers.haproxy(bench.folder, bench.backend.port, bench.core)),
        "plain aiohttp proxy": bench.stack.enter_context(servers.plain(bench.folder, bench.backend.port, bench.core)),
        "hub, everything on": bench.hub([cpo, emsp]),
    }
    rows = []
    ratios = []
    for name, request in {"PUT 2 KB": put(cpo), "GET 50 KB": get(emsp)}.items():
        found = bench.compare(name, {front: Subject(server, request) for front, server in fronts.items()})
        rows += found
        rate = {row.subject: row.rate for row in found}
        hub = rate["hub, everything on"]
        nginx = 0.30 if name == "PUT 2 KB" else 0.40
        ratios += [
            Ratio(f"{name}: hub / plain aiohttp proxy", hub / rate["plain aiohttp proxy"], 3.0),
            Ratio(f"{name}: hub / nginx", hub / rate["nginx"], nginx),
        ]
    return Outcome(rows, ratios)


def half(bench: Bench) -> Outcome:
    """The p99 of PUT at half of the load that the hub can take, and what the call costs without the hub."""
    cpo, emsp = bench.pair()
    hub = bench.hub([cpo, emsp])
    (full,) = bench.compare("half load", {"hub, full load": Subject(hub, put(cpo))})
    connections = 16
    pause = 2 * connections / full.rate
    rows = bench.compare(
        "half load",
        {
            "direct": Subject(bench.backend, put(cpo), connections, pause),
            "hub, half load": Subject(hub, put(cpo), connections, pause),
        },
    )
    direct, through = rows
    return Outcome(
        [full, *rows], [Ratio("half load: p99 above the direct call, ms", through.p99 - direct.p99, 2.0, False)]
    )


def prices(bench: Bench) -> Outcome:
    """PUT with each part off in turn: what it costs."""
    members = bench.pair()
    without = {
        "everything on": servers.EVERYTHING,
        "without validation": servers.Parts(validation="off"),
        "without journal": servers.Parts(journal=False),
        "without plugin": servers.Parts(plugin=False),
        "log of errors only": servers.Parts(log=False),
        "routing alone": servers.Parts(validation="off", journal=False, plugin=False, log=False),
    }
    subjects = {name: Subject(bench.hub(members, parts), put(members[0])) for name, parts in without.items()}
    return Outcome(bench.compare("prices", subjects), [])


def parties(bench: Bench) -> Outcome:
    """PUT at hubs with 10, 1,000 and 10,000 parties."""
    subjects = {}
    for number in (10, 1000, 10_000):
        bench.tell(f"parties: seeding {number:,}")
        members = [*many(1, Role.CPO, bench.backend.url), *many(number - 1, Role.EMSP, bench.backend.url, "DE")]
        subjects[f"{number:,} parties"] = Subject(bench.hub(members), put(members[0]))
    rows = bench.compare("parties", subjects)
    few, _, most = rows
    return Outcome(rows, [Ratio("10,000 parties / 10 parties", most.rate / few.rate, 0.97)])


def bridge(bench: Bench) -> Outcome:
    """PUT from 2.1.1 to 2.3.0, and the same between two that speak 2.2.1."""
    same, old = bench.pair(), bench.pair("2.1.1", "2.3.0")
    rows = bench.compare(
        "bridge",
        {
            "2.2.1 to 2.2.1": Subject(bench.hub(same), put(same[0])),
            "2.1.1 to 2.3.0": Subject(bench.hub(old), put(old[0])),
        },
    )
    plain, bridged = rows
    return Outcome(rows, [Ratio("bridged location, microseconds more", bridged.cpu - plain.cpu, 60.0, False)])


def collected(bench: Bench) -> Outcome:
    """GET All from a mirror of 100,000 locations: the first page, and that at offset 90,000."""
    members = bench.pair()
    bench.tell("mirror: seeding 100,000 locations")
    hub = bench.hub(members, locations=100_000)
    first = get(members[1], "NL-HUB")
    late = msgspec.structs.replace(first, path=first.path + "?offset=90000")
    rows = bench.compare("GET All", {"offset 0": Subject(hub, first, 8), "offset 90,000": Subject(hub, late, 8)})
    return Outcome(rows, [Ratio("GET All: offset 90,000 / offset 0, time", rows[1].p50 / rows[0].p50, 1.2, False)])


def broadcast(bench: Bench) -> Outcome:
    """A push to all: 10, 100 and 1,000 receivers. The rate is that of deliveries, counted by the backend."""
    rows = []
    for number in (10, 100, 1000):
        members = [*many(1, Role.CPO, bench.backend.url), *many(number, Role.EMSP, bench.backend.url, "DE")]
        rows.append(_broadcast(bench, bench.hub(members), put(members[0], "NL-HUB"), number))
    return Outcome(
        rows, [Ratio(f"{row.subject}: deliveries per second of processor", 1e6 / row.cpu, 40_000.0) for row in rows]
    )


def _broadcast(bench: Bench, hub: Measured, request: Request, receivers: int) -> Row:
    taken = []
    for number in range(bench.effort.rounds):
        bench.tell(f"broadcast to {receivers:,}, round {number + 1} of {bench.effort.rounds}")
        pushes = max(5, 20_000 // receivers)
        before, counted, began = hub.used().cpu, bench.delivered(), time.monotonic()
        for _ in range(pushes):
            _send(hub, request)
        while (reached := bench.delivered() - counted) < pushes * receivers:
            if time.monotonic() - began > 120:
                raise RuntimeError(f"{reached} of {pushes * receivers} deliveries arrived")
            time.sleep(0.01)
        taken.append((reached / (time.monotonic() - began), (hub.used().cpu - before) / reached * 1e6))
    rates, cpu = sorted(each[0] for each in taken), sorted(each[1] for each in taken)
    middle = len(taken) // 2
    row = _plain_row("broadcast", f"{receivers:,} receivers", hub.used().memory)
    spread = (rates[-1] - rates[0]) / rates[middle]
    busy = rates[middle] * cpu[middle] / 1e6
    return msgspec.structs.replace(row, rate=rates[middle], cpu=cpu[middle], busy=busy, spread=spread)


def _plain_row(case: str, subject: str, memory: int, p50: float = 0.0) -> Row:
    return Row(
        case=case, subject=subject, rate=0.0, p50=p50, p99=0.0, cpu=0.0, busy=0.0, memory=memory, bad=0, spread=0.0
    )


def dead(bench: Bench) -> Outcome:
    """PUT to one of 100 platforms, while none is dead, and while one is that others push to."""
    url = bench.backend.url
    fine = [*many(1, Role.CPO, url), *many(99, Role.EMSP, url, "DE")]
    gone = [*fine[:-1], Member(fine[-1].role, "http://127.0.0.1:9")]
    rows = bench.compare(
        "1 dead of 100",
        {
            "all there": Subject(bench.hub(fine), put(fine[0])),
            "one dead": Subject(bench.hub(gone), put(gone[0])),
        },
    )
    return Outcome(rows, [Ratio("1 dead of 100: rate / all there", rows[1].rate / rows[0].rate, 0.97)])


def start(bench: Bench) -> Outcome:
    """Seconds to start, and memory at rest, with few platforms and with many."""
    compile_dir(Path(hub.__file__).parent, quiet=1)  # as it is installed
    rows = []
    for number in (2, 1000, 10_000):
        bench.tell(f"start: seeding {number:,}")
        started = bench.hub(many(number, Role.EMSP, bench.backend.url))
        rows.append(_plain_row("start", f"{number:,} platforms", started.used().memory, p50=started.took * 1e3))
    return Outcome(
        rows,
        [
            Ratio("start with 10,000 parties, seconds", rows[-1].p50 / 1e3, 2.0, False),
        ],
    )


def idle(bench: Bench) -> Outcome:
    """Memory that 1,000 idle partners cost: each keeps a connection to the hub open, and the hub one to each."""
    cpo, emsps = many(1, Role.CPO, bench.backend.url), many(1000, Role.EMSP, bench.backend.url, "DE")
    few = _used_once(bench, bench.hub([*cpo, *emsps[:1]]), cpo[0], emsps[:1])
    most = _used_once(bench, bench.hub([*cpo, *emsps]), cpo[0], emsps)
    return Outcome(
        [_plain_row("idle", "1 partner", few), _plain_row("idle", "1,000 partners", most)],
        [Ratio("memory of 1,000 idle partners, MB", (most - few) / 1e6, 60.0, False)],
    )


def _used_once(bench: Bench, hub: Measured, cpo: Member, emsps: list[Member]) -> int:
    """The memory of a hub, after one request of each partner and one to each, all on connections that stay open."""
    with ExitStack() as kept:
        before, sockets = bench.delivered(), hub.descriptors()
        for emsp in emsps:
            connection = kept.enter_context(closing(HTTPConnection("127.0.0.1", hub.port)))
            connection.request("GET", "/ocpi/versions", headers={"Authorization": f"Token {emsp.token}"})
            if b"1000" not in connection.getresponse().read():
                raise RuntimeError(f"{emsp.role} was not let in")
        _send(hub, put(cpo, "NL-HUB"))
        _wait(lambda: bench.delivered() - before >= len(emsps))
        time.sleep(1)
        if hub.descriptors() - sockets < 2 * len(emsps):
            raise RuntimeError("not all connections stayed open")
        return hub.used().memory


def _wait(reached: Callable[[], bool], patience: float = 60.0) -> None:
    until = time.monotonic() + patience
    while not reached():
        if time.monotonic() > until:
            raise RuntimeError(f"nothing came of it in {patience:g} seconds")
        time.sleep(0.05)


CASES: dict[str, Callable[[Bench], Outcome]] = {
    "proxies": proxies,
    "half": half,
    "prices": prices,
    "parties": parties,
    "broadcast": broadcast,
    "bridge": bridge,
    "collected": collected,
    "dead": dead,
    "start": start,
    "idle": idle,
}


def _send(hub: Measured, request: Request) -> None:
    sent = urllib.request.Request(
        hub.url + request.path, data=request.body, method=request.method, headers=dict(request.headers)
    )
    with urllib.request.urlopen(sent) as answer:
        code = json.loads(answer.read())["status_code"]
    if code != 1000:
        raise RuntimeError(f"a broadcast was answered with {code}")
