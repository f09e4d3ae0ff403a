"""Checks of RECEIVER interfaces that write test objects: only where the operator allows it.

OCPI 2.2.1, transport_and_format: Client Owned Object Push, and the chapters of the modules.
"""

from typing import Any

import msgspec

from hub.certify import samples
from hub.certify.lists import KINDS
from hub.certify.probe import Advised, Answer, Probe, Unchecked, fail
from hub.core.modules import Interface
from hub.core.moments import milliseconds
from hub.core.paths import origin
from hub.errors import InvalidParameters
from hub.ocpi.check import describe
from hub.ocpi.kinds import data_checker

_R = Interface.RECEIVER
_IDS = frozenset(
    ("id", "uid", "country_code", "party_id", "contract_id", "auth_id", "location_id", "evse_uid", "connector_id")
)
CHANGED: dict[str, tuple[str, Any]] = {
    "locations": ("name", "Test of certification, changed"),
    "sessions": ("kwh", 0.1),
    "tokens": ("issuer", "Test of certification, changed"),
}
"""A field of each kind of object that a PATCH changes, and its new value."""


async def put_and_get(probe: Probe, module: str, _side: Interface) -> str:
    """PUT of a new object, and GET: what was sent comes back."""
    sent = _sample(probe, module)
    answer = await _put(probe, module, sent)
    if not answer.ok:
        fail(f"PUT of a valid object is answered with {answer}", "Take objects of the party that sends them.")
    read = await _get(probe, module)
    if isinstance(read.data, list):
        fail(f"one object comes as a list of {len(read.data)}", "Put the object itself into data.")
    _same(probe, module, sent, read)
    if answer.status not in (200, 201):
        raise Advised(f"PUT is answered with HTTP {answer.status}", "201 for a new object, 200 for a known one.")
    return f"{answer}, and the same object comes back"


async def put_again(probe: Probe, module: str, _side: Interface) -> str:
    """PUT of an object that is known is answered with HTTP 200, and replaces it."""
    sent = _sample(probe, module) | {"last_updated": probe.stamp(1)}
    first, again = await _put(probe, module, sent), await _put(probe, module, sent)
    if not first.ok or not again.ok:
        raise Unchecked(f"PUT is answered with {again}")
    _same(probe, module, sent, await _get(probe, module))
    if again.status != 200:
        raise Advised(f"the second PUT is answered with HTTP {again.status}", "200 where the object was there.")
    return "replaced, with HTTP 200"


async def patched(probe: Probe, module: str, _side: Interface) -> str:
    """PATCH changes what it names, and nothing else."""
    sent = _sample(probe, module) | {"last_updated": probe.stamp(2)}
    if not (await _put(probe, module, sent)).ok:
        raise Unchecked("the object could not be written")
    name, value = CHANGED[module]
    changes = {name: value, "last_updated": probe.stamp(3)}
    answer = await _call(probe, "PATCH", module, changes)
    if not answer.ok:
        fail(f"PATCH is answered with {answer}", "Take a PATCH with the changed fields and last_updated.")
    _same(probe, module, sent | changes, await _get(probe, module))
    return "changed what was named, and kept the rest"


async def other_id(probe: Probe, module: str, _side: Interface) -> str:
    """A PUT whose body has another id than its URL is refused."""
    name = "uid" if module == "tokens" else "id"
    answer = await _put(probe, module, _sample(probe, module) | {name: "HUB-CERTIFY-2"})
    if answer.ok:
        fail(f"a body with another id than the URL is answered with {answer}", "Answer with 2001.")
    if answer.status >= 500:
        fail(f"a body with another id than the URL is answered with {answer}", "Answer with HTTP 200 and 2001.")
    return str(answer)


async def deleted(probe: Probe, module: str, _side: Interface) -> str:
    """DELETE takes an object away."""
    if not (await _put(probe, module, _sample(probe, module))).ok:
        raise Unchecked("the object could not be written")
    answer = await _call(probe, "DELETE", module)
    if not answer.ok:
        fail(f"DELETE is answered with {answer}", "Let the owner of a tariff delete it.")
    after = await _get(probe, module)
    if after.status != 404:
        fail(f"after the DELETE, GET is answered with {after}", "Answer with HTTP 404 when it is gone.")
    return "gone after the DELETE"


async def cdr_posted(probe: Probe, module: str, _side: Interface) -> str:
    """POST of a CDR is answered with its URL in Location, where it can be fetched; a second one is refused."""
    own, driver = probe.subject.sender, probe.party(module, _R)
    sent = samples.cdr(probe.version, own, driver, probe.stamp(), f"HUB-CERTIFY-{probe.subject.now // 1000}")
    answer = await probe.functional("POST", module, _R, body=sent)
    if not answer.ok:
        fail(f"POST of a valid CDR is answered with {answer}", "Take CDRs of the party that sends them.")
    where = answer.header("location")
    if not where:
        fail("the answer has no Location header", "Answer with the URL of the CDR in Location.")
    try:
        origin(where)
    except InvalidParameters:
        fail("Location is no absolute URL", "Answer with the whole URL of the CDR in Location.")
    if origin(where) != origin(probe.subject.endpoints[module, _R]):
        raise Unchecked("Location leads to another host, which is not called")
    found = await probe.send("GET", where, routed=driver)
    _same(probe, module, sent, found)
    again = await probe.functional("POST", module, _R, body=sent)
    if again.ok:
        raise Advised("the same CDR is taken twice", "A CDR can not be changed: refuse a second one with its id.")
    return "taken, and fetched at its Location"


def _sample(probe: Probe, module: str) -> dict[str, Any]:
    own, stamp = probe.subject.sender, probe.stamp()
    match module:
        case "locations":
            return samples.location(probe.version, own, stamp)
        case "tariffs":
            return samples.tariff(probe.version, own, stamp)
        case "tokens":
            return samples.token(probe.version, own, stamp)
        case _:
            return samples.session(probe.version, own, probe.party(module, _R), stamp)


async def _call(probe: Probe, method: str, module: str, body: Any = None) -> Answer:
    own = probe.subject.sender
    query = {"type": "RFID"} if module == "tokens" else None
    return await probe.functional(method, module, _R, own.country, own.party_id, samples.ID, body=body, query=query)


async def _put(probe: Probe, module: str, body: dict[str, Any]) -> Answer:
    return await _call(probe, "PUT", module, body)


async def _get(probe: Probe, module: str) -> Answer:
    return await _call(probe, "GET", module)


def _same(probe: Probe, module: str, sent: dict[str, Any], answer: Answer) -> None:
    """What came back has to be what was sent; more fields may have been added."""
    if not answer.ok:
        fail(f"GET of what was written is answered with {answer}", "Serve GET of the objects that you were sent.")
    # A list of one is told by the check of PUT: it is to hide nothing else.
    found = answer.data[0] if isinstance(answer.data, list) and len(answer.data) == 1 else answer.data
    checker = data_checker(probe.version, KINDS[module], many=False)
    if checker and (wrong := checker.check(msgspec.json.encode(found))):
        fail(f"what comes back is not as OCPI has it: {describe(wrong, 2)}", "Send back what was written.")
    changed = [name for name, value in sent.items() if not _equal(found.get(name), value, name)]
    if changed:
        fail(f"other than what was sent: {', '.join(changed)}", "Keep all fields as they were sent.")


def _equal(found: Any, sent: Any, field: str = "") -> bool:
    """Equal as OCPI sees it: ids without case, times as moments, and nothing that was sent is lost."""
    if isinstance(sent, dict):
        return isinstance(found, dict) and all(_equal(found.get(name), value, name) for name, value in sent.items())
    if isinstance(sent, list):
        return isinstance(found, list) and len(found) == len(sent) and all(map(_equal, found, sent))
    if field in _IDS and isinstance(found, str):
        return found.casefold() == str(sent).casefold()
    if isinstance(sent, str) and isinstance(found, str) and found != sent:
        try:
            return milliseconds(found) == milliseconds(sent)
        except ValueError:
            return False
    return bool(found == sent)
