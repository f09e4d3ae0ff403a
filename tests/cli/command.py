"""Runs `ocpi-hub` as people do: a process of its own, beside the hub in `folder`."""

import asyncio
import os
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PATIENCE = 20.0


class Done(NamedTuple):
    """How a command ended, and what it wrote."""

    status: int
    out: str
    err: str


async def ocpi_hub(folder: Path, *words: str, stdin: str = "") -> Done:
    """One command, with the configuration that `tests.support.config` has by default."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OCPI_HUB_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub", *words,
        cwd=folder, env={**kept, "PYTHONPATH": str(ROOT), "OCPI_HUB__HUB__PARTY": "NL-HUB"},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate(stdin.encode())
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())
