"""Text of partners made harmless: one line, nothing in it that moves the cursor or turns the direction of writing."""

import re

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+")


def line(text: str, longest: int) -> str:
    """The text as one line of at most so many characters; what can not be seen is a space."""
    text = _UNSEEN.sub(" ", text[: longest + 1])
    return text if len(text) <= longest else text[: longest - 1] + "…"
