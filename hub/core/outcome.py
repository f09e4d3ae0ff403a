"""What became of an exchange, or of one delivery, in a word."""

from enum import StrEnum


class Outcome(StrEnum):
    """How it ended, as the journal says it."""

    DELIVERED = "delivered"
    """The partner took it and said so (OCPI 1xxx)."""
    ANSWERED = "answered"
    """The hub answered by itself: from its mirror, from lists it collected, or that a broadcast was taken over."""
    DECLINED = "declined"
    """The partner answered with an error of OCPI (2xxx, 3xxx), which went back as it was."""
    REFUSED = "refused"
    """The hub refused: the message may not go there, or is not as OCPI says."""
    FAILED = "failed"
    """There was no answer of the partner's to give back: not there, too slow, or not OCPI."""
    ABANDONED = "abandoned"
    """Nobody waited for the partner's answer any more: another one had answered first, or the time was over."""
    TURNED_AWAY = "turned-away"
    """It never became a message: no valid token, no such path or method, or not readable."""
