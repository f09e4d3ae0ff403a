"""Two processes never work on one data folder."""

import subprocess
import sys

import pytest

from hub.store.errors import StoreLocked
from hub.store.lock import FolderLock

_HOLD = """
import sys
from pathlib import Path
from hub.store.lock import FolderLock
FolderLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_another_process_is_named_and_its_death_frees_the_lock(tmp_path):
    path = tmp_path / "hub.lock"
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreLocked, match=f"process id {holder.pid}") as raised:
            FolderLock(path).acquire()
        assert raised.value.pid == holder.pid
        holder.kill()

    lock = FolderLock(path)
    lock.acquire()
    lock.release()


def test_release_lets_the_next_one_in(tmp_path):
    path = tmp_path / "hub.lock"
    first, second = FolderLock(path), FolderLock(path)
    first.acquire()
    with pytest.raises(StoreLocked):
        second.acquire()
    first.release()
    first.release()
    second.acquire()
    second.release()


def test_a_holder_that_has_not_said_who_it_is(tmp_path):
    path = tmp_path / "hub.lock"
    lock = FolderLock(path)
    lock.acquire()
    path.write_text("")
    with pytest.raises(StoreLocked, match="another hub") as raised:
        FolderLock(path).acquire()
    lock.release()
    assert raised.value.pid is None


def test_the_lock_file_is_for_the_owner_alone(tmp_path):
    path = tmp_path / "hub.lock"
    lock = FolderLock(path)
    lock.acquire()
    lock.release()
    assert path.stat().st_mode & 0o777 == 0o600
