"""No object of a hub that runs shows a secret in its repr: that is what ends up in tracebacks, logs and debuggers."""

import gc
from typing import Any

import pytest

from hub.config import Admin
from tests.fault.canaries import Canaries
from tests.partner import Partner, ocpi
from tests.plugin.shipped import installed
from tests.promises import Proof
from tests.support import running
from tests.versions import CPO_MODULES, EMSP, EMSP_MODULES, location, send

pytestmark = pytest.mark.promise(8)


async def test_no_object_shows_a_secret(tmp_path: Any, proof: Proof) -> None:
    canaries = Canaries()
    settings = {
        "mqtt": {"enabled": True, "port": 1, "password": canaries.new("password of mqtt")},
        "webhooks": {"enabled": True, "secret": canaries.new("secret of webhooks")},
    }
    for stem in settings:
        installed(tmp_path, stem)
    cpo, emsp = Partner("NL-CPO:CPO", endpoints=CPO_MODULES), Partner("DE-MSP:EMSP", endpoints=EMSP_MODULES)
    async with running(tmp_path, plugins=settings, admin=Admin(port=0)) as app, cpo.serve(), emsp.serve():
        for partner in (cpo, emsp):
            partner.token_out = canaries.new(f"token of {partner.party}")
            await partner.invited(app)
            assert (await partner.register()).code == 1000
            canaries.learnt(f"token C of {partner.party}", partner.token)
        key = await app.operations.keys.create("admin", "admin", None)
        canaries.learnt("admin key", key.key)
        canaries.learnt("hub.key", (tmp_path / "data" / "hub.key").read_text().strip())
        emsp.says["PUT /receiver/locations/NL/CPO/LOC1"] = ocpi()
        assert (await send(cpo, "PUT", "receiver/locations/NL/CPO/LOC1", location("2.2.1"), EMSP)).code == 1000
        ours = [each for each in gc.get_objects() if _ours(each)]
        ours += [part for each in ours for name in _slots(each) if _ours(part := getattr(each, name, None))]
        shown = [(type(each).__qualname__, f"{each!r} {each!s}".encode()) for each in ours]
        del ours
    assert {name for name, _ in shown} >= {
        "Webhooks",
        "WebhooksSettings",
        "Mqtt",
        "Platform",
        "App",
        "Keyring",
        "Sealer",
    }
    leaks = canaries.search(shown)
    print("\n".join(leaks[:20]))
    proof.at_least("objects whose repr was searched", len(shown), 500)
    proof.exactly("objects that show a secret", len(leaks), 0)


def _ours(each: object) -> bool:
    return str(type(each).__module__).startswith(("hub.", "ocpi_hub")) and not isinstance(each, type)


def _slots(each: object) -> list[str]:
    """What msgspec structs hold: those without containers are not known to the collector."""
    return [name for kind in type(each).__mro__ for name in getattr(kind, "__slots__", ()) if isinstance(name, str)]
