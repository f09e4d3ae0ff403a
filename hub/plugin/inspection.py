"""Finds the Plugin class of a loaded file, its settings type and its hooks, and everything that is wrong with them."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from hub.core.modules import Catalogue, Operation
from hub.events import Event
from hub.plugin.api import Plugin, Settings
from hub.plugin.errors import PluginError, problem
from hub.plugin.hooks import MARKS, ON, Kind, Mark
from hub.plugin.party.base import PartyPlugin
from hub.plugin.selectors import select
from hub.plugin.services import MARKS as SERVICES
from hub.plugin.services import Mark as ServiceMark
from hub.plugin.services import Service, doubles, parameters, service, wrong

_CALLED = ("start", "take_over", "changed_elsewhere", "stop")


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """One hook of a plugin class: the method, and the operations or event types that it is for."""

    kind: Kind
    method: str
    line: int
    targets: tuple[str, ...]
    operations: frozenset[Operation] = frozenset()
    events: tuple[type[Event], ...] = ()


class Inspected(msgspec.Struct, frozen=True):
    """What a plugin's class holds. `hooks` stand in the order of the file."""

    settings: type[Settings]
    hooks: tuple[Hook, ...]
    services: tuple[Service, ...]


def plugin_class(module: ModuleType, file: Path) -> type[Plugin]:
    """The one Plugin class of a plugin's module. Raises PluginError where it has none, or several."""
    own = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Plugin)]
    own = [each for each in dict.fromkeys(own) if each.__module__ == module.__name__]
    if not own:
        raise PluginError([problem(file, None, "no Plugin class; write: class Mine(Plugin): ...")])
    if len(own) > 1:
        names = " and ".join(each.__name__ for each in own)
        raise PluginError([problem(file, None, f"{names} are both Plugin classes; a file holds one")])
    return own[0]


def examine(module: ModuleType, plugin: type[Plugin], file: Path, catalogue: Catalogue) -> Inspected:
    """Examine a plugin. Raises PluginError with all that is wrong with it."""
    return _Inspection(module, file, catalogue).run(plugin)


def settings_of(plugin: type[Plugin]) -> type[Settings] | None:
    """The type of a plugin's settings; None where it names something else."""
    for base in (base for each in plugin.__mro__ for base in vars(each).get("__orig_bases__", ())):
        origin = get_origin(base)
        if isinstance(origin, type) and issubclass(origin, Plugin):
            (settings,) = get_args(base)
            if isinstance(settings, TypeVar):  # what a base class leaves open is what it is bound to
                settings = settings.__bound__
            return settings if isinstance(settings, type) and issubclass(settings, Settings) else None
    return Settings


class _Inspection:
    """One pass over a module that gathers problems instead of stopping at the first."""

    def __init__(self, module: ModuleType, file: Path, catalogue: Catalogue) -> None:
        self._module = module
        self._file = file
        self._catalogue = catalogue
        self._problems: list[str] = []

    def run(self, plugin: type[Plugin]) -> Inspected:
        self._check_functions()
        for name in (*_CALLED, *(("connected",) if issubclass(plugin, PartyPlugin) else ())):
            self._check_call(plugin, name, ())
        self._check_call(plugin, "heard_from_node", ("body",))
        if issubclass(plugin, PartyPlugin):
            self._check_call(plugin, "answering", ("call", "answer"))
        hooks = sorted(self._hooks(plugin), key=lambda hook: hook.line)
        services = sorted(self._services(plugin), key=lambda each: each.line or 0)
        for double in doubles(services):
            self._problems.append(problem(self._file, double.line, f"{double.name} stands where another one does"))
        settings = self._settings(plugin)
        self._check_tables(plugin)
        if self._problems:
            raise PluginError(self._problems)
        return Inspected(settings, tuple(hooks), tuple(services))

    def _check_functions(self) -> None:
        for name, value in vars(self._module).items():
            if inspect.isfunction(value) and (hasattr(value, MARKS) or hasattr(value, SERVICES)):
                self._complain(value, f"{name} is a hook outside the Plugin class; make it a method, with self")

    def _hooks(self, plugin: type[Plugin]) -> Iterator[Hook]:
        for name in dir(plugin):
            value = inspect.getattr_static(plugin, name)
            marks: tuple[Mark, ...] = getattr(_function(value), MARKS, ())
            for mark in marks:
                hook = self._hook(name, value, mark)
                if self._check_call(plugin, name, mark.kind.parameters):
                    yield hook

    def _services(self, plugin: type[Plugin]) -> Iterator[Service]:
        for name in dir(plugin):
            value = inspect.getattr_static(plugin, name)
            marks: tuple[ServiceMark, ...] = getattr(_function(value), SERVICES, ())
            for mark in marks:
                if reason := wrong(mark):
                    self._complain(value, reason)
                elif self._check_call(plugin, name, parameters(mark)):
                    try:
                        yield service(name, value, mark)
                    except (TypeError, NameError) as error:
                        self._complain(value, str(error))

    def _check_tables(self, plugin: type[Plugin]) -> None:
        prefix = f"plugin_{self._file.stem}_"
        for name in plugin.tables.tables if plugin.tables is not None else ():
            if not name.startswith(prefix):
                self._problems.append(problem(self._file, None, f"table {name!r}: its name has to begin with {prefix}"))

    def _hook(self, name: str, value: Any, mark: Mark) -> Hook:
        line = _line(value) or 0
        if mark.kind is ON:
            events = tuple(event.__name__ for event in mark.targets)
            return Hook(kind=ON, method=name, line=line, targets=events, events=mark.targets)
        operations: set[Operation] = set()
        for selector in mark.targets:
            try:
                operations |= select(selector, self._catalogue, pushes=mark.kind.pushes)
            except ValueError as reason:
                self._complain(value, str(reason))
        return Hook(kind=mark.kind, method=name, line=line, targets=mark.targets, operations=frozenset(operations))

    def _check_call(self, plugin: type[Plugin], name: str, parameters: tuple[str, ...]) -> bool:
        """Whether the method can be awaited with these parameters."""
        value = inspect.getattr_static(plugin, name)
        wanted = f"async def {name}({', '.join(('self', *parameters))})"
        if not inspect.isfunction(value) or not inspect.iscoroutinefunction(value):
            self._complain(value, f"{name} is not a plain async method; write: {wanted}")
            return False
        try:
            inspect.signature(value).bind(*("self", *parameters))
        except TypeError:
            found = f"{name}{inspect.signature(value).replace(return_annotation=inspect.Signature.empty)}"
            self._complain(value, f"the signature {found} does not fit; write: {wanted}")
            return False
        return True

    def _settings(self, plugin: type[Plugin]) -> type[Settings]:
        settings = settings_of(plugin)
        if settings is None:
            reason = f"{plugin.__name__} names settings that are no subclass of Settings"
            self._problems.append(problem(self._file, None, reason))
        return settings or Settings

    def _complain(self, value: Any, message: str) -> None:
        self._problems.append(problem(self._file, _line(value), message))


def _line(value: Any) -> int | None:
    """The line of a method's first decorator or of its `def`."""
    code = getattr(inspect.unwrap(_function(value)), "__code__", None)
    return code.co_firstlineno if code else None


def _function(value: Any) -> Any:
    """The function in a staticmethod or classmethod, or the value itself."""
    return getattr(value, "__func__", value)
