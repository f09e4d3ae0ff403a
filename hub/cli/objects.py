"""OCPI objects in files, for `validate` and `convert`: what a name means, and what a file holds."""

import difflib
from collections.abc import Iterable

import click
import msgspec

from hub.core.catalogue import VERSIONS
from hub.ocpi import envelope

version_choice = click.Choice(sorted(VERSIONS))
object_file = click.Path(exists=True, dir_okay=False, allow_dash=True)


class Given(msgspec.Struct, frozen=True):
    """What a file holds. `note` tells how it was read, where that is worth a word."""

    file: str
    body: bytes
    note: str = ""

    @property
    def is_list(self) -> bool:
        return self.body.startswith(b"[")


def read(path: str) -> Given:
    """The object or list in a file (`-` is standard input). The envelope of an OCPI answer is opened."""
    name = "standard input" if path == "-" else path
    with click.open_file(path, "rb") as file:
        body = file.read().strip()
    answer = envelope.receive(body)
    data = bytes(answer.data).strip() if answer else b"null"
    if answer is None or data == b"null":
        return Given(name, body)
    return Given(name, data, f"{name}: an OCPI answer (status_code {answer.status_code}), of which this is the data")


def named(name: str, kinds: Iterable[str], where: str) -> str:
    """The kind of object with this name, in any case, also as START_SESSION. UsageError lists what there is."""
    known = {_plain(kind): kind for kind in sorted(kinds)}
    if found := known.get(_plain(name)):
        return found
    likely = [known[each] for each in difflib.get_close_matches(_plain(name), known)]
    listed = ", ".join(dict.fromkeys((*likely, *known.values())))
    guess = f"; did you mean {likely[0]}?" if likely else "."
    raise click.UsageError(f"{where} has no object {name!r}{guess} It has: {listed}")


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
