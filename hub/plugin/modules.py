"""What a plugin's file says without being run: the modules that it adds, and whether it is off by default."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from hub.core.custom import CustomModule, Exchange, TypedModule, faults
from hub.core.modules import Catalogue
from hub.ocpi.check import Checker
from hub.plugin.api import Plugin
from hub.plugin.errors import PluginError, problem

Added = Mapping[str, CustomModule]


def modules_of(plugin: type[Plugin], file: Path, text: bytes) -> Added:
    """What a plugin adds; `text` is that of its file. Raises PluginError with all that is wrong with it."""
    line = line_of_modules(text)
    try:
        added = _checked(plugin.modules)
    except (TypeError, msgspec.ValidationError) as reason:
        advice = 'write: modules = {"nltnm-tokens": CustomModule(sender=("GET",))}'
        raise PluginError([problem(file, line, f"modules: {reason}; {advice}")]) from None
    problems = [problem(file, line, reason) for reason in _wrong(added)]
    if problems:
        raise PluginError(problems)
    return added


def taken(added: Added, catalogue: Catalogue, others: Added, file: Path, text: bytes) -> list[str]:
    """A problem for each module that config.toml or another plugin has added already.

    `others` are those of plugins. Several may add a module whose objects are known, where all mean the same: each can
    then be had without the others.
    """
    reason = "is there already, from config.toml or another plugin; give it another name"
    shared = {name for name, module in added.items() if isinstance(module, TypedModule) and others.get(name) == module}
    names = sorted((added.keys() & catalogue.modules) - shared)
    return [problem(file, line_of_modules(text), f"module {name} {reason}") for name in names]


def same(one: Added, other: Added) -> bool:
    """Whether both are about the same modules: structs may be those of a file that was run again."""
    return _shapes(one) == _shapes(other)


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


def _checked(given: object) -> Added:
    """The modules of a class, each of the type that it has to be. TypeError and ValidationError."""
    modules = dict(given) if isinstance(given, Mapping) else {}
    typed = {name: each for name, each in modules.items() if isinstance(each, TypedModule)}
    plain = modules | {name: each.plain for name, each in typed.items()} if modules else given
    added = msgspec.convert(msgspec.to_builtins(plain), dict[str, CustomModule])
    for name, module in typed.items():
        if not all(isinstance(each, Exchange) for each in module.others.values()):
            raise TypeError(f"{name}: others holds what is no Exchange")
        for struct in module.structs:
            if not (isinstance(struct, type) and issubclass(struct, msgspec.Struct)):
                raise TypeError(f"{name}: {struct!r} is no struct")
            Checker(struct)
        added[name] = TypedModule(**msgspec.structs.asdict(added[name]), kind=module.kind, others=module.others)
    return added


def _shapes(added: Added) -> dict[str, object]:
    return {name: _shape(module) if isinstance(module, TypedModule) else module for name, module in added.items()}


def _shape(module: TypedModule) -> object:
    said = {"": Exchange(body=module.kind), **module.others}
    kinds = {call: [_schema(each) for each in (one.body, one.data, one.result)] for call, one in said.items()}
    return module.plain, kinds


def _schema(struct: type[msgspec.Struct] | None) -> object:
    return None if struct is None else msgspec.json.schema(struct)


def _wrong(added: Added) -> Iterator[str]:
    for name, module in added.items():
        for path, reason in faults(name, module):
            place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
            yield f"modules[{name!r}]{place}: {reason}"
