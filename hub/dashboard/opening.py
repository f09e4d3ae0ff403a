"""Puts the dashboard together from the parts of a hub that runs."""

from hub.admin.gate import Doorman
from hub.control import Operations
from hub.dashboard.live import Live
from hub.dashboard.sessions import Sessions
from hub.dashboard.site import Site
from hub.dashboard.table import ACTIONS, DOWNLOADS, PAGES
from hub.store.database import Database


def open_dashboard(operations: Operations, doorman: Doorman, database: Database) -> Site:
    """The pages of the admin listener for people."""
    live = Live()
    sessions = Sessions(database, operations.keys, live.look_again)
    return Site(operations, doorman, sessions, live, PAGES, ACTIONS, DOWNLOADS)
