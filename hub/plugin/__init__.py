"""All that a plugin imports: `from hub.plugin import Message, Plugin, Refuse, Route, route`. See docs/plugins.md."""

from hub.core.custom import CustomModule
from hub.core.message import Message, Reply, decode_json
from hub.core.modules import Interface, Operation
from hub.core.party import Party, PartyRole, Role
from hub.core.route import Refuse, Route
from hub.errors import OcpiError
from hub.events import (
    Delivered,
    Event,
    Handled,
    PartnerChanged,
    PluginChanged,
    PluginFault,
    PluginSetAside,
    Registered,
    StatusChanged,
    Unregistered,
)
from hub.plugin.api import Hub, Outgoing, Plugin, Push, Registration, Settings, with_body
from hub.plugin.errors import PluginError
from hub.plugin.hooks import admit, forward, on, on_push, receive, respond, route

__all__ = [
    "CustomModule",
    "Delivered",
    "Event",
    "Handled",
    "Hub",
    "Interface",
    "Message",
    "OcpiError",
    "Operation",
    "Outgoing",
    "PartnerChanged",
    "Party",
    "PartyRole",
    "Plugin",
    "PluginChanged",
    "PluginError",
    "PluginFault",
    "PluginSetAside",
    "Push",
    "Refuse",
    "Registered",
    "Registration",
    "Reply",
    "Role",
    "Route",
    "Settings",
    "StatusChanged",
    "Unregistered",
    "admit",
    "decode_json",
    "forward",
    "on",
    "on_push",
    "receive",
    "respond",
    "route",
    "with_body",
]
