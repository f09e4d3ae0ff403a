"""Checks of what is answered twice: commands and charging profiles, with a counterpart that awaits the result.

OCPI 2.2.1, mod_commands and mod_charging_profiles. What is asked for does not exist, so that nothing happens.
"""

from typing import Any

import msgspec

from hub.certify import samples
from hub.certify.model import Awaited
from hub.certify.probe import Answer, NotApplicable, Probe, Unchecked, fail
from hub.core.modules import Interface
from hub.ocpi.check import Checker, describe
from hub.ocpi.kinds import data_checker, struct_of

_R, _S = Interface.RECEIVER, Interface.SENDER
_UNKNOWN = "HUB-CERTIFY-NONE"


async def start_unknown(probe: Probe, _module: str, _side: Interface) -> str:
    """START_SESSION at a location that does not exist is refused, now or in its result."""
    return await _harmless(probe, "START_SESSION", {"token": _token(probe), "location_id": _UNKNOWN})


async def stop_unknown(probe: Probe, _module: str, _side: Interface) -> str:
    """STOP_SESSION of a session that does not exist is refused, now or in its result."""
    return await _harmless(probe, "STOP_SESSION", {"session_id": _UNKNOWN})


async def unlock_unknown(probe: Probe, _module: str, _side: Interface) -> str:
    """UNLOCK_CONNECTOR at a location that does not exist is refused, now or in its result."""
    body = {"location_id": _UNKNOWN, "evse_uid": _UNKNOWN, "connector_id": "1"}
    return await _harmless(probe, "UNLOCK_CONNECTOR", body)


async def cancel_unknown(probe: Probe, _module: str, _side: Interface) -> str:
    """CANCEL_RESERVATION of what does not exist is refused, now or in its result."""
    if not probe.routed:
        raise NotApplicable("OCPI 2.1.1 has no CANCEL_RESERVATION")
    return await _harmless(probe, "CANCEL_RESERVATION", {"reservation_id": _UNKNOWN})


async def reserved(probe: Probe, _module: str, _side: Interface) -> str:
    """RESERVE_NOW at a real location, and CANCEL_RESERVATION: each is answered, and its result is posted."""
    if not probe.routed:
        raise NotApplicable("OCPI 2.1.1 has no CANCEL_RESERVATION to undo it with")
    place = next((each for each in await probe.objects("locations") if each.get("evses")), None)
    if place is None:
        raise Unchecked("no location has an EVSE")
    body = {
        "token": _token(probe), "expiry_date": probe.stamp(5), "reservation_id": samples.ID,
        "location_id": place["id"], "evse_uid": place["evses"][0]["uid"],
    }  # fmt: skip
    answer, result = await _command(probe, "RESERVE_NOW", body)
    if result is None:
        raise Unchecked(f"the reservation was not accepted ({_result(answer)}), so no result followed")
    undone, _ = await _command(probe, "CANCEL_RESERVATION", {"reservation_id": samples.ID})
    return f"result {result}; undone with {_result(undone)}"


async def profile_unknown(probe: Probe, _module: str, _side: Interface) -> str:
    """The charging profile of a session that does not exist is refused, now or in its result."""
    awaited = probe.expect()
    answer = await probe.functional(
        "GET", "chargingprofiles", _R, _UNKNOWN, query={"duration": "900", "response_url": awaited.url}
    )
    if answer.status >= 500 or answer.code is None:
        fail(f"the request is answered with {answer}", "Answer with a ChargingProfileResponse: UNKNOWN_SESSION.")
    if not answer.ok:
        return str(answer)
    _check(probe, "ChargingProfileResponse", answer)
    if _result(answer) != "ACCEPTED":
        return f"answered with {_result(answer)}"
    return f"result {await _posted(probe, awaited, 'ActiveChargingProfileResult')}"


async def unknown_token(probe: Probe, _module: str, _side: Interface) -> str:
    """Real-time authorization of a token that does not exist is answered with HTTP 404."""
    answer = await probe.functional("POST", "tokens", _S, _UNKNOWN, "authorize")
    if answer.status != 404:
        fail(f"an unknown token is answered with {answer}", "Answer with HTTP 404 and status_code 2004.")
    return str(answer)


async def authorized(probe: Probe, _module: str, _side: Interface) -> str:
    """Real-time authorization of a known token is answered with an AuthorizationInfo."""
    token = (await probe.objects("tokens"))[0]
    query = {"type": str(token.get("type") or "RFID")}
    url = probe.url("tokens", _S, str(token.get("uid")), "authorize", **query)
    seen = probe.url("tokens", _S, "[hidden]", "authorize", **query)
    answer = await probe.send("POST", url, routed=probe.party("tokens", _S), seen=seen)
    if not answer.ok:
        fail(f"a token of the list is answered with {answer}", "Answer with AuthorizationInfo: allowed, and token.")
    _check(probe, "AuthorizationInfo", answer)
    return f"allowed: {answer.data['allowed']}"


async def _harmless(probe: Probe, command: str, body: dict[str, Any]) -> str:
    answer, result = await _command(probe, command, body)
    if result == "ACCEPTED":
        fail(
            f"{command} of what does not exist is ACCEPTED, in its answer and in its result",
            "Answer with status_code 2003 or 2001, or refuse it: REJECTED, UNKNOWN_SESSION, UNKNOWN_RESERVATION ...",
        )
    return f"accepted, and refused in its result: {result}" if result else f"refused: {_result(answer) or answer}"


async def _command(probe: Probe, command: str, body: dict[str, Any]) -> tuple[Answer, str | None]:
    """The answer to a command, and its result; None where it was not accepted."""
    awaited = probe.expect()
    answer = await probe.functional("POST", "commands", _R, command, body={"response_url": awaited.url, **body})
    if answer.status in (404, 405):
        fail(f"{command} is answered with {answer}", "Take all commands, and answer NOT_SUPPORTED where you can not.")
    if answer.status >= 500 or answer.code is None:
        fail(f"{command} is answered with {answer}", "Answer with a CommandResponse, or with a status_code of 2xxx.")
    if not answer.ok:
        return answer, None
    _check(probe, "CommandResponse", answer)
    if _result(answer) != "ACCEPTED":
        return answer, None
    return answer, await _posted(probe, awaited, "CommandResult")


async def _posted(probe: Probe, awaited: Awaited, kind: str) -> str:
    """The word in the result that comes later."""
    body = await awaited.result(probe.subject.patience)
    if body is None:
        fail(f"ACCEPTED, and no result in {probe.subject.patience:g} s", "POST the result to exactly the response_url.")
    found = Checker(struct_of(probe.version, kind)).check(body)
    if found:
        fail(f"the result is not as OCPI has it: {describe(found, 2)}", f"POST a {kind} to the response_url.")
    return str(msgspec.json.decode(body)["result"])


def _check(probe: Probe, kind: str, answer: Answer) -> None:
    if isinstance(answer.data, list):
        fail(f"the {kind} comes as a list of {len(answer.data)}", "Put the object itself into data.")
    checker = data_checker(probe.version, kind, many=False)
    if checker and (found := checker.check(msgspec.json.encode(answer.data))):
        fail(f"the {kind} is not as OCPI has it: {describe(found, 2)}", f"Put a {kind} into data.")


def _result(answer: Answer) -> str:
    return str(answer.data.get("result")) if isinstance(answer.data, dict) else ""


def _token(probe: Probe) -> dict[str, Any]:
    """A test token, of the party that asks."""
    return samples.token(probe.version, probe.subject.sender, probe.stamp())
