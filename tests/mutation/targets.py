"""What is mutated, and the tests that have to notice: the narrowest that cover a module, the quickest first."""

ONE_VERSION = tuple(f"--deselect=tests/core/test_route.py::test_every_decision[{each}]" for each in ("2.1.1", "2.3.0"))
"""Most changes show with one version of OCPI, in a third of the time."""
TESTS = {
    # Routing
    "hub.core.route": ("tests/core/test_route_hubs.py", "tests/core/test_route.py", *ONE_VERSION),
    "hub.core.rights": ("tests/core/test_rights.py",),
    "hub.core.directory": ("tests/core/test_directory.py", "tests/core/test_route_hubs.py"),
    # Authentication
    "hub.core.headers": ("tests/core/test_headers.py",),
    "hub.partners.access": ("tests/partners/test_access.py",),
    "hub.partners.tokens": ("tests/partners/test_tokens.py",),
    "hub.partners.keys": ("tests/partners/test_keys.py",),
    # Agreements
    "hub.core.agreements": ("tests/core/test_agreements.py",),
    # SSRF guard
    "hub.upstream.guard": ("tests/upstream/test_guard.py",),
    "hub.upstream.url": ("tests/upstream/test_url.py",),
    # Breaker
    "hub.core.breaker": ("tests/core/test_breaker.py",),
    # Sealed URLs
    "hub.core.sealed": ("tests/core/test_sealed.py",),
}
