"""A simulated CPO and eMSP, connected to each other without a hub."""

import pytest

from hub.core.party import PartyRole
from hub.sim import SimCpo, SimEmsp


@pytest.fixture
def told():
    """What the platforms told their observer."""
    return []


@pytest.fixture
async def cpo(told):
    async with SimCpo("Voltvallei", [PartyRole.parse("NL-VOL:CPO")], observe=told.append) as platform:
        yield platform


@pytest.fixture
async def emsp(told):
    async with SimEmsp("Emobil", [PartyRole.parse("DE-EMO:EMSP")], observe=told.append) as platform:
        yield platform


@pytest.fixture
async def connected(cpo, emsp):
    """The eMSP registered at the CPO."""
    await emsp.register(cpo.versions_url, cpo.invite())
    return cpo, emsp
