"""Where a message would go, and why: filled in by hand, or come to from a trace. Nothing is sent."""

from typing import Annotated

import msgspec
from msgspec import Meta

from hub.admin.routes import Query
from hub.control import needed
from hub.core.modules import METHODS
from hub.core.party import Party
from hub.dashboard.pages import Checked, Visit
from hub.errors import BadRequest, NotFound, OcpiError
from hub.flow.explain import Explanation

_CHOICES = 500
LONGEST = 15_000
"""Characters of a body: it stands in the address of the page."""
EXAMPLES = (
    "receiver/locations/NL/TNM/LOC1",
    "sender/locations",
    "receiver/sessions/NL/TNM/S1",
    "receiver/cdrs",
    "sender/tokens/CARD1/authorize",
    "receiver/commands/START_SESSION",
)


class Question(Query, frozen=True, kw_only=True):
    """The message; all empty: nothing is asked yet."""

    method: Annotated[str, Meta(max_length=20)] = ""
    path: Annotated[str, Meta(max_length=2000)] = ""
    sender: Annotated[str, Meta(max_length=50)] = ""
    receiver: Annotated[str, Meta(max_length=50)] = ""
    body: Annotated[str, Meta(max_length=LONGEST)] = ""


class Known(msgspec.Struct, frozen=True):
    """A party, and the partner that it belongs to."""

    party: str
    partner_id: int
    partner: str


class ExplainPage(Checked, frozen=True, kw_only=True):
    """What would become of the message; `answer` is None where nothing was asked, or something is wrong with it."""

    answer: Explanation | None = None
    parties: tuple[Known, ...]
    hub: str
    examples: tuple[str, ...] = EXAMPLES
    methods: tuple[str, ...] = METHODS

    @property
    def longest(self) -> int:
        """Characters that a body may have."""
        return LONGEST

    def partner(self, party: str) -> Known | None:
        """Whose party it is."""
        return next((each for each in self.parties if each.party == party), None)


async def explain(visit: Visit[Question]) -> ExplainPage:
    """The page."""
    asked, do = visit.given, visit.do
    known = {each.party: Known(each.party, each.partner_id, each.partner) for each in do.partners.parties()}
    parties, hub = tuple(known.values()), needed(do.overview).party
    if not any(msgspec.structs.asdict(asked).values()):
        return ExplainPage(parties=parties, hub=hub)
    if wrong := _missing(asked):
        return ExplainPage(parties=parties, hub=hub, wrong=wrong)
    try:
        answer = await needed(do.explainer).explain(
            asked.method.strip(), _path(asked.path), asked.sender, asked.receiver, asked.body.strip().encode()
        )
    except OcpiError as error:
        return ExplainPage(parties=parties, hub=hub, wrong={_field(error, asked): error.message})
    return ExplainPage(answer=answer, parties=parties, hub=hub)


def _missing(asked: Question) -> dict[str, str]:
    """What can be said before anybody is asked."""
    wrong = {}
    if asked.method.strip().upper() not in METHODS:
        wrong["method"] = f"choose one of {', '.join(METHODS)}"
    if not asked.path.strip():
        wrong["path"] = "write it from the side on, as receiver/locations/NL/TNM/LOC1"
    for name, text in (("sender", asked.sender), ("receiver", asked.receiver)):
        try:
            if text.strip() or name == "sender":
                Party.parse(text)
        except ValueError as reason:
            wrong[name] = str(reason)
    return wrong


def _path(text: str) -> str:
    """From the side on, also of a whole URL of the hub."""
    _, found, rest = text.strip().partition("/ocpi/")
    return rest.partition("/")[2] if found else text.strip()


def _field(error: OcpiError, asked: Question) -> str:
    """The field that an error is about."""
    if "not a registered party" in error.message:
        return "sender"
    if isinstance(error, NotFound) or error.message.startswith("path"):
        return "path"
    about_body = "body" in error.message or (isinstance(error, BadRequest) and "path" not in error.message)
    return "body" if asked.body.strip() and about_body else "path"
