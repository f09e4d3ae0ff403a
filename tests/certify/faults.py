"""Ways in which a CPO can answer wrongly: how an answer is bent, the check that has to find it, and its words."""

from collections.abc import Callable
from typing import Any

import msgspec

from hub.core.message import Reply
from hub.sim import SimRequest
from hub.sim.messages import Answer

Bend = Callable[[SimRequest, Answer], Answer]


def opened(reply: Reply) -> Answer:
    """An answer before it was put into its envelope."""
    told = msgspec.json.decode(reply.body)
    return Answer(
        data=told.get("data", msgspec.UNSET),
        http=reply.status,
        code=told["status_code"],
        message=told.get("status_message", ""),
        headers=dict(reply.headers),
    )


def of(module: str, method: str = "GET", *, listed: bool = True) -> Callable[[SimRequest], bool]:
    return lambda request: (request.module, request.method, not request.segments) == (module, method, listed)


def changed(fits: Callable[[SimRequest], bool], **changes: Any) -> Bend:
    return lambda request, answer: msgspec.structs.replace(answer, **changes) if fits(request) else answer


def headers(fits: Callable[[SimRequest], bool], **changes: str | None) -> Bend:
    def bend(request: SimRequest, answer: Answer) -> Answer:
        if not fits(request):
            return answer
        named = {name.replace("_", "-"): value for name, value in changes.items()}
        kept = {**answer.headers, **named}
        given = {name: value for name, value in kept.items() if value is not None}
        return msgspec.structs.replace(answer, headers=given)

    return bend


def data(fits: Callable[[SimRequest], bool], make: Callable[[Any], Any]) -> Bend:
    def bend(request: SimRequest, answer: Answer) -> Answer:
        if not fits(request) or answer.code != 1000:
            return answer
        return msgspec.structs.replace(answer, data=make(msgspec.json.decode(msgspec.json.encode(answer.data))))

    return bend


def each_with(**fields: Any) -> Callable[[Any], Any]:
    return lambda rows: [row | fields for row in rows]


def unfiltered(request: SimRequest, answer: Answer) -> Answer:
    if request.module != "tariffs" or "date_from" not in request.query:
        return answer
    stamp = "2025-01-01T00:02:00.000Z"
    row = {"country_code": "NL", "party_id": "CPO", "id": "DC", "last_updated": stamp}
    return msgspec.structs.replace(answer, data=[row])


LOCATIONS = of("locations")
VERSIONS_LIST = lambda request: request.module == "versions" and not request.version  # noqa: E731
ONE = of("locations", listed=False)
DETAILS = lambda request: request.module == "versions" and bool(request.version)  # noqa: E731
COMMAND = lambda request: request.module == "commands"  # noqa: E731
MISSING = {"id": "LOC1", "last_updated": "2025-01-01T00:00:00Z"}
FAULTS: dict[str, tuple[Bend, str, str]] = {
    "versions in an object": (
        data(VERSIONS_LIST, lambda rows: {"versions": rows}), "versions-list", "data is an object",
    ),
    "versions refused": (changed(VERSIONS_LIST, code=3000), "versions-list", "HTTP 200 with status_code 3000"),
    "no role": (
        data(DETAILS, lambda told: told | {"endpoints": [{**each, "role": "X"} for each in told["endpoints"]]}),
        "version-details", "role is neither",
    ),
    "relative URLs": (
        data(DETAILS, lambda told: told | {"endpoints": [{**each, "url": "/x"} for each in told["endpoints"]]}),
        "version-details", "no absolute http URL",
    ),
    "ids not echoed": (headers(LOCATIONS, X_Request_ID="other"), "message-ids", "X-Request-ID"),
    "routing not echoed": (
        headers(LOCATIONS, OCPI_from_party_id="XXX"), "routing-headers", "OCPI-from-party-id is 'XXX'",
    ),
    "no X-Limit": (headers(LOCATIONS, X_Limit=None), "locations list-headers", "X-Limit"),
    "X-Limit of the page": (headers(LOCATIONS, X_Limit="0"), "locations list-headers", "X-Limit 0"),
    "no list": (data(LOCATIONS, lambda rows: rows[0]), "locations list", "data is no list"),
    "limit passed over": (
        data(LOCATIONS, lambda rows: rows * 2), "locations list-limit", "limit=1 brought 2 objects",
    ),
    "no Link": (headers(LOCATIONS, Link=None), "locations list-pages", "there is no Link"),
    "Link to http elsewhere": (
        headers(LOCATIONS, Link='<https://127.0.0.1/x?offset=3>; rel="next"'), "locations list-pages",
        "not to the host",
    ),
    "empty Link at the end": (headers(of("tariffs"), Link=" "), "tariffs list-pages", "there is no Link"),
    "dates passed over": (unfiltered, "tariffs list-dates", "date_from in the far future"),
    "objects that lack fields": (
        data(LOCATIONS, lambda rows: [MISSING for _ in rows]), "locations objects", "is required",
    ),
    "a time zone": (
        data(LOCATIONS, each_with(last_updated="2025-01-01T00:00:00+02:00")), "locations objects", "DateTime in UTC",
    ),
    "others' objects": (data(LOCATIONS, each_with(party_id="XXX")), "locations owners", "NL-XXX"),
    "the future": (data(LOCATIONS, each_with(last_updated="2099-01-01T00:00:00Z")), "locations last-updated", "future"),
    "a list of one": (data(ONE, lambda one: [one]), "locations one-object", "a list of 1"),
    "another object": (data(ONE, lambda one: {**one, "id": "LOC9", "uid": "E9"}), "locations one-object", "another"),
    "START_SESSION everywhere": (
        changed(COMMAND, data={"result": "ACCEPTED", "timeout": 5}, code=1000), "commands start-session",
        "no result in",
    ),
    "a command's answer in a list": (
        changed(COMMAND, data=[{"result": "REJECTED", "timeout": 5}], code=1000), "commands start-session",
        "a list of 1",
    ),
    "a word that OCPI does not have": (
        changed(COMMAND, data={"result": "MAYBE", "timeout": 5}, code=1000), "commands stop-session", "one of",
    ),
    "tokens in a list": (data(of("tokens", listed=False), lambda one: [one]), "tokens put", "a list of 1"),
    "tokens that change": (
        data(of("tokens", listed=False), lambda one: one | {"issuer": "Other"}), "tokens put-again", "issuer",
    ),
}  # fmt: skip
