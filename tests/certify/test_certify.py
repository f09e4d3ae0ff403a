"""Platforms on real sockets are checked through a running hub: those in order pass, and each fault has its name."""

from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.certify import Outcome, Report, samples
from hub.certify.table import CHECKS
from hub.config import Limits
from hub.core.directory import Encoding, Secret
from hub.core.message import Reply
from hub.core.party import Party
from hub.ocpi.kinds import data_checker
from hub.platform import PlatformApp, platform_config
from hub.sandbox import ACTIONS
from hub.sim import SimCpo, SimEmsp, SimRequest
from tests.certify.faults import FAULTS, Bend, opened
from tests.hosted import cpo as hosted_cpo
from tests.hosted import hosted, write
from tests.support import CPO, EMSP, config, network, register, running

VERSIONS = ("2.1.1", "2.2.1", "2.3.0")
OWNER, DRIVER = Party("NL", "HUB"), Party("DE", "MSP")


TAKES_TOKENS = """
async def put_token(self, OWNER token):
    new = token.uid not in self.tokens
    self.tokens[token.uid] = token
    return new

async def patch_token(self, owner, token_uid, token_type, changes):
    self.tokens[token_uid] = changes.onto(self.tokens[token_uid])
"""


class Crooked(SimCpo):
    """A CPO whose answers a test bends. With `naive`, it takes whatever token it is given."""

    bend: Bend | None = None
    naive = False

    async def _answer(self, request: SimRequest, token: str) -> Reply:
        reply = await super()._answer(request, token)
        bent = self.bend is not None and reply.ocpi_status == 1000
        return self.bend(request, opened(reply)).reply() if bent else reply

    def _token(self, headers: Any) -> str:
        return next(iter(self._connection._open)) if self.naive else super()._token(headers)


async def check(app, name: str, **options: Any) -> Report:
    certifier = app.operations.certifier
    platform = app.partners.find(name)
    progress = certifier.begin(platform, **{"write": True, **options})
    await certifier.finished(platform)
    assert progress.done
    assert not progress.problem
    assert progress.report is not None
    return progress.report


def failed(report: Report) -> dict[str, str]:
    return {f"{each.module} {each.check}".strip(): each.found for each in report.failures()}


@asynccontextmanager
async def crooked(folder):
    async with running(folder, limits=Limits(timeout=1.0, slow_request=1.0)) as app, Crooked("Cpo", [CPO]) as cpo:
        await register(app, cpo)
        cpo.seed(7)
        yield app, cpo


@pytest.mark.parametrize("encoding", Encoding)
async def test_the_simulator_is_certified(tmp_path, encoding):
    async with (
        running(tmp_path) as app,
        SimCpo("Cpo", [CPO], token_encoding=encoding) as cpo,
        SimEmsp("Emsp", [EMSP], token_encoding=encoding) as emsp,
    ):
        await register(app, cpo)
        await register(app, emsp)
        cpo.seed_history(5, emsp.token())
        wanted = {} if encoding is Encoding.BASE64 else {"token-base64": ANY}
        for name, sender in (("Cpo", EMSP.party), ("Emsp", CPO.party)):
            report = await check(app, name, sender=sender)
            assert failed(report).keys() == wanted.keys()
            assert report.certified is not wanted
            unchecked = {each.check for each in report.results if each.outcome is Outcome.UNCHECKED}
            assert unchecked == set()
        covered = {(each.module, each.interface) for each in (await check(app, "Cpo", sender=EMSP.party)).capabilities}
        assert {("sessions", "SENDER"), ("cdrs", "SENDER"), ("commands", "RECEIVER"), ("tokens", "RECEIVER")} <= covered


ANY = ""


async def test_a_list_without_objects_is_no_capability(tmp_path):
    async with network(tmp_path) as (app, _, _):
        report = await check(app, "Cpo", write=False)
        assert report.certified
        assert ("sessions", "SENDER") not in {(each.module, each.interface) for each in report.capabilities}
        covered = {(each.module, each.interface) for each in report.capabilities}
        assert ("locations", "SENDER") in covered
        assert ("commands", "RECEIVER") in covered
        assert ("tokens", "RECEIVER") not in covered


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_hosted_party_is_certified(tmp_path, version):
    async with hosted(
        tmp_path,
        hosted_cpo(version, TAKES_TOKENS.replace("OWNER", "owner," if version == "2.1.1" else "")),
        version=version,
    ) as (app,):
        report = await check(app, "mine")
        assert failed(report) == {}
        assert report.certified
        assert {"locations", "commands"} <= {each.module for each in report.capabilities}


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_same_party_is_certified_where_it_is_served_alone(tmp_path, version):
    folder = tmp_path / "alone"
    folder.mkdir()
    code = hosted_cpo(version, TAKES_TOKENS.replace("OWNER", "owner," if version == "2.1.1" else ""))
    file = write(folder, "alone", code, version)
    settings = platform_config(config(folder), file, folder / "data")
    async with running(tmp_path) as app, PlatformApp(settings, file) as alone:
        invitation = await app.partners.invite("Alone", ["NL-VLT:CPO"])
        await alone.register("hub", app.versions_url, Secret(invitation.token_a), ["NL-HUB:HUB"])
        report = await check(app, "Alone")
        assert failed(report) == {}
        assert report.certified


async def test_nothing_is_written_where_that_is_not_allowed(tmp_path):
    async with network(tmp_path) as (app, _, emsp):
        emsp.received.clear()
        report = await check(app, "Emsp", write=False)
        assert not list(emsp.their_locations)
        assert not list(emsp.their_cdrs)
        writing = {each.id for each in CHECKS if each.writes}
        skipped = {each.check for each in report.results if each.outcome is Outcome.UNCHECKED}
        assert skipped
        assert skipped <= writing


@pytest.mark.parametrize("name", FAULTS)
async def test_each_fault_is_found_by_its_name(tmp_path, name):
    bend, where, words = FAULTS[name]
    async with crooked(tmp_path) as (app, cpo):
        cpo.bend = bend
        found = failed(await check(app, "Cpo"))
        assert words in found.get(where, f"nothing, but {found}")


async def test_who_takes_any_token_is_found(tmp_path):
    async with crooked(tmp_path) as (app, cpo):
        cpo.naive = True
        found = failed(await check(app, "Cpo"))
        assert "versions with a wrong token: HTTP 200" in found["token-wrong"]
        assert "a module without Authorization: HTTP 200" in found["token-missing"]


async def test_an_endpoint_set_by_hand_is_told(tmp_path):
    async with network(tmp_path) as (app, cpo, _):
        url = cpo.endpoint("locations", "SENDER")
        await app.partners.set_endpoint("Cpo", "locations", "RECEIVER", url)
        assert "locations RECEIVER" in failed(await check(app, "Cpo", write=False))["modules-advertised"]


async def test_one_that_is_gone_passes_nothing_and_harms_nothing(tmp_path):
    async with network(tmp_path) as (app, cpo, _):
        await cpo.stop()
        report = await check(app, "Cpo")
        assert not report.certified
        assert report.failures() == []
        assert report.capabilities == ()


async def test_answers_of_any_shape_are_failures_and_no_faults(tmp_path):
    shapes: list[Any] = [None, [], {}, "text", 7, [None], [7], [[]], {"a": 1}, [{"id": None}], [{"last_updated": {}}]]
    async with crooked(tmp_path) as (app, cpo):
        for shape in shapes:
            cpo.bend = lambda request, answer, shape=shape: msgspec.structs.replace(answer, data=shape)
            assert failed(await check(app, "Cpo")), shape


async def test_no_secret_and_no_card_is_in_a_report(tmp_path):
    async with network(tmp_path) as (app, _, emsp):
        report = await check(app, "Emsp", sender=CPO.party)
        text = msgspec.json.encode(report).decode()
        token = app.keeper.token_out(app.partners.find("Emsp").id).reveal()
        assert token not in text
        assert emsp.token(1)["uid"] not in text
        assert emsp.token(1)["contract_id"] not in text
        assert "Token [hidden]" in text


async def test_a_result_at_a_url_that_nobody_awaits_is_404(tmp_path):
    async with network(tmp_path) as (app, cpo, _):
        answer = await cpo.call_url("POST", f"{app.url}/ocpi/2.2.1/certify/nothing", body={"result": "ACCEPTED"})
        assert answer.status == 404
        place = app.operations.certifier._inbox.expect("2.2.1")
        assert (await cpo.call_url("GET", place.url)).status == 405
        for _ in range(2):
            assert (await cpo.call_url("POST", place.url, body={"result": "ACCEPTED"})).status == 200
        assert msgspec.json.decode(await place.result(1.0)) == {"result": "ACCEPTED"}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["Location", "Tariff", "Token", "Session", "CDR"])
def test_what_is_written_is_as_ocpi_has_it(version, kind):
    stamp = "2026-01-01T12:00:00.000Z"
    made = {
        "Location": lambda: samples.location(version, OWNER, stamp),
        "Tariff": lambda: samples.tariff(version, OWNER, stamp),
        "Token": lambda: samples.token(version, OWNER, stamp),
        "Session": lambda: samples.session(version, OWNER, DRIVER, stamp),
        "CDR": lambda: samples.cdr(version, OWNER, DRIVER, stamp, "C1"),
    }[kind]()
    checker = data_checker(version, kind, many=False)
    assert checker is not None
    assert checker.check(msgspec.json.encode(made)) == []


def test_the_page_names_every_check_and_every_action():
    page = (Path(__file__).parents[2] / "docs" / "certification.md").read_text()
    for each in CHECKS:
        assert f"| `{each.id}` |" in page
        assert each.title in page
    for action in ACTIONS:
        assert f"`{action.name}`" in page


def test_each_check_says_what_it_is_and_where_it_stands():
    for each in CHECKS:
        assert each.title.endswith(".")
        for version in VERSIONS:
            assert "{" not in each.section_of(version, "chargingprofiles")
