"""Prices and tariffs between OCPI 2.2.1 and 2.3.0: the same money, or none."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.bridge import CanNotBridge, convert

Told = tuple[Any, list[str]]

VAT = {"name": "VAT", "amount": 1.2}
LIMITS = {"before_taxes": 1, "after_taxes": 1.21}


def up(price: Any) -> Told:
    """A total_cost of 2.2.1 in 2.3.0."""
    return _cost(price, "2.2.1", "2.3.0")


def down(price: Any) -> Told:
    return _cost(price, "2.3.0", "2.2.1")


def _cost(price: Any, source: str, target: str) -> Told:
    told = convert("Session", {"total_cost": price}, source, target)
    return told.value.get("total_cost"), [loss.path.removeprefix("total_cost.") for loss in told.losses]


def tariff_down(included: str, *components: Any, **more: Any) -> Told:
    """The first element's price components of a tariff of 2.3.0 in 2.2.1."""
    tariff = {"tax_included": included, "elements": [{"price_components": list(components)}]} | more
    told = convert("Tariff", tariff, "2.3.0", "2.2.1")
    assert "tax_included" not in told.value
    return told.value["elements"][0]["price_components"], [loss.path for loss in told.losses]


def test_what_vat_adds_is_a_tax() -> None:
    # In binary, 7.2 - 6 is 1.2000000000000002.
    assert up({"excl_vat": 6, "incl_vat": 7.2}) == ({"before_taxes": 6, "taxes": [VAT]}, [])
    assert down({"before_taxes": 6, "taxes": [VAT]}) == ({"excl_vat": 6, "incl_vat": 7.2}, [])


def test_no_vat_is_not_a_vat_of_nothing() -> None:
    assert up({"excl_vat": 6}) == ({"before_taxes": 6}, [])
    assert up({"excl_vat": 6, "incl_vat": 6}) == ({"before_taxes": 6, "taxes": [{"name": "VAT", "amount": 0}]}, [])
    assert down({"before_taxes": 6}) == ({"excl_vat": 6}, [])
    assert down({"before_taxes": 6, "taxes": []}) == ({"excl_vat": 6}, [])


def test_null_stays_null() -> None:
    assert up(None) == (None, [])
    assert up({"excl_vat": 6, "incl_vat": None}) == ({"before_taxes": 6, "taxes": None}, [])
    assert down({"before_taxes": 6, "taxes": None}) == ({"excl_vat": 6, "incl_vat": None}, [])


def test_a_credit_note_has_taxes_below_zero() -> None:
    assert up({"excl_vat": -6, "incl_vat": -7.2})[0] == {"before_taxes": -6, "taxes": [{"name": "VAT", "amount": -1.2}]}


def test_2_2_1_has_no_place_for_what_else_is_said_of_a_tax() -> None:
    taxes = [{"name": "GST", "amount": 0.3, "percentage": 5, "account_number": "12 RT", "note": None}]
    assert down({"before_taxes": 6, "taxes": taxes}) == (
        {"excl_vat": 6, "incl_vat": 6.3},
        ["taxes[0].name", "taxes[0].percentage", "taxes[0].account_number"],
    )


def test_several_taxes_are_one_sum() -> None:
    taxes = [{"name": "GST", "amount": 0.3}, {"name": "QST", "amount": 0.5985}]
    assert down({"before_taxes": 6, "taxes": taxes}) == ({"excl_vat": 6, "incl_vat": 6.8985}, ["taxes"])


@pytest.mark.parametrize(
    "taxes", [[VAT, {"name": "City tax"}], [VAT, {"amount": "0.10"}], [VAT, 0.1], 1.2, VAT, [{"amount": True}]]
)
def test_a_tax_that_is_no_number_makes_no_wrong_sum(taxes: Any) -> None:
    assert down({"before_taxes": 6, "taxes": taxes}) == ({"excl_vat": 6}, ["taxes"])


@pytest.mark.parametrize("sum_", ["7.2", 10**400, float("inf"), float("nan"), [], {}])
def test_a_sum_that_is_no_number_makes_no_tax(sum_: Any) -> None:
    assert up({"excl_vat": 6, "incl_vat": sum_})[0] == {"before_taxes": 6}
    assert up({"excl_vat": sum_, "incl_vat": 7.2})[1] == ["incl_vat"]


def test_a_field_that_the_version_does_not_know_is_no_price() -> None:
    assert down({"before_taxes": 6, "excl_vat": 5}) == ({"excl_vat": 6}, ["excl_vat"])
    assert down({"excl_vat": 5, "before_taxes": 6}) == ({"excl_vat": 6}, ["excl_vat"])
    assert up({"excl_vat": 6, "incl_vat": 7.2, "taxes": []}) == ({"before_taxes": 6, "taxes": [VAT]}, [])
    assert up({"excl_vat": 6, "incl_vat": 7.2, "taxes": [{}]})[1] == ["taxes"]


def test_a_tariff_of_2_2_1_is_without_taxes() -> None:
    tariff = {"elements": [{"price_components": [{"type": "ENERGY", "price": 0.25, "vat": 20, "step_size": 1}]}]}
    limits = {"min_price": {"excl_vat": 1, "incl_vat": 1.21}, "max_price": {"excl_vat": 50}}
    told = convert("Tariff", tariff | limits, "2.2.1", "2.3.0")
    assert told.value == tariff | {"tax_included": "NO", "min_price": LIMITS, "max_price": {"before_taxes": 50}}
    assert told.losses == ()
    assert convert("Tariff", told.value, "2.3.0", "2.2.1").value == tariff | limits


def test_what_a_tariff_says_of_its_taxes_is_not_taken_from_a_field_that_2_2_1_does_not_know() -> None:
    told = convert("Tariff", {"tax_included": "YES"}, "2.2.1", "2.3.0")
    assert told.value == {"tax_included": "NO"}
    assert [loss.path for loss in told.losses] == ["tax_included"]


def test_prices_with_taxes_are_reckoned_without() -> None:
    told, losses = tariff_down("YES", {"type": "ENERGY", "price": 0.3, "vat": 20}, {"type": "TIME", "price": 0})
    assert told == [{"type": "ENERGY", "price": 0.25, "vat": 20}, {"type": "TIME", "price": 0}]
    assert losses == ["tax_included"]


def test_a_price_that_had_to_be_rounded_is_named() -> None:
    told, losses = tariff_down("YES", {"price": 0.49, "vat": 21}, min_price=LIMITS)
    assert told == [{"price": 0.405, "vat": 21}]
    assert losses == ["elements[0].price_components[0].price", "tax_included"]


@pytest.mark.parametrize("vat", [{}, {"vat": None}, {"vat": "20"}, {"vat": -100}])
def test_prices_with_taxes_nobody_knows_are_not_told(vat: Any) -> None:
    # The second example of 2.3.0 for taxes as in North America is one of these.
    with pytest.raises(
        CanNotBridge, match=r"elements\[0\].price_components\[1\] has a price with taxes: without its vat"
    ):
        tariff_down("YES", {"price": 0.3, "vat": 20}, {"price": 2.1} | vat)


def test_prices_where_there_are_no_taxes_stay() -> None:
    assert tariff_down("N/A", {"price": 0.3}, {"price": 1, "vat": 0}) == (
        [{"price": 0.3}, {"price": 1, "vat": 0}],
        ["tax_included"],
    )
    with pytest.raises(CanNotBridge, match="has a vat, though"):
        tariff_down("N/A", {"price": 0.3, "vat": 20})


@pytest.mark.parametrize("included", ["yes", None, 1, []])
def test_prices_of_which_nobody_knows_whether_taxes_are_in_them_are_not_told(included: Any) -> None:
    with pytest.raises(CanNotBridge, match="tax_included does not say"):
        tariff_down(included, {"price": 0.3, "vat": 20})


@pytest.mark.parametrize(
    "elements", [None, {}, [1], [{}], [{"price_components": {"price": 1, "vat": 20}}], [{"price_components": [0.3]}]]
)
def test_a_price_with_taxes_does_not_slip_through_in_another_form(elements: Any) -> None:
    with pytest.raises(CanNotBridge, match="is no list of objects"):
        convert("Tariff", {"tax_included": "YES", "elements": elements}, "2.3.0", "2.2.1")


def test_a_cdr_goes_without_a_tariff_that_can_not_be_told() -> None:
    fine, hard = ({"tax_included": each, "elements": [{"price_components": [{"price": 1}]}]} for each in ("NO", "YES"))
    told = convert("CDR", {"total_cost": {"before_taxes": 6}, "tariffs": [hard, fine]}, "2.3.0", "2.2.1")
    assert told.value == {"total_cost": {"excl_vat": 6}, "tariffs": [{"elements": fine["elements"]}]}
    assert [loss.path for loss in told.losses] == ["tariffs[0]"]


def test_what_a_booking_costs_is_not_what_a_session_costs() -> None:
    charging = {"price_components": [{"price": 1}], "restrictions": {"booking": None, "min_kwh": 1}}
    booking = {"price_components": [{"price": 2}], "restrictions": {"booking": "BOOKING_OVERTIME"}}
    tariff = {"tax_included": "NO", "preauthorize_amount": 50, "elements": [booking, charging]}
    told = convert("Tariff", tariff, "2.3.0", "2.2.1")
    assert told.value == {"elements": [charging | {"restrictions": {"min_kwh": 1}}]}
    assert [loss.path for loss in told.losses] == ["preauthorize_amount", "elements[0]"]
    with pytest.raises(CanNotBridge, match="none of its elements can be told"):
        convert("Tariff", tariff | {"elements": [booking]}, "2.3.0", "2.2.1")


def test_prices_of_bookings_are_left_out_before_any_is_reckoned() -> None:
    booking = {"price_components": [{"price": 2.1}], "restrictions": {"booking": "BOOKING"}}
    charging = {"price_components": [{"price": 0.3, "vat": 20}]}
    told = convert("Tariff", {"tax_included": "YES", "elements": [booking, charging]}, "2.3.0", "2.2.1")
    assert told.value == {"elements": [{"price_components": [{"price": 0.25, "vat": 20}]}]}
    assert [loss.path for loss in told.losses] == ["tax_included", "elements[0]"]


@settings(max_examples=200)
@given(cents=st.integers(0, 10**9), vat=st.integers(0, 10_000))
def test_a_price_without_its_tax_is_the_same_money(cents: int, vat: int) -> None:
    price, percentage = cents / 10_000, vat / 100
    (told,), losses = tariff_down("YES", {"price": price, "vat": percentage})
    share = 1 + Decimal(str(percentage)) / 100
    off = abs(Decimal(str(told["price"])) * share - Decimal(str(price)))
    assert off <= Decimal("0.00005") * share
    assert (off == 0) == (losses == ["tax_included"])


@settings(max_examples=200)
@given(without=st.integers(-(10**12), 10**12), tax=st.integers(-(10**9), 10**9))
def test_sums_are_exact(without: int, tax: int) -> None:
    price = {"excl_vat": without / 10_000, "incl_vat": (without + tax) / 10_000}
    told, _ = up(price)
    assert told["taxes"][0]["amount"] == tax / 10_000
    assert down(told) == (price, [])
