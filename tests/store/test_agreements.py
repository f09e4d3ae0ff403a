"""Agreements on disk."""

import pytest

from hub.core.agreements import Rule
from hub.store.agreements import load_rules, remove_rule, set_rule


def rule(one, other, module="*", *, allow=True):
    return Rule.between(one, other, module, allow=allow)


async def test_rules_come_back_as_they_were_set(database):
    rules = [
        rule("NL-TNM", "DE-ABC"),
        rule("NL-TNM", "DE-ABC", "locations", allow=False),
        rule("*", "NL-TNM", "tokens"),
        rule("*", "*", allow=False),
    ]
    for each in rules:
        await database.write(lambda c, each=each: set_rule(c, each, 1))
    assert await database.read(load_rules) == sorted(rules)


async def test_a_rule_takes_the_place_of_the_one_before(database):
    for allow in (True, False):
        await database.write(lambda c, allow=allow: set_rule(c, rule("NL-TNM", "DE-ABC", allow=allow), 1))
    assert await database.read(load_rules) == [rule("NL-TNM", "DE-ABC", allow=False)]


@pytest.mark.parametrize("pair", [("DE-ABC", "NL-TNM"), ("NL-TNM", "DE-ABC"), ("nl*tnm", "deabc")])
async def test_removing_tells_whether_there_was_one(database, pair):
    await database.write(lambda c: set_rule(c, rule("NL-TNM", "DE-ABC", "cdrs"), 1))
    await database.write(lambda c: set_rule(c, rule("NL-TNM", "*", "cdrs"), 1))
    assert await database.write(lambda c: remove_rule(c, *pair, "CDRs"))
    assert not await database.write(lambda c: remove_rule(c, *pair, "cdrs"))
    assert await database.read(load_rules) == [rule("*", "NL-TNM", "cdrs")]


async def test_what_is_no_party_is_an_error(database):
    with pytest.raises(ValueError, match="'TNM' is not a party"):
        await database.write(lambda c: remove_rule(c, "TNM", "*", "*"))
