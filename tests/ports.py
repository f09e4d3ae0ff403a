"""Ports for what is stopped and started again on the same one, while other tests run beside."""

import itertools
import os
import random
import socket

_BELOW = range(10_000, 30_000)
"""No system hands these out by itself: nobody else gets one while its owner is down."""
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_EACH = len(_BELOW) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
"""Each worker has a part of its own: what one has chosen, and not opened yet, looks free to another."""


def _shuffled() -> list[int]:
    ports = list(_BELOW[_WORKER * _EACH : (_WORKER + 1) * _EACH])
    random.SystemRandom().shuffle(ports)
    return ports


_NEXT = itertools.cycle(_shuffled())


def free_port() -> int:
    """A port that nothing listens on right now, and that this process was not given for as long as there are others."""
    while True:
        port = next(_NEXT)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
