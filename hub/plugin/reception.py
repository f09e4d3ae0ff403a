"""Where the calls of the operator reach the plugins that run: routes, pages, verbs, panels and forms."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from hub.core.scopes import Scope
from hub.plugin.errors import likely
from hub.plugin.forms import FormView, filled
from hub.plugin.panels import Panel, misfit
from hub.plugin.running import Running
from hub.plugin.services import Service
from hub.plugin.serving import Problem
from hub.plugin.table import HookTable

PATIENCE = 30.0
"""Seconds that a route, a verb or a panel may take. A page may take as long as it likes: it may be a large export."""


class Reached(NamedTuple):
    """The service that a path is for, the parts of that path, and the plugin that has it."""

    service: Service
    path: Mapping[str, str]
    running: Running


class Reception:
    """Finds and calls services. What it calls keeps its plugin from being stopped until it is done."""

    def __init__(self, current: Callable[[], HookTable]) -> None:
        self._current = current

    def routes(self) -> Iterator[tuple[str, Service]]:
        """Every route of the admin API, with the plugin that has it."""
        for running in self._current().running:
            for service in running.loaded.services:
                if service.mark.kind == "admin_route":
                    yield running.loaded.stem, service

    def reach(self, kind: str, plugin: str, method: str, path: Sequence[str]) -> Reached:
        """The route (or page) of a path. Problem 404 where there is none, 405 where it has another method."""
        running = self._running(plugin)
        fitting = [
            Reached(each, found, running)
            for each in running.loaded.services
            if each.mark.kind == kind and (found := each.fits(path)) is not None
        ]
        if not fitting:
            raise Problem(404, f"plugin {plugin} has nothing at this path", "see /docs")
        for each in fitting:
            if each.service.mark.method == method:
                return each
        allowed = ", ".join(each.service.mark.method for each in fitting)
        raise Problem(405, "this path has no such method", "see /docs", {"Allow": allowed})

    async def serve(self, reached: Reached, *given: Any, seconds: float | None = PATIENCE) -> Any:
        """Call a service. Raises what it raised for the caller, and Problem 500 or 504 where it failed."""
        with self._current().pins:
            return await reached.running.serve(reached.service.name, *given, seconds=seconds)

    async def call(self, plugin: str, verb: str, given: bytes) -> Any:
        """Call a verb with JSON (empty: none). Problem says what is wrong with name or JSON."""
        running = self._running(plugin)
        verbs = {each.mark.title: each for each in running.loaded.services if each.mark.kind == "verb"}
        service = verbs.get(verb)
        if service is None:
            raise Problem(404, f"plugin {plugin} has no verb {verb!r}{likely(verb, verbs)}")
        reached = Reached(service, {}, running)
        answer = await self.serve(reached, _decoded(service, given))
        written(reached, answer)  # it will be, by whoever called
        return answer

    async def panels(self, plugin: str) -> tuple[Panel, ...]:
        """What the plugin shows, drawn now. One that fails says so, and the others are there."""
        running = self._running(plugin)
        return tuple(
            [await self._panel(Reached(each, {}, running)) for each in running.loaded.services if _is_panel(each)]
        )

    def forms(self, plugin: str) -> tuple[FormView, ...]:
        """The forms of a plugin."""
        return tuple(
            FormView(name=each.name, title=each.mark.title, about=each.about, scope=each.mark.scope, fields=each.fields)
            for each in self._running(plugin).loaded.services
            if each.mark.kind == "form"
        )

    async def fill(self, plugin: str, form: str, scope: Scope, given: Mapping[str, str]) -> str:
        """Do what a form asks for, with a key of this scope; returns what was done. Problem where that can not be."""
        running = self._running(plugin)
        services = {each.name: each for each in running.loaded.services if each.mark.kind == "form"}
        service = services.get(form)
        if service is None:
            raise Problem(404, f"plugin {plugin} has no form {form!r}{likely(form, services)}")
        if not scope.opens(service.mark.scope):
            raise Problem(403, f"this needs a key of scope {service.mark.scope}", "log in with one")
        return str(await self.serve(Reached(service, {}, running), filled(service.body, given)))

    async def _panel(self, reached: Reached) -> Panel:
        name, title = reached.service.name, reached.service.mark.title
        try:
            drawing = await self.serve(reached)
        except Problem as problem:
            return Panel(name, title, None, problem.message)
        wrong = misfit(drawing)
        if wrong:
            reached.running.blame(name, wrong)
        return Panel(name, title, None if wrong else drawing, wrong or "")

    def _running(self, plugin: str) -> Running:
        found = {each.loaded.stem: each for each in self._current().running}
        if plugin not in found:
            raise Problem(404, f"no plugin {plugin!r} is running{likely(plugin, found)}")
        return found[plugin]


def written(reached: Reached, answer: Any) -> bytes:
    """What a service returned, as JSON. Problem 500 where it can not be that."""
    try:
        return msgspec.json.encode(answer)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        reached.running.blame(reached.service.name, f"returned what is no JSON: {error}")
        raise Problem(500, f"plugin {reached.running.loaded.stem} returned what is no JSON") from None


def _is_panel(service: Service) -> bool:
    return service.mark.kind == "panel"


def _decoded(service: Service, given: bytes) -> Any:
    verb = service.mark.title
    if service.body is None:
        if given:
            raise Problem(400, f"verb {verb} takes no JSON")
        return None
    if not given:
        raise Problem(400, f"verb {verb} takes JSON: {service.summary}")
    try:
        return msgspec.json.decode(given, type=service.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, f"the JSON does not fit verb {verb}: {error}") from None
