"""The plugins: which run, how long their hooks take, and what went wrong with them."""

import msgspec

from hub.admin.routes import Query
from hub.control import needed
from hub.dashboard.pages import Done, Form, Visit
from hub.errors import NotFound
from hub.plugin.runner import PluginStatus


class Plugins(msgspec.Struct, frozen=True):
    """Every plugin that there is a file for, and the folder that they come from."""

    folder: str
    plugins: tuple[PluginStatus, ...]


async def plugins(visit: Visit[Query]) -> Plugins:
    """The page."""
    folder = needed(visit.do.config).plugins_folder
    return Plugins(str(folder), tuple(needed(visit.do.plugins).status()))


async def try_again(visit: Visit[Form]) -> Done:
    """Call a plugin again that was set aside."""
    name = visit.path["plugin"]
    try:
        needed(visit.do.plugins).reset(name)
    except LookupError as reason:
        raise NotFound(str(reason)) from None
    return Done("plugins", f"Plugin {name} is called again. Five faults in a row set it aside anew.")
