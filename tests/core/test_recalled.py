"""Answers that are kept are bounded by their weight."""

from hub.core.recalled import Recalled


def test_what_is_kept_is_given_back():
    recalled: Recalled[str] = Recalled(10)
    assert recalled.of("one") is None
    assert recalled.keep("one", "1") == "1"
    assert recalled.of("one") == "1"


def test_it_never_weighs_more_than_it_may():
    recalled: Recalled[int] = Recalled(10)
    for number in range(1000):
        recalled.keep(number, number, weight=3)
        assert len(recalled) <= 3
        assert recalled.of(number) == number


def test_what_is_heavier_than_all_may_be_is_not_kept_and_drives_nothing_out():
    recalled: Recalled[str] = Recalled(10)
    recalled.keep("light", "light")
    assert recalled.keep("heavy", "heavy", weight=11) == "heavy"
    assert (recalled.of("heavy"), recalled.of("light")) == (None, "light")
