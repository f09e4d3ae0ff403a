"""`python -m tests.fuzz [TARGET] [--seconds N]`: look for input that breaks the hub's readers, guided by coverage.

Needs atheris, which the tests do not: `pip install atheris`. What is found is written into tests/fuzz/crashers, where a
test replays it from then on.
"""

import argparse
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

CRASHERS = Path(__file__).with_name("crashers")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", nargs="?", help="one of headers, path, link, bodies ...; all in turn without one")
    parser.add_argument("--seconds", type=int, default=180, help="for each target")
    given = parser.parse_args()
    if find_spec("atheris") is None:
        print("atheris is not installed: pip install atheris (it needs clang on some systems)", file=sys.stderr)
        return 2
    if given.target:
        _fuzz(given.target, given.seconds)
    from tests.fuzz.targets import TARGETS

    # Each in a process of its own: libFuzzer ends it.
    command = sys.executable, "-m", "tests.fuzz", "--seconds", str(given.seconds)
    failed = [name for name in TARGETS if subprocess.run([*command, name], check=False).returncode]
    print(f"found something: {', '.join(failed)}" if failed else f"{len(TARGETS)} targets, nothing found")
    return 1 if failed else 0


def _fuzz(name: str, seconds: int) -> None:
    import atheris

    with atheris.instrument_imports(include=["hub"]):
        from tests.fuzz.targets import TARGETS

    if name not in TARGETS:
        sys.exit(f"there is no target {name}; there are {', '.join(TARGETS)}")
    target = TARGETS[name]
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(target.seeds()):
            (Path(corpus) / str(number)).write_bytes(seed)
        options = f"-max_total_time={seconds}", "-timeout=5", "-max_len=8192", "-verbosity=0", "-print_final_stats=1"
        atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={CRASHERS}/{name}-", corpus], target.run)
        atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
