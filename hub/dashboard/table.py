"""The table of all pages and actions of the dashboard. Pages stand in the menu in this order."""

from hub.core.scopes import Scope
from hub.dashboard import partner_actions
from hub.dashboard.agreements import agreements, change_agreement
from hub.dashboard.explain import explain
from hub.dashboard.journal import journal, journal_csv
from hub.dashboard.map import network
from hub.dashboard.mirror import mirror, mirrored
from hub.dashboard.overview import overview
from hub.dashboard.pages import Action, Download, Page
from hub.dashboard.partners import partner, partners
from hub.dashboard.plugins import fill_in, plugin, plugins, try_again
from hub.dashboard.trace import trace

_READ, _OPERATE, _ADMIN = Scope.READ, Scope.OPERATE, Scope.ADMIN

PAGES: tuple[Page, ...] = (
    Page.of("/overview", "Overview", overview, every=2.0),
    Page.of("/partners", "Partners", partners),
    Page.of("/partners/{partner}", "Partner", partner, every=2.0, listed=False),
    Page.of("/journal", "Journal", journal, every=2.0),
    Page.of("/trace/{id}", "Trace", trace, every=2.0, listed=False),
    Page.of("/map", "Map", network, every=4.0),
    Page.of("/explain", "Explain", explain),
    Page.of("/agreements", "Agreements", agreements),
    Page.of("/mirror", "Mirror", mirror, every=10.0),
    Page.of("/mirror/{module}/{owner}/{id}", "Object", mirrored, listed=False),
    Page.of("/plugins", "Plugins", plugins, every=2.0),
    Page.of("/plugins/{plugin}", "Plugin", plugin, every=3.0, listed=False),
)

# What the same verb of the admin API needs is needed here.
ACTIONS: tuple[Action, ...] = (
    Action.of("/partners/invite", _OPERATE, "partners", partner_actions.invite),
    Action.of("/partners/connect", _ADMIN, "partners", partner_actions.connect),
    Action.of("/partners/{partner}/invite", _OPERATE, "partner", partner_actions.invite_again),
    Action.of("/partners/{partner}/parties", _OPERATE, "partner", partner_actions.add_parties),
    Action.of("/partners/{partner}/suspend", _OPERATE, "partner", partner_actions.suspend),
    Action.of("/partners/{partner}/resume", _OPERATE, "partner", partner_actions.resume),
    Action.of("/partners/{partner}/rotate", _OPERATE, "partner", partner_actions.rotate),
    Action.of("/partners/{partner}/remove", _ADMIN, "partner", partner_actions.remove_partner),
    Action.of("/partners/{partner}/endpoint", _ADMIN, "partner", partner_actions.set_endpoint),
    Action.of("/partners/{partner}/validation", _OPERATE, "partner", partner_actions.validate),
    Action.of("/partners/{partner}/limits", _OPERATE, "partner", partner_actions.limit),
    Action.of("/partners/{partner}/capture", _ADMIN, "partner", partner_actions.capture),
    Action.of("/partners/{partner}/sync", _OPERATE, "partner", partner_actions.sync),
    Action.of("/partners/{partner}/findings", _OPERATE, "partner", partner_actions.clear_findings),
    Action.of("/agreements/change", _OPERATE, "agreements", change_agreement),
    Action.of("/plugins/{plugin}/again", _OPERATE, "plugins", try_again),
    Action.of("/plugins/{plugin}/forms/{form}", _READ, "plugin", fill_in),  # each form says which scope it needs
)

DOWNLOADS: tuple[Download, ...] = (Download.of("/journal.csv", "text/csv", journal_csv),)
