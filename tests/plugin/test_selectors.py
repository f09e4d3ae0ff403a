"""Selectors mean some operations of the catalogue, or say what is wrong with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.catalogue import CATALOGUE
from hub.core.modules import Interface
from hub.plugin.selectors import select

ALL = frozenset(CATALOGUE.operations())


@pytest.mark.parametrize(
    ("selector", "meant"),
    [
        ("*", lambda row: True),
        ("locations", lambda row: row.module == "locations"),
        ("tokens.post", lambda row: row.module == "tokens" and row.method == "POST"),
        ("Tokens.POST", lambda row: row.module == "tokens" and row.method == "POST"),
        ("*.delete", lambda row: row.method == "DELETE"),
        ("*.sender", lambda row: row.interface is Interface.SENDER),
        ("locations.receiver", lambda row: row.module == "locations" and row.interface is Interface.RECEIVER),
        ("tokens.receiver.put", lambda row: row.module == "tokens" and row.method == "PUT"),
        ("tokens.put.receiver", lambda row: row.module == "tokens" and row.method == "PUT"),
    ],
)
def test_what_a_selector_means(selector, meant):
    expected = {row for row in ALL if meant(row)}
    assert expected
    assert select(selector, CATALOGUE) == expected


def test_pushes_leave_out_what_reads():
    assert select("*", CATALOGUE, pushes=True) == {row for row in ALL if row.is_push}


@pytest.mark.parametrize(
    ("selector", "says"),
    [
        ("token", "there is no module 'token'; did you mean 'tokens'?"),
        ("credentials", "there is no module 'credentials'"),
        ("", "there is no module ''"),
        ("tokens.psot", "'psot' is no method or interface; did you mean 'post'?"),
        ("tokens.", "'' is no method or interface"),
        ("cdrs.put", "cdrs has no put here"),
        ("tokens.sender.put", "tokens has no put here"),
        ("cdrs.receiver.put", "cdrs has no put here"),
    ],
)
def test_what_is_wrong_with_a_selector(selector, says):
    with pytest.raises(ValueError, match="selector ") as caught:
        select(selector, CATALOGUE)
    assert says in str(caught.value)


def test_a_push_is_not_a_get():
    with pytest.raises(ValueError, match="a push is a POST, PUT, PATCH or DELETE"):
        select("locations.get", CATALOGUE, pushes=True)


@given(st.text(alphabet="*.abcdegklmnoprstuv", max_size=24))
def test_any_text_means_something_or_is_refused(text):
    try:
        meant = select(text, CATALOGUE)
    except ValueError:
        return
    assert meant
