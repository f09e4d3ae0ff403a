"""What holds for the whole process of a hub."""

import subprocess
import sys

import pytest

_HOLES = """
import asyncio
from hub.cli import serving

def taken():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

async def main():
    # Of ten pieces nine are freed; none of them is at the end.
    kept = [bytes(2000) for _ in range(50_000)]
    before = taken()
    for at in range(len(kept)):
        if at % 10:
            kept[at] = None
    giving = asyncio.create_task(serving._give_memory_back())
    await asyncio.sleep(0.5)
    assert not giving.done(), giving
    giving.cancel()
    print(before - taken())

serving.prepare()
serving._GIVE_BACK = {seconds}
asyncio.run(main())
"""


_LARGE = """
from hub.cli import serving

def taken():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

if {prepared}:
    serving.prepare()
holes = [bytes(1000) for _ in range(20_000)]  # filled: what is small comes to stand behind what is large
len(b"x" * 4_000_000)  # from now on, glibc would put all that are smaller among the small ones
large, small = [], []
for _ in range(60):
    large.append(b"x" * 1_200_000)
    small.append(bytes(1000))
before = taken()
large.clear()
print(before - taken())
"""


def given_back(seconds: float) -> int:
    """Bytes that a process has less when it freed most of 100 MB, and looks for what is free so often."""
    return told(_HOLES.format(seconds=seconds))


def told(program: str) -> int:
    """The number that a program prints."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems give memory back by themselves")


@needs_linux
def test_what_is_free_between_what_is_in_use_goes_back_to_the_system():
    assert given_back(60) < 10 * 2**20
    assert given_back(0.1) > 40 * 2**20


@needs_linux
def test_large_pieces_stand_apart_from_small_ones():
    assert told(_LARGE.format(prepared=False)) < 10 * 2**20
    assert told(_LARGE.format(prepared=True)) > 60 * 2**20
