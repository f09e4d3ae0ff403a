"""Every test of the whole hub runs on SQLite and on PostgreSQL."""

import pytest

from tests.postgresql import databases


@pytest.fixture(params=["sqlite", "postgresql"], scope="module", autouse=True)
def kind(request):
    """Decides for the hubs that tests.support makes. What makes one for a whole file has to ask for it."""
    if request.param == "sqlite":
        yield request.param
        return
    with databases.on(request.getfixturevalue("postgresql")):
        yield request.param


@pytest.fixture(autouse=True)
def _emptied(kind, tmp_path):
    """The databases of one test are there for the next one."""
    yield
    if kind == "postgresql":
        databases.release(tmp_path)
