"""A hub and its partners in a small network of their own, all that the hub may call."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from hub.app import App
from hub.config import Listen, Upstream
from tests.fault.forms import FORMS, GOOD, HUB, NETWORK, Watch
from tests.partner import Partner, ocpi
from tests.promises import Proof, size
from tests.raw import Answer
from tests.support import running
from tests.versions import CPO, EMSP, EMSP_MODULES, location, send, session, token

STATUSES = (301, 302, 303, 307, 308)
CPO_MODULES = (
    "sender/locations", "sender/sessions", "sender/cdrs", "receiver/tokens", "receiver/commands",
    "receiver/chargingprofiles",
)  # fmt: skip
RULES = re.compile(
    r"user name or password|does not begin with http|is not an? (http|URL|host name|IPv[46] address)|no plain IDNA form"
    r"|URL's port|holds a space"
    r"|can not be called|may not call|not a public one|inside the hub|did not register|redirects"
)
"""Every refusal says which rule is broken."""


class Ground:
    """A hub with a CPO and an eMSP, a partner that never gets in, and the watch."""

    def __init__(self, app: App, watch: Watch, cpo: Partner, emsp: Partner, newcomer: Partner) -> None:
        self.app = app
        self.watch = watch
        self.cpo = cpo
        self.emsp = emsp
        self.newcomer = newcomer
        self.count = 0

    @property
    def good(self) -> str:
        return self.newcomer.url.removeprefix("http://")

    def forms(self) -> Iterator[str]:
        """Every URL, written out."""
        for form in FORMS.values():
            self.count += 1
            yield self.watch.write(form, self.good)

    def redirects(self) -> Iterator[tuple[int, str]]:
        """Each URL that fits a header, with every status that leads away; in short with one of them."""
        for number, url in enumerate(each for each in self.forms() if fits_a_header(each)):
            for status in size(STATUSES[number % 5 :][:1], STATUSES):
                yield status, url

    async def pull(self) -> Any:
        """Pull the CPO's locations."""
        puller, platform = self.app.operations.puller, self.app.partners.find("NL-CPO")
        progress = puller.begin(platform)
        await puller._running[platform.id]
        return progress

    def clean(self, proof: Proof, what: str) -> None:
        """Nothing was dialled but partners, whatever was given at this place."""
        assert self.watch.forbidden == []
        where = f"{what}, OCPI {self.cpo.version}"
        proof.exactly(f"connections by {self.count} URLs: {where}", len(self.watch.forbidden) + self.watch.hits, 0)


@asynccontextmanager
async def ground(folder: Path, watch: Watch, version: str, **changes: Any) -> AsyncIterator[Ground]:
    """Everybody lives in a small network of their own, which is all that the hub may call."""
    async with AsyncExitStack() as stack:
        upstream = Upstream(allow_private=(NETWORK,))
        listen = Listen(host=HUB, port=0)
        app = await stack.enter_async_context(running(folder, listen=listen, upstream=upstream, **changes))
        cpo = Partner("NL-CPO:CPO", endpoints=CPO_MODULES, version=version)
        emsp = Partner("DE-MSP:EMSP", endpoints=(*EMSP_MODULES, "sender/commands"), version=version)
        newcomer = Partner("FR-NEW:CPO", endpoints=CPO_MODULES, version=version)
        for each in (cpo, emsp, newcomer):
            each.host = GOOD
            await stack.enter_async_context(each.serve())
            each.raw = version == "2.1.1"
            await each.invited(app)
        for each in (cpo, emsp):
            assert (await each.register()).code == 1000
        yield Ground(app, watch, cpo, emsp, newcomer)


async def known(place: Ground) -> None:
    """The hub knows a card, a location and a session: OCPI 2.1.1 has no OCPI-to, there they say where messages go."""
    version = place.cpo.version
    card, about = f"receiver/tokens/DE/MSP/{token(version)['uid']}", "receiver/{}/NL/CPO/{}"
    await send(place.emsp, "PUT", card, token(version), CPO)
    for module, object_id, made in (("locations", "LOC1", location(version)), ("sessions", "S1", session(version))):
        path = about.format(module, object_id)
        place.emsp.says[f"PUT /{path}"] = ocpi()
        assert (await send(place.cpo, "PUT", path, made, EMSP)).code == 1000


def refused(answer: Answer, field: str) -> None:
    """A clear OCPI error, which names the field and the rule."""
    assert (answer.status, answer.code // 1000) in ((200, 2), (200, 3)), answer
    assert field in answer.message, answer.message
    assert RULES.search(answer.message), answer.message


def inside(place: Ground, name: str) -> str:
    place.count += 1
    return f"http://{name}:{place.watch.port}/versions"


def fits_a_header(url: str) -> bool:
    return not any(ord(each) < 32 for each in url) and len(url) < 8000
