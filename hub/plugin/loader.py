"""Loads plugin files: finds them, runs each as a private module, checks all of it, and reads its settings."""

import hashlib
import secrets
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import msgspec

from hub.config import Config, ConfigError, PluginOptions, plugin_settings
from hub.core.modules import CATALOGUE, Catalogue
from hub.plugin.api import Plugin, Settings
from hub.plugin.errors import PluginError, likely, problem
from hub.plugin.inspection import Hook, Inspected, examine


class Source(msgspec.Struct, frozen=True):
    """A plugin's file as it was read, so that what is compared is what is loaded."""

    path: Path
    text: bytes

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.text).digest()


class Loaded(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A plugin that was loaded and checked, and is not started yet.

    `refuses` says that a message is refused where the plugin fails, `refuses_admission` the same of a registration.
    """

    stem: str
    path: Path
    digest: bytes
    module: str
    plugin: type[Plugin]
    hooks: tuple[Hook, ...]
    settings: Settings
    enabled: bool
    order: int
    timeout: float
    refuses: bool
    refuses_admission: bool

    def unload(self) -> None:
        """Forget the module; what still refers to its code keeps it alive."""
        sys.modules.pop(self.module, None)


class Loader(msgspec.Struct, frozen=True):
    """Where plugins come from: `.py` files in folders, and the `[plugins.*]` tables of the configuration.

    A folder that does not exist holds no plugins. A file whose name begins with `_` or `.` is no plugin.
    """

    config: Config
    folders: Sequence[Path]
    catalogue: Catalogue = CATALOGUE

    def scan(self) -> tuple[dict[str, Path], list[str]]:
        """The plugin files by stem, and a problem for every second file of one stem."""
        found: dict[str, Path] = {}
        problems = []
        for path in (path for folder in self.folders for path in sorted(folder.glob("[!_.]*.py"))):
            first = found.setdefault(path.stem, path)
            if first is not path:
                problems.append(problem(path, None, f"{first} has the same name; rename one of them"))
        return found, problems

    def read(self, path: Path) -> Source:
        """Read a file. Raises PluginError where that fails."""
        try:
            return Source(path, path.read_bytes())
        except OSError as error:
            raise PluginError([problem(path, None, f"the plugin can not be read: {error.strerror}")]) from None

    def load(self, source: Source) -> Loaded | None:
        """Run and check one file; None where its table says `enabled = false`. Raises PluginError."""
        table = self.config.plugins.get(source.path.stem, {})
        if table.get("enabled") is False:
            return None
        module = ModuleType(f"ocpi_hub_plugin_{source.path.stem}_{secrets.token_hex(4)}")
        module.__file__ = str(source.path)
        sys.modules[module.__name__] = module
        try:
            # Not by importlib: its cached bytecode would hide a change within one tick of the file's clock.
            code = compile(source.text, module.__file__, "exec", dont_inherit=True)
            exec(code, vars(module))  # noqa: S102 - to run the operator's file is what a plugin is
            return self._loaded(source, module.__name__, examine(module, source.path, self.catalogue))
        except BaseException as error:
            sys.modules.pop(module.__name__, None)
            raise _told(source.path, error) from error

    def load_all(self) -> list[Loaded]:
        """Load every file. Raises PluginError with all that is wrong with any of them."""
        found, problems = self.scan()
        loaded = []
        for path in found.values():
            try:
                loaded.append(self.load(self.read(path)))
            except PluginError as error:
                problems += error.problems
        problems += [self._lost_table(stem, found) for stem in self.config.plugins if stem not in found]
        plugins = [each for each in loaded if each]
        if problems:
            for each in plugins:
                each.unload()
            raise PluginError(problems)
        return plugins

    def check(self) -> tuple[str, ...]:
        """Load everything and start nothing: all that is wrong, for `ocpi-hub check`."""
        try:
            for each in self.load_all():
                each.unload()
        except PluginError as error:
            return error.problems
        return ()

    def _loaded(self, source: Source, module: str, found: Inspected) -> Loaded:
        stem = source.path.stem
        table = self.config.plugins.get(stem, {})
        settings = plugin_settings(self.config, stem, found.settings)
        options = _options(table)
        return Loaded(
            stem=stem,
            path=source.path,
            digest=source.digest,
            module=module,
            plugin=found.plugin,
            hooks=found.hooks,
            settings=settings,
            enabled=options.enabled if "enabled" in table else found.plugin.enabled_by_default,
            order=options.order,
            timeout=options.timeout,
            refuses=options.on_error == "refuse",
            refuses_admission=options.on_error == "refuse" or "on_error" not in table,
        )

    def _lost_table(self, stem: str, found: dict[str, Path]) -> str:
        reason = f"[plugins.{stem}]: there is no plugin file {stem}.py{likely(stem, found)}"
        return self.config.origin.problem(("plugins", stem), reason, about_key=True)


def _options(table: dict[str, object]) -> PluginOptions:
    known = {item.encode_name for item in msgspec.structs.fields(PluginOptions)}
    return msgspec.convert({key: value for key, value in table.items() if key in known}, PluginOptions)


def _told(path: Path, error: BaseException) -> PluginError:
    """What went wrong while a plugin's file was run and checked, as a PluginError with the line of that file."""
    if isinstance(error, PluginError | ConfigError):
        return PluginError(error.problems)
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return PluginError([problem(path, error.lineno, error.msg)])
    lines = [each.lineno for each in traceback.extract_tb(error.__traceback__) if each.filename == str(path)]
    reason = traceback.format_exception_only(error)[0].strip()
    return PluginError([problem(path, lines[-1] if lines else None, reason)])
