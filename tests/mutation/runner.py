"""Tries mutants: each in a process of its own, which loads the changed module and runs the tests that cover it.

The change lives in memory alone: no file of the project is written. A mutant is killed when a test fails, or does
not end.
"""

import gc
import os
import resource
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType

from tests.mutation.mutants import Mutant

ROOT = Path(__file__).parents[2]
PRELOADED = (
    "aiohttp", "aiosqlite", "alembic", "cryptography.fernet", "hypothesis.strategies", "pytest",
    "pytest_aiohttp.plugin", "pytest_asyncio.plugin", "pytest_timeout", "sqlalchemy.ext.asyncio", "structlog",
)  # fmt: skip
OPTIONS = (
    "-x", "-q", "--assert=plain", "--hypothesis-profile=mutation",
    "-pno:anyio", "-pno:cacheprovider", "-pno:schemathesis", "-pno:xdist", "-pno:xdist.looponfail",
)  # fmt: skip
SECONDS = 90
"""Of processor time, until a mutant counts as one that does not end. Those that wait meet the time limit of pytest."""
FORK = get_context("fork")


class _Changed(MetaPathFinder, Loader):
    """Finds and loads one module from changed source."""

    def __init__(self, module: str, source: str) -> None:
        self._module = module
        self._source = source

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return spec_from_loader(fullname, self) if fullname == self._module else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._source, f"<mutant of {self._module}>", "exec"), module.__dict__)


def prepare() -> None:
    """Load what every mutant's process needs, and nothing of the hub. The tests have their short sizes."""
    os.chdir(ROOT)
    for name in ("OCPI_HUB_LONG", "PYTEST_ADDOPTS"):
        os.environ.pop(name, None)
    for name in PRELOADED:
        import_module(name)
    gc.freeze()  # what is loaded by now need not be looked through at the end of each process


def check(tests: Sequence[str]) -> None:
    """Run the tests without a change. RuntimeError where they fail."""
    process = _start(None, tests)
    process.join()
    if process.exitcode:
        raise RuntimeError(f"these tests fail without any mutant: {' '.join(tests)}")


def survivors(mutants: Iterable[Mutant], tests: Sequence[str], parallel: int) -> Iterator[Mutant]:
    """Those that no test notices."""
    waiting = iter(mutants)
    running: dict[int, tuple[BaseProcess, Mutant]] = {}
    while True:
        while len(running) < parallel and (mutant := next(waiting, None)):
            process = _start(mutant, tests)
            running[process.sentinel] = process, mutant
        if not running:
            return
        for sentinel in wait(list(running)):
            process, mutant = running.pop(int(sentinel))
            process.join()
            if process.exitcode == 0:
                yield mutant


def _start(mutant: Mutant | None, tests: Sequence[str]) -> BaseProcess:
    process = FORK.Process(target=_run, args=(mutant, tests))
    process.start()
    return process


def _run(mutant: Mutant | None, tests: Sequence[str]) -> None:
    """In the new process: the exit code is that of pytest."""
    import pytest
    from hypothesis import Phase, settings

    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    if mutant is not None:
        sys.meta_path.insert(0, _Changed(mutant.module, mutant.source))
    # One failure is enough: it need not be made small.
    settings.register_profile(
        "mutation", derandomize=True, deadline=None, database=None, phases=(Phase.explicit, Phase.generate)
    )
    code = pytest.main([*OPTIONS, *tests])
    os._exit(int(code))
