"""Text of partners made harmless: one line, nothing in it that moves the cursor or turns the direction of writing."""

from itertools import groupby
from unicodedata import category


def line(text: str, longest: int) -> str:
    """The text as one line of at most so many characters; what can not be seen is a space."""
    if len(text) <= longest and text.isprintable():
        return text
    text = text[: longest + 1]
    if not text.isprintable():
        runs = groupby(text, _is_seen)
        text = "".join("".join(run) if seen else " " for seen, run in runs)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def lines(text: str, longest: int) -> str:
    """The same for a text of the hub's own that has more than one line: each as one of at most so many characters."""
    return "\n".join(line(each, longest) for each in text.split("\n"))


def seen(json: bytes) -> bytes:
    """JSON that says the same, with what can not be seen written as escapes: it may end up on a terminal."""
    text = json.decode()
    if text.isprintable():
        return json
    return "".join(each if _is_seen(each) else _escape(each) for each in text).encode()


def _is_seen(char: str) -> bool:
    return char.isprintable() or category(char) == "Zs"


def _escape(char: str) -> str:
    """As JSON has it: characters beyond 65535 are two escapes. A line break between values stays."""
    if char == "\n":
        return char
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))
