"""How a plugin stands, as operators see it."""

from typing import Literal

import msgspec


class HookTiming(msgspec.Struct, frozen=True, kw_only=True):
    """What one hook costs since its plugin was loaded: answered calls, their seconds in all, those of the slowest."""

    hook: str
    calls: int
    seconds: float
    slowest: float


class PluginStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One plugin, for people. `hooks` reads `route tokens.post`; `problem` says why the file is not used as it is.

    `party` is the party that it is, in the hub; `tasks` are background tasks and calls that have not ended.
    """

    name: str
    file: str
    state: Literal["running", "set aside", "disabled", "rejected"]
    order: int = 0
    hooks: tuple[str, ...] = ()
    faults: int = 0
    last_fault: str = ""
    dropped: int = 0
    timings: tuple[HookTiming, ...] = ()
    problem: str = ""
    party: str = ""
    tasks: int = 0
