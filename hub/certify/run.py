"""Runs the checks one after the other, and tells after each how far it is."""

from collections.abc import Callable

import msgspec

from hub.certify.model import Outcome, Report, Result, Subject, Wire
from hub.certify.probe import Advised, Failed, NotApplicable, Probe, Unchecked
from hub.certify.table import CHECKS, Check, Place, places

_LONGEST = 600


class Step(msgspec.Struct, frozen=True, eq=False):
    """One check on one place."""

    check: Check
    place: Place


def plan(subject: Subject) -> list[Step]:
    """All that is checked on a platform, in order."""
    return [Step(check, place) for check in CHECKS for place in places(check, subject)]


async def certify(subject: Subject, wire: Wire, tell: Callable[[Result, int, int], None]) -> Report:
    """Make all checks. `tell` is called with each result, how many there are, and how many there will be."""
    probe = Probe(subject, wire)
    steps = plan(subject)
    results = []
    for number, step in enumerate(steps, 1):
        result = await _run(step, probe)
        results.append(result)
        tell(result, number, len(steps))
    return Report.of(subject, tuple(results), probe.stamp())


async def _run(step: Step, probe: Probe) -> Result:
    check, (module, interface) = step.check, step.place
    outcome, found, advice = Outcome.PASSED, "", ""
    if check.writes and not probe.subject.write:
        outcome, found = Outcome.UNCHECKED, "it writes a test object: allow it with --write"
    elif check.transport and probe.subject.inside:
        outcome, found = Outcome.NOT_APPLICABLE, "the party lives in the hub, which does this for it"
    else:
        try:
            found = await check.run(probe, module, interface)
        except Advised as reason:
            outcome, found, advice = Outcome.ADVISED, reason.found, reason.advice
        except Failed as reason:
            outcome, found, advice = Outcome.FAILED, reason.found, reason.advice
        except NotApplicable as reason:
            outcome, found = Outcome.NOT_APPLICABLE, str(reason)
        except Unchecked as reason:
            outcome, found = Outcome.UNCHECKED, str(reason)
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as reason:
            # An answer of a shape that nobody thought of: it can not be as OCPI has it.
            outcome, found = Outcome.FAILED, f"the answer has an unexpected form ({type(reason).__name__})"
            advice = "Compare the answer with the section that is named here."
    return Result(
        check=check.id,
        title=check.title,
        section=check.section_of(probe.version, module),
        module=module,
        interface=interface.value if module else "",
        outcome=outcome,
        found=found[:_LONGEST],
        advice=advice,
        evidence=probe.evidence(),
    )
