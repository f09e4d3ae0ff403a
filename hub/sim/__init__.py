"""Simulated platforms: CPOs and eMSPs as real OCPI 2.2.1 servers, for demo, tests, benchmarks and certification.

What they do is done by parties (`operator`, `provider`), which also run without them; `platform` says what they share
with a hub and what not.
"""

from hub.sim.both import SimCpoEmsp
from hub.sim.client import CallFailed, Refused
from hub.sim.cpo import SimCpo
from hub.sim.emsp import Sent, SimEmsp
from hub.sim.events import Kind, SimEvent
from hub.sim.faults import Fault
from hub.sim.messages import SimReply, SimRequest
from hub.sim.platform import SimPlatform
from hub.sim.provider import Result

__all__ = [
    "CallFailed",
    "Fault",
    "Kind",
    "Refused",
    "Result",
    "Sent",
    "SimCpo",
    "SimCpoEmsp",
    "SimEmsp",
    "SimEvent",
    "SimPlatform",
    "SimReply",
    "SimRequest",
]
