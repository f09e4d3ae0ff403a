"""Names that turn out to lead elsewhere, and a platform that is one party: see test_ssrf.py."""

import socket
from pathlib import Path
from typing import Any

import pytest

from tests.fault.forms import FORMS, GOOD, resolver, watching
from tests.fault.ground import ground
from tests.hosted import VLT, cpo
from tests.partner import Partner, ocpi
from tests.platform.test_app import platform
from tests.promises import Proof
from tests.versions import EMSP_MODULES, send, token

pytestmark = pytest.mark.promise(7)


async def test_a_name_that_turns_inside(tmp_path: Path, monkeypatch: Any, proof: Proof) -> None:
    """Rebinding: what was public a moment ago. And of several addresses, only those are called that may be."""
    monkeypatch.setattr("hub.upstream.resolver._KEEP", 0.0)
    leads_to = [GOOD]
    monkeypatch.setattr(socket, "getaddrinfo", resolver({"turning.test": leads_to}))
    async with watching() as watch, ground(tmp_path, watch, "2.2.1") as place:
        partner = place.newcomer
        partner.url = partner.url.replace(GOOD, "turning.test")
        assert (await partner.register()).code == 1000
        partner.says["GET /sender/locations"] = ocpi([], Connection="close")
        for addresses, code in (
            ([GOOD], 1000), (["127.0.0.1"], 4003), (["::ffff:127.0.0.1", "10.0.0.1"], 4003), ([GOOD], 1000),
            (["127.0.0.1", "::1", GOOD], 1000), ([GOOD, "127.0.0.1"], 1000), (["0.0.0.0"], 4003),
        ):  # fmt: skip
            leads_to[:] = addresses
            place.count += 1
            told = await send(place.emsp, "GET", "sender/locations", to=partner.party)
            assert (told.status, told.code) == (200, code), (addresses, told)
        place.clean(proof, "rebinding")


async def test_a_platform_that_is_one_party(tmp_path: Path, proof: Proof) -> None:
    """`ocpi-hub platform`: who sends a command says where its result goes, as at a hub."""
    async with watching() as watch, platform(tmp_path, cpo("2.2.1")) as alone:
        emsp = Partner("DE-MSP:EMSP", endpoints=(*EMSP_MODULES, "sender/commands"))
        async with emsp.serve():
            emsp.token, emsp.hub = (await alone.invite("Emsp", ["DE-MSP:EMSP"])).token_a, alone.url
            assert (await emsp.register()).code == 1000
            watch.dialled.clear()
            for form in FORMS.values():
                url = watch.write(form, emsp.url.removeprefix("http://"))
                body = {"response_url": url, "token": token("2.2.1"), "location_id": "L1"}
                answer = await send(emsp, "POST", "receiver/commands/START_SESSION", body, VLT)
                assert answer.told == (200, 2001), (url, answer)
            others = [each for each in watch.dialled if each[1] != int(alone.url.rpartition(":")[2])]
            proof.exactly("connections of a platform alone, by response_url", len(others) + watch.hits, 0)
