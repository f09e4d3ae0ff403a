"""What a plugin sees of the nodes of the hub: `self.nodes`."""

import msgspec

from hub.nodes.node import Node
from hub.nodes.relay import Relay, short

KIND = "plugin"
"""What the relay calls that which plugins tell each other: the name of a plugin, and that."""


class PluginNodes:
    """The nodes as one plugin sees them; see `hub.plugin.parts.Nodes`."""

    def __init__(self, node: Node, relay: Relay, plugin: str) -> None:
        self._node = node
        self._relay = relay
        self._plugin = plugin

    @property
    def own(self) -> str:
        """The id of this node."""
        return self._relay.own

    @property
    def name(self) -> str:
        """What this node is called."""
        return self._node.name

    @property
    def several(self) -> bool:
        """Whether there may be other nodes."""
        return self._relay.several

    @property
    def leads(self) -> bool:
        """Whether this node does what only one may do."""
        return self._node.leads()

    async def there(self) -> frozenset[str]:
        """The ids of all nodes that are there."""
        return frozenset((self.own, *(short(each.id) for each in await self._node.roster())))

    async def tell(self, body: bytes) -> None:
        """Tell this plugin on all other nodes. Raises NotTold."""
        await self._relay.send(None, KIND, msgspec.msgpack.encode((self._plugin, body)))
