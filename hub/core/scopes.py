"""What a key of the admin API opens."""

from enum import StrEnum


class Scope(StrEnum):
    """What a key opens. Each opens what those before it open, too."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"

    def opens(self, needed: "Scope") -> bool:
        """Whether a key of this scope may do what needs another."""
        order = tuple(Scope)
        return order.index(self) >= order.index(needed)
