"""URLs that partners hand out: sealed on the way out, opened on the way back.

OCPI 2.2.1: Link (transport_and_format: Pagination), Location (cdrs 10.2.2), response_url (commands 13,
chargingprofiles 14).
"""

import json
import math
from urllib.parse import parse_qs, parse_qsl, quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.catalogue import CATALOGUE, OCPI_2_2_1
from hub.core.directory import Directory, Platform, State
from hub.core.message import Message
from hub.core.modules import Interface, UrlIn
from hub.core.pages import PageHeaders
from hub.core.party import Party, Role
from hub.core.sealed import KEY_BYTES, Sealer, Use
from hub.errors import BadRequest, InvalidParameters, NotFound, OcpiError
from hub.flow.indirect import Indirect

S, R = Interface.SENDER, Interface.RECEIVER
MSP, CPO = Party("NL", "MSP"), Party("DE", "CPO")
PREFIX = "https://hub.example.com/ocpi/2.2.1/sealed/"
INDIRECT = Indirect(Sealer(bytes(KEY_BYTES)), "https://hub.example.com/ocpi/{version}/sealed/")
MODULES = ("cdrs", "chargingprofiles", "commands", "locations", "sessions", "tariffs", "tokens")


def platform(number, party, host):
    return Platform(
        id=number,
        name=str(party),
        state=State.REGISTERED,
        version="2.2.1",
        roles={party: frozenset({Role.OTHER})},
        endpoints={(module, side): f"{host}/ocpi/{side.lower()}/{module}/" for module in MODULES for side in Interface},
        origins=frozenset({f"{host}:443"}),
    )


EMSP = platform(1200, MSP, "https://msp.example.com")
CPOS = platform(3400, CPO, "https://cpo.example.com")
RESULTS = EMSP.endpoints["commands", S]
LOCATIONS = CPOS.endpoints["locations", S]
CDRS = CPOS.endpoints["cdrs", R]


def message(interface, module, method, path="", *, query="", body=b"", sender=EMSP, url=None):
    segments = tuple(path.split("/")) if path else ()
    operation = CATALOGUE.module("2.2.1", interface, module).find(method, segments)
    return Message(
        operation=operation,
        segments=segments,
        query=query,
        body=body,
        request_id="r",
        correlation_id="c",
        platform=sender,
        sender=next(iter(sender.roles)),
        url=url,
        deadline=math.inf,
        directory=Directory.of(Party("XX", "HUB"), [EMSP, CPOS]),
    )


def command(body):
    return message(
        R, "commands", "POST", "START_SESSION", body=body if isinstance(body, bytes) else json.dumps(body).encode()
    )


def get_profile(query):
    return message(R, "chargingprofiles", "GET", "1234", query=query)


def segment_of(url):
    assert url.startswith(PREFIX)
    return url.removeprefix(PREFIX)


def lead(url, holder=CPOS, target=EMSP, method="POST"):
    """Where a sealed URL leads its holder."""
    return INDIRECT.expand(INDIRECT.open(segment_of(url), holder, method), target)


def response_url(asked):
    """The response_url that the receiver of a command gets."""
    query, body = INDIRECT.request(asked, CPOS, CPO)
    assert query == asked.query
    return json.loads(body)["response_url"]


# response_url in a body

scalars = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


def test_all_but_the_response_url_keeps_its_bytes():
    url = RESULTS + "START_SESSION/4711?a=b"
    sent = (
        '{"response_url":"%s","token":{"uid" : "1","group_id":null,  "deep":[1.10,-0.0,1E5,{"a":[ ]}]},"price":1.10,'
        '"big":12345678901234567890.10,"none":null,"unknown":true,"\\u00fc-key":"\\u00fc \\ud83d\\ude00 \\/",'
        '"plain":"ü😀"}'
    )
    _, body = INDIRECT.request(command((sent % url).encode()), CPOS, CPO)
    sealed = json.loads(body)["response_url"]
    assert body == (sent.replace("\\u00fc-key", "ü-key") % sealed).encode()
    assert lead(sealed) == url


@given(st.dictionaries(st.text(), scalars | st.lists(scalars, max_size=3), max_size=5))
def test_any_other_fields_pass(fields):
    fields = {name: value for name, value in fields.items() if name.lower() != "response_url"}
    body = command({**fields, "response_url": RESULTS + "1"})
    _, passed = INDIRECT.request(body, CPOS, CPO)
    assert {**json.loads(passed), "response_url": None} == {**fields, "response_url": None}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{}", "response_url is missing, or is not a string"),
        (b'{"response_url":null}', "response_url is missing, or is not a string"),
        (b'{"response_url":1}', "response_url is missing, or is not a string"),
        (b'{"response_url":["https://msp.example.com/"]}', "is missing, or is not a string"),
        (b'{"Response_URL":"https://msp.example.com/"}', "response_url is missing"),
        (b"[]", "response_url is missing, or is not a string"),
        (b'{"response_url":""}', "is not an http or https URL"),
        (b'{"response_url":"/results/1"}', "is not an http or https URL"),
        (b'{"response_url":"javascript:alert(1)"}', "is not an http or https URL"),
        (b'{"response_url":"https://msp.example.com/","Response_Url":"https://evil.example/"}', "must be there once"),
    ],
)
def test_a_body_without_a_usable_response_url(body, words):
    with pytest.raises(InvalidParameters, match=words):
        INDIRECT.request(command(body), CPOS, CPO)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"response_url":"\xff"}', b'{"response_url":"\\ud800"}', b'{"response_url":"\\q"}', b"[" * 9999],
)
def test_a_body_that_a_plugin_broke(body):
    with pytest.raises(BadRequest):
        INDIRECT.request(command(body), CPOS, CPO)


def test_of_two_response_urls_one_is_left():
    body = b'{"response_url":"https://evil.example/","a":1,"response_url":"https://msp.example.com/r"}'
    _, passed = INDIRECT.request(command(body), CPOS, CPO)
    assert passed.count(b"response_url") == 1
    assert b"evil" not in passed
    assert lead(json.loads(passed)["response_url"]) == "https://msp.example.com/r"


# response_url in a query


@pytest.mark.parametrize(
    ("query", "url"),
    [
        # As the specification's example has it: not encoded.
        (
            "duration=900&response_url=https://msp.example.com/chargingprofile/response?request_id=5678",
            "https://msp.example.com/chargingprofile/response?request_id=5678",
        ),
        (
            "response_url=https%3A%2F%2Fmsp.example.com%2Fr%3Fa%3Db%26c%3Dd+e&duration=900",
            "https://msp.example.com/r?a=b&c=d e",
        ),
        ("response%5Furl=https%3A%2F%2Fmsp.example.com%2Fr", "https://msp.example.com/r"),
        ("RESPONSE_URL=https%3A%2F%2Fmsp.example.com%2Fr", "https://msp.example.com/r"),
        ("x=%C3%BC+%41&&y=&z&response_url=https://msp.example.com", "https://msp.example.com"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_response_url_in_the_query(method, query, url):
    asked = message(R, "chargingprofiles", method, "1234", query=query)
    if " " in url:
        with pytest.raises(InvalidParameters, match="it holds a space"):
            INDIRECT.request(asked, CPOS, CPO)
        return
    passed, body = INDIRECT.request(asked, CPOS, CPO)
    assert body == b""
    (sealed,) = parse_qs(passed)["response_url"]
    assert lead(sealed) == url
    others = [[part for part in each.split("&") if "response" not in part.lower()] for each in (query, passed)]
    assert others[0] == others[1]
    assert [name for name, _ in parse_qsl(passed)].count("response_url") == 1


@pytest.mark.parametrize(
    "query",
    [
        "",
        "duration=900",
        "response_url=https://msp.example.com/1&response_url=https://msp.example.com/1",
        "response_url=https://msp.example.com/1&response%5furl=https://evil.example/",
        "response_url=https://msp.example.com/1&Response_Url=https://evil.example/",
    ],
)
def test_the_response_url_is_there_once(query):
    with pytest.raises(InvalidParameters, match="query: response_url must be there once"):
        INDIRECT.request(get_profile(query), CPOS, CPO)


def test_a_message_without_a_url_is_left_alone():
    body = b'{ "response_url": "https://anywhere.example/" }'
    asked = message(R, "tokens", "PUT", "NL/MSP/1", query="type=RFID&response_url=x", body=body)
    assert INDIRECT.request(asked, CPOS, CPO) == (asked.query, asked.body)


# Whose a URL has to be


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/results/1",
        "https://cpo.example.com/results/1",
        "http://msp.example.com/results/1",
        "https://msp.example.com:8443/results/1",
        "https://msp.example.com.evil.example/",
        "https://evil.example/https://msp.example.com/",
        "https://evil.example?https://msp.example.com/",
        "https://msp.example.com@evil.example/",
        "https://evil.example\\@msp.example.com/",
        "https://msp.example.com\t.evil.example/",
        "https://user@msp.example.com/",
        "//msp.example.com/results",
        "https://[::1]/",
    ],
)
def test_a_response_url_on_a_foreign_origin_is_refused(url):
    """The receiver of a command answers through the hub, and the hub would send the sender's token there."""
    for ask in (lambda: command({"response_url": url}), lambda: get_profile(f"response_url={quote(url, safe='')}")):
        with pytest.raises(InvalidParameters):
            INDIRECT.request(ask(), CPOS, CPO)


def test_the_same_origin_may_be_spelt_otherwise():
    for url in ("https://MSP.example.com/r", "https://msp.example.com:443/r", "https://msp.example.com?x=1"):
        assert lead(response_url(command({"response_url": url}))) == url


# What is sealed, and who opens it


def test_a_result_comes_back_to_who_asked():
    inner = INDIRECT.open(segment_of(response_url(command({"response_url": RESULTS + "1"}))), CPOS, "POST")
    assert (inner.use, inner.version, inner.module) == (Use.RESULT, "2.2.1", "commands")
    assert (inner.holder, inner.holder_party) == (CPOS.id, CPO)
    assert (inner.target, inner.target_party) == (EMSP.id, MSP)
    assert CATALOGUE.indirect(inner.version, inner.module, S, "POST") is not None


def test_only_the_receiver_may_use_it_and_only_to_post():
    segment = segment_of(response_url(command({"response_url": RESULTS + "1"})))
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        with pytest.raises(NotFound):
            INDIRECT.open(segment, CPOS, method)
    with pytest.raises(NotFound):
        INDIRECT.open(segment, EMSP, "POST")


def test_pages_and_objects_are_only_read():
    page = INDIRECT.link(
        message(S, "locations", "GET"), CPOS, CPO, LOCATIONS, PageHeaders(f'<{LOCATIONS}?offset=2>; rel="next"')
    )
    cdr = INDIRECT.location(message(R, "cdrs", "POST"), CPOS, CPO, CDRS, CDRS + "1")
    for sealed, use in ((page.removeprefix("<").removesuffix('>; rel="next"'), Use.PAGE), (cdr, Use.OBJECT)):
        inner = INDIRECT.open(segment_of(sealed), EMSP, "GET")
        assert (inner.use, inner.holder, inner.target, inner.target_party) == (use, EMSP.id, CPOS.id, CPO)
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            with pytest.raises(NotFound):
                INDIRECT.open(segment_of(sealed), EMSP, method)


@pytest.mark.parametrize(
    ("before", "after", "url", "leads_to"),
    [
        ("https://msp.example.com/a/", "https://new.example/b/", "https://msp.example.com/a/1", "https://new.example/b/1"),
        ("https://msp.example.com/a", "https://msp.example.com/a/", "https://msp.example.com/a/1?b", "https://msp.example.com/a/1?b"),
        ("https://msp.example.com/a/", "https://msp.example.com/a", "https://msp.example.com/a/1", "https://msp.example.com/a/1"),
        ("https://msp.example.com/a", "https://msp.example.com/b", "https://msp.example.com/a?id=1", "https://msp.example.com/b?id=1"),
        # Beside the endpoint, not under it.
        ("https://msp.example.com/a", "https://msp.example.com/b", "https://msp.example.com/ab/1", "https://msp.example.com/ab/1"),
        ("https://msp.example.com", "https://msp.example.com/b", "https://msp.example.com/1", "https://msp.example.com/b/1"),
    ],
)  # fmt: skip
def test_an_endpoint_that_changes_takes_its_urls_along(before, after, url, leads_to):
    sender = moved(EMSP, before)
    asked = msgspec.structs.replace(command({"response_url": url}), platform=sender)
    sealed = response_url(asked)
    assert lead(sealed, target=sender) == url
    assert lead(sealed, target=moved(EMSP, after)) == leads_to


def moved(platform, endpoint):
    host = "/".join(endpoint.split("/")[:3])
    return msgspec.structs.replace(
        platform, endpoints={**platform.endpoints, ("commands", S): endpoint}, origins=frozenset({f"{host}:443"})
    )


@pytest.mark.parametrize(
    ("url", "target"),
    [
        (RESULTS + "1", msgspec.structs.replace(EMSP, endpoints={})),
        (RESULTS + "1", msgspec.structs.replace(EMSP, origins=frozenset())),
        ("https://msp.example.com/other", moved(EMSP, "https://new.example/b/")),
        (RESULTS + "1", msgspec.structs.replace(EMSP, roles={Party("NL", "NEW"): frozenset()})),
    ],
    ids=["endpoint gone", "origins gone", "host left", "party left"],
)
def test_a_url_that_does_not_belong_to_the_target_any_more(url, target):
    with pytest.raises(NotFound, match="does not exist any more"):
        lead(response_url(command({"response_url": url})), target=target)


HAND_OUT_RESULTS = [row for row in OCPI_2_2_1 if row.url in (UrlIn.BODY, UrlIn.QUERY)]


@pytest.mark.parametrize("row", HAND_OUT_RESULTS, ids=str)
@pytest.mark.parametrize("under_endpoint", [True, False])
@pytest.mark.parametrize("ids", [(1, 2), (60_000, 65_535)])
def test_a_sealed_url_fits_into_255_characters(row, under_endpoint, ids):
    """The type URL of OCPI is a string(255), and partners keep to it in their databases."""
    emsp, cpo = (
        msgspec.structs.replace(each, id=number) for each, number in zip((EMSP, CPOS), ids, strict=True)
    )  # fmt: skip
    start = emsp.endpoints[row.module, S] if under_endpoint else "https://msp.example.com/"
    url = start + "r" * (100 - len(start))
    asked = message(
        R, row.module, row.method, "1", query=f"response_url={url}", body=json.dumps({"response_url": url}).encode()
    )
    query, body = INDIRECT.request(msgspec.structs.replace(asked, platform=emsp), cpo, CPO)
    sealed = parse_qs(query)["response_url"][0] if row.url is UrlIn.QUERY else json.loads(body)["response_url"]
    assert lead(sealed, cpo, emsp) == url
    assert len(url) == 100
    assert len(sealed) <= (255 if not under_endpoint else 215)


# Location


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        (CDRS + "1", CDRS + "1"),
        ("https://cpo.example.com/other/1?a=b", "https://cpo.example.com/other/1?a=b"),
        ("/cdrs/1", "https://cpo.example.com/cdrs/1"),
        ("/cdrs/1?next=https://x/", "https://cpo.example.com/cdrs/1?next=https://x/"),
        ("1", CDRS + "1"),
        ("//cpo.example.com/1", "https://cpo.example.com/1"),
        ("https://evil.example/1", None),
        ("//evil.example/1", None),
        ("http://cpo.example.com/1", "https://cpo.example.com/1"),  # written behind a proxy
        ("http://cpo.example.com:8080/1", None),
        ("https://cpo.example.com@evil.example/1", None),
        ("https://[cpo/1", None),
        ("mailto:a@cpo.example.com", None),
        ("/a b", None),
    ],
)
def test_the_location_of_a_new_cdr(location, leads_to):
    sealed = INDIRECT.location(message(R, "cdrs", "POST"), CPOS, CPO, CDRS, location)
    assert (sealed and lead(sealed, EMSP, CPOS, "GET")) == leads_to


# Pages


def test_a_link_is_sealed_page_by_page():
    """A partner that names a host of its own network, as it does on every page."""
    asked, leads_to = message(S, "locations", "GET", query="date_from=2026-01-01T00:00:00Z&limit=2"), []
    for offset in (2, 4):
        internal = f'<http://10.0.0.1:8000/locations?date_from=None&offset={offset}&limit=2>; rel="next"'
        link = INDIRECT.link(asked, CPOS, CPO, LOCATIONS, PageHeaders(internal, "5", "2"))
        url = lead(link.removeprefix("<").removesuffix('>; rel="next"'), EMSP, CPOS, "GET")
        leads_to.append(url)
        asked = msgspec.structs.replace(asked, url=url, query="")
    assert leads_to == [f"{LOCATIONS}?offset={offset}&limit=2&date_from=2026-01-01T00:00:00Z" for offset in (2, 4)]
    assert INDIRECT.link(asked, CPOS, CPO, LOCATIONS, PageHeaders("", "5", "2")) is None


def test_nothing_but_ocpi_errors_for_any_url():
    for url in ("https://msp.example.com:x/", "https://[", "", "\x00", "~", "~/1", "https://msp.example.com:99999/"):
        with pytest.raises(OcpiError):
            INDIRECT.request(command({"response_url": url}), CPOS, CPO)
