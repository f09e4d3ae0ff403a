"""Ports for what is stopped and started again on the same one, while other tests run beside."""

import socket
from random import SystemRandom

_BELOW = range(10_000, 30_000)
"""No system hands these out by itself: nobody else gets one while its owner is down."""


def free_port() -> int:
    """A port that nothing listens on right now."""
    while True:
        port = SystemRandom().choice(_BELOW)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
