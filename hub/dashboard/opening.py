"""Puts the dashboard together from the parts of a hub that runs."""

from hub.admin.gate import Doorman
from hub.control import Operations
from hub.dashboard.sessions import Sessions
from hub.dashboard.site import Site
from hub.dashboard.table import ACTIONS, DOWNLOADS, PAGES
from hub.store.database import Database


def open_dashboard(operations: Operations, doorman: Doorman, database: Database) -> Site:
    """The pages of the admin listener for people."""
    return Site(operations, doorman, Sessions(database, operations.keys), PAGES, ACTIONS, DOWNLOADS)
