"""What is wrong right now, in words: each fact with the sentence and the next step that it gives."""

import msgspec
import pytest

from hub.core.directory import State
from hub.core.troubles import Facts, Level, NodeFacts, PartnerFacts, PluginFacts, StoreFacts, span, troubles

NOW = 1_800_000_000_000
MINUTE = 60_000
BAD, WARNING = Level.BAD, Level.WARNING


def partner(**facts):
    return {"partners": (PartnerFacts(id=7, name="ACME", state=facts.pop("state", State.REGISTERED), **facts),)}


TABLE = [
    # A partner that is well, whatever it was before.
    (partner(), None, "", ""),
    (partner(delivered=100, failed=19), None, "", ""),
    (partner(delivered=0, failed=19), None, "", ""),
    (partner(findings=19), None, "", ""),
    (partner(findings=60, findings_before=20), None, "", ""),
    # One that nobody expects to answer.
    (partner(state=State.SUSPENDED, reachable=False, down_since=1, token_refused=NOW), None, "", ""),
    (partner(state=State.INVITED, reachable=False), None, "", ""),
    # Down.
    (
        partner(reachable=False, down_since=NOW - 12 * MINUTE, why="connection refused by 192.0.2.1:443"),
        BAD, "ACME can not be reached for 12 minutes: connection refused by 192.0.2.1:443",
        "ask ACME whether its platform runs; the hub looks again by itself, and messages go on then",
    ),
    (partner(reachable=False), BAD, "ACME can not be reached", "ask ACME whether its platform runs"),
    # Down says it all: no sentence on failures beside it.
    (partner(reachable=False, failed=50), BAD, "ACME can not be reached", "ask ACME"),
    # Up, and failing.
    (
        partner(delivered=30, failed=10),
        BAD, "ACME failed 25 % of 40 messages in the last 5 minutes",
        "see which: ocpi-hub journal --partner 7 --outcome failed",
    ),
    (
        partner(token_refused=NOW - 3 * MINUTE),
        BAD, "ACME does not accept the hub's token (HTTP 401 or 403, 3 minutes ago)",
        "renew the tokens: ocpi-hub partner rotate 7; if that fails, add --invite",
    ),
    (
        partner(findings=61, findings_before=20),
        WARNING, "ACME sent 61 objects that break rules of OCPI in the last 5 minutes, 20 before that",
        "tell it what is wrong: ocpi-hub findings 7",
    ),
    (
        partner(limited={"requests": 1}),
        WARNING, "ACME was refused 1 time in the last 5 minutes: too many requests per second",
        "ask it to slow down, or give it more: ocpi-hub partner limits 7 --requests N",
    ),
    (
        partner(limited={"parallel": 2}),
        WARNING, "ACME was refused 2 times in the last 5 minutes: too many requests at",
        "ask it to slow down, or give it more: ocpi-hub partner limits 7 --parallel N",
    ),
    (
        partner(limited={"broadcasts": 2}),
        WARNING, "ACME was refused 2 times in the last 5 minutes: too many broadcasts",
        "ask it to slow down, or give it more: ocpi-hub partner limits 7 --broadcasts N",
    ),
    # Plugins.
    (
        {"plugins": (PluginFacts(name="tax", set_aside=True, fault="see raised: ValueError"),)},
        BAD, "plugin tax failed too often and is not called any more: see raised: ValueError",
        "mend tax.py, which is loaded by itself then; or try it again as it is: ocpi-hub reload",
    ),
    (
        {"plugins": (PluginFacts(name="tax", problem="tax.py:3: SyntaxError"),)},
        WARNING, "the changed file of plugin tax is not used: tax.py:3: SyntaxError", "mend it",
    ),
    ({"plugins": (PluginFacts(name="tax", fault="once"),)}, None, "", ""),
    # The hub itself.
    ({"disk_free": 10**9}, None, "", ""),
    ({"disk_free": 100 * 2**20}, WARNING, "only 100 MB are free on the disk of the data folder", "make room"),
    ({"disk_free": 0}, BAD, "only 0 MB are free on the disk of the data folder", "make room"),
    ({"journal_lost": 1}, BAD, "the journal lost 1 row since the hub started", "look into the log"),
    ({"events_lost": 9}, WARNING, "9 events came too fast to be counted", "numbers may be too low"),
    ({"wrong_tokens": 19, "wrong_tokens_from": "192.0.2.9"}, None, "", ""),
    (
        {"wrong_tokens": 20, "wrong_tokens_from": "192.0.2.9"},
        WARNING, "20 requests with a wrong token in the last 5 minutes, most of them from 192.0.2.9",
        "if a partner has lost its token: ocpi-hub partner rotate PARTNER --invite",
    ),
    ({"certificate_ends": NOW + 15 * 24 * 60 * MINUTE}, None, "", ""),
    ({"certificate_ends": NOW + 3 * 24 * 60 * MINUTE}, WARNING, "the hub's certificate ends in 3 days", "renew it"),
    ({"certificate_ends": NOW - 1}, BAD, "the hub's certificate is no longer valid", "renew it"),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "level", "what", "then"), TABLE)
def test_each_fact_gives_its_sentence(facts, level, what, then):
    found = troubles(Facts(now=NOW, minutes=5, **facts))
    if level is None:
        assert found == ()
    else:
        (trouble,) = found
        assert (trouble.level, trouble.what[: len(what)], trouble.next[: len(then)]) == (level, what, then)
        assert trouble.partner_id == (7 if "partners" in facts else None)


def test_the_worst_comes_first():
    found = troubles(
        Facts(
            now=NOW,
            minutes=5,
            events_lost=1,
            partners=(
                PartnerFacts(id=1, name="A", state=State.REGISTERED, limited={"requests": 1}),
                PartnerFacts(id=2, name="B", state=State.REGISTERED, reachable=False),
            ),
        )
    )
    assert [each.level for each in found] == [BAD, WARNING, WARNING]
    assert found[0].name == "B"


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (-5, "0 seconds"),
        (999, "0 seconds"),
        (1_000, "1 second"),
        (59_999, "59 seconds"),
        (60_000, "1 minute"),
        (119 * MINUTE, "119 minutes"),
        (120 * MINUTE, "2 hours"),
        (47 * 60 * MINUTE, "47 hours"),
        (48 * 60 * MINUTE, "2 days"),
    ],
)
def test_times_as_people_say_them(milliseconds, words):
    assert span(milliseconds) == words


def between(*nodes, **facts):
    """What is wrong, in words, where there are these nodes."""
    return [each.what for each in troubles(Facts(now=NOW, minutes=5, nodes=nodes, **facts))]


def test_nodes_that_are_alike_are_no_trouble():
    n1, n2 = (
        NodeFacts(name="n1", here=True, leads=True, ahead=0.1),
        NodeFacts(name="n2", ahead=-4.9, own=Facts(now=NOW, minutes=5)),
    )
    assert between(n1, n2) == []
    assert between(NodeFacts(name="n1", here=True)) == [], "one alone has nobody to be unlike"


def test_what_is_wrong_between_nodes():
    n1 = NodeFacts(name="n1", here=True, leads=True, version="1.1")
    low = Facts(now=NOW, minutes=5, disk_free=2**20, plugins=(PluginFacts(name="mine", set_aside=True),))
    assert between(msgspec.structs.replace(n1, leads=False), NodeFacts(name="n2", version="1.1")) == [
        "no node leads: nobody looks whether partners are there, or pulls from them"
    ]
    assert between(n1, NodeFacts(name="n2", version="1.0")) == ["nodes run different versions: n1 1.1, n2 1.0"]
    assert between(n1, NodeFacts(name="n2", version="1.1", ahead=-60.0)) == [
        "the clock of node n2 is 1 minute behind that of the database"
    ]
    assert between(n1, NodeFacts(name="n2", version="1.1", tables=tuple("abcdef"), plugins=("mine",))) == [
        "node n2 is set up otherwise than this one: [a], [b], [c], [d], [e] and 2 more"
    ]
    assert between(n1, NodeFacts(name="n2", version="1.1", own=low)) == [
        "node n2: only 1 MB are free on the disk of the data folder",
        "node n2: plugin mine failed too often and is not called any more",
    ]


def test_without_the_database_nothing_is_known_of_other_nodes():
    away = StoreFacts(problem="there is no connection to the database", away_for=12.0, left=48.0)
    nodes = NodeFacts(name="n1", here=True), NodeFacts(name="n2", there=False, silent_for=12.0)
    (alone,) = between(*nodes, store=away)
    assert alone == (
        "the database can not be used: there is no connection to the database; for 12 seconds. "
        "Other messages go on for 48 seconds more"
    )
    (over,) = between(*nodes, store=msgspec.structs.replace(away, left=0.0))
    assert over.endswith("Nothing is taken any more")
    read_only = StoreFacts(problem="the database can only be read")
    assert between(store=read_only) == ["the database can not be used: the database can only be read"]
