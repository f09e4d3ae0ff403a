"""Makes mutants: one small change each to a module of the hub, by the operators of mutmut and one more.

What is not changed: annotations, decorators, imports, the options of a class, the names of codecs, what is logged, and
words for people, which are the strings with a space. All else is, tables and properties included.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import libcst as cst
from libcst.matchers import Attribute, Call, Name, matches
from libcst.metadata import MetadataWrapper, ParentNodeProvider, PositionProvider
from mutmut.mutation.mutators import mutation_operators

LOGGED = Call(func=Attribute(value=Name("log")))


class Mutant:
    """A change to a module, not made yet. `name` is `hub.core.route:80:2`, the second change that begins in line 80."""

    def __init__(self, module: str, tree: cst.Module, before: cst.CSTNode, after: cst.CSTNode, name: str) -> None:
        self.module = module
        self.name = name
        self._tree = tree
        self._before = before
        self._after = after

    @property
    def source(self) -> str:
        """The whole module with the change."""
        changed = self._tree.deep_replace(self._before, self._after)
        assert isinstance(changed, cst.Module)
        return changed.code

    @property
    def diff(self) -> tuple[str, str]:
        """The lines that differ: as they are, and as they would be."""
        old, new = self._tree.code.splitlines(), self.source.splitlines()
        first = next(at for at, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1])
        while old[-1] == new[-1] and min(len(old), len(new)) > first + 1:
            old, new = old[:-1], new[:-1]
        return tuple(" ".join(map(str.strip, lines[first:])) for lines in (old, new))


def mutants(module: str) -> list[Mutant]:
    """Every mutant of a module, in the order of its lines."""
    wrapper = MetadataWrapper(cst.parse_module(_path(module).read_text()))
    finder = _Places()
    wrapper.visit(finder)
    made: list[Mutant] = []
    counted: dict[int, int] = {}
    for line, before, after in sorted(finder.changes, key=lambda change: change[0]):
        counted[line] = counted.get(line, 0) + 1
        made.append(Mutant(module, wrapper.module, before, after, f"{module}:{line}:{counted[line]}"))
    return made


def _path(module: str) -> Path:
    return Path(__file__).parents[2].joinpath(*module.split(".")).with_suffix(".py")


class _Places(cst.CSTVisitor):
    """Finds every place of a module where something can be changed."""

    METADATA_DEPENDENCIES = (PositionProvider, ParentNodeProvider)

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[tuple[int, cst.CSTNode, cst.CSTNode]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Annotation | cst.Decorator | cst.Import | cst.ImportFrom):
            return False
        if isinstance(node, cst.Arg) and isinstance(self.get_metadata(ParentNodeProvider, node, None), cst.ClassDef):
            return False
        if matches(node, LOGGED):
            return False
        if isinstance(node, cst.SimpleString) and (" " in node.value or self._names_codec(node)):
            return False
        position = self.get_metadata(PositionProvider, node, None)
        if position:
            self.changes += [(position.start.line, node, after) for after in _changed(node)]
        return True

    def _names_codec(self, node: cst.SimpleString) -> bool:
        argument = self.get_metadata(ParentNodeProvider, node, None)
        call = argument and self.get_metadata(ParentNodeProvider, argument, None)
        return matches(call, Call(func=Attribute(attr=Name("encode") | Name("decode"))))


def _changed(node: cst.CSTNode) -> Iterable[cst.CSTNode]:
    for kind, operator in mutation_operators:
        if isinstance(node, kind):
            yield from operator(node)
    yield from _decided(node)


def _decided(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """A condition that always holds, and one that never does: mutmut has this only for `x if y else z`."""
    if isinstance(node, cst.If | cst.CompIf):
        for word in ("True", "False"):
            yield node.with_changes(test=cst.Name(word), whitespace_before_test=cst.SimpleWhitespace(" "))
