"""Checks of how mistakes are answered: methods, paths, JSON and objects that are wrong. None of them changes anything.

OCPI 2.2.1, status_codes, and transport_and_format: Response format.
"""

from hub.certify.probe import Advised, Answer, NotApplicable, Probe, Unchecked, fail
from hub.core.modules import Interface

UNKNOWN = "hub-certify-unknown"
RECEIVERS = ("locations", "sessions", "cdrs", "tariffs", "tokens")


async def wrong_method(probe: Probe, module: str, side: Interface) -> str:
    """A method that a list does not have is refused, as HTTP has it."""
    answer = await probe.functional("PATCH", module, side, body={})
    if answer.ok:
        fail(f"PATCH of a list is answered with {answer}", "Refuse it with HTTP 405: a list has GET alone.")
    if answer.status >= 500:
        fail(f"PATCH of a list is answered with {answer}", "Answer with HTTP 405.")
    if answer.status != 405:
        raise Advised(f"PATCH of a list is answered with {answer}", "HTTP 405 says it best.")
    return str(answer)


async def unknown_object(probe: Probe, module: str, side: Interface) -> str:
    """GET of an object that was never sent is answered with HTTP 404."""
    own = probe.subject.sender
    answer = await probe.functional("GET", module, side, own.country, own.party_id, UNKNOWN)
    if answer.status != 404:
        fail(f"an unknown object is answered with {answer}", "Answer GET of what does not exist with HTTP 404.")
    return str(answer)


async def malformed(probe: Probe, module: str, side: Interface) -> str:
    """A body that is no JSON is answered with HTTP 400."""
    method, path = _push(probe, module)
    answer = await probe.functional(method, module, side, *path, body=b'{"id": ')
    _takes(answer, method)
    if answer.status != 400:
        fail(f"a body that is no JSON is answered with {answer}", "Answer with HTTP 400 and an OCPI response.")
    return str(answer)


async def incomplete(probe: Probe, module: str, side: Interface) -> str:
    """JSON without what is required is answered with HTTP 200 and a status_code of 2xxx."""
    method, path = _push(probe, module)
    answer = await probe.functional(method, module, side, *path, body={})
    _takes(answer, method)
    if answer.ok:
        fail(f"an empty object is answered with {answer}", "Answer with 2001 where required fields are missing.")
    if answer.code is None or not 2000 <= answer.code < 3000 or answer.status >= 500:
        fail(f"an empty object is answered with {answer}", "Answer with status_code 2001: it is the sender's mistake.")
    if answer.status != 200:
        fail(
            f"an empty object is answered with {answer}",
            "Answer with HTTP 200: valid JSON has reached the OCPI layer, so the status_code alone says what is wrong.",
        )
    return str(answer)


def _takes(answer: Answer, method: str) -> None:
    """The check of PUT tells where a platform should take it."""
    if answer.status == 405:
        raise NotApplicable(f"the platform takes no {method} here")


def _push(probe: Probe, module: str) -> tuple[str, tuple[str, ...]]:
    own = probe.subject.sender
    if module == "commands":
        return "POST", ("START_SESSION",)
    if module == "cdrs":
        return "POST", ()
    if module not in RECEIVERS:
        raise Unchecked("this module takes no objects")
    return "PUT", (own.country, own.party_id, UNKNOWN)
