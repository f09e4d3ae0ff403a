"""Messages told in words: every outcome, way and kind of message, and every reason that the hub writes."""

from itertools import product

import pytest

from hub.core.causes import cause_of
from hub.core.directory import Platform, State
from hub.core.happened import Attempt, Happened
from hub.core.outcome import Outcome
from hub.core.party import Party
from hub.core.telling import Telling, Word, tell
from hub.flow.delivery import _told
from hub.upstream import Fault, SendError

OFFLINE = "NL-EMO: it does not accept connections; do not queue the message"
KEPT = (
    "The push was tried once and is not kept (the offline rule): nothing is sent again when EasyMove is back, which "
    "has to GET what it missed."
)
NEXT = (
    "Ask EasyMove whether its platform runs. The hub looks again by itself, and messages go on as soon as it is back."
)
WAYS = ("direct", "broadcast", "ask", "collect", "mirror", "refuse", None)
KINDS = (
    ("GET", "locations", "SENDER"),
    ("PATCH", "locations", "RECEIVER"),
    ("POST", "commands", "RECEIVER"),
    ("POST", "commands", "SENDER"),
    ("POST", "tokens", "SENDER"),
    ("DELETE", "chargingprofiles", "RECEIVER"),
)
REASONS = (None, OFFLINE, "DE-MSP is offline; do not queue the message", "body: id: is required", "nobody knows why")
STATUSES = ((200, 1000), (200, 2001), (200, 2004), (404, 2003), (500, 3001), (200, 4003), (401, 2000), (200, 9999))


def happened(**changes):
    usual = {
        "sender": "NL-CPO", "sender_id": 1, "sender_name": "Volt Streets", "receiver": "NL-EMO",
        "receiver_name": "EasyMove", "module": "locations", "interface": "RECEIVER", "method": "PATCH",
        "object_id": "LOC1", "way": "direct", "why": "direct: NL-EMO at EasyMove", "outcome": Outcome.DELIVERED,
    }  # fmt: skip
    return Happened(**(usual | changes))


def attempt(outcome=Outcome.DELIVERED, **changes):
    return Attempt(**({"receiver": "NL-EMO", "receiver_name": "EasyMove", "outcome": outcome} | changes))


def words(told: Telling) -> list[str]:
    return [told.what, *told.why, *told.next, *(each.say for each in told.tell)]


@pytest.mark.parametrize("outcome", Outcome)
def test_everything_that_can_happen_has_words(outcome):
    """Every one of them says who, ends its sentences, and shows nothing of the inside."""
    attempts = (), (attempt(),), tuple(attempt(Outcome.FAILED, reason=each) for each in (*REASONS, None, OFFLINE))
    for way, kind, reason, status, legs in product(WAYS, KINDS, REASONS, STATUSES, attempts):
        method, module, interface = kind
        told = tell(
            happened(
                outcome=outcome, way=way, method=method, module=module, interface=interface, reason=reason,
                http_status=status[0], ocpi_status=status[1],
            ),
            legs,
        )  # fmt: skip
        for each in words(told):
            assert each.endswith((".", "it:")), each
            assert not {"{", "}", "None"} & set(each.replace(".", " ").split()), each
            assert "{" not in each
            assert each[0].isupper() or each[0].isdecimal(), each
        assert "Volt Streets" in told.what


def test_a_push_to_a_partner_that_is_away():
    told = tell(happened(outcome=Outcome.FAILED, ocpi_status=4003, reason=OFFLINE), (attempt(Outcome.FAILED),))
    assert told == Telling(
        what="Volt Streets (NL-CPO) sent PATCH locations LOC1 to EasyMove (NL-EMO). EasyMove did not get it.",
        why=(
            "EasyMove did not accept connections.",
            KEPT,
        ),
        next=(NEXT,),
        tell=(
            Word(
                "EasyMove",
                "The hub could not connect to your endpoint. Please look whether your platform runs, and whether your "
                "firewall lets the hub in. When you are back, GET the locations of NL-CPO that changed since: the hub "
                "sends nothing again.",
            ),
            Word("Volt Streets", "Please do not repeat or queue the message: the receiver GETs what it missed."),
        ),
    )


@pytest.mark.parametrize(
    ("changes", "what", "why"),
    [
        ({}, "EasyMove took it.", "direct: NL-EMO"),
        ({"outcome": Outcome.ANSWERED, "way": "mirror", "method": "GET"}, "answered by itself", "the mirror"),
        (
            {"outcome": Outcome.DECLINED, "ocpi_status": 2001, "reason": "no such place"},
            "EasyMove got it and did not accept it.",
            "EasyMove answered with 2001 “no such place”: it says that a value in the message is missing or wrong.",
        ),
        (
            {"outcome": Outcome.DECLINED, "ocpi_status": 3000, "http_status": 500, "reason": ""},
            "did not accept it",
            "EasyMove answered with HTTP 500, 3000: it has a problem of its own.",
        ),
        (
            {"outcome": Outcome.REFUSED, "ocpi_status": 2001, "reason": "body: id: is required; mend it"},
            "The hub refused it, and nobody else got it.",
            "The hub refused it with 2001: body: id: is required.",
        ),
        (
            {"outcome": Outcome.REFUSED, "ocpi_status": 4001, "way": "refuse", "receiver_name": None,
             "reason": "NL-EMO is not known to this hub, or has no agreement with NL-CPO here"},
            "The hub did not send it on to NL-EMO.",
            "This hub does not know NL-EMO, or no agreement lets Volt Streets reach it",
        ),
        (
            {"outcome": Outcome.FAILED, "ocpi_status": 4002,
             "reason": "NL-EMO: it did not answer in time; do not repeat the message, GET the state later"},
            "EasyMove may have got it",
            "EasyMove took the message and did not answer in time.",
        ),
        (
            {"outcome": Outcome.FAILED, "method": "GET", "ocpi_status": 4003, "reason": OFFLINE},
            "EasyMove did not get it.",
            "Nothing was changed by it: a GET can be sent again at any time.",
        ),
        (
            {"outcome": Outcome.FAILED, "method": "POST", "module": "commands", "ocpi_status": 4003,
             "reason": OFFLINE},
            "EasyMove did not get it.",
            "a command that comes late would surprise the driver",
        ),
    ],
)  # fmt: skip
def test_what_became_of_it_and_why(changes, what, why):
    told = tell(happened(**changes))
    assert what in told.what
    assert any(why in each for each in told.why)


@pytest.mark.parametrize(
    ("changes", "what", "next_", "to"),
    [
        ({"http_status": 401, "address": "1.2.3.4", "sender": "NL-NEW"}, "Somebody at 1.2.3.4, who says to be NL-NEW,",
         "partner rotate", "NL-NEW"),
        ({"http_status": 401, "sender": None}, "Somebody sent", "partner rotate", "whoever sends this"),
        ({"http_status": 401, "sender_id": 1, "sender_name": "Volt"}, "Volt sent", "partner show", "Volt"),
        ({"http_status": 429, "sender_id": 1, "sender_name": "Volt"}, "Volt sent", "partner limits", "Volt"),
        ({"http_status": 200, "outcome": Outcome.FAILED, "ocpi_status": 3000}, "could not take it", "request_failed",
         "NL-CPO"),
        ({"http_status": 418}, "never became a message", "mend its requests", "NL-CPO"),
    ],
)  # fmt: skip
def test_what_was_turned_away(changes, what, next_, to):
    usual = {
        "outcome": Outcome.TURNED_AWAY, "path": "/ocpi/x", "sender_id": None, "sender_name": None, "way": None,
        "reason": "it is wrong; mend it", "ocpi_status": 2000,
    }  # fmt: skip
    told = tell(happened(**(usual | changes)))
    assert what in told.what
    assert next_ in told.next[0]
    (word,) = told.tell
    assert word.to == to
    assert word.say.endswith("it is wrong. Please: mend it.")


def test_a_broadcast_tells_of_each_that_did_not_take_it():
    legs = (
        attempt(),
        attempt(Outcome.DECLINED, receiver_name="Wattway", ocpi_status=2001, reason="no"),
        *(attempt(Outcome.FAILED, receiver_name=f"M{number}", reason=OFFLINE) for number in range(7)),
    )
    broadcast = happened(outcome=Outcome.ANSWERED, way="broadcast", why="broadcast to 10 platform(s)")
    told = tell(broadcast, legs)
    assert "1 of 10 partners took it. 1 is not done" in told.what
    assert "Wattway did not accept it: 2001 “no”." in told.why
    assert "M0 did not accept connections." in told.why
    assert "3 more did not take it; see the deliveries." in told.why
    assert [each.to for each in told.tell] == ["M0", "M1", "M2", "M3"]
    assert told.next[0] == "Ask Wattway why it did not accept this."
    well = tell(broadcast, (attempt(),) * 10)
    assert "10 of 10 partners took it." in well.what
    assert (well.next, well.tell) == ((), ())
    nobody = tell(happened(outcome=Outcome.ANSWERED, way="broadcast", why="broadcast to 0 platform(s)"))
    assert "no partner that it could go to" in nobody.what


def test_losses_and_findings_are_told_of_any_message():
    lossy = tuple(attempt(version="2.1.1", losses=2, loss="a, b") for _ in range(3))
    told = tell(happened(findings=1, finding="city: too long"), lossy)
    assert told.why.count("2 details can not be told in OCPI 2.1.1: a, b.") == 1
    assert told.tell == (Word("Volt Streets", "Your object breaks 1 rule of OCPI, first of all: city: too long."),)
    answer = tell(happened(method="GET", findings=2, finding="x"), (attempt(),))
    assert answer.tell[0].to == "EasyMove"


def test_a_partner_can_not_pass_its_words_off_as_a_reason_of_the_hubs():
    for spoof in (OFFLINE, "DE-MSP is suspended"):
        told = tell(happened(outcome=Outcome.DECLINED, ocpi_status=2001, reason=spoof))
        assert "did not accept it" in told.what
    assert cause_of("no receiver was found by session 'NL-EMO is suspended'; name it") is None
    assert cause_of("NL-CPO answered 2001 'DE-MSP is offline'") is None


def test_long_words_are_cut():
    told = tell(happened(outcome=Outcome.DECLINED, ocpi_status=2001, reason="x" * 10_000))
    assert all(len(each) < 500 for each in words(told))


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("sent", [True, False])
def test_every_fault_of_the_upstream_has_its_words(fault, sent):
    platform = Platform(id=1, name="EasyMove", state=State.REGISTERED)
    error = _told(SendError(fault, "x", sent=sent), Party.parse("NL-EMO"), platform)
    assert cause_of(error.message) is not None
    told = tell(happened(outcome=Outcome.FAILED, ocpi_status=error.code, reason=error.message))
    assert told.next
