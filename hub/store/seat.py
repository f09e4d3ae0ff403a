"""A node's seat among those that share a database: its slot, whether it leads, and a way to tell others."""

from abc import ABC, abstractmethod
from collections.abc import Callable

Told = Callable[[str], None]


class Seat(ABC):
    """The seat of one node. It is held for as long as the node keeps it, and free again within seconds of its death."""

    slot: int = 0
    """A number that no other node has."""

    @property
    @abstractmethod
    def leads(self) -> bool:
        """Whether this node does what only one may do. Never true of two nodes at once."""

    @abstractmethod
    async def keep(self) -> bool:
        """Take the seat, or make sure that it is still held; whether it was taken anew.

        What others told meanwhile was missed then. To be called again and again, at least once a second. Raises
        StoreError where the database is not to be had.
        """

    @abstractmethod
    def hear(self, channel: str, told: Told) -> None:
        """Have a function called with what is told on a channel, from the next `keep` on."""

    @abstractmethod
    async def tell(self, channel: str, words: str) -> None:
        """Tell who hears a channel, and keep it nowhere. At most 7,900 bytes. Raises StoreError."""

    @abstractmethod
    async def close(self) -> None:
        """Give the seat up."""


class SoleSeat(Seat):
    """Where there can be no other node: it leads."""

    @property
    def leads(self) -> bool:
        return True

    async def keep(self) -> bool:
        return False

    def hear(self, channel: str, told: Told) -> None:
        """Nobody tells anything."""

    async def tell(self, channel: str, words: str) -> None:
        """Nobody hears anything."""

    async def close(self) -> None:
        """There is nothing to give up."""
