"""For all tests: Hypothesis tries the same examples on every run, no slow machine fails one, and figures are kept."""

import pytest
from hypothesis import HealthCheck, settings

from tests.promises import Proof

settings.register_profile("house", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.fixture
def proof(request, record_property):
    """Where a test writes the figures of the promise down that it is marked with."""
    return Proof(request.node.get_closest_marker("promise").args[0], record_property)
