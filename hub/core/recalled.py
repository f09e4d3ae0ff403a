"""Answers that hold for as long as what they were found in, kept by their questions."""

from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recalled(Generic[T]):
    """Answers of a total weight of at most `most`; when it is reached, all are forgotten, and found again.

    `of` gives the answer to a question, or None.
    """

    __slots__ = ("_found", "_most", "_weight", "of")

    def __init__(self, most: int) -> None:
        self._found: dict[Hashable, T] = {}
        self._most = most
        self._weight = 0
        self.of = self._found.get

    def __len__(self) -> int:
        return len(self._found)

    def keep(self, question: Hashable, answer: T, weight: int = 1) -> T:
        """Keep an answer, and give it back. One that is heavier than all may be is not kept."""
        if weight > self._most:
            return answer
        self._weight += weight
        if self._weight > self._most:
            self._found.clear()
            self._weight = weight
        self._found[question] = answer
        return answer
