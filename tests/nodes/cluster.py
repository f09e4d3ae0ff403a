"""Nodes of a hub that are processes of their own: one database, one key, one URL at a balancer in front of them."""

import asyncio
import itertools
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import msgspec

from hub.asking import ControlError
from hub.core.party import PartyRole
from hub.store.crypto import load_or_create_key
from tests.balancer import Balancer, balancer
from tests.fault.by_hand import Platform
from tests.fault.load import configure
from tests.fault.process import HubProcess, Nursery
from tests.fault.promised import TABLES, Held, held
from tests.fault.raw_partner import MODULES, VERSION, RawPartner, Received, ocpi
from tests.fault.wire import NoAnswer
from tests.ports import free_port

_MORE = ("hubclientinfo", "RECEIVER"), ("tariffs", "RECEIVER"), ("commands", "SENDER"), ("commands", "RECEIVER")
LEADS, LEADS_NO_MORE = "node_leads", "node_leads_no_more"


class NodeProcess(HubProcess):
    """One node. `name` is that of its folder; `at` the network namespace that it lives in, and its address there."""

    def __init__(
        self,
        folder: Path,
        url: str,
        key: Path,
        *,
        nursery: Nursery | None = None,
        environment: Mapping[str, str] | None = None,
        at: tuple[str, str] | None = None,
        **sections: dict[str, Any],
    ) -> None:
        folder.mkdir()
        super().__init__(folder, nursery=nursery, environment=environment)
        self.name = folder.name
        self.namespace, self.host = at or ("", "127.0.0.1")
        self.admin_port = free_port()
        self._born = 0
        (folder / "data").mkdir(mode=0o700)
        shutil.copy2(key, folder / "data/hub.key")
        configure(self, **sections)
        configure(
            self,
            listen={"host": self.host, "port": self.port},
            admin={"host": self.host, "port": self.admin_port},
            store={"url": url},
            node={"name": self.name},
        )

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def admin(self) -> str:
        return f"http://{self.host}:{self.admin_port}"

    @property
    def alive(self) -> bool:
        """It was started, and not ended."""
        return self._process is not None

    def spawn(self) -> None:
        self._born = self.log.stat().st_size if self.log.exists() else 0
        super().spawn()

    def said(self, *events: str) -> list[dict[str, Any]]:
        """These lines of its log, since it was started last."""
        text = self.log.read_bytes()[self._born :]
        found = [msgspec.json.decode(line) for line in text.splitlines() if line.startswith(b"{")]
        return [each for each in found if each["event"] in events]

    @property
    def leads(self) -> bool:
        """Whether it leads, as far as its log says."""
        said = self.said(LEADS, LEADS_NO_MORE)
        return self.alive and bool(said) and said[-1]["event"] == LEADS


class Nodes:
    """All nodes. To partners and operators they are one hub: `url` and `ask` go to one after the other."""

    def __init__(self, front: Balancer, key: Path, database: str) -> None:
        self.front = front
        self.key = key
        self.database = database
        self.all: list[NodeProcess] = []
        self.unanswered = 0
        self._turn = itertools.count()

    @property
    def url(self) -> str:
        return self.front.url

    @property
    def alive(self) -> list[NodeProcess]:
        return [each for each in self.all if each.alive]

    async def ask(self, verb: str, **arguments: Any) -> Any:
        """A verb of `ocpi-hub partner`, at the next node that takes it. NoAnswer where that ends meanwhile."""
        for _ in range(len(self.all)):
            node = self.all[next(self._turn) % len(self.all)]
            try:
                return await node.ask(verb, **arguments)
            except ConnectionError:
                continue
            except ControlError as error:
                if "did not answer" not in str(error):
                    raise
                self.unanswered += 1
                raise NoAnswer(verb) from None
        raise NoAnswer("no node is there")

    async def leader(self, besides: NodeProcess | None = None) -> NodeProcess:
        """The one that leads, as soon as there is one."""
        found: list[NodeProcess] = []
        await until(lambda: found.extend(each for each in self.alive if each.leads and each is not besides) or found)
        return found[0]

    async def held(self) -> Held:
        """What the database holds."""
        connection = await asyncpg.connect(self.database)
        try:
            async with connection.transaction(isolation="repeatable_read"):
                rows = {name: await connection.fetch(statement) for name, statement in TABLES.items()}
        finally:
            await connection.close()
        return held(rows, self.key)


@asynccontextmanager
async def cluster(
    folder: Path,
    url: str | Callable[[int], str],
    nursery: Nursery,
    count: int = 3,
    environment: Callable[[int], Mapping[str, str]] = lambda _: {},
    at: Callable[[int], tuple[str, str] | None] = lambda _: None,
    **sections: dict[str, Any],
) -> AsyncIterator[Nodes]:
    """So many nodes, ended at the end; `url` may be another one for each. Sections go over those of HubProcess."""
    url_of = url if callable(url) else lambda _: url
    load_or_create_key(key := folder / "hub.key")
    async with AsyncExitStack() as stack:
        front = await stack.enter_async_context(balancer())
        nodes = Nodes(front, key, url_of(0))
        sections["listen"] = {"public_url": front.url, **sections.get("listen", {})}
        for place in range(count):
            own = environment(place)
            nodes.all.append(
                NodeProcess(
                    folder / f"n{place}",
                    url_of(place),
                    key,
                    nursery=None if own else nursery,  # its hubs have the environment of this process
                    environment=own,
                    at=at(place),
                    **sections,
                )
            )
        stack.callback(_end, nodes)
        await asyncio.gather(*(each.start() for each in nodes.all))
        front.targets += [each.port for each in nodes.all]
        yield nodes


def _end(nodes: Nodes) -> None:
    for each in nodes.alive:
        each.kill()


class Probe(NamedTuple):
    """A GET versions: when, at which platform, from what address, and the process that sent it (0: it is gone)."""

    at: float
    platform: str
    host: str
    pid: int


class Partners(RawPartner):
    """Many platforms that take whatever comes. Who probes them is seen, and what they are told of others.

    `told` has a client info for each PUT: the party that it went to, of which party, and its status; `stamps` their
    last_updated in that order. `asked` is every request; `bodies` has the last body of each kind.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.nodes: Iterable[NodeProcess] = ()
        self.probes: list[Probe] = []
        self.told: list[tuple[str, str, str]] = []
        self.stamps: dict[tuple[str, str], list[str]] = {}
        self.gone: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self.bodies: dict[tuple[str, str], bytes] = {}

    async def _answer(self, request: Received, writer: asyncio.StreamWriter) -> None:
        base, who = f"{self.url}/{request.platform}", request.platform
        if who in self.gone:
            writer.transport.abort()
            return
        self.asked.append((who, request.rest))
        self.bodies[who, request.rest] = request.body
        if request.rest == "versions":
            host, port = writer.get_extra_info("peername")
            pids = [each.pid for each in self.nodes if each.alive]
            self.probes.append(Probe(time.monotonic(), who, host, owner(port, pids)))
        if request.rest == VERSION:
            ends = [("credentials", "SENDER"), *MODULES, *_MORE]
            listed = [
                {"identifier": name, "role": role, "url": f"{base}/{role.lower()}/{name}"} for name, role in ends
            ]  # fmt: skip
            writer.write(ocpi({"version": VERSION, "endpoints": listed}))
        elif request.rest.startswith("receiver/hubclientinfo"):
            info = msgspec.json.decode(request.body)
            self.told.append((who, info["party_id"], info["status"]))
            self.stamps.setdefault((who, info["party_id"]), []).append(info["last_updated"])
            writer.write(ocpi())
        else:
            await super()._answer(request, writer)


def owner(port: int, pids: Iterable[int]) -> int:
    """Which of some processes has a TCP connection from a port on this machine; 0 where none has."""
    ending = f":{port:04X}"
    lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    sockets = {f"socket:[{fields[9]}]" for fields in lines if fields[1].endswith(ending)}
    for pid in pids:
        with suppress(OSError):
            for each in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    if str(each.readlink()) in sockets:
                        return pid
    return 0


async def join(hub: Any, server: RawPartner, role: str) -> Platform:
    """Invite a platform, and let it register. Its key at the server is its party id in small letters."""
    parsed = PartyRole.parse(role)
    platform = Platform(parsed.party.party_id.lower(), parsed, server.url, hub.url)
    platform.token = (await hub.ask("invite", name=platform.key, parties=(role,)))["token_a"]
    await platform.send_credentials("POST")
    return platform


def through(node: NodeProcess, platform: Platform) -> Platform:
    """The same platform, which calls this node."""
    same = Platform(platform.key, platform.role, "", node.url)
    same.token = platform.token
    return same


async def until(condition: Callable[[], Any], seconds: float = 20.0, every: float = 0.02) -> float:
    """Wait for a condition; the seconds that took. TimeoutError where it does not come."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(every)
    return time.monotonic() - began
