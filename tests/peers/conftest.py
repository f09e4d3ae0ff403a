"""The foreign platforms, each in one process for all tests, and a hub for each test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.peers.extrawest import EXTRAWEST
from tests.peers.network import Network, Processes, opened
from tests.peers.peer import Package, Process, Role, Version
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
def processes(tmp_path_factory, chain) -> Iterator[Processes]:
    """The process of a package, role and version, started by the first who asks; a skip where that is impossible."""
    started: dict[tuple[str, Role, Version], Process] = {}
    missing: dict[str, str] = {}  # to try again for each test would take minutes
    folder = tmp_path_factory.mktemp("peers")

    def process(package: Package, role: Role, version: Version = "2.2.1") -> Process:
        key = package.name, role, version
        if package.name not in missing and key not in started:
            try:
                started[key] = Process(package, role, folder, chain, version)
            except PeerUnavailable as error:
                missing[package.name] = str(error)
        if package.name in missing:
            pytest.skip(missing[package.name])
        return started[key]

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
