"""Every test of the whole hub runs on SQLite and on PostgreSQL."""

import pytest

from tests.postgresql import databases


@pytest.fixture(params=["sqlite", "postgresql"], autouse=True)
def kind(request):
    """Decides for the hubs that tests.support makes."""
    if request.param == "sqlite":
        yield request.param
        return
    with databases.on(request.getfixturevalue("postgresql")):
        yield request.param
