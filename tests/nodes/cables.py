"""A network namespace for each node, with two cables: one leads to partners, and one to the database.

The second can be pulled out: nothing gets through any more, and neither end is told. Needs root, and `ip` of iproute2.
"""

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from random import SystemRandom

import pytest

NEEDS = "network namespaces need root, and ip (apt-get install iproute2)"


class Cables:
    """`partners` and `database` are this machine's addresses in the two networks."""

    def __init__(self) -> None:
        self._id = secrets.token_hex(3)
        first = SystemRandom().randrange(0, 254, 2)
        self._networks = {kind: f"10.{first + place}.{first}" for place, kind in enumerate("pd")}
        self.partners, self.database = (f"{self._networks[kind]}.254" for kind in "pd")

    @property
    def network(self) -> str:
        """That of the database."""
        return f"{self._networks['d']}.0/24"

    def lay(self, count: int, stack: ExitStack) -> None:
        """Switches, and cables from each to every node."""
        for kind, network in self._networks.items():
            ip("link", "add", self._switch(kind), "type", "bridge")
            stack.callback(ip, "link", "del", self._switch(kind))
            ip("address", "add", f"{network}.254/24", "dev", self._switch(kind))
            ip("link", "set", "dev", self._switch(kind), "up")
        for place in range(count):
            namespace = self.at(place)[0]
            ip("netns", "add", namespace)
            stack.callback(ip, "netns", "del", namespace)
            ip("-n", namespace, "link", "set", "lo", "up")
            for kind, network in self._networks.items():
                end = self._end(kind, place)
                ip("link", "add", end, "type", "veth", "peer", "name", kind, "netns", namespace)
                ip("link", "set", "dev", end, "master", self._switch(kind), "up")
                ip("-n", namespace, "address", "add", f"{network}.{place + 1}/24", "dev", kind)
                ip("-n", namespace, "link", "set", "dev", kind, "up")

    def at(self, place: int) -> tuple[str, str]:
        """A node's namespace, and its address for partners."""
        return f"n{self._id}{place}", f"{self._networks['p']}.{place + 1}"

    def pull_out(self, place: int) -> None:
        """A node's cable to the database is not in its switch any more."""
        ip("link", "set", "dev", self._end("d", place), "nomaster")

    def plug_in(self, place: int) -> None:
        """It is again."""
        ip("link", "set", "dev", self._end("d", place), "master", self._switch("d"))

    def _switch(self, kind: str) -> str:
        return f"s{self._id}{kind}"

    def _end(self, kind: str, place: int) -> str:
        return f"e{self._id}{kind}{place}"


@contextmanager
def cables(count: int) -> Iterator[Cables]:
    """Networks for so many nodes. The test is skipped where there can be none."""
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip(NEEDS)
    made = Cables()
    with ExitStack() as stack:
        made.lay(count, stack)
        yield made


def ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, (arguments, done.stderr)
