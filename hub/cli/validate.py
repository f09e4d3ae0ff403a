"""`ocpi-hub validate`: objects in files against the rules of their OCPI version."""

import sys

import click
import msgspec
from rich.markup import escape

from hub.cli.common import console, json_option, plain, print_json, remark, rows
from hub.cli.objects import Given, named, object_file, read, version_choice
from hub.errors import BadRequest
from hub.ocpi.check import Checker, Finding
from hub.ocpi.kinds import kinds, patch_of, struct_of
from hub.ocpi.rules import MOST


class Checked(msgspec.Struct, frozen=True):
    """What came of one file."""

    file: str
    valid: bool
    findings: tuple[Finding, ...]
    note: str


@click.command()
@click.option("--version", required=True, type=version_choice, help="Version of OCPI.")
@click.option("--object", "name", required=True, metavar="NAME", help="What the file holds: cdr, location, evse ...")
@click.option("--patch", is_flag=True, help="It is the body of a PATCH: what is not there does not change.")
@click.argument("files", nargs=-1, required=True, type=object_file, metavar="FILE...")
@json_option
def validate(version: str, name: str, patch: bool, files: tuple[str, ...], as_json: bool) -> None:
    """Say whether objects are as OCPI has them.

    As: ocpi-hub validate --version 2.2.1 --object cdr cdr.json

    A file holds one object, a list of them, or the answer of a platform; - is standard input. Each finding is told
    with its path, the rule, and what came instead. The exit status is 0 where there is none, else 1.
    """
    kind = named(name, kinds(version), f"OCPI {version}")
    results = [_check(version, kind, read(file), patch=patch) for file in files]
    if as_json:
        print_json({"version": version, "object": kind, "valid": _all_valid(results), "files": results})
    else:
        for result in results:
            _print(result, f"{'PATCH of a ' if patch else ''}{kind} of OCPI {version}")
    sys.exit(0 if _all_valid(results) else 1)


def _check(version: str, kind: str, given: Given, *, patch: bool) -> Checked:
    struct = patch_of(version, kind) if patch else struct_of(version, kind)
    checker = Checker(list.__class_getitem__(struct) if given.is_list else struct)
    try:
        found = tuple(checker.check(given.body))
    except BadRequest as error:
        found = (Finding("(body)", "JSON", error.message),)
    return Checked(given.file, not found, found, given.note)


def _all_valid(results: list[Checked]) -> bool:
    return all(each.valid for each in results)


def _print(result: Checked, what: str) -> None:
    if result.note:
        remark(result.note)
    out, file = console(), escape(str(plain(result.file)))
    if result.valid:
        out.print(f"{file}: [green]valid[/] {what}", soft_wrap=True)
        return
    count = len(result.findings)
    many = f"{count} findings" if count > 1 else "1 finding"
    most = f" (the first {MOST}; no more are looked for)" if count == MOST else ""
    out.print(f"{file}: [red]no valid[/] {what}: {many}{most}", soft_wrap=True)
    table = rows("path", "rule", "what came")
    for each in result.findings:
        table.add_row(plain(each.path), plain(each.rule), plain(each.got))
    out.print(table)
