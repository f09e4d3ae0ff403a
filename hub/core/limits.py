"""How much a partner may ask of the hub: allowances, and the meter that says whether one more is within them."""

import msgspec


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """What one partner may do: requests and broadcasts per second, and requests under way. 0: as many as it likes."""

    requests: float
    broadcasts: float
    parallel: int


class OwnLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator set for one partner alone. None: as configured for all."""

    requests: float | None = None
    broadcasts: float | None = None
    parallel: int | None = None

    def over(self, common: Allowance) -> Allowance:
        """What holds for the partner, where `common` holds for those without limits of their own."""
        return Allowance(
            requests=common.requests if self.requests is None else self.requests,
            broadcasts=common.broadcasts if self.broadcasts is None else self.broadcasts,
            parallel=common.parallel if self.parallel is None else self.parallel,
        )


class Pace:
    """So many times a second, and what was saved up for `burst` seconds at once. A token bucket in one number.

    Times are seconds of any one clock. At least one is always allowed when nothing happened for long enough.
    """

    __slots__ = ("_due", "_every", "_slack")

    def __init__(self, rate: float, burst: float) -> None:
        self._every = 1.0 / rate
        self._slack = max(burst - self._every, 0.0)
        self._due = 0.0

    def wait(self, now: float) -> float:
        """0.0 where one more may happen now, and it is counted; else the seconds until it may, and it is not."""
        due = max(self._due, now)
        early = due - now - self._slack
        if early > 0.0:
            return early
        self._due = due + self._every
        return 0.0
