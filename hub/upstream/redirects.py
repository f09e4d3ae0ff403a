"""Redirects: one 307 or 308 within the origin may be followed, and every other one is an error that tells why."""

from urllib.parse import urljoin

from hub.upstream.request import Fault, Response, SendError
from hub.upstream.url import Origin, split_url


def is_redirect(response: Response) -> bool:
    """Whether an answer sends the client elsewhere."""
    return 300 <= response.status < 400 and response.status != 304


def target_within(response: Response, url: str, origin: Origin) -> str:
    """The target of a redirect that may be followed, or SendError(REDIRECT)."""
    location = response.headers.get("location")
    if location is None:
        raise redirect_error(response, origin, "without saying where to")
    try:
        there, target = split_url(urljoin(url, location))
    except (ValueError, SendError):
        raise redirect_error(response, origin, "to a URL that can not be used") from None
    if there != origin or response.status not in {307, 308}:
        raise redirect_error(response, origin, f"to {there.scheme}://{there.authority}")
    return target


def redirect_error(response: Response, origin: Origin, where: str) -> SendError:
    """What is told of an answer that is not followed."""
    text = (
        f"{origin.authority} redirects {where} (HTTP {response.status}); only one 307 or 308 to the same scheme, "
        "host and port is followed: the partner's URL has to be set to where it answers"
    )
    return SendError(Fault.REDIRECT, text, sent=True)
