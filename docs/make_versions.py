"""Writes the tables in docs/versions.md from those of the bridge: `python docs/make_versions.py`."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path as File
from typing import NamedTuple

from msgspec import inspect

from hub.bridge.rules import Build, Drop, Move, Only, Rule, Table, Within, Words
from hub.bridge.tables import TABLES
from hub.core.catalogue import OCPI_2_1_1, OCPI_2_2_1, OCPI_2_3_0
from hub.ocpi.kinds import kinds, struct_of
from hub.ocpi.types import OpenEnum

PAGE = File(__file__).with_name("versions.md")
MARK = "<!-- All below is made by `python docs/make_versions.py`; do not edit. -->\n"
PAIRS = (("2.1.1", "2.2.1"), ("2.2.1", "2.1.1"), ("2.2.1", "2.3.0"), ("2.3.0", "2.2.1"))

Row = tuple[str, str]
"""A field, and what becomes of it."""


class Path(NamedTuple):
    """Where something stands: in the one version, in the other. Several, where they are alike."""

    here: Sequence[str]
    there: Sequence[str]

    def down(self, here: Sequence[str], there: Sequence[str] = ()) -> "Path":
        """Places below these."""
        return Path(_below(self.here, here), _below(self.there, there))

    @property
    def left(self) -> str:
        return ", ".join(f"`{each}`" for each in self.here)

    @property
    def right(self) -> str:
        return ", ".join(f"`{each}`" for each in self.there)


def _below(above: Sequence[str], names: Sequence[str]) -> list[str]:
    return [f"{each}.{name}" if each else name for each in above for name in names]


def page() -> str:
    """The whole page: what stands there by hand, and the tables."""
    by_hand, mark, _ = PAGE.read_text().partition(MARK)
    if not mark:
        raise SystemExit(f"{PAGE} has lost the line {MARK!r}")
    return "\n".join((by_hand + MARK, *(_pair(source, target) for source, target in PAIRS)))


def _pair(source: str, target: str) -> str:
    tables = [table for (_, a, b), table in TABLES.items() if (a, b) == (source, target)]
    told = {table.kind: _section(table) for table in tables if struct_of(source, table.kind)}
    same = sorted(kind for kind, section in told.items() if not section)
    missing = sorted(_known(source) - {table.kind for table in tables})
    parts = [f"## From {source} to {target}"]
    if same:
        parts.append(f"The same in both: {_list(same)}.")
    if missing:
        parts.append(f"OCPI {target} has none, so that messages with it are refused: {_list(missing)}.")
    return "\n\n".join((*parts, *(section for section in told.values() if section))) + "\n"


def _known(version: str) -> set[str]:
    """The kinds of objects in messages of a version."""
    rows = [row for row in (*OCPI_2_1_1, *OCPI_2_2_1, *OCPI_2_3_0) if row.version == version]
    return {kind for row in rows for kind in (row.body, row.data, row.result) if kind} & {*kinds(version)}


def _section(table: Table) -> str:
    """One kind of object; empty where nothing is to be said of it."""
    rows = list(_rows(table, inspect.type_info(struct_of(table.source, table.kind)), Path([""], [""])))
    if not rows and not table.says:
        return ""
    lines = [f"### {_heading(table)}"]
    if table.says:
        lines.append(table.says)
    if rows:
        head = f"| in {table.source} | in {table.target} |\n| --- | --- |"
        lines.append("\n".join((head, *(f"| {field} | {becomes} |" for field, becomes in _merged(rows)))))
    return "\n\n".join(lines)


def _merged(rows: list[Row]) -> Iterator[Row]:
    """Fields next to each other that share their fate in one row."""
    for becomes, group in groupby(rows, key=lambda row: row[1]):
        yield ", ".join(field for field, _ in group), becomes


def _rows(table: Table, struct: inspect.Type, path: Path) -> Iterator[Row]:
    """The rows of a table for an object that is at `path`."""
    types = {field.encode_name: field.type for field in struct.fields} if hasattr(struct, "fields") else {}
    used = {name for build in table.builds.values() for name in build.uses}
    # Fields next to each other with one rule are told of in one row.
    for rule, group in groupby(table.fields.items(), key=lambda each: each[1]):
        names = [name for name, _ in group]
        lists = [f"{each}{'[]' if _bare(types[each])[1] else ''}" for each in names]
        inner, _ = _bare(types[names[0]])
        if isinstance(rule, Within):
            yield from _within(table, rule, inner, path.down(lists, [rule.to or each for each in names]))
        else:
            yield path.down(lists).left, _fate(table, rule, inner, is_used=bool({*names} & used))
    for (says, uses), made in groupby(table.builds.items(), key=lambda each: (_says(each[1]), each[1].uses)):
        places = path.down(uses, [name for name, _ in made])
        yield places.left, f"{places.right}: {says}"
    for name, rule in table.patches.items():
        yield f"{path.down([name]).left}, in a PATCH", _fate(table, rule, types[name], is_used=False)


def _within(table: Table, rule: Within, inner: inspect.Type, path: Path) -> Iterator[Row]:
    if rule.to:
        yield path.left, path.right
    if rule.needed:
        one = "one of them has" if path.left.endswith("[]`") else "it has"
        yield path.left, f"{one} to be told, else the {table.kind} is not"
    own = TABLES.get((rule.table.kind, table.source, table.target))
    if own is rule.table:
        if _section(own):
            yield path.left, f"as [{_heading(own)}](#{_anchor(_heading(own))})"
        return
    if rule.table.says:
        yield path.left, rule.table.says
    yield from _rows(rule.table, inner, path)


def _fate(table: Table, rule: Rule, inner: inspect.Type, *, is_used: bool) -> str:
    match rule:
        case Drop(why, parts):
            return f"**lost**{' as far as it is not told otherwise' if parts or is_used else ''}: {why}"
        case Only():
            return "kept, though unknown there; left out where `routing.show_owner` is `false`"
        case Move(to, _, says):
            return ": ".join(each for each in (f"`{to}`" if to else "", says) if each)
        case Words():
            return _words(table, rule, inner)
    raise TypeError(rule)


def _words(table: Table, rule: Words, inner: inspect.Type) -> str:
    parts = [f"`{rule.to}`"] if rule.to else []
    parts += [f"`{word}` becomes `{other}`" for word, other in rule.words.items() if other]
    lost = [f"`{word}`" for word, other in rule.words.items() if other is None]
    if rule.among is not None and isinstance(inner, inspect.EnumType):
        known = [each.value for each in inner.cls]
        lost += [f"`{word}`" for word in known if rule.words.get(word, word) not in rule.among]
        if issubclass(inner.cls, OpenEnum):
            lost.append("words that are not OCPI's own")
    if lost:
        fate = f" with the whole {table.kind}" if rule.needed else ""
        fate += f", it becomes `{rule.otherwise}`" if rule.otherwise else ""
        parts.append(f"**lost**{fate}: {', '.join(lost)}")
    return "; ".join(parts)


def _says(build: Build) -> str:
    return build.says if build.whole or build.patch else f"{build.says} (also in a PATCH)"


def _bare(node: inspect.Type) -> tuple[inspect.Type, bool]:
    """A type without null and without what is told of strings, and whether there are many of it."""
    match node:
        case inspect.Metadata(type=inner) | inspect.UnionType(types=(inner, inspect.NoneType())):
            return _bare(inner)
        case inspect.ListType(item_type=item):
            return _bare(item)[0], True
    return node, False


def _heading(table: Table) -> str:
    return f"{table.kind} from {table.source} to {table.target}"


def _anchor(heading: str) -> str:
    return heading.lower().replace(".", "").replace(" ", "-")


def _list(kinds: list[str]) -> str:
    return ", ".join(f"`{kind}`" for kind in kinds)


if __name__ == "__main__":
    PAGE.write_text(page())
