"""The table of all routes of the admin API: the router and the OpenAPI document are made from it."""

from hub.admin import house, journal, partners, plugins, traffic
from hub.admin.routes import Route
from hub.core.scopes import Scope

_READ, _OPERATE, _ADMIN = Scope.READ, Scope.OPERATE, Scope.ADMIN

# What sends the hub's own tokens somewhere else, makes keys, or can not be undone is for admin.
# fmt: off
ROUTES: tuple[Route, ...] = (
    Route.of("GET", "/partners", _READ, partners.list_partners, "List partners"),
    Route.of("POST", "/partners", _OPERATE, partners.invite, "Invite a partner", 201),
    Route.of("POST", "/partners/connect", _ADMIN, partners.connect, "Register at a partner with its token", 201),
    Route.of("GET", "/partners/{partner}", _READ, partners.show_partner, "Show a partner"),
    Route.of("DELETE", "/partners/{partner}", _ADMIN, partners.remove_partner, "Remove a partner"),
    Route.of("POST", "/partners/{partner}/invite", _OPERATE, partners.invite_again, "Invite a partner again"),
    Route.of("POST", "/partners/{partner}/parties", _OPERATE, partners.add_parties, "Let it present more parties"),
    Route.of("POST", "/partners/{partner}/suspend", _OPERATE, partners.suspend, "Suspend a partner"),
    Route.of("POST", "/partners/{partner}/resume", _OPERATE, partners.resume, "Resume a partner"),
    Route.of("POST", "/partners/{partner}/rotate", _OPERATE, partners.rotate, "Renew both tokens"),
    Route.of("PUT", "/partners/{partner}/endpoint", _ADMIN, partners.set_endpoint, "Set an endpoint by hand"),
    Route.of("PUT", "/partners/{partner}/validation", _OPERATE, partners.validate, "Set how objects are checked"),
    Route.of("PUT", "/partners/{partner}/limits", _OPERATE, partners.limit, "Set limits"),
    Route.of("PUT", "/partners/{partner}/capture", _ADMIN, journal.capture, "Keep bodies for some minutes"),
    Route.of("POST", "/partners/{partner}/sync", _OPERATE, traffic.begin_sync, "Pull from a partner", 202),
    Route.of("GET", "/partners/{partner}/sync", _READ, traffic.show_sync, "Show how far a pull is"),
    Route.of("GET", "/partners/{partner}/history", _READ, partners.show_history, "List changes of its status"),
    Route.of("DELETE", "/partners/{partner}/findings", _OPERATE, traffic.clear_findings, "Forget findings"),
    Route.of("GET", "/parties", _READ, partners.list_parties, "List parties"),
    Route.of("GET", "/agreements", _READ, partners.list_agreements, "List agreements"),
    Route.of("PUT", "/agreements", _OPERATE, partners.set_agreement, "Allow or deny"),
    Route.of("DELETE", "/agreements", _OPERATE, partners.remove_agreement, "Take an agreement back"),
    Route.of("GET", "/overview", _READ, house.show_overview, "Show how the hub stands"),
    Route.of("GET", "/nodes", _READ, house.list_nodes, "List nodes"),
    Route.of("GET", "/status", _READ, house.list_status, "Show who is there"),
    Route.of("GET", "/journal", _READ, journal.list_journal, "List what passed"),
    Route.of("GET", "/traffic", _READ, journal.show_traffic, "Show sums of what passed"),
    Route.of("GET", "/trace/{id}", _READ, journal.show_trace, "Show both legs of a message"),
    Route.of("POST", "/explain", _READ, traffic.explain, "Explain where a message would go"),
    Route.of("GET", "/mirror/{module}", _READ, traffic.list_mirror, "List what the hub holds of a module"),
    Route.of("GET", "/mirror/{module}/{owner}/{id}", _READ, traffic.show_mirrored, "Show one object"),
    Route.of("GET", "/findings", _READ, traffic.list_findings, "List findings"),
    Route.of("GET", "/losses", _READ, traffic.list_losses, "List losses"),
    Route.of("GET", "/plugins", _READ, plugins.list_plugins, "List plugins"),
    Route.of("GET", "/plugins/{plugin}", _READ, plugins.show_plugin, "Show a plugin"),
    Route.of("GET", "/plugins/{plugin}/panels", _READ, plugins.show_panels, "Show what a plugin shows"),
    Route.of("POST", "/plugins/{plugin}/reset", _OPERATE, plugins.reset_plugin, "Call a plugin again"),
    Route.of("GET", "/configuration", _OPERATE, house.show_configuration, "Show the configuration in force"),
    Route.of("POST", "/reload", _ADMIN, house.reload, "Put a changed configuration in force"),
    Route.of("GET", "/keys", _ADMIN, house.list_keys, "List keys"),
    Route.of("POST", "/keys", _ADMIN, house.create_key, "Make a key", 201),
    Route.of("DELETE", "/keys/{name}", _ADMIN, house.revoke_key, "Revoke a key"),
)
# fmt: on
