"""Checks of SENDER interfaces: pages and their headers, filters, the objects themselves, and one object by its id.

OCPI 2.2.1, transport_and_format: Pagination, and the chapters of the modules.
"""

import datetime
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import msgspec

from hub.certify.probe import Advised, Answer, NotApplicable, Probe, Unchecked, fail
from hub.core.modules import Interface
from hub.core.moments import milliseconds
from hub.core.pages import PageHeaders, count, next_page
from hub.core.party import Party
from hub.ocpi.check import Finding, describe
from hub.ocpi.envelope import date_time
from hub.ocpi.kinds import data_checker

LISTS = ("locations", "sessions", "cdrs", "tariffs", "tokens")
KINDS = {"locations": "Location", "sessions": "Session", "cdrs": "CDR", "tariffs": "Tariff", "tokens": "Token"}
_MOST_PAGES = 5
_PER_PAGE = 3
_MOST_OBJECTS = 200
_AHEAD = 5 * 60_000
_LINK = 'Link: <absolute URL of the next page, with the filters>; rel="next"'
_FAR = "2999-01-01T00:00:00Z"
_LONG_AGO = "1990-01-01T00:00:00Z"


async def listed(probe: Probe, module: str, _side: Interface) -> str:
    """GET of the list: HTTP 200, 1000, and a list in data."""
    answer = await probe.page(module)
    if not answer.ok:
        fail(f"the list is answered with {answer}", "Answer with HTTP 200, status_code 1000 and the list.")
    if not isinstance(answer.data, list):
        fail("data is no list", "Put a list into data, [] where there is nothing to show.")
    return f"{len(answer.data)} on the first page"


async def page_headers(probe: Probe, module: str, _side: Interface) -> str:
    """X-Total-Count and X-Limit are there, and possible."""
    answer = await _list(probe, module)
    total, limit = count(answer.header("x-total-count")), count(answer.header("x-limit"))
    missing = [name for name, value in (("X-Total-Count", total), ("X-Limit", limit)) if value is None]
    if missing or total is None or limit is None:
        fail(f"missing or no number: {', '.join(missing)}", "Send both with every page of a list.")
    shown = len(answer.data)
    if total < shown or limit < shown:
        fail(f"X-Total-Count {total} and X-Limit {limit}, with {shown} objects on the page", "Count again.")
    return f"X-Total-Count {total}, X-Limit {limit}"


async def limit_honoured(probe: Probe, module: str, _side: Interface) -> str:
    """`limit=1` brings one object at most, and `offset=1` another one."""
    everything = await probe.objects(module)
    answer = await probe.page(module, limit="1")
    if not answer.ok or not isinstance(answer.data, list):
        fail(f"limit=1 is answered with {answer}", "Take limit and offset on every list.")
    if len(answer.data) > 1:
        fail(f"limit=1 brought {len(answer.data)} objects", "Never send more objects than limit says.")
    second = await probe.get(module, **_filters(module), limit="1", offset="1")
    if len(everything) > 1 and second.ok and second.data == answer.data:
        fail("offset=1 brought the same object as offset=0", "Begin the page at offset.")
    return "limit and offset are heeded"


async def paged_through(probe: Probe, module: str, _side: Interface) -> str:
    """From page to page by Link, to the last one, which has none: no object twice, and none lost."""
    total = count((await _list(probe, module)).header("x-total-count")) or len(await probe.objects(module))
    size = min(_PER_PAGE, max(1, total // 2))
    asked = probe.url(module, Interface.SENDER, **_filters(module), limit=str(size))
    seen: list[str] = []
    for number in range(1, _MOST_PAGES + 1):
        answer = await probe.send("GET", asked, routed=probe.party(module, Interface.SENDER))
        if not answer.ok or not isinstance(answer.data, list):
            fail(f"page {number} is answered with {answer}", "The URL in Link has to lead to the next page.")
        seen += [_id(each) for each in answer.data]
        link = answer.header("link")
        if len(seen) >= total or not answer.data:
            _check_last(link, answer)
            break
        asked = _followed(asked, link, len(seen), total)
    if len(set(seen)) < len(seen):
        fail("an object came twice on the pages", "Keep the order of the objects from page to page.")
    return f"{len(seen)} of {total} objects in {number} pages"


async def filtered(probe: Probe, module: str, _side: Interface) -> str:
    """`date_from` is inclusive, `date_to` exclusive, of last_updated."""
    objects = await probe.objects(module)
    newest = max(objects, key=lambda each: _updated(each) or 0)
    stamp = _updated(newest)
    if stamp is None:
        raise Unchecked("no object has a last_updated that can be read")
    exactly = date_time(datetime.datetime.fromtimestamp(stamp / 1000, datetime.UTC))
    for query, words in (
        ({"date_from": _FAR}, "date_from in the far future"),
        ({"date_from": "2000-01-01T00:00:00Z", "date_to": _LONG_AGO}, "date_to long ago"),
    ):
        answer = await probe.page(module, **query)
        if not answer.ok or answer.data:
            fail(f"{words} brought {answer}, {_many(answer)}", "Filter by last_updated, with date_from and date_to.")
    after = await probe.page(module, date_from=exactly, limit="50")
    if _id(newest) not in _ids(after):
        fail(f"date_from={exactly} leaves out what was updated then", "date_from is inclusive.")
    before = await probe.get(module, **(_filters(module) | {"date_to": exactly}))
    if not before.ok or _id(newest) in _ids(before):
        fail(f"date_to={exactly} brings what was updated then ({before})", "date_to is exclusive.")
    return "date_from and date_to are heeded"


async def oldest_first(probe: Probe, module: str, _side: Interface) -> str:
    """The list begins with the oldest object, so that a page does not move while others are read."""
    stamps = [stamp for each in await probe.objects(module) if (stamp := _updated(each)) is not None]
    if len(stamps) > 1 and stamps == sorted(stamps, reverse=True) and stamps[0] != stamps[-1]:
        raise Advised("the list begins with what was updated last", "Begin with the oldest object.")
    return "does not begin with the newest"


async def objects_valid(probe: Probe, module: str, _side: Interface) -> str:
    """Each object on the first page is as OCPI has it."""
    objects = (await probe.objects(module))[:_MOST_OBJECTS]
    wrong = [
        f"{_shown(module, each)}: {describe(found, 2)}"
        for each in objects
        if (found := _findings(probe, KINDS[module], each))
    ]
    if wrong:
        fail(
            f"{len(wrong)} of {len(objects)} objects: {' | '.join(wrong[:3])}",
            "Send every required field, and each value in the form that its type has.",
        )
    return f"{len(objects)} valid objects"


async def owners(probe: Probe, module: str, _side: Interface) -> str:
    """Each object belongs to a party that the platform has presented in its credentials."""
    if not probe.routed:
        raise NotApplicable("objects of OCPI 2.1.1 do not say whose they are")
    strangers = {
        f"{each.get('country_code')}-{each.get('party_id')}"[:20]
        for each in await probe.objects(module)
        if isinstance(each, dict) and _owner(each) not in probe.subject.roles
    }
    if strangers:
        fail(f"objects of {', '.join(sorted(strangers)[:5])}", "Present those parties in the credentials, too.")
    return "all belong to parties of the platform"


async def stamps(probe: Probe, module: str, _side: Interface) -> str:
    """`last_updated` is there, and not in the future."""
    late = [
        each
        for each in await probe.objects(module)
        if (stamp := _updated(each)) is None or stamp > probe.subject.now + _AHEAD
    ]
    if late:
        fail(f"{len(late)} objects have none, or one in the future", "Write last_updated in UTC, with the right clock.")
    return "all in the past, and readable as UTC"


async def bad_date(probe: Probe, module: str, _side: Interface) -> str:
    """A date that is none is refused, and does no harm."""
    answer = await probe.get(module, date_from="yesterday")
    if answer.status >= 500:
        fail(f"date_from=yesterday is answered with {answer}", "Answer with 2001: invalid parameters.")
    if answer.ok:
        raise Advised("date_from=yesterday is passed over", "Answer with 2001: the other side has made a mistake.")
    return str(answer)


async def single(probe: Probe, module: str, _side: Interface) -> str:
    """One Location, one EVSE and one Connector by their ids: an object, the right one, and valid."""
    location = (await probe.objects(module))[0]
    evse = next(iter(location.get("evses") or ()), None)
    connector = next(iter((evse or {}).get("connectors") or ()), None)
    steps = [("Location", location, "id"), ("EVSE", evse, "uid"), ("Connector", connector, "id")]
    path: list[str] = []
    for kind, wanted, name in steps:
        if wanted is None:
            break
        path.append(str(wanted.get(name)))
        answer = await probe.get(module, *path)
        if not answer.ok:
            fail(f"GET of one {kind} is answered with {answer}", "Serve Location, EVSE and Connector by their ids.")
        if isinstance(answer.data, list):
            fail(f"one {kind} comes as a list of {len(answer.data)}", "Put the object itself into data.")
        if not isinstance(answer.data, dict) or _folded(answer.data, name) != _folded(wanted, name):
            fail(f"another {kind} came than the list has", "Answer with the object that the path names.")
        if found := _findings(probe, kind, answer.data):
            fail(f"the {kind} is not as OCPI has it: {describe(found, 2)}", "Send the same object as in the list.")
    return f"{len(path)} objects by their ids"


async def unknown_id(probe: Probe, module: str, _side: Interface) -> str:
    """An object that does not exist is answered with HTTP 404."""
    answer = await probe.get(module, "hub-certify-unknown")
    if answer.status != 404:
        fail(f"an unknown location is answered with {answer}", "Answer GET of what does not exist with HTTP 404.")
    return str(answer)


def _folded(value: Mapping[str, Any], name: str) -> str:
    """An id for comparison: upper and lower case are the same in a CiString (types: CiString type)."""
    return str(value.get(name)).casefold()


def _filters(module: str) -> dict[str, str]:
    return {"date_from": "2000-01-01T00:00:00Z"} if module == "sessions" else {}


async def _list(probe: Probe, module: str) -> Answer:
    answer = await probe.page(module)
    if not answer.ok or not isinstance(answer.data, list):
        raise Unchecked(f"the list can not be read: {answer}")
    return answer


def _check_last(link: str | None, answer: Answer) -> None:
    if link is None:
        return
    if not link.strip():
        fail("the last page has an empty Link header", "Leave Link out on the last page.")
    if 'rel="next"' in link and answer.data:
        fail("the last page has a Link to a next one", "Leave Link out on the last page.")


def _followed(asked: str, link: str | None, seen: int, total: int) -> str:
    """The next page as Link has it. It has to be of this list, at this host."""
    if not link or not link.strip():
        fail(f"after {seen} of {total} objects there is no Link to the next page", f"Send {_LINK}.")
    target = link.partition("<")[2].partition(">")[0]
    if not target or "next" not in link.partition(">")[2]:
        fail("Link can not be read", f"Send {_LINK}.")
    there, here = urlsplit(urljoin(asked, target)), urlsplit(asked)
    if not urlsplit(target).scheme:
        fail("Link holds no absolute URL", f"Send {_LINK}.")
    if (there.scheme, there.netloc) != (here.scheme, here.netloc):
        fail(f"Link leads to {there.scheme}://{there.netloc}, not to the host that was asked", f"Send {_LINK}.")
    if there.path.rstrip("/") != here.path.rstrip("/"):
        fail("Link leads to another path than the list has", f"Send {_LINK}.")
    had, has = parse_qs(here.query), parse_qs(there.query)
    if lost := [name for name in ("date_from", "date_to") if name in had and name not in has]:
        fail(f"Link has lost {', '.join(lost)}", "Keep the filters in Link.")
    if wrong := [name for name in ("date_from", "date_to") if has.get(name) == ["None"]]:
        fail(f"Link holds {wrong[0]}=None", "Leave out filters that were not asked for.")
    if next_page(asked, PageHeaders(link)) is None:
        fail("Link leads back to what was read already", f"Send {_LINK}.")
    return target


def _findings(probe: Probe, kind: str, value: Any) -> list[Finding]:
    checker = data_checker(probe.version, kind, many=False)
    return checker.check(msgspec.json.encode(value)) if checker else []


def _shown(module: str, value: Any) -> str:
    """An object in words; a Token by its kind alone: its uid is a card."""
    return "a token" if module == "tokens" else _id(value)[:40]


def _id(value: Any) -> str:
    if not isinstance(value, Mapping):
        return ""
    return str(value.get("uid") if "uid" in value else value.get("id"))


def _ids(answer: Answer) -> list[str]:
    return [_id(each) for each in answer.data] if isinstance(answer.data, list) else []


def _many(answer: Answer) -> str:
    return f"{len(answer.data)} objects" if isinstance(answer.data, list) else "no list"


def _updated(value: Any) -> int | None:
    try:
        return milliseconds(str(value["last_updated"]))
    except (KeyError, TypeError, ValueError):
        return None


def _owner(value: Mapping[str, Any]) -> Party | None:
    try:
        return Party.of(str(value.get("country_code")), str(value.get("party_id")))
    except ValueError:
        return None
