"""Canaries: secrets that are recognised in whatever form they come out, and where it was."""

import base64
import json
import re
import secrets
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.fault.process import ROOT

_DRIVER = """
import json, sys
from click.testing import CliRunner
from hub.cli import main
told = []
typed, commands = json.load(sys.stdin)
for words in commands:
    result = CliRunner().invoke(main, words, input=typed)
    told.append([result.exit_code, result.output + result.stderr + repr(result.exception)])
print(json.dumps(told))
"""


class Canaries:
    """All secrets of a test. `new` ones are those that it makes itself, `learnt` ones those that the hub made."""

    def __init__(self) -> None:
        self._forms: dict[bytes, str] = {}
        self.names: set[str] = set()

    def new(self, name: str) -> str:
        """A secret that nobody else has."""
        return self.learnt(name, f"canary-{secrets.token_hex(16)}")

    def learnt(self, name: str, secret: str | bytes) -> Any:
        """A secret to watch out for from now on."""
        raw = secret.encode() if isinstance(secret, str) else secret
        assert len(raw) >= 16, name
        self.names.add(name)
        for form, written in _forms(raw):
            self._forms[written] = f"{name} ({form})"
        return secret

    def find(self, data: bytes, where: str) -> list[str]:
        """Which canaries are in the data, and where."""
        found = []
        for written, name in self._forms.items():
            if (at := data.find(written)) >= 0:
                around = data[max(0, at - 60) : at + len(written) + 30]
                found.append(f"{name} in {where}: {around!r}")
        return found

    def search(self, places: Iterable[tuple[str, bytes]]) -> list[str]:
        """The same for many places."""
        return [each for where, data in places for each in self.find(data, where)]


def _forms(raw: bytes) -> list[tuple[str, bytes]]:
    """Raw and hex, and Base64 wherever in a longer text it stands, of both alphabets."""
    found = [("raw", raw), ("hex", raw.hex().encode()), ("HEX", raw.hex().upper().encode())]
    for before in range(3):
        inner = base64.b64encode(b"\0" * before + raw)
        start = (before * 8 + 5) // 6
        inner = inner[start : len(inner.rstrip(b"=")) - (1 if (before + len(raw)) % 3 else 0)]
        found += [("base64", inner), ("base64url", inner.translate(bytes.maketrans(b"+/", b"-_")))]
    return found


def run_commands(folder: Path, commands: list[list[str]], typed: str = "") -> list[tuple[str, int, bytes]]:
    """What commands of `ocpi-hub` print, one after the other in one process: the words, the exit status, the output.

    `typed` is what stands on the standard input of each.
    """
    done = subprocess.run(
        [sys.executable, "-c", _DRIVER],
        input=json.dumps([typed, commands]),
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    told = json.loads(done.stdout)
    return [(" ".join(words), code, text.encode()) for words, (code, text) in zip(commands, told, strict=True)]


def links(page: str) -> set[str]:
    """Where a page leads on this site."""
    found = re.findall(r'(?:href|src|action)="(/[^"#]*)', page)
    return {each.replace("&amp;", "&") for each in found}
