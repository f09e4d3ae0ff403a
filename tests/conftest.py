"""For all tests: Hypothesis tries the same examples on every run, and no slow machine fails one."""

from hypothesis import HealthCheck, settings

settings.register_profile("house", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")
