"""`ocpi-hub convert`: an object of one OCPI version told in another, and what is lost by that."""

from typing import Any

import click
import msgspec

from hub.bridge import Bridged, CanNotBridge, Facts, Loss, bridges
from hub.bridge import convert as bridge
from hub.bridge.tables import TABLES
from hub.cli.common import console, json_option, plain, print_json, remark, rows, told
from hub.cli.objects import Given, named, object_file, read, version_choice
from hub.core.message import decode_json
from hub.core.party import Party, parse_role
from hub.core.plain import seen
from hub.errors import BadRequest
from hub.ocpi.check import describe, findings
from hub.ocpi.kinds import patch_of, struct_of

_HINTS = {
    "owner": "--owner NL-TNM",
    "token": "--token FILE, which holds the Token as OCPI 2.2.1 has it",
    "location": "--location FILE, which holds the Location as OCPI 2.2.1 has it",
    "number": "--number 17",
    "role": "--role CPO",
}
_FACTS_IN = "2.2.1"


@click.command()
@click.option("--from", "source", required=True, type=version_choice, help="OCPI version of what is in the file.")
@click.option("--to", "target", required=True, type=version_choice, help="OCPI version to tell it in.")
@click.option("--object", "name", metavar="NAME", help="What the file holds: cdr, location ... Without it: a guess.")
@click.option("--patch", is_flag=True, help="It is the body of a PATCH.")
@click.option("--owner", metavar="NL-TNM", help="The party whose object it is; OCPI 2.1.1 has it in URLs only.")
@click.option("--token", type=object_file, help="File with the token of a session or CDR, as in OCPI 2.2.1.")
@click.option("--location", type=object_file, help="File with the location of a session, as in OCPI 2.2.1.")
@click.option("--number", type=int, help="Number of a reservation whose id is none; OCPI 2.1.1 knows only numbers.")
@click.option("--role", metavar="CPO", help="Role of the party in credentials; OCPI 2.1.1 does not tell it.")
@click.argument("file", type=object_file)
@json_option
def convert(
    source: str,
    target: str,
    name: str | None,
    patch: bool,
    owner: str | None,
    token: str | None,
    location: str | None,
    number: int | None,
    role: str | None,
    file: str,
    as_json: bool,
) -> None:
    """Tell an object of one OCPI version in another.

    As: ocpi-hub convert --from 2.1.1 --to 2.3.0 location.json > new.json

    Prints the object on standard output, and what is lost on standard error. FILE holds one object, a list of them,
    or the answer of a platform; - is standard input. What the other version wants to be told, and the object does not
    say, you give with --owner, --token, --location, --number and --role; where one is missing, it is asked for.
    """
    if source == target:
        raise click.UsageError(f"--from and --to are both {source}; name two versions")
    with told(as_json=as_json):
        facts = Facts(
            owner=_party(owner),
            token=_fact("Token", token),
            location=_fact("Location", location),
            number=number,
            role=_role(role),
        )
        given = read(file)
        value = _decode(given)
        kind = _kind(name, source, target, given, value, patch=patch)
        result = _convert(kind, value, source, target, facts, patch=patch)
    if as_json:
        print_json({"object": kind, "value": result.value, "losses": result.losses})
        return
    click.echo(seen(msgspec.json.format(msgspec.json.encode(result.value), indent=2)))
    if given.note:
        remark(given.note)
    struct = patch_of(source, kind) if patch else struct_of(source, kind)
    if found := findings(value, list.__class_getitem__(struct) if given.is_list else struct):
        remark(f"It breaks rules of OCPI {source}, so this may break those of OCPI {target}: {describe(found)}")
    _report(kind, target, result.losses)


def _party(owner: str | None) -> Party | None:
    try:
        return None if owner is None else Party.parse(owner)
    except ValueError as reason:
        raise click.BadParameter(str(reason), param_hint="--owner") from None


def _role(role: str | None) -> str | None:
    try:
        return None if role is None else parse_role(role)
    except ValueError as reason:
        raise click.BadParameter(str(reason), param_hint="--role") from None


def _fact(kind: str, path: str | None) -> Any:
    """The Token or Location in a file that an option names, which has to be as the bridge expects it."""
    if path is None:
        return None
    given = read(path)
    value = _decode(given)
    if found := findings(value, struct_of(_FACTS_IN, kind)):
        raise CanNotBridge(f"{given.file} holds no {kind} as OCPI {_FACTS_IN} has it: {describe(found)}")
    return value


def _decode(given: Given) -> Any:
    try:
        return decode_json(given.body)
    except BadRequest as error:
        raise CanNotBridge(f"{given.file}: {error.message}") from None


def _kind(name: str | None, source: str, target: str, given: Given, value: Any, *, patch: bool) -> str:
    kinds = {kind for kind, _, _ in TABLES if struct_of(source, kind)}
    if name is not None:
        return named(name, kinds, f"The bridge from OCPI {source}")
    if patch:
        raise click.UsageError("what a PATCH changes can not be guessed; name it: --object location")
    fits = _best(source, [kind for kind in kinds if bridges(kind, source, target)], value)
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise click.UsageError(f"{given.file} may be {' or '.join(fits)}; say which: --object {fits[0]}")
    raise click.UsageError(
        f"{given.file} is no whole and valid object of OCPI {source} that OCPI {target} has; name what it should be: "
        "--object location"
    )


def _best(source: str, kinds: list[str], value: Any) -> list[str]:
    """The kinds that an object may be: those that it is valid as, and of them those that know most of its fields."""
    first = value[0] if isinstance(value, list) and value else value
    if not isinstance(first, dict):
        return []
    known = {
        kind: len(first.keys() & set(struct.__struct_encode_fields__))
        for kind in sorted(kinds)
        if not findings(first, struct := struct_of(source, kind))
    }
    return [kind for kind, count in known.items() if count == max(known.values())]


def _convert(kind: str, value: Any, source: str, target: str, facts: Facts, *, patch: bool) -> Bridged:
    """One object, or each of a list; paths of losses begin with their index then."""
    values = value if isinstance(value, list) else [value]
    results: list[Any] = []
    losses: list[Loss] = []
    for at, each in enumerate(values):
        place = f"[{at}]" if isinstance(value, list) else ""
        try:
            result = bridge(kind, each, source, target, facts, partial=patch)
        except CanNotBridge as error:
            hint = f"; give it with {_HINTS[error.fact]}" if error.fact in _HINTS else ""
            raise CanNotBridge(f"{place}{': ' if place else ''}{error}{hint}") from None
        results.append(result.value)
        losses += (Loss(one.version, f"{place}.{one.path}".removeprefix("."), one.why) for one in result.losses)
    return Bridged(results if isinstance(value, list) else results[0], tuple(losses))


def _report(kind: str, target: str, losses: tuple[Loss, ...]) -> None:
    out = console(stderr=True)
    if not losses:
        out.print(f"{kind} in OCPI {target}: [green]nothing is lost.[/]", soft_wrap=True)
        return
    out.print(f"{kind} in OCPI {target}: [yellow]{_many(losses)}[/]", soft_wrap=True)
    table = rows("path", "why", "OCPI")
    for each in losses:
        table.add_row(plain(each.path), plain(each.why), each.version)
    out.print(table)


def _many(losses: tuple[Loss, ...]) -> str:
    return "one value is lost" if len(losses) == 1 else f"{len(losses)} values are lost"
