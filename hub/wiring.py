"""Parts of the wiring that stand on their own; `hub.app` does the rest."""

from contextlib import AsyncExitStack

from hub.core.breaker import Policy
from hub.core.modules import Catalogue
from hub.events import Bus
from hub.flow.bridging import Bridging
from hub.flow.broadcast import Broadcaster
from hub.flow.collect import Collector
from hub.flow.delivery import Deliverer
from hub.flow.indirect import Indirect
from hub.flow.limits import Gate
from hub.flow.memory import Memory
from hub.flow.mirror import Mirror
from hub.flow.numbers import Numbers
from hub.flow.pipeline import Ways
from hub.flow.reload import Reloader
from hub.flow.results import Results
from hub.flow.settings import pulling
from hub.flow.sync import Puller
from hub.nodes.node import Node
from hub.nodes.relay import Relay
from hub.partners.board import Board
from hub.partners.clientinfo import HubClientInfo
from hub.partners.liveness import Liveness
from hub.partners.opening import Store
from hub.partners.statuses import Statuses
from hub.store.changes import Topic
from hub.upstream import Client

DAY = 86_400.0


async def open_ways(
    stack: AsyncExitStack,
    reloader: Reloader,
    store: Store,
    node: Node,
    relay: Relay,
    client: Client,
    indirect: Indirect,
    liveness: Liveness,
    catalogue: Catalogue,
    bus: Bus,
    gate: Gate,
    numbers: Numbers,
    url: str,
) -> tuple[Ways, Puller]:
    """What carries messages out, and what pulls; both end with the stack."""
    config, follow, keeper = reloader.config, reloader.follow, store.keeper
    routing = config.routing
    mirror = Mirror(store.database, routing.page_limit)
    stack.push_async_callback(mirror.stop)
    follow(lambda new: mirror.reconfigure(new.routing.page_limit))
    bridging = Bridging(catalogue, mirror, store.database, show_owner=routing.show_owner)
    follow(lambda new: bridging.reconfigure(show_owner=new.routing.show_owner))
    deliverer = Deliverer(client, indirect, bridging, bus, liveness.report, numbers, lambda: keeper.current)
    memory = Memory(store.database, mirror, bus, routing.hint_days * DAY, node.leads)
    memory.start()
    stack.push_async_callback(memory.stop)
    follow(lambda new: memory.reconfigure(new.routing.hint_days * DAY))
    broadcaster = Broadcaster(deliverer, routing.broadcast_at_once, routing.broadcasts, gate.broadcast)
    stack.push_async_callback(broadcaster.stop)
    follow(lambda new: broadcaster.reconfigure(new.routing.broadcast_at_once, new.routing.broadcasts))
    puller = Puller(keeper, client, mirror, catalogue, bus, pulling(config), node.leads)
    if config.sync.enabled:
        await puller.start()
    stack.push_async_callback(puller.stop)
    follow(lambda new: puller.reconfigure(pulling(new), enabled=new.sync.enabled))
    collector = Collector(deliverer, routing.broadcast_at_once, routing.page_limit)
    follow(lambda new: collector.reconfigure(new.routing.broadcast_at_once, new.routing.page_limit))
    results = Results(relay)
    ways = Ways(
        deliverer, broadcaster, collector, mirror, bridging, memory, routing.ask_timeout, f"{url}/ocpi", results
    )
    return ways, puller


async def open_statuses(
    stack: AsyncExitStack, reloader: Reloader, store: Store, node: Node, client: Client, bus: Bus
) -> tuple[Liveness, HubClientInfo, Board]:
    """Who is there, and who is told; all of it ends with the stack."""
    settings, follow = reloader.config.liveness, store.follower.follow
    statuses = await Statuses.load(store.database)
    liveness = Liveness(
        store.keeper, client, bus, statuses, Policy(idle=settings.idle),
        leads=node.leads, alone=node.alone, timeout=settings.probe_timeout,
    )  # fmt: skip
    client_info = HubClientInfo(store.keeper, client, bus, statuses, liveness.report)
    await client_info.start()
    stack.push_async_callback(client_info.stop)
    await liveness.start()
    # In this order: who tells of a status has to know it.
    for handler in (liveness.follow_platforms, client_info.follow):
        follow(Topic.PLATFORM, handler)
    for handler in (statuses.follow, liveness.follow_statuses, client_info.follow):
        follow(Topic.STATUS, handler)
    follow(Topic.DOUBT, liveness.follow_doubts)
    reloader.follow(lambda new: liveness.reconfigure(Policy(idle=new.liveness.idle), new.liveness.probe_timeout))
    stack.push_async_callback(liveness.stop)
    return liveness, client_info, Board(store.keeper, statuses, liveness, client)
