"""What is left of a path for people. The rest of hiding: tests/test_log.py."""

import pytest

from hub.core.hiding import hide_in_path


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/ocpi/2.2.1/sender/locations", "/ocpi/2.2.1/sender/locations"),
        ("/ocpi/versions?token=secret", "/ocpi/versions"),
        ("/ocpi/versions#secret?x", "/ocpi/versions"),
        ("http://user:secret@hub/ocpi/versions", "http://hub/ocpi/versions"),
        ("http://a@b@hub/ocpi", "http://hub/ocpi"),
        ("/ocpi/a@b/c", "/ocpi/a@b/c"),
        (f"/x/{'a' * 36}/y", f"/x/{'a' * 36}/y"),
        (f"/x/{'a' * 37}/y", "/x/aaaaaaaa…/y"),
        ("b" * 500, "bbbbbbbb…"),
        ("", ""),
    ],
)
def test_a_path_for_people(target, shown):
    assert hide_in_path(target) == shown
