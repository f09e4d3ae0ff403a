"""Prices of OCPI 2.3.0 told in 2.2.1, where they are without VAT. What would be other money is not told at all."""

from decimal import Decimal
from functools import partial
from typing import Any

from hub.bridge.money import amount, with_tax, without_tax
from hub.bridge.rules import ABSENT, Build, Drop, Facts, Json, Lose, Lost, Move, Partly, Table, Within
from hub.bridge.v2_2_1_up import VAT

down = partial(Table, source="2.3.0", target="2.2.1")
"""A table from 2.3.0 to 2.2.1."""


def without_taxes(tariff: Json, lose: Lose) -> Json:
    """The same tariff with prices as 2.2.1 has them, and without `tax_included`.

    Raises Lost where prices include taxes, and it does not say how much.
    """
    included = tariff.get("tax_included")
    told = {name: held for name, held in tariff.items() if name != "tax_included"}
    if included == "NO":
        return told
    if "elements" in tariff:
        if included not in ("YES", "N/A"):
            raise Lost("tax_included does not say whether its prices include taxes")
        told["elements"] = _net_elements(tariff, included, lose)
    if included is not None:
        lose(".tax_included", "prices of OCPI 2.2.1 are without taxes")
    return told


def _net_elements(tariff: Json, included: str, lose: Lose) -> list[Any]:
    return [
        element
        if _is_of_booking(element)
        else element | {"price_components": _net_components(element, at, included, lose)}
        for at, element in enumerate(_objects(tariff, "elements", ""))
    ]


def _net_components(element: Json, at: int, included: str, lose: Lose) -> list[Any]:
    place = f"elements[{at}]."
    components = _objects(element, "price_components", place)
    return [_net(each, f"{place}price_components[{of}]", included, lose) for of, each in enumerate(components)]


def _net(component: Json, place: str, included: str, lose: Lose) -> Json:
    price, vat = amount(component.get("price")), amount(component.get("vat"))
    if included == "N/A":
        if component.get("vat") is not None and vat != 0:
            raise Lost(f"{place} has a vat, though tax_included says that there are no taxes")
        return component
    if price == 0:
        return component
    if price is None or vat is None or vat < 0:
        raise Lost(f"{place} has a price with taxes: without its vat nobody knows the price before taxes")
    net = without_tax(price, vat)
    if with_tax(net, vat) != price:
        lose(f".{place}.price", "rounded to four decimals before taxes")
    return component | {"price": float(net)}


def _objects(value: Json, name: str, place: str) -> list[Json]:
    """A list of objects. Lost where it is anything else: prices in there would go unseen."""
    held = value.get(name)
    if not isinstance(held, list) or not all(isinstance(each, dict) for each in held):
        raise Lost(f"{place}{name} is no list of objects, and tax_included says that prices have to be reckoned")
    return held


def _is_of_booking(element: Json) -> bool:
    restrictions = element.get("restrictions")
    return isinstance(restrictions, dict) and restrictions.get("booking") is not None


def _no_booking(element: Json, _lose: Lose) -> Json:
    # Without the restriction it would be the price of any session.
    if _is_of_booking(element):
        raise Lost("OCPI 2.2.1 has no bookings")
    return element


def _incl_vat(price: Json, _facts: Facts) -> Any:
    taxes = price.get("taxes", ABSENT)
    if taxes is None:
        return None
    including = _with_taxes(price)
    if including is None:
        return ABSENT
    return Partly(float(including), _untold(taxes))


def _with_taxes(price: Json) -> Decimal | None:
    """The price with all its taxes. None where there are none, or not all are numbers."""
    taxes = price.get("taxes")
    if not isinstance(taxes, list) or not taxes:
        return None
    sums = [amount(price.get("before_taxes")), *(amount(tax.get("amount")) for tax in taxes if isinstance(tax, dict))]
    known = [each for each in sums if each is not None]
    return sum(known, Decimal()) if len(known) == 1 + len(taxes) else None


def _untold(taxes: list[Json]) -> tuple[tuple[str, str], ...]:
    if len(taxes) > 1:
        return (("taxes", "told as one sum with the price"),)
    told = {"amount": taxes[0]["amount"], "name": VAT}
    untold = (name for name, held in taxes[0].items() if held not in (None, []) and told.get(name) != held)
    return tuple((f"taxes[0].{name}", "no such field") for name in untold)


PRICE = down(
    "Price",
    fields={"before_taxes": Move("excl_vat"), "taxes": Drop("it takes numbers to tell their sum")},
    builds={"incl_vat": Build(_incl_vat, "`before_taxes` and all taxes", uses=("taxes",))},
)
PRICE_LIMIT = down("PriceLimit", fields={"before_taxes": Move("excl_vat"), "after_taxes": Move("incl_vat")})
TARIFF_ELEMENT = down(
    "TariffElement",
    fields={"restrictions": Within(down("TariffRestrictions", fields={"booking": Drop("no bookings")}))},
    first=_no_booking,
    says="One for bookings is left out: without the restriction it would be the price of any session.",
)
