"""For all tests: Hypothesis tries the same examples on every run, no slow machine fails one, and figures are kept."""

import asyncio
import gc
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog
from hypothesis import HealthCheck, settings

from hub.store.database import Database
from hub.store.migrations import upgrade
from tests.postgresql import HOW_TO_GET_IT, cluster, programs
from tests.promises import PROMISES, Proof, figures_of

settings.register_profile("house", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")
# A hub in the process of a test has not set up its log. Rich would draw all that the frames of a traceback hold: that
# takes seconds, in which the hub answers nobody.
structlog.dev.ConsoleRenderer.get_active().exception_formatter = structlog.dev.plain_traceback


@pytest.fixture(autouse=True, scope="module")
def keep_out_of_collections():
    """What pytest keeps of thousands of tests need not be looked through when a hub collects, as after a reload.

    That takes seconds in the end, in which the hub of a test answers nobody.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture
def proof(request, record_property):
    """Where a test writes the figures of the promise down that it is marked with."""
    return Proof(request.node.get_closest_marker("promise").args[0], record_property)


@pytest.fixture(scope="session")
def postgresql():
    """A PostgreSQL server of this process; where it is not installed a test is skipped, and fails where CI is set."""
    if programs() is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(HOW_TO_GET_IT)
    with cluster() as server:
        with ThreadPoolExecutor(1) as thread:  # this one's loop may be at work already
            thread.submit(asyncio.run, _migrate(server.template)).result()
        yield server


async def _migrate(url):
    database = await Database.open(url)
    await upgrade(database)
    await database.close()


def pytest_terminal_summary(terminalreporter):
    """Each run that proved promises says which, and with how many figures."""
    figures = figures_of([*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")])
    if not figures:
        return
    terminalreporter.section("promises: `python -m tests.fault` prints their figures")
    for promise in sorted({each.promise for each in figures}):
        mine = [each for each in figures if each.promise == promise]
        broken = [f"{each.what}: {each.figure:,} is not {each.bound}" for each in mine if not each.held]
        words = "; ".join(broken) or f"{len(mine)} figures within their bounds"
        terminalreporter.write_line(f"{promise:3} {PROMISES[promise]}: {words}")
