"""Build and keep a virtual environment for a foreign package that our tests talk to.

A peer needs old versions of its dependencies, so it lives apart from ours and is reached over HTTP only.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


class PeerUnavailable(Exception):
    """The package index can not be reached, so this peer can not be installed. Never raised on CI."""


def peer_python(name: str, requirements: Sequence[str]) -> Path:
    """Give the interpreter of a virtual environment that holds exactly `requirements`; build it if need be.

    `requirements` is complete and pinned, for instance `["h11==0.14.0"]`: nothing is added to it. The environment is
    kept below `$OCPI_HUB_PEER_CACHE` (default `~/.cache/ocpi-hub-tests`), one per name, list and Python version.

    Raises PeerUnavailable when the package index can not be reached, RuntimeError for any other failure of pip,
    and RuntimeError for both when the variable CI is set: there a missing peer is a failure, not a skip.
    """
    digest = hashlib.sha256("\n".join(sorted(requirements)).encode()).hexdigest()[:12]
    cache = Path(os.environ.get("OCPI_HUB_PEER_CACHE") or Path.home() / ".cache/ocpi-hub-tests")
    folder = cache / f"{name}-{digest}-{sys.version_info.major}.{sys.version_info.minor}"
    python, ready = folder / "bin/python", folder / ".ready"
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_name(f"{folder.name}.lock")):
        # Written last: without it an earlier build was cut short.
        if not (ready.exists() and python.exists()):
            shutil.rmtree(folder, ignore_errors=True)
            _build(name, folder, requirements)
            ready.touch()
    return python


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process in at a time; a process that dies gives the lock back."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(name: str, folder: Path, requirements: Sequence[str]) -> None:
    _run(name, [sys.executable, "-m", "venv", str(folder)])
    pip = [str(folder / "bin/python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    _run(name, [*pip, "install", "--retries", "2", "--no-deps", *requirements])


def _run(name: str, command: Sequence[str]) -> None:
    # Our own interpreter's settings would otherwise reach into the new environment.
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode == 0:
        return
    tail = "\n".join(done.stdout.splitlines()[-8:])
    message = f"The environment for the peer {name!r} could not be built. The last lines of pip:\n{tail}"
    unreachable = "after connection broken by" in done.stdout or "HTTPSConnectionPool" in done.stdout
    if unreachable and not os.environ.get("CI"):
        raise PeerUnavailable(message)
    raise RuntimeError(message)
