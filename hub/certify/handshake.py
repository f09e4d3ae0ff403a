"""Checks of what two platforms connect with: versions, version details, credentials, tokens and headers.

OCPI 2.2.1, version_information_endpoint, credentials, and transport_and_format.
"""

import datetime
from typing import Annotated, Any

import msgspec

from hub.certify.probe import Advised, Answer, NotApplicable, Probe, Unchecked, fail
from hub.core.headers import CORRELATION_ID, REQUEST_ID
from hub.core.modules import Interface
from hub.core.party import Role
from hub.core.paths import origin
from hub.errors import InvalidParameters
from hub.ocpi.check import Checker, describe
from hub.ocpi.kinds import struct_of

_WRONG = "Token aHViLWNlcnRpZnktd3JvbmctdG9rZW4="
_ROLES = ("SENDER", "RECEIVER")
_USUAL = {
    Role.CPO: (
        ("locations", Interface.SENDER), ("sessions", Interface.SENDER), ("cdrs", Interface.SENDER),
        ("tariffs", Interface.SENDER), ("tokens", Interface.RECEIVER), ("commands", Interface.RECEIVER),
    ),
    Role.EMSP: (
        ("tokens", Interface.SENDER), ("locations", Interface.RECEIVER), ("sessions", Interface.RECEIVER),
        ("cdrs", Interface.RECEIVER), ("tariffs", Interface.RECEIVER),
    ),
}  # fmt: skip


class _Envelope(msgspec.Struct):
    status_code: Annotated[int, msgspec.Meta(ge=0, le=9999)]
    timestamp: datetime.datetime


async def versions_list(probe: Probe, _module: str, _side: Interface) -> str:
    """GET of the versions URL: a list of version and URL, with the version that was agreed on."""
    found = await _versions(probe)
    return f"offers OCPI {', '.join(str(each['version']) for each in found)}"


async def version_details(probe: Probe, _module: str, _side: Interface) -> str:
    """GET of the details: the version itself, and an identifier, role and absolute URL for each endpoint."""
    endpoints = await _endpoints(probe)
    wrong = [each for each in (_wrong_endpoint(probe, each) for each in endpoints) if each]
    if not any(each.get("identifier") == "credentials" for each in endpoints if isinstance(each, dict)):
        wrong.append("there is no credentials endpoint")
    if wrong:
        fail("; ".join(wrong[:5]), "List each module with identifier, role (not in 2.1.1) and an absolute URL.")
    return f"{len(endpoints)} endpoints"


async def all_advertised(probe: Probe, _module: str, _side: Interface) -> str:
    """What the platform serves stands in its version details."""
    if probe.subject.by_hand:
        names = ", ".join(f"{module} {side}" for module, side in sorted(probe.subject.by_hand))
        fail(
            f"not advertised, and set by hand at the hub: {names}",
            "List every module that is served in the version details: others find it nowhere else.",
        )
    missing = [
        f"{module} {side}"
        for role in {role for roles in probe.subject.roles.values() for role in roles}
        for module, side in _USUAL.get(role, ())
        if (module, side) not in probe.subject.endpoints
    ]
    if missing:
        raise Advised(f"not offered: {', '.join(missing)}", "Offer them, where your business has them.")
    return "all modules that the role usually has"


async def credentials_get(probe: Probe, _module: str, _side: Interface) -> str:
    """GET of credentials: the platform's own credentials object."""
    url = next(
        (each.get("url") for each in await _endpoints(probe) if each.get("identifier") == "credentials"),
        None,
    )
    if not isinstance(url, str):
        raise Unchecked("there is no credentials endpoint")
    answer = await probe.send("GET", url)
    if not answer.ok:
        fail(f"GET credentials is answered with {answer}", "Answer with your credentials object.")
    found = Checker(struct_of(probe.version, "Credentials")).check(msgspec.json.encode(answer.data))
    if found:
        fail(f"the credentials object is not as OCPI has it: {describe(found)}", "Send all required fields.")
    return "a valid credentials object"


async def tls(probe: Probe, _module: str, _side: Interface) -> str:
    """All URLs are https."""
    urls = [probe.subject.versions_url, *probe.subject.endpoints.values()]
    plain = [each for each in urls if each.startswith("http:")]
    if plain:
        raise Advised(f"{len(plain)} of {len(urls)} URLs are http", "Serve OCPI over TLS, and advertise https URLs.")
    return "all URLs are https"


async def token_missing(probe: Probe, _module: str, _side: Interface) -> str:
    """A request without Authorization is answered with HTTP 401."""
    return await _refuses(probe, "", "without Authorization")


async def token_wrong(probe: Probe, _module: str, _side: Interface) -> str:
    """A request with a token that nobody has is answered with HTTP 401."""
    return await _refuses(probe, _WRONG, "with a wrong token")


async def token_encoding(probe: Probe, _module: str, _side: Interface) -> str:
    """The token is taken in Base64, as OCPI has it since 2.2-d2."""
    if not probe.routed:
        raise NotApplicable("OCPI 2.1.1 sends the token as it is")
    raw = probe.subject.encoding.value == "RAW"
    answer = await probe.send("GET", await _place(probe), authorization=probe.authorization(other_encoding=raw))
    if not answer.ok:
        fail(
            f"a token in Base64 is answered with {answer}",
            "Decode the token in the Authorization header with Base64 (RFC 4648, section 4).",
        )
    return "a token in Base64 is accepted"


async def refusal_body(probe: Probe, _module: str, _side: Interface) -> str:
    """An HTTP error carries an OCPI response."""
    answer = await probe.send("GET", await _place(probe), authorization=_WRONG)
    if answer.status < 400:
        raise Unchecked(f"a wrong token was answered with {answer}")
    if answer.code is None:
        fail(
            f"the error is {answer}",
            "Put the OCPI response (status_code, status_message, timestamp) into the body of HTTP errors, too.",
        )
    return str(answer)


async def envelope(probe: Probe, _module: str, _side: Interface) -> str:
    """An answer is JSON with status_code and a timestamp in UTC."""
    answer = await probe.send("GET", await _place(probe))
    body = answer.body
    if not isinstance(body, dict):
        fail(f"the answer is {answer}", "Answer with a JSON object: data, status_code, status_message, timestamp.")
    found = Checker(_Envelope).check(answer.raw)
    if found:
        fail(describe(found), "Send status_code as a number and timestamp as a DateTime in UTC, with each answer.")
    kind = (answer.header("content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/json":
        fail(f"Content-Type is {kind or 'missing'}", "Answer with Content-Type: application/json.")
    return "status_code, timestamp and Content-Type are there"


async def ids_echoed(probe: Probe, _module: str, _side: Interface) -> str:
    """The answer has the X-Request-ID and the X-Correlation-ID of the request."""
    answer = await _functional(probe)
    lost = [name for name in (REQUEST_ID, CORRELATION_ID) if answer.header(name) != probe.sent(name)]
    if lost:
        fail(f"not sent back: {', '.join(lost)}", "Copy both headers of the request into its answer.")
    return "both ids come back"


async def routing_echoed(probe: Probe, _module: str, _side: Interface) -> str:
    """The answer has the routing headers of the request, with from and to swapped."""
    answer = await _functional(probe)
    wrong = []
    for part in ("country-code", "party-id"):
        for here, there in (("from", "to"), ("to", "from")):
            got, wanted = answer.header(f"ocpi-{here}-{part}"), probe.sent(f"OCPI-{there}-{part}")
            if (got or "").upper() != wanted.upper():
                wrong.append(f"OCPI-{here}-{part} is {got[:20]!r}" if got else f"OCPI-{here}-{part} is missing")
    if wrong:
        fail("; ".join(wrong), "Answer with all four OCPI-* headers: from is who answers, to is who asked.")
    return "all four headers, swapped"


async def unknown_module(probe: Probe, _module: str, _side: Interface) -> str:
    """A path that does not exist is answered with HTTP 404."""
    url = f"{(await _details_url(probe)).rstrip('/')}/hub-certify-unknown"
    answer = await probe.send("GET", url)
    if answer.status != 404:
        fail(f"a module that does not exist is answered with {answer}", "Answer with HTTP 404.")
    return "HTTP 404"


async def _versions(probe: Probe) -> list[Any]:
    answer = await probe.send("GET", probe.subject.versions_url)
    if not answer.ok:
        fail(f"GET versions is answered with {answer}", "Answer with HTTP 200, status_code 1000 and the list.")
    found = answer.data
    if not isinstance(found, list):
        kind = "an object" if isinstance(found, dict) else "no list"
        fail(f"data is {kind}", "Put a list of objects with version and url into data.")
    if not all(isinstance(each, dict) and {"version", "url"} <= each.keys() for each in found):
        fail("an entry has no version or no url", "Each entry has a version, as 2.2.1, and the URL of its details.")
    if probe.version not in [each["version"] for each in found]:
        fail(f"OCPI {probe.version}, which was agreed on, is not offered", "Keep offering it, or register anew.")
    return found


async def _details_url(probe: Probe) -> str:
    return next(str(each["url"]) for each in await _versions(probe) if each["version"] == probe.version)


async def _endpoints(probe: Probe) -> list[Any]:
    answer = await probe.send("GET", await _details_url(probe))
    if not answer.ok or not isinstance(answer.data, dict):
        fail(f"GET of the version details is answered with {answer}", "Answer with an object: version and endpoints.")
    if answer.data.get("version") != probe.version:
        fail("the details name another version", "Put the version that the details are about into version.")
    found = answer.data.get("endpoints")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        fail("endpoints is no list of objects", "List each endpoint with identifier, role and url.")
    return found


def _wrong_endpoint(probe: Probe, endpoint: dict[str, Any]) -> str | None:
    name = str(endpoint.get("identifier"))[:40]
    try:
        origin(str(endpoint.get("url")))
    except InvalidParameters:
        return f"{name}: the url is no absolute http URL"
    # What the role of the credentials endpoint is does not matter (2.2.1, credentials).
    if probe.routed and name != "credentials" and endpoint.get("role") not in _ROLES:
        return f"{name}: role is neither SENDER nor RECEIVER"
    return None


async def _refuses(probe: Probe, authorization: str, how: str) -> str:
    places = [("versions", probe.subject.versions_url), ("a module", await _place(probe))]
    wrong = []
    for name, url in places:
        answer = await probe.send("GET", url, authorization=authorization)
        if answer.status != 401:
            wrong.append(f"{name} {how}: {answer}")
    if wrong:
        fail("; ".join(wrong), "Answer with HTTP 401, on every endpoint, versions included.")
    return "HTTP 401 on versions and modules"


async def _place(probe: Probe) -> str:
    """The URL of something that may be read: a list, else the version details."""
    module = _list_of(probe)
    if module is None:
        return await _details_url(probe)
    filters = {"date_from": "2000-01-01T00:00:00Z"} if module == "sessions" else {}
    return probe.url(module, Interface.SENDER, limit="1", **filters)


async def _functional(probe: Probe) -> Answer:
    if not probe.routed:
        raise NotApplicable("OCPI 2.1.1 has no such headers")
    module = _list_of(probe)
    if module is not None:
        return await probe.send("GET", await _place(probe), routed=probe.party(module, Interface.SENDER))
    for name, side in probe.subject.endpoints:
        if side is Interface.RECEIVER and name in ("tokens", "locations", "sessions", "tariffs"):
            own = probe.subject.sender
            return await probe.functional("GET", name, side, own.country, own.party_id, "hub-certify-unknown")
    raise Unchecked("the platform has no interface that a GET does no harm to")


def _list_of(probe: Probe) -> str | None:
    lists = ("locations", "tokens", "tariffs", "cdrs", "sessions")
    return next((each for each in lists if (each, Interface.SENDER) in probe.subject.endpoints), None)
