"""For all tests: Hypothesis tries the same examples on every run, no slow machine fails one, and figures are kept."""

import pytest
from hypothesis import HealthCheck, settings

from tests.promises import PROMISES, Proof, figures_of

settings.register_profile("house", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.fixture
def proof(request, record_property):
    """Where a test writes the figures of the promise down that it is marked with."""
    return Proof(request.node.get_closest_marker("promise").args[0], record_property)


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
