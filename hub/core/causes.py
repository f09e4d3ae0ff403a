"""Why a partner did not get a message or could not answer it: the hub's own reasons, told with the next step.

A reason is known again by the words that the hub writes, from their beginning on: what a partner says in between can
not pass for another one.
"""

import re

import msgspec


class Cause(msgspec.Struct, frozen=True):
    """A family of reasons. In all texts `{to}` is the partner that the message was for, `{from_}` the one it is from.

    `tried` is False where the hub did not even try, `perhaps` True where the message may have arrived all the same.
    `next` is for the operator, `ask` for the partner it was for, `say` for its sender.
    """

    reads: re.Pattern[str]
    why: str
    next: str
    ask: str = ""
    say: str = ""
    tried: bool = True
    perhaps: bool = False


_PARTY = r"[A-Z]{2}-[A-Z0-9]{3}"


def _of(reads: str, why: str, then: str, *, ask: str = "", say: str = "", **how: bool) -> Cause:
    return Cause(re.compile(reads), why, then, ask, say, **how)


def _attempt(words: str, why: str, then: str, *, ask: str = "", say: str = "", perhaps: bool = False) -> Cause:
    """A reason that an attempt ended with: it begins with the party."""
    return _of(rf"{_PARTY}: {words}", why, then, ask=ask, say=say, perhaps=perhaps)


def _before(words: str, why: str, then: str, *, ask: str = "", say: str = "") -> Cause:
    """A reason for which nothing was tried."""
    return _of(rf"{_PARTY} {words}", why, then, ask=ask, say=say, tried=False)


CAUSES: tuple[Cause, ...] = (
    _attempt(
        "it does not accept connections",
        "{to} did not accept connections",
        "Ask {to} whether its platform runs. The hub looks again by itself, and messages go on as soon as it is back.",
        ask="The hub could not connect to your endpoint. Please look whether your platform runs, and whether your "
        "firewall lets the hub in.",
    ),
    _attempt(
        "all connections to it are busy",
        "all connections that the hub opens to {to} were in use",
        "Look how long {to} takes to answer. If it can do more at a time, set upstream.connections higher.",
        ask="You take so long to answer that the hub has no connection left for more messages.",
    ),
    _attempt(
        "the hub is stopping",
        "the hub was just stopping",
        "Nothing: this happens to what is under way when the hub is restarted.",
    ),
    _attempt(
        "its address is not allowed",
        "the endpoint of {to} is at an address that the hub may not call",
        "If {to} really is in a network of your own, name that network in upstream.allow_private.",
        ask="Your endpoints lead to an address that is not public. Please register with URLs that the hub can reach.",
    ),
    _attempt(
        "its answer is not valid HTTP",
        "the answer of {to} was not valid HTTP",
        "Ask {to} what stands between its platform and the hub; the details are in the hub's log: delivery_failed.",
        ask="Your answer broke the rules of HTTP; the hub could not read it.",
        perhaps=True,
    ),
    _attempt(
        "it redirects elsewhere",
        "{to} redirected to another place, and the hub never takes a message and its token there",
        "Ask {to} to register again, with the URLs that it really has.",
        ask="Your endpoint redirects to another host. Please PUT your credentials again, with the right URLs.",
    ),
    _attempt(
        "the message can not be written as HTTP",
        "the message can not be written as HTTP",
        "Look at its id and its headers: one holds a character that HTTP does not have.",
        say="An id or a header of your message holds a character that HTTP does not have.",
    ),
    _attempt(
        "it closed the connection without an answer",
        "{to} closed the connection without an answer",
        "Ask {to} what its log says about the X-Request-ID of this delivery.",
        ask="You closed the connection without an answer. Please look at your log for the X-Request-ID of the message.",
        perhaps=True,
    ),
    _attempt(
        "its host name can not be found",
        "the host name of {to} could not be found",
        "Look whether names can be resolved on the hub's machine; if they can, the name of {to} is wrong or gone.",
        ask="The host name in your endpoints can not be found. Please look at your DNS, or register with another one.",
    ),
    _attempt(
        "its TLS certificate or handshake failed",
        "no safe connection to {to} could be made: its TLS certificate or handshake failed",
        "Look at the certificate of {to}. If it comes from an authority of its own, name that in upstream.ca_file.",
        ask="Your TLS certificate is not accepted: it may be over, for another name, or sent without the chain to its "
        "authority.",
    ),
    _attempt(
        "it did not answer in time",
        "{to} took the message and did not answer in time",
        "Look how long {to} takes as a rule; limits.timeout is how long the hub waits.",
        ask="You did not answer in time. Please look at your log for the X-Request-ID of the message.",
        perhaps=True,
    ),
    _attempt(
        "no connection in time",
        "no connection to {to} could be opened in time",
        "Ask {to} whether its platform runs. A firewall that drops packets looks like this, too.",
        ask="The hub could not connect to your endpoint in time. Please look whether your firewall lets the hub in.",
    ),
    _attempt(
        "its answer is too large",
        "the answer of {to} was larger than the hub takes",
        "Ask {to} for smaller pages; limits.response_body is how much the hub takes.",
        ask="Your answer is too large. Please send lists in smaller pages.",
        perhaps=True,
    ),
    _attempt(
        "its endpoint is not a URL that can be called",
        "the endpoint that {to} registered is not a URL that can be called",
        "Ask {to} to register again with a right URL, or set it by hand: ocpi-hub partner endpoint set.",
        ask="The URL of your endpoint can not be called. Please PUT your credentials again, with the right one.",
    ),
    _before(
        "is suspended",
        "{to} is suspended at this hub",
        "If {to} may take part again: ocpi-hub partner resume.",
    ),
    _before(
        "is planned and has not connected yet",
        "{to} is invited and has not registered yet",
        "Ask {to} whether it has its invitation, and how far it is.",
        ask="Other parties try to reach you. Please register with the TOKEN_A of your invitation.",
    ),
    _before(
        "is offline",
        "{to} was known to be offline, so nothing was tried",
        "Ask {to} whether its platform runs. The hub looks again by itself, and messages go on as soon as it is back.",
        ask="The hub does not reach your platform. Please look whether it runs, and whether your firewall lets the hub "
        "in.",
    ),
    _before(
        "is not known to this hub, or has no agreement",
        "this hub does not know {to}, or no agreement lets {from_} reach it (the sender is not told which of the two)",
        "If the two are to reach each other: ocpi-hub agreement allow. What holds now is shown by: ocpi-hub explain.",
        say="Please look whether the party in OCPI-to-country-code and OCPI-to-party-id is the right one.",
    ),
    _before(
        r"speaks OCPI [\d.]+(, which has no|: )",
        "{to} speaks another version of OCPI, in which this can not be told",
        "Nothing, as long as {to} stays with that version.",
        say="The receiver speaks another version of OCPI, which has no words for this.",
    ),
    _of(
        rf"{_PARTY} speaks OCPI [\d.]+, and its answer can not be told",
        "{to} answered, but its answer can not be told in the version of OCPI that {from_} speaks",
        "Nothing, as long as {to} and {from_} stay with their versions.",
        say="The receiver speaks another version of OCPI, and what it answered has no words in yours.",
        perhaps=True,
    ),
    _before(
        "is not the party that handed out this URL",
        "a plugin chose another receiver than the one that handed out this URL",
        "Look at the plugins that choose routes: a URL leads only to the platform that handed it out.",
    ),
    _before(
        r"offers no \S+ (SENDER|RECEIVER) interface",
        "{to} has not registered an endpoint for this module",
        "Ask {to} whether it has the module. If it serves it without saying so, set it: ocpi-hub partner endpoint set.",
        ask="Your version details do not name an endpoint for this module. Please add it and PUT your credentials.",
    ),
    _before(
        "can not be called: the hub has no token for it",
        "the hub has no token of {to}",
        "Let {to} register again: ocpi-hub partner rotate --invite.",
        ask="The hub has no token of yours. Please register again.",
    ),
    _of(
        rf"{_PARTY} does not accept this hub's token",
        "{to} does not accept the hub's token (HTTP 401 or 403)",
        "Renew the tokens: ocpi-hub partner rotate; if that fails, add --invite.",
        ask="You refuse the token that you gave to the hub. Please look whether it was deleted or changed at yours.",
    ),
    _of(
        rf"{_PARTY} answered [A-Z]+ \S+ with HTTP (\d+) and a body that is not OCPI",
        "{to} answered with HTTP {1} and a body that is not OCPI",
        "Ask {to} what stands at its endpoint; a proxy or an error page answers like this.",
        ask="Your answer was no OCPI envelope (HTTP {1}). Please look at your log for the X-Request-ID of the message.",
        perhaps=True,
    ),
    _of(
        r"none of (\d+) eMSP\(s\) answered within",
        "none of the {1} eMSPs that were asked answered in time",
        "Look at the deliveries below; routing.ask_timeout is how long eMSPs have.",
    ),
    _of(
        r"none of (\d+) eMSP\(s\) could be asked",
        "none of the {1} eMSPs could be asked",
        "Look at the deliveries below for what kept each of them.",
    ),
    _of(
        r"none of (\d+) parties answered",
        "none of the {1} parties that were asked answered",
        "Look at the deliveries below for what kept each of them.",
    ),
    _of(
        r"\d+ of your broadcasts are under way",
        "too many broadcasts of {from_} were under way, so this one was not taken over",
        "Look which partners are slow. If {from_} really needs more at a time, set routing.broadcasts higher.",
        say="Please wait for your broadcasts that are under way, and send this one again.",
        tried=False,
    ),
    _of(
        r"the hub failed; its operator finds the reason in the log",
        "the hub itself failed",
        "Look into the hub's log for request_failed at that time, and report it.",
        say="The hub failed. You may send the message again.",
    ),
)


def texts(cause: Cause, parts: tuple[str, ...], to: str, sender: str) -> tuple[str, str, str, str]:
    """Its texts about these partners: why, what is next, what to ask the receiver, and what to tell the sender."""
    found = cause.why, cause.next, cause.ask, cause.say
    why, then, ask, say = (each.format("", *parts, to=to, from_=sender) for each in found)
    return why, then, ask, say


def cause_of(reason: str | None) -> tuple[Cause, tuple[str, ...]] | None:
    """The family of a reason of the hub's, with the parts that its texts name; None where it is of no family."""
    for cause in CAUSES:
        if found := cause.reads.match(reason or ""):
            return cause, found.groups()
    return None
