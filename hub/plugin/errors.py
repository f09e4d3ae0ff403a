"""What is wrong with a plugin, for the person who wrote it: file, line, and the likely fix."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path


class PluginError(Exception):
    """Plugins that can not be loaded or started. `problems` holds a text for each thing that is wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def problem(file: Path, line: int | None, reason: str) -> str:
    """`reason` with its place: `plugins/home_market.py:12: ...`. Lines count from 1; None means the whole file."""
    return f"{file}:{line}: {reason}" if line else f"{file}: {reason}"


def likely(word: str, words: Iterable[str]) -> str:
    """`; did you mean 'tokens'?` when one of the words is close, else what there is."""
    known = sorted(words)
    close = get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; there is {', '.join(known) or 'none'}"
