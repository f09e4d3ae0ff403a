"""The foreign platforms, each in one process for all tests, and a hub for each test."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.peers.extrawest import EXTRAWEST
from tests.peers.network import Network, opened
from tests.peers.peer import Package, Process, Role
from tests.peers.pyocpi import PY_OCPI
from tests.peers.tls import certify
from tests.peers.venvs import PeerUnavailable


@pytest.fixture(scope="session")
def chain(tmp_path_factory) -> Path:
    """The certificate of all peers that are served with TLS, and its key."""
    path = tmp_path_factory.mktemp("tls") / "peers.pem"
    certify(path)
    return path


@pytest.fixture(scope="session")
def processes(tmp_path_factory, chain) -> Iterator[Callable[[Package, Role], Process]]:
    """The process of a package and role, started by the first who asks; a skip where it can not be installed."""
    started: dict[tuple[str, Role], Process] = {}
    missing: dict[str, str] = {}  # to try again for each test would take minutes
    folder = tmp_path_factory.mktemp("peers")

    def process(package: Package, role: Role) -> Process:
        if package.name not in missing and (package.name, role) not in started:
            try:
                started[package.name, role] = Process(package, role, folder, chain)
            except PeerUnavailable as error:
                missing[package.name] = str(error)
        if package.name in missing:
            pytest.skip(missing[package.name])
        return started[package.name, role]

    yield process
    for each in started.values():
        each.stop()


@pytest.fixture(params=[EXTRAWEST, PY_OCPI], ids=repr)
def package(request) -> Package:
    return request.param


@pytest.fixture
async def network(tmp_path, chain, processes) -> AsyncIterator[Network]:
    """A hub with nobody yet."""
    async with opened(tmp_path, chain, processes) as network:
        yield network
