"""extrawest-ocpi is checked as CPO and as eMSP: what it is known for is found by name."""

import pytest

from tests.peers.extrawest import EXTRAWEST

BOTH = {
    "token-missing": "versions without Authorization: HTTP 403",
    "token-wrong": "a module with a wrong token: HTTP 403",
    "error-body": "no OCPI response",
}
NEWER = {"message-ids": "X-Request-ID, X-Correlation-ID", "routing-headers": "OCPI-from-country-code is missing"}
CPO = {
    "modules-advertised": "commands RECEIVER",
    "locations list-pages": "Link leads to https://",
    "tariffs list-pages": "the last page has an empty Link header",
    "locations one-object": "one Location comes as a list of 1",
    "commands stop-session": "the CommandResponse comes as a list of 1",
    "commands bad-json": "HTTP 422",
    "tokens missing-fields": "HTTP 422",
    "tokens put": "one object comes as a list of 1",
    "tokens put-other-id": "HTTP 200 with status_code 1000",
}
EMSP = {
    "tokens list-pages": "Link leads to https://",
    "tokens authorize": "the AuthorizationInfo comes as a list of 1",
    "locations bad-json": "HTTP 422",
    "cdrs missing-fields": "HTTP 422",
    "tariffs put": "one object comes as a list of 1",
}


@pytest.mark.parametrize("version", ["2.2.1", "2.1.1"])
@pytest.mark.parametrize(("role", "known"), [("CPO", CPO), ("EMSP", EMSP)])
async def test_its_faults_are_found_by_name(network, role, known, version):
    peer = await network.peer(EXTRAWEST, role, version=version)
    certifier, platform = network.app.operations.certifier, network.platform(peer)
    progress = certifier.begin(platform, write=True)
    await certifier.finished(platform)
    report = progress.report
    assert not report.certified
    found = {f"{each.module} {each.check}".strip(): each for each in report.failures()}
    for name, words in (BOTH | known | (NEWER if version == "2.2.1" else {})).items():
        assert words in found[name].found, name
        assert found[name].section.startswith(f"OCPI {version}, ")
        assert found[name].advice
        assert name == "modules-advertised" or found[name].evidence
