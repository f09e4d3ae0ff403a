"""A simulated platform that is CPO and eMSP at once."""

from hub.sim.cpo import SimCpo
from hub.sim.emsp import SimEmsp


class SimCpoEmsp(SimCpo, SimEmsp):
    """CPO for its CPO parties, eMSP for the others, over one connection."""
