"""Loads plugin files: finds them, runs each as a private module, checks all of it, and reads its settings."""

import hashlib
import importlib
import secrets
import shutil
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

import msgspec

from hub.config import Config, ConfigError, PluginOptions, plugin_settings
from hub.core.custom import operations
from hub.core.modules import Catalogue
from hub.plugin.api import Plugin, Settings
from hub.plugin.errors import PluginError, likely, problem
from hub.plugin.inspection import Hook, examine, plugin_class
from hub.plugin.modules import Added, line_of_modules, modules_of, off_by_default, same, taken
from hub.plugin.party.base import PartyPlugin, PartySettings
from hub.plugin.party.offer import Offer, offer_of
from hub.plugin.services import Service
from hub.plugin.watchdog import PREFIX


class Source(msgspec.Struct, frozen=True):
    """A plugin's file as it was read, so that what is compared is what is loaded.

    `parts` are the files in the folder of the same name, where there is one: it imports them as `.name`.
    """

    path: Path
    text: bytes
    parts: tuple[tuple[str, bytes], ...] = ()

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(msgspec.msgpack.encode((self.text, self.parts))).digest()


class Loaded(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A plugin that was loaded and checked, and is not started yet.

    `refuses` says that a message is refused where the plugin fails, `refuses_admission` the same of a registration.
    `offer` is what it answers as a party, where it is one.
    """

    stem: str
    path: Path
    digest: bytes
    module: str
    plugin: type[Plugin]
    folder: Path
    hooks: tuple[Hook, ...]
    services: tuple[Service, ...]
    settings: Settings
    enabled: bool
    order: int
    timeout: float
    refuses: bool
    refuses_admission: bool
    offer: Offer | None = None

    def unload(self) -> None:
        """Forget the module; what still refers to its code keeps it alive."""
        _forget(self.module)


class Opened(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A plugin's file that was run: its class is known, its hooks are not checked yet."""

    source: Source
    module: ModuleType
    plugin: type[Plugin]
    modules: Added
    enabled: bool

    def unload(self) -> None:
        """Forget the module."""
        _forget(self.module.__name__)


class Loader:
    """Where plugins come from: `.py` files in folders, and the `[plugins.*]` tables of the configuration.

    A folder that does not exist holds no plugins. A file whose name begins with `_` or `.` is no plugin.
    `catalogue` has the modules of the plugins, too, when all were loaded; `added` are these, by plugin.
    """

    def __init__(self, config: Config, folders: Sequence[Path]) -> None:
        self.config = config
        self.catalogue = config.catalogue
        self._folders = folders
        self.added: dict[str, Added] = {}

    def following(self, config: Config, folders: Sequence[Path]) -> "Loader":
        """A loader with other settings, for a hub that runs already: its modules stay what they are."""
        other = Loader(config, folders)
        other.catalogue, other.added = self.catalogue, self.added
        return other

    def scan(self) -> tuple[dict[str, Path], list[str]]:
        """The plugin files by stem, and a problem for every second file of one stem."""
        found: dict[str, Path] = {}
        problems = []
        for path in (path for folder in self._folders for path in sorted(folder.glob("[!_.]*.py"))):
            first = found.setdefault(path.stem, path)
            if first is not path:
                problems.append(problem(path, None, f"{first} has the same name; rename one of them"))
        return found, problems

    def read(self, path: Path) -> Source:
        """Read a file, and those of its folder. Raises PluginError where that fails."""
        try:
            parts = tuple((each.name, each.read_bytes()) for each in sorted(path.with_suffix("").glob("*.py")))
            return Source(path, path.read_bytes(), parts)
        except OSError as error:
            raise PluginError([problem(path, None, f"the plugin can not be read: {error.strerror}")]) from None

    def load(self, source: Source) -> Loaded | None:
        """Run and check one file; None where its table says `enabled = false`.

        Raises PluginError, also where it adds other modules than it did at `load_all`: those are the hub's by now.
        """
        opened = self._open(source)
        if opened and opened.enabled and not same(opened.modules, self.added.get(source.path.stem, {})):
            opened.unload()
            reason = "the modules that the plugin adds have changed; restart the hub for that"
            raise PluginError([problem(source.path, line_of_modules(source.text), reason)])
        return self._check(opened) if opened else None

    def lost_tables(self, found: Mapping[str, Path]) -> list[str]:
        """A problem for every table of a plugin that there is no file for."""
        return [self._lost_table(stem, found) for stem in self.config.plugins if stem not in found]

    def load_all(self) -> list[Loaded]:
        """Load every file. Raises PluginError with all that is wrong with any of them."""
        found, problems = self.scan()
        opened: list[Opened] = []
        loaded: list[Loaded] = []
        for path in found.values():
            try:
                opened += filter(None, [self._open(self.read(path))])
            except PluginError as error:
                problems += error.problems
        # The modules of all before the hooks of any: a selector may name what another plugin adds.
        problems += self._add_modules(opened)
        for one in opened:
            try:
                loaded.append(self._check(one))
            except PluginError as error:
                problems += error.problems
        problems += self.lost_tables(found)
        if problems:
            for each in loaded:
                each.unload()
            raise PluginError(problems)
        return loaded

    def check(self) -> tuple[str, ...]:
        """Load everything and start nothing: all that is wrong, for `ocpi-hub check`."""
        try:
            for each in self.load_all():
                each.unload()
        except PluginError as error:
            return error.problems
        return ()

    def _open(self, source: Source) -> Opened | None:
        table = self.config.plugins.get(source.path.stem, {})
        if table.get("enabled", not off_by_default(source.text)) is False:
            return None  # not run at all: it may need what is not installed
        module = ModuleType(f"{PREFIX}{source.path.stem}_{secrets.token_hex(4)}")
        module.__file__ = str(source.path)
        if source.parts:
            _open_folder(module, source.path.with_suffix(""))
        sys.modules[module.__name__] = module
        try:
            # Not by importlib: its cached bytecode would hide a change within one tick of the file's clock.
            code = compile(source.text, module.__file__, "exec", dont_inherit=True)
            exec(code, vars(module))  # noqa: S102 - to run the operator's file is what a plugin is
            plugin = plugin_class(module, source.path)
            return Opened(
                source=source,
                module=module,
                plugin=plugin,
                modules=modules_of(plugin, source.path, source.text),
                enabled="enabled" in table or plugin.enabled_by_default,
            )
        except BaseException as error:
            _forget(module.__name__)
            raise _told(source.path, error) from error

    def _add_modules(self, opened: Sequence[Opened]) -> list[str]:
        """Make the catalogue, and tell what can not be in it twice."""
        self.catalogue = self.config.catalogue
        problems: list[str] = []
        for each in opened:
            if each.enabled:
                others = {name: module for added in self.added.values() for name, module in added.items()}
                problems += taken(each.modules, self.catalogue, others, each.source.path, each.source.text)
                self.catalogue = _plus(self.catalogue, each.modules)
                self.added[each.source.path.stem] = each.modules
        return problems

    def _check(self, opened: Opened) -> Loaded:
        """Check hooks and settings. One that is switched off is checked as if it were not."""
        source, stem = opened.source, opened.source.path.stem
        catalogue = self.catalogue if opened.enabled else _plus(self.catalogue, opened.modules)
        try:
            found = examine(opened.module, opened.plugin, source.path, catalogue)
            settings = plugin_settings(self.config, stem, found.settings)
            offer = _offer(opened, settings, catalogue)
        except BaseException as error:
            opened.unload()
            raise _told(source.path, error) from error
        table = self.config.plugins.get(stem, {})
        options = _options(table)
        return Loaded(
            stem=stem,
            path=source.path,
            digest=source.digest,
            module=opened.module.__name__,
            plugin=opened.plugin,
            folder=self.config.folder,
            hooks=found.hooks,
            services=found.services,
            settings=settings,
            enabled=opened.enabled,
            order=options.order,
            timeout=options.timeout,
            refuses=options.on_error == "refuse",
            refuses_admission=options.on_error == "refuse" or "on_error" not in table,
            offer=offer,
        )

    def _lost_table(self, stem: str, found: Mapping[str, Path]) -> str:
        reason = f"[plugins.{stem}]: there is no plugin file {stem}.py{likely(stem, found)}"
        return self.config.origin.problem(("plugins", stem), reason, about_key=True)


def _open_folder(module: ModuleType, folder: Path) -> None:
    """Let a plugin import what is in its folder: as it is now, and not as it was when it was compiled."""
    module.__path__ = [str(folder)]
    module.__package__ = module.__name__
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)
    importlib.invalidate_caches()


def _forget(module: str) -> None:
    """Forget a module and its parts."""
    for name in [name for name in sys.modules if name == module or name.startswith(f"{module}.")]:
        del sys.modules[name]


def _plus(catalogue: Catalogue, modules: Added) -> Catalogue:
    return catalogue.plus(row for name, module in modules.items() for row in operations(name, module))


def _options(table: dict[str, object]) -> PluginOptions:
    known = {item.encode_name for item in msgspec.structs.fields(PluginOptions)}
    return msgspec.convert({key: value for key, value in table.items() if key in known}, PluginOptions)


def _offer(opened: Opened, settings: Settings, catalogue: Catalogue) -> Offer | None:
    """What a plugin answers as a party; None where it is none, or does not run."""
    if not opened.enabled or not issubclass(opened.plugin, PartyPlugin) or not isinstance(settings, PartySettings):
        return None
    return offer_of(opened.plugin, settings, opened.source.path, catalogue)


def _told(path: Path, error: BaseException) -> PluginError:
    """What went wrong while a plugin's file was run and checked, as a PluginError with file and line."""
    if isinstance(error, PluginError | ConfigError):
        return PluginError(error.problems)
    if isinstance(error, SyntaxError) and error.filename and _is_of(path, error.filename):
        return PluginError([problem(Path(error.filename), error.lineno, error.msg)])
    frames = [each for each in traceback.extract_tb(error.__traceback__) if _is_of(path, each.filename)]
    reason = traceback.format_exception_only(error)[0].strip()
    if not frames:
        return PluginError([problem(path, None, reason)])
    return PluginError([problem(Path(frames[-1].filename), frames[-1].lineno, reason)])


def _is_of(path: Path, file: str) -> bool:
    """Whether a file is the plugin's, or in its folder."""
    return file == str(path) or Path(file).parent == path.with_suffix("")
