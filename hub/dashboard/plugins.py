"""The plugins: which run, how long their hooks take, what went wrong with them, and what they show."""

import msgspec

from hub.admin.routes import Query
from hub.control import needed
from hub.dashboard import charts
from hub.dashboard.pages import Done, Form, Visit
from hub.errors import NotFound
from hub.plugin.forms import FormView
from hub.plugin.panels import Chart, Panel
from hub.plugin.status import PluginStatus

LINES = 6
"""So many lines of a chart can be told apart."""


class Plugins(msgspec.Struct, frozen=True):
    """Every plugin that there is a file for, and the folder that they come from."""

    folder: str
    plugins: tuple[PluginStatus, ...]


async def plugins(visit: Visit[Query]) -> Plugins:
    """The page."""
    folder = needed(visit.do.config).plugins_folder
    return Plugins(str(folder), tuple(needed(visit.do.plugins).status()))


class OnePlugin(msgspec.Struct, frozen=True):
    """One plugin, and what it shows."""

    status: PluginStatus
    panels: tuple[Panel, ...]
    forms: tuple[FormView, ...]

    def drawn(self, panel: Panel) -> charts.Chart | None:
        """A panel that is a chart; None where there is nothing to draw. Of too many lines, the first are."""
        drawing = panel.drawing
        return charts.points([line.points for line in drawing.lines[:LINES]]) if isinstance(drawing, Chart) else None


async def plugin(visit: Visit[Query]) -> OnePlugin:
    """The page of one plugin."""
    name, running = visit.path["plugin"], needed(visit.do.plugins)
    status = next((each for each in running.status() if each.name == name), None)
    if status is None:
        raise NotFound(f"there is no plugin {name!r}; see the list of plugins")
    if status.state not in ("running", "set aside"):
        return OnePlugin(status, (), ())
    return OnePlugin(status, await running.reception.panels(name), running.reception.forms(name))


async def fill_in(visit: Visit[dict[str, str]]) -> Done:
    """Do what a form of a plugin asks for."""
    name, form = visit.path["plugin"], visit.path["form"]
    said = await needed(visit.do.plugins).reception.fill(name, form, visit.key.scope, visit.given)
    return Done("plugin", said, {"plugin": name})


async def try_again(visit: Visit[Form]) -> Done:
    """Call a plugin again that was set aside."""
    name = visit.path["plugin"]
    try:
        await needed(visit.do.plugins).reset(name)
    except LookupError as reason:
        raise NotFound(str(reason)) from None
    return Done("plugins", f"Plugin {name} is called again. Five faults in a row set it aside anew.")
