"""What a plugin's file says without being run: the modules that it adds, and whether it is off by default."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from hub.core.custom import CustomModule, faults
from hub.core.modules import Catalogue
from hub.plugin.api import Plugin
from hub.plugin.errors import PluginError, problem

Added = Mapping[str, CustomModule]


def modules_of(plugin: type[Plugin], file: Path, text: bytes) -> Added:
    """What a plugin adds; `text` is that of its file. Raises PluginError with all that is wrong with it."""
    line = line_of_modules(text)
    try:
        added = msgspec.convert(msgspec.to_builtins(plugin.modules), dict[str, CustomModule])
    except (TypeError, msgspec.ValidationError) as reason:
        advice = 'write: modules = {"nltnm-tokens": CustomModule(sender=("GET",))}'
        raise PluginError([problem(file, line, f"modules: {reason}; {advice}")]) from None
    problems = [problem(file, line, reason) for reason in _wrong(added)]
    if problems:
        raise PluginError(problems)
    return added


def taken(added: Added, catalogue: Catalogue, file: Path, text: bytes) -> list[str]:
    """A problem for each module that another plugin or config.toml has added already."""
    reason = "is there already, from config.toml or another plugin; give it another name"
    names = sorted(added.keys() & catalogue.modules)
    return [problem(file, line_of_modules(text), f"module {name} {reason}") for name in names]


def line_of_modules(text: bytes) -> int | None:
    """The line on which a class sets `modules`."""
    classes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
    for statement in (each for found in classes for each in found.body):
        match statement:
            case ast.Assign(targets=[ast.Name(id="modules")]) | ast.AnnAssign(target=ast.Name(id="modules")):
                return statement.lineno
    return None


def off_by_default(text: bytes) -> bool:
    """Whether a class in a plugin's file sets `enabled_by_default` to False. Read, not run; False for a broken file."""
    if b"enabled_by_default" not in text:
        return False
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for statement in (each for found in classes for each in found.body):
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id="enabled_by_default")], value=ast.Constant(value=False))
                | ast.AnnAssign(target=ast.Name(id="enabled_by_default"), value=ast.Constant(value=False))
            ):
                return True
    return False


def _wrong(added: Added) -> Iterator[str]:
    for name, module in added.items():
        for path, reason in faults(name, module):
            place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
            yield f"modules[{name!r}]{place}: {reason}"
