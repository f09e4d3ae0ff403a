"""Agreements: every pair of rules against specificity written out by hand, and what always holds.

They are the hub's own; whom a party can reach is what HubClientInfo shows it (OCPI 2.2.1, hubclientinfo 15).
"""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.agreements import ANY, Agreements, Rule
from hub.core.party import Party

A, B, C = (Party.parse(each) for each in ("NL-AAA", "DE-BBB", "FR-CCC"))
PLACES = [*product((("NL-AAA", "DE-BBB"), ("NL-AAA", ANY), (ANY, "DE-BBB"), (ANY, ANY)), ("cdrs", ANY))]
# The less, the more specific: the two parties, one of them, nobody; in each the module before all modules.
RANK = {("NL-AAA", "DE-BBB"): 0, ("NL-AAA", ANY): 2, (ANY, "DE-BBB"): 2, (ANY, ANY): 4}

parties = st.sampled_from((A, B, C))
names = st.sampled_from(("NL-AAA", "DE-BBB", "FR-CCC", ANY))
modules = st.sampled_from(("cdrs", "tokens", ANY))
rules = st.lists(st.builds(lambda one, other, m, allow: Rule.between(one, other, m, allow=allow),
                           names, names, modules, st.booleans()))  # fmt: skip


def rank(place):
    return RANK[place[0]] + (place[1] == ANY)


@pytest.mark.parametrize(("first", "second"), [*product(PLACES, PLACES)])
def test_the_most_specific_of_two_wins_and_a_denial_wins_ties(first, second):
    for one, two, default in product((True, False), repeat=3):
        if first == second and one != two:
            continue
        made = [
            Rule.between(*pair, module, allow=allow) for (pair, module), allow in ((first, one), (second, two))
        ]  # fmt: skip
        expected = one and two if rank(first) == rank(second) else one if rank(first) < rank(second) else two
        assert Agreements.of(made, default=default).permits(A, B, "cdrs") is expected


@given(rules, parties, parties, modules, st.booleans())
def test_what_always_holds(made, one, other, module, default):
    agreements = Agreements.of(made, default=default)
    verdict = agreements.judge(one, other, module)
    assert verdict == agreements.judge(other, one, module)
    assert agreements.visible(one, other) == agreements.visible(other, one)
    assert verdict.why
    if verdict.allow:
        assert agreements.uses(one, module) or one == other
    if agreements.permits(one, other, module):
        assert agreements.visible(one, other)
    assert Agreements.of(reversed(made), default=default).rules.keys() == agreements.rules.keys()


@given(rules, parties, parties, st.booleans())
def test_a_rule_on_others_changes_nothing(made, one, other, default):
    mine = {one.id, other.id, ANY}
    fitting = [rule for rule in made if {rule.one, rule.other} <= mine]
    for module in ("cdrs", "tokens"):
        assert Agreements.of(made, default=default).permits(one, other, module) == Agreements.of(
            fitting, default=default
        ).permits(one, other, module)


def test_a_new_hub_is_open_to_all():
    new = Agreements()
    assert new.default is True
    assert (new.rules, new.modules) == ({}, frozenset())
    assert new.visible(A, B)
    assert new.uses(A, "cdrs")


def test_without_a_rule_the_default_holds():
    for default in (True, False):
        assert Agreements.of((), default=default).permits(A, B, "cdrs") is default
        other = Agreements.of([Rule.between("FR-CCC", "NL-AAA", "tokens", allow=not default)], default=default)
        assert other.permits(A, B, "cdrs") is default
        assert other.visible(A, C)


def test_a_rule_reads_the_same_whoever_is_named_first():
    assert Rule.between("nl-aaa", "*", "CDRS", allow=True) == Rule.between("*", "NLAAA", "cdrs", allow=True)
    assert str(Rule.between("NL-AAA", "DE-BBB", "*", allow=False)) == "deny everything between DE-BBB and NL-AAA"
    assert str(Rule.between("NL-AAA", "*", "cdrs", allow=True)) == "allow cdrs between * and NL-AAA"
    with pytest.raises(ValueError, match="is not a party"):
        Rule.between("NL", "*", "cdrs", allow=True)
