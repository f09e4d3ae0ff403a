"""The headers that every request of the hub to a platform begins with."""

from hub.core.catalogue import WITHOUT_INTERFACES
from hub.core.directory import Directory, Platform, Secret
from hub.core.headers import CORRELATION_ID, REQUEST_ID, routing
from hub.core.party import Party
from hub.ids import new_id
from hub.upstream import Line, line

Headers = tuple[tuple[str, str], ...]

JSON: Headers = (("Content-Type", "application/json"),)

_IDS = (REQUEST_ID, CORRELATION_ID)
_NOBODY = Party("", "")
_IDS_AND_PARTIES = (*_IDS, *(name for name, _ in routing(_NOBODY, _NOBODY)))


def opening(authorization: Secret, correlation_id: str | None = None, request_id: str | None = None) -> Headers:
    """Authorization and the message ids: new ones, where none is carried on.

    OCPI 2.2.1, transport_and_format: Authorization header, Unique message IDs.
    """
    return (
        ("Authorization", authorization.reveal()),
        (REQUEST_ID, request_id or new_id()),
        (CORRELATION_ID, correlation_id or new_id()),
    )


class Lines:
    """The lines to platforms: one for what has a body, one for the rest, as long as a platform stays as it is."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, bool], tuple[Platform, Line]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def to(self, directory: Directory, platform: Platform, url: str, *, body: bool) -> Line:
        """The line for a request to a URL of a platform, or SendError where that is none to be called."""
        known = self._known.get((platform.id, body))
        if known is not None and known[0] is platform:
            return known[1]
        if len(self._known) > 2 * len(directory.platforms):
            self._known.clear()  # of those that left
        names = _IDS if platform.version in WITHOUT_INTERFACES else _IDS_AND_PARTIES
        token = (("Authorization", platform.authorization.reveal()),) if platform.authorization else ()
        made = line(url, (*token, *(JSON if body else ())), names)
        self._known[platform.id, body] = platform, made
        return made


def values(line: Line, correlation_id: str, request_id: str, speaker: Party, to: Party) -> tuple[str, ...]:
    """What a request to a party has for the names of its line."""
    if len(line.names) == len(_IDS):
        return request_id, correlation_id
    return request_id, correlation_id, speaker.country, speaker.party_id, to.country, to.party_id
