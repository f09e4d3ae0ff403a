"""What is done with partners on the dashboard: everything that `ocpi-hub partner` does, too."""

import re
from typing import Annotated

from msgspec import Meta

from hub.admin.journal import Capture
from hub.admin.partners import ManualEndpoint, Name, Url, Validation
from hub.asking import ControlError
from hub.control import Operations, needed, set_validation
from hub.core.directory import Secret
from hub.dashboard.pages import Done, Form, Visit
from hub.ocpi.types import Hiding
from hub.partners.operations import Invitation, PartnerView

Parties = Annotated[str, Meta(max_length=20_000)]
"""As people write them: one in each line, or with commas."""
_BETWEEN = re.compile(r"[\s,;]+")
_MESSAGE = """\
Hello,

you are invited to connect to {hub}, an OCPI hub.

Versions URL: {url}
Your parties: {parties}
TOKEN_A: comes to you separately. It works for one registration.

1. GET the versions URL, with the header "Authorization: Token " and TOKEN_A in Base64.
2. GET the details of the version that your platform speaks.
3. POST your credentials to the credentials endpoint that they name. The hub calls your
   versions URL back, and answers with the token that you use from then on.
"""


class Invite(Form, frozen=True, kw_only=True):
    """A partner to invite."""

    name: Name
    parties: Parties


class Connect(Hiding, Form, frozen=True, kw_only=True):
    """A partner to register at; without parties, whatever it presents."""

    name: Name
    versions_url: Url
    token: Annotated[str, Meta(max_length=255)]
    parties: Parties = ""


class MoreParties(Form, frozen=True, kw_only=True):
    """Parties that a partner may present, too."""

    parties: Parties


class OwnLimits(Form, frozen=True, kw_only=True):
    """What a partner may ask of the hub: 0 is no limit, None what the configuration says."""

    requests: float | None = None
    broadcasts: float | None = None
    parallel: int | None = None


async def invite(visit: Visit[Invite]) -> Done:
    """Make a partner and its TOKEN_A."""
    invited = await visit.do.partners.invite(visit.given.name, _parties(visit.given.parties))
    return _invited(visit.do, invited, f"{invited.name} is invited.")


async def invite_again(visit: Visit[Form]) -> Done:
    """End a registration and make a new TOKEN_A."""
    invited = await visit.do.partners.invite_again(visit.path["partner"])
    return _invited(visit.do, invited, f"{invited.name} is invited again; its old tokens no longer work.")


async def connect(visit: Visit[Connect]) -> Done:
    """Register at a partner with the token that it gave."""
    given = visit.given
    view = await visit.do.partners.connect(given.name, given.versions_url, Secret(given.token), _parties(given.parties))
    return _done(view, f"{view.name} is connected, with OCPI {view.version}.")


async def add_parties(visit: Visit[MoreParties]) -> Done:
    """Let a partner present more parties."""
    more = _parties(visit.given.parties)
    view = await visit.do.partners.add_parties(visit.path["partner"], more)
    return _done(view, f"{view.name} may now present {' '.join(more)}, with a PUT of its credentials.")


async def suspend(visit: Visit[Form]) -> Done:
    """Shut a partner out."""
    view = await visit.do.partners.suspend(visit.path["partner"])
    return _done(view, f"{view.name} is suspended. Nothing of it is forgotten.")


async def resume(visit: Visit[Form]) -> Done:
    """Let a suspended partner in again."""
    view = await visit.do.partners.resume(visit.path["partner"])
    return _done(view, f"{view.name} is let in again.")


async def rotate(visit: Visit[Form]) -> Done:
    """Renew both tokens with the partner."""
    view = await visit.do.partners.rotate(visit.path["partner"])
    return _done(view, f"Both tokens of {view.name} are new; the old ones no longer work.")


async def remove_partner(visit: Visit[Form]) -> Done:
    """Forget a partner."""
    view = await visit.do.partners.remove(visit.path["partner"])
    return Done("partners", f"{view.name} is removed; its parties are free again.")


async def set_endpoint(visit: Visit[ManualEndpoint]) -> Done:
    """Set an endpoint by hand, or take it back."""
    given = visit.given
    view = await visit.do.partners.set_endpoint(visit.path["partner"], given.module, given.interface, given.url)
    what = f"{given.module} {given.interface} of {view.name}"
    return _done(view, f"{what} is now {given.url}" if given.url else f"{what} has no endpoint any more.")


async def validate(visit: Visit[Validation]) -> Done:
    """Set how objects of a partner are checked."""
    view = await set_validation(visit.do, visit.path["partner"], visit.given.mode)
    of = "as configured for all" if visit.given.mode == "default" else "for this partner alone"
    return _done(view, f"Validation of {view.name} is now {view.validation}, {of}.")


async def limit(visit: Visit[OwnLimits]) -> Done:
    """Set a partner's own limits, all of them."""
    given = visit.given
    changes = {"requests": given.requests, "broadcasts": given.broadcasts, "parallel": given.parallel}
    view = await visit.do.partners.set_limits(visit.path["partner"], changes)
    return _done(view, f"The limits of {view.name} are set.")


async def capture(visit: Visit[Capture]) -> Done:
    """Keep bodies of a partner's exchanges for some minutes."""
    found = visit.do.partners.find(visit.path["partner"])
    if visit.do.config and not visit.do.config.journal.enabled:
        raise ControlError("this hub keeps no journal, so no bodies either; set journal.enabled, and start it again")
    minutes = visit.given.minutes
    await needed(visit.do.journal).capture(found, minutes)
    said = f"Bodies are kept for {minutes} minutes." if minutes else "No more bodies are kept."
    return Done("partner", said, {"partner": str(found.id)})


async def sync(visit: Visit[Form]) -> Done:
    """Pull from a partner what the hub mirrors, or join the pull that runs."""
    found = visit.do.partners.find(visit.path["partner"])
    needed(visit.do.puller).begin(found)
    return Done("partner", f"The hub pulls from {found.name}.", {"partner": str(found.id)})


async def clear_findings(visit: Visit[Form]) -> Done:
    """Forget the findings of a partner, to see which of them come again."""
    cleared = await visit.do.counts.clear(visit.do.partners.find(visit.path["partner"]))
    return Done("partner", f"{cleared.cleared} findings are forgotten.", {"partner": str(cleared.id)})


def _parties(text: str) -> list[str]:
    return [each for each in _BETWEEN.split(text) if each]


def _done(view: PartnerView, said: str) -> Done:
    return Done("partner", said, {"partner": str(view.id)})


def _invited(do: Operations, invited: Invitation, said: str) -> Done:
    config = do.config
    message = _MESSAGE.format(
        hub=config.hub.name if config else "our hub", url=invited.versions_url, parties=", ".join(invited.parties)
    )
    told = {"Versions URL": invited.versions_url, "TOKEN_A": invited.token_a, "Text for the partner": message}
    return Done(
        "partner", f"{said} Send it the text and, by another way, TOKEN_A. When it has registered, it shows here.",
        {"partner": str(invited.id)}, told,
    )  # fmt: skip
