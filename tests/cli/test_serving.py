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


def given_back(seconds: float) -> int:
    """Bytes that a process has less when it freed most of 100 MB, and looks for what is free so often."""
    done = subprocess.run(
        [sys.executable, "-c", _HOLES.format(seconds=seconds)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems give memory back by themselves")
def test_what_is_free_between_what_is_in_use_goes_back_to_the_system():
    assert given_back(60) < 10 * 2**20
    assert given_back(0.1) > 40 * 2**20
