"""What is told of a request that never became a message: no valid token, no such path, or not readable."""

from hub.core.happened import Happened
from hub.core.outcome import Outcome

_NOTHING = "Nothing at the hub: the sender has to mend its requests"
_FAILED = ("The hub itself failed", "Look into the hub's log for request_failed at that time, and report it.")
_REGISTERING = ("Its token does not open this", "Look how far its registration is: ocpi-hub partner show.")
_ELSE = ("It does not fit this hub", f"{_NOTHING}.")
_BY_STATUS = {
    400: ("It can not be read", f"{_NOTHING}."),
    401: (
        "No valid token came with it",
        "If a partner has lost its token: ocpi-hub partner rotate PARTNER --invite; else close the address out.",
    ),
    404: ("There is nothing at this path", f"{_NOTHING}; the right URLs are in the hub's version details."),
    405: ("This path has no such method", f"{_NOTHING}."),
    408: (
        "It did not arrive whole in time",
        "Look at the sender's line; limits.slow_request is how long a body may take.",
    ),
    413: ("It is too large", "If the sender really has objects this large, set limits.request_body higher."),
    429: ("It came too fast", "Ask the sender to slow down, or give it more: ocpi-hub partner limits."),
    503: ("The hub was just stopping", "Nothing: this happens while the hub is restarted."),
}


def what(passed: Happened) -> str:
    """Who sent it, as far as that is known."""
    if passed.sender_id is not None:
        who = passed.by
    else:
        claims = f", who says to be {passed.sender}," if passed.sender else ""
        who = f"Somebody{f' at {passed.address}' if passed.address else ''}{claims}"
    end = "could not take it" if passed.outcome is Outcome.FAILED else "turned it away: it never became a message"
    return f"{who} sent {passed.method} {passed.path}. The hub {end}."


def why_and_next(passed: Happened) -> tuple[str, str]:
    """What was wrong with it, and what to do."""
    if passed.outcome is Outcome.FAILED and passed.http_status == 200:
        return _FAILED
    if passed.http_status == 401 and passed.sender_id is not None:
        return _REGISTERING
    return _BY_STATUS.get(passed.http_status, _ELSE)
