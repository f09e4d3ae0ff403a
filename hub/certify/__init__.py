"""Whether a live platform speaks OCPI as it should: checks, each with the section that it follows, and their report.

Pure but for the wire that it is given: see `hub.flow.certifying` for the one of a hub that runs.
"""

from hub.certify.model import Ask, Awaited, Evidence, Heard, NoAnswer, Outcome, Report, Result, Subject, Wire
from hub.certify.run import Step, certify, plan

__all__ = [
    "Ask",
    "Awaited",
    "Evidence",
    "Heard",
    "NoAnswer",
    "Outcome",
    "Report",
    "Result",
    "Step",
    "Subject",
    "Wire",
    "certify",
    "plan",
]
