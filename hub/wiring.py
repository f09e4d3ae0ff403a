"""The part of the wiring that carries messages out; `hub.app` does the rest."""

from contextlib import AsyncExitStack

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
from hub.flow.settings import pulling
from hub.flow.sync import Puller
from hub.nodes.node import Node
from hub.partners.liveness import Liveness
from hub.partners.opening import Store
from hub.upstream import Client

DAY = 86_400.0


async def open_ways(
    stack: AsyncExitStack,
    reloader: Reloader,
    store: Store,
    node: Node,
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
    ways = Ways(deliverer, broadcaster, collector, mirror, bridging, memory, routing.ask_timeout, f"{url}/ocpi")
    return ways, puller
