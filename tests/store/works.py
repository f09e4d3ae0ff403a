"""What tests give to the process that writes the journal: it imports this file."""

import os
import signal
import time
from pathlib import Path

from hub.store.journal_rows import insert


def number(rows):
    """Of the process that does it."""
    return os.getpid()


def most_pages(rows, pages):
    rows.connection.execute(f"PRAGMA max_page_count = {pages}")


def pages(rows):
    return rows.connection.execute("PRAGMA page_count").fetchone()[0]


def settings(rows):
    names = "journal_mode", "synchronous", "fullfsync", "foreign_keys"
    return [rows.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]


def fail(rows):
    raise ValueError("no")


def insert_once_it_may(rows, exchanges, deliveries, captured, *, begun, go):
    insert(rows, exchanges, deliveries, captured)
    Path(begun).touch()
    while not Path(go).exists():
        time.sleep(0.005)


class Deadly:
    """Kills who sends it: when all is on disk, and nobody was told."""

    def __reduce__(self):
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def insert_and_die(rows, exchanges, deliveries, captured):
    insert(rows, exchanges, deliveries, captured)
    return Deadly()
