"""All that a plugin imports: `from hub.plugin import Message, Plugin, Refuse, Route, route`. See docs/plugins.md."""

from hub.core.custom import CustomModule, Exchange, TypedModule
from hub.core.message import Message, Reply, decode_json
from hub.core.modules import Interface, Operation
from hub.core.party import Party, PartyRole, Role
from hub.core.redact import redact, redacted
from hub.core.route import Refuse, Route
from hub.core.scopes import Scope
from hub.core.sheet import csv_lines
from hub.core.status import ConnectionStatus
from hub.errors import OcpiError
from hub.events import (
    Delivered,
    Event,
    Found,
    Handled,
    Limited,
    PartnerChanged,
    PluginChanged,
    PluginFault,
    PluginSetAside,
    Refused,
    Registered,
    Reloaded,
    StatusChanged,
    TokenRefused,
    Unregistered,
)
from hub.plugin.api import Hub, Later, Nearby, Outgoing, Plugin, Push, Registration, Settings, with_body
from hub.plugin.errors import PluginError
from hub.plugin.hooks import admit, forward, on, on_push, receive, respond, route
from hub.plugin.panels import Chart, Figure, Figures, Line, Rows
from hub.plugin.paper import PdfColumn, PdfMissing, table_pdf
from hub.plugin.parts import Connection, HttpAnswer, HttpFailed, HttpLimits, Nodes, Tables
from hub.plugin.selectors import check_selector, matches
from hub.plugin.services import admin_route, form, panel, verb, web_route
from hub.plugin.serving import Body, Call, Page, Paging, Problem, Query, after, cursor

__all__ = [
    "Body",
    "Call",
    "Chart",
    "Connection",
    "ConnectionStatus",
    "CustomModule",
    "Delivered",
    "Event",
    "Exchange",
    "Figure",
    "Figures",
    "Found",
    "Handled",
    "HttpAnswer",
    "HttpFailed",
    "HttpLimits",
    "Hub",
    "Interface",
    "Later",
    "Limited",
    "Line",
    "Message",
    "Nearby",
    "Nodes",
    "OcpiError",
    "Operation",
    "Outgoing",
    "Page",
    "Paging",
    "PartnerChanged",
    "Party",
    "PartyRole",
    "PdfColumn",
    "PdfMissing",
    "Plugin",
    "PluginChanged",
    "PluginError",
    "PluginFault",
    "PluginSetAside",
    "Problem",
    "Push",
    "Query",
    "Refuse",
    "Refused",
    "Registered",
    "Registration",
    "Reloaded",
    "Reply",
    "Role",
    "Route",
    "Rows",
    "Scope",
    "Settings",
    "StatusChanged",
    "Tables",
    "TokenRefused",
    "TypedModule",
    "Unregistered",
    "admin_route",
    "admit",
    "after",
    "check_selector",
    "csv_lines",
    "cursor",
    "decode_json",
    "form",
    "forward",
    "matches",
    "on",
    "on_push",
    "panel",
    "receive",
    "redact",
    "redacted",
    "respond",
    "route",
    "table_pdf",
    "verb",
    "web_route",
    "with_body",
]
