"""What was acknowledged is on disk, also when the process is killed in the middle of its work."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

from tests.store.kinds import only_sqlite

WRITER = Path(__file__).with_name("crashing_writer.py")


def one_life(process, first, acks):
    """Let a writer count from `first`, kill it once it acknowledged `acks` numbers, and return all that it did.

    The writer's first line may come before its parent's: both write to the same pipe.
    """
    process.stdin.write(f"{first}\n")
    process.stdin.flush()
    acknowledged, writer = [], None
    while len(acknowledged) < acks or writer is None:
        word, _, pid = process.stdout.readline().strip().partition(" ")
        if word == "writer":
            writer = int(pid)
        else:
            acknowledged.append(int(word))
    os.kill(writer, signal.SIGKILL)
    while (line := process.stdout.readline().strip()) != "dead":
        acknowledged.append(int(line))
    return acknowledged


@only_sqlite
async def test_ten_kills_lose_nothing_that_was_acknowledged(database):
    await database.close()
    acknowledged, present = set(), set()
    with subprocess.Popen(
        [sys.executable, WRITER, database.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        for life in range(10):
            acknowledged.update(one_life(process, first=life * 1000, acks=1 + life * 3))
            connection = sqlite3.connect(database.path)
            assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
            present = {key for (key,) in connection.execute("SELECT key FROM meta")}
            connection.close()
            assert {f"{number}" for number in acknowledged} <= present
            assert {f"{key} twin" for key in present if "twin" not in key} == {k for k in present if "twin" in k}
        process.stdin.close()

    assert len(acknowledged) >= sum(1 + life * 3 for life in range(10))
    assert len(present) <= 2 * (len(acknowledged) + 10)
