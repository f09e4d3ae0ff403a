"""C libraries that a test loads into a hub before libc: compiled by the test, as no machine is like another."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

COMPILER = shutil.which("gcc") if Path("/usr/include/stdlib.h").exists() else None

needs_compiler = pytest.mark.skipif(
    COMPILER is None and not os.environ.get("CI"), reason="no C compiler: install gcc and libc6-dev"
)


def compiled(name: str, folder: Path) -> Path:
    """The library of a C file that stands beside this one, made in `folder`."""
    assert COMPILER is not None, "no C compiler: install gcc and libc6-dev"
    library = folder / f"{name}.so"
    source = Path(__file__).with_name(f"{name}.c")
    options = ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread"]
    subprocess.run([COMPILER, *options, "-o", library, source, "-ldl"], check=True)
    return library
