"""What happened to a message, in plain words: what, why, what to do next, and what to tell the partners.

A pure function of what the journal keeps. Reasons may be words of partners: who shows them makes them harmless.
"""

import re
from collections.abc import Iterable, Iterator
from typing import TypeAlias

import msgspec

from hub.core import turned_away
from hub.core.causes import Cause, cause_of, texts
from hub.core.happened import Attempt, Happened
from hub.core.outcome import Outcome

Found: TypeAlias = tuple[Cause, tuple[str, ...]] | None

_NAMED = 5
"""So many deliveries that were not taken are told one by one."""
_QUOTED = 300
_PULLED = frozenset(("locations", "sessions", "cdrs", "tariffs", "tokens"))
_KNOWN = "The steps of the decision are shown by: ocpi-hub explain."
_UNKNOWN = f"Look at the plugins: one of them may have decided this. {_KNOWN}"
_LATER = "nothing is sent again when {to} is back, which has to GET what it missed"
_KEPT = {
    "pull": "Nothing was changed by it: a GET can be sent again at any time.",
    "command": "It is tried once at most and not kept: a command that comes late would surprise the driver.",
    "result": "It is tried once at most and not kept: for {to}, the command stays without a result.",
    "question": "It is tried once at most. The sender has to decide by itself whether this driver may charge.",
}
_TO_SENDER = {
    "pull": "You can ask again a little later.",
    "command": "The command did not get through: the driver has to try again.",
    "push": "Please do not repeat or queue the message: the receiver GETs what it missed.",
}
_CODES = {
    2000: "it says that the message is wrong, and no more",
    2001: "it says that a value in the message is missing or wrong",
    2002: "it says that it was not told enough",
    2003: "it does not know the location",
    2004: "it does not know the token",
    3001: "it could not use the API of the other side",
    3002: "it does not support this version of OCPI",
    3003: "endpoints that it needs are missing",
}
_RANGES = {
    1: "that is success, but the HTTP status is not",
    2: "it says that the message is wrong",
    3: "it has a problem of its own",
    4: "it is a hub, and could not pass it on",
}


class Word(msgspec.Struct, frozen=True):
    """What to tell whom."""

    to: str
    say: str


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to a message. `next` is for the operator; it is empty where nothing is to be done."""

    what: str
    why: tuple[str, ...] = ()
    next: tuple[str, ...] = ()
    tell: tuple[Word, ...] = ()


def tell(passed: Happened, attempts: tuple[Attempt, ...] = ()) -> Telling:
    """Tell of an exchange and its deliveries. Every outcome has its words."""
    told = _told(passed, attempts)
    words = list(told.tell)
    why = [*told.why, *_losses(attempts)]
    if passed.findings and passed.outcome is not Outcome.REFUSED:
        rules = f"{_many(passed.findings, 'rule')} of OCPI"
        why.append(f"An object in it breaks {rules}, and was passed on all the same: {_quote(passed.finding)}.")
        author = passed.to(attempts) if passed.method == "GET" else passed.by
        words.append(Word(author, f"Your object breaks {rules}, first of all: {_quote(passed.finding)}."))
    return msgspec.structs.replace(told, why=tuple(why), tell=tuple(words))


def _told(passed: Happened, attempts: tuple[Attempt, ...]) -> Telling:
    if passed.path is not None:
        return _turned_away(passed)
    match passed.outcome:
        case Outcome.DELIVERED:
            return Telling(what=f"{passed.asked} {_up(passed.to(attempts))} took it.", why=_route(passed))
        case Outcome.ANSWERED if passed.way == "broadcast":
            return _broadcast(passed, attempts)
        case Outcome.ANSWERED:
            return _answered(passed, attempts)
        case Outcome.DECLINED:
            return _declined(passed, attempts)
        case Outcome.REFUSED if cause_of(passed.reason) is None:
            return _refused(passed)
    return _failed(passed, attempts)


def _turned_away(passed: Happened) -> Telling:
    why, then = turned_away.why_and_next(passed)
    partner = passed.by if passed.sender else "whoever sends this"
    said = f"{why}: {_quote(_problem(passed))}."
    return Telling(what=turned_away.what(passed), why=(said,), next=(then,), tell=(_answer_to(partner, passed),))


def _broadcast(passed: Happened, attempts: tuple[Attempt, ...]) -> Telling:
    planned = re.search(r"broadcast to (\d+) platform", passed.why or "")
    count = max(len(attempts), int(planned[1]) if planned else 0)
    if not count:
        what = f"{passed.asked} The hub took it over. There is no partner that it could go to."
        return Telling(what=what, why=_route(passed))
    good = sum(each.outcome is Outcome.DELIVERED for each in attempts)
    waiting = count - len(attempts)
    more = f" {waiting} {'is' if waiting == 1 else 'are'} not done, or came too late to be tried." if waiting else ""
    what = f"{passed.asked} The hub took it over: {good} of {_many(count, 'partner')} took it.{more}"
    lines, then, words = _each(passed, attempts)
    rule = (f"Each is tried once and nothing is kept (the offline rule): {_LATER.format(to='a partner')}.",)
    return Telling(what=what, why=(*_route(passed), *lines, *(rule if lines else ())), next=then, tell=words)


def _answered(passed: Happened, attempts: tuple[Attempt, ...]) -> Telling:
    lines, then, words = _each(passed, attempts)
    why = _route(passed)
    if passed.way == "mirror":
        why = ("The answer is from the hub's own copy (the mirror) of what partners told everybody.",)
    if passed.way == "local":
        why = ("It is the result of something that the hub, or a plugin of it, had asked for.",)
    if lines:
        why += ("What these would have answered is not in it:",)
    return Telling(what=f"{passed.asked} The hub answered by itself.", why=(*why, *lines), next=then, tell=words)


def _declined(passed: Happened, attempts: tuple[Attempt, ...]) -> Telling:
    to, code, said = passed.to(attempts), passed.ocpi_status, _said(passed.reason)
    means = _CODES.get(code) or _RANGES.get(code // 1000, "a status_code that OCPI does not have")
    why = f"{_up(to)} answered with {passed.status}{said}: {means}."
    if code // 1000 == 2:
        mend = (
            "It may not have the object yet: please PUT it whole." if passed.method == "PATCH" else "Please look at it."
        )
        word = Word(passed.by, f"{_up(to)} found fault with your message: {code}{said}. {mend}")
        then = f"If the message was right, ask {to} what it minds."
    else:
        word = Word(to, f"You answered with {passed.status}{said}. Please look at your log for the X-Request-ID.")
        then = f"Ask {to} what went wrong there. The hub passed the answer on as it was."
    what = f"{passed.asked} {_up(to)} got it and did not accept it."
    return Telling(what=what, why=(*_route(passed), why), next=(then,), tell=(word,))


def _refused(passed: Happened) -> Telling:
    """Refused for a rule that the sender broke."""
    problem = _problem(passed)
    then = f"Tell {passed.by}. {_KNOWN}"
    if problem.startswith("body: "):
        report = "ocpi-hub partner validation PARTNER report"
        then = f"Tell {passed.by} what is wrong with its object. To let such objects pass until it is mended: {report}."
    elif problem.startswith("no receiver was found"):
        then = "Nothing at the hub: without a receiver it knows only what it has seen before."
    return Telling(
        what=f"{passed.asked} The hub refused it, and nobody else got it.",
        why=(f"The hub refused it with {passed.status}: {_quote(problem)}.",),
        next=(then,),
        tell=(_answer_to(passed.by, passed),),
    )


def _failed(passed: Happened, attempts: tuple[Attempt, ...]) -> Telling:
    to, found = passed.to(attempts), cause_of(passed.reason)
    several = passed.way in ("ask", "collect")
    lines, steps, words = _each(passed, attempts) if several else ((), (), ())
    if found is None:
        why, then, ask, say = f"The reason: {_quote(passed.reason)}", _UNKNOWN, "", ""
        what = "There is no answer of a partner's to give back."
    else:
        why, then, ask, say = texts(*found, to, passed.by)
        what = "Nobody gave an answer." if several else _arrived(found[0], to)
    if ask:
        words += (Word(to, ask + _catch_up(passed, found)),)
    if say := say or _TO_SENDER.get(passed.kind, ""):
        words += (Word(passed.by, say),)
    kept = _kept(passed, to, found)
    return Telling(what=f"{passed.asked} {what}", why=(f"{_up(why)}.", *lines, kept), next=(then, *steps), tell=words)


def _each(passed: Happened, attempts: tuple[Attempt, ...]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[Word, ...]]:
    """Of each delivery that was not taken: what came of it, what is next, what to tell the partner."""
    bad = [each for each in attempts if each.outcome is not Outcome.DELIVERED]
    lines, then, words = [], [], []
    for each in bad[:_NAMED]:
        found = cause_of(each.reason) if each.outcome is Outcome.FAILED else None
        if each.outcome is Outcome.DECLINED:
            lines.append(f"{each.to} did not accept it: {each.ocpi_status}{_said(each.reason)}.")
            then.append(f"Ask {each.to} why it did not accept this.")
        elif found is None:
            lines.append(f"{each.to}: {_quote(each.reason)}.")
        else:
            why, step, ask, _ = texts(*found, each.to, passed.by)
            lines.append(f"{_up(why)}.")
            then.append(step)
            words += [Word(each.to, ask + _catch_up(passed, found))] if ask else []
    if len(bad) > _NAMED:
        lines.append(f"{len(bad) - _NAMED} more did not take it; see the deliveries.")
    return tuple(lines), tuple(dict.fromkeys(then)), tuple(words)


def _arrived(cause: Cause, to: str) -> str:
    if not cause.tried:
        return f"The hub did not send it on to {to}."
    got = "may have got it, but gave no answer that could go back" if cause.perhaps else "did not get it"
    return f"{_up(to)} {got}."


def _kept(passed: Happened, to: str, found: Found) -> str:
    """What it means that the message did not get through."""
    if passed.kind != "push":
        return _KEPT[passed.kind].format(to=to)
    if found and found[0].perhaps:
        return "The push was tried once and is not kept (the offline rule): a GET shows whether it arrived."
    tried = "was tried once" if found is None or found[0].tried else "was not tried"
    return f"The push {tried} and is not kept (the offline rule): {_LATER.format(to=to)}."


def _catch_up(passed: Happened, found: Found) -> str:
    """What a partner that missed a push has to do by itself."""
    if passed.kind != "push" or passed.module not in _PULLED:
        return ""
    when = "To be sure that you have it" if found and found[0].perhaps else "When you are back"
    return f" {when}, GET the {passed.module} of {passed.sender} that changed since: the hub sends nothing again."


def _answer_to(partner: str, passed: Happened) -> Word:
    """What the sender was told, for somebody there to read."""
    _, _, hint = (passed.reason or "").partition("; ")
    please = f" Please: {_quote(hint)}." if hint else ""
    return Word(partner, f"The hub answered with {passed.status}: {_quote(_problem(passed))}.{please}")


def _problem(passed: Happened) -> str:
    """What was wrong, without what to do about it."""
    return (passed.reason or "").partition("; ")[0]


def _losses(attempts: Iterable[Attempt]) -> Iterator[str]:
    """What was lost between versions, once for each of them."""
    seen: set[str | None] = set()
    for each in attempts:
        if each.losses and each.version not in seen:
            seen.add(each.version)
            yield f"{_many(each.losses, 'detail')} can not be told in OCPI {each.version}: {_quote(each.loss)}."


def _route(passed: Happened) -> tuple[str, ...]:
    return (f"The way: {_quote(passed.why)}.",) if passed.why else ()


def _said(reason: str | None) -> str:
    return f" “{_quote(reason)}”" if reason else ""


def _quote(text: str | None) -> str:
    text = (text or "no reason was given").rstrip(".")
    return text if len(text) <= _QUOTED else f"{text[: _QUOTED - 1]}…"


def _up(text: str) -> str:
    """As the begin of a sentence. A name stays as it is: it may be written small on purpose."""
    return text[:1].upper() + text[1:] if re.match(r"(the|this|all|no|none|too|an?|one) ", text) else text


def _many(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'}"
