"""Marks: a file that is another one has another, and one that is the same has the same."""

import os

from hub.marks import mark


def test_what_differs_where_a_file_differs(tmp_path):
    file = tmp_path / "file"
    assert mark(file) is None
    file.write_text("one")
    first = mark(file)
    assert first is not None
    assert first == mark(str(file))
    file.write_text("longer")
    assert mark(file) != first
    file.write_text("two")
    os.utime(file, ns=(0, 0))
    assert mark(file) != first
    other = tmp_path / "other"
    other.write_text("two")
    os.utime(other, ns=(0, 0))
    before = mark(file)
    other.replace(file)
    assert mark(file) != before
