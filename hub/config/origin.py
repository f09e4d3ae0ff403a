"""Where a configuration came from, so that an error can point at the line or the variable that is wrong."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from msgspec import Struct

from hub.config.spots import KeyPath, Span, Spots
from hub.core.hiding import HIDDEN, hide, is_secret

_WIDTH = 160


class ConfigError(Exception):
    """The configuration can not be used. `problems` holds a text for each thing that is wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n\n".join(problems))
        self.problems = tuple(problems)


class Override(Struct, frozen=True):
    """A value that was set from the environment."""

    variable: str
    path: KeyPath
    text: str

    def __repr__(self) -> str:
        """Without the text: it may be a secret of a plugin."""
        return f"Override({self.variable})"


class Origin(Struct, frozen=True, dict=True):
    """The text of the file, and the variables that replaced values of it."""

    file: Path | None = None
    text: str = ""
    overrides: Mapping[KeyPath, Override] = {}

    def __repr__(self) -> str:
        """Without the text: it may hold secrets of plugins."""
        return f"Origin({self.file})"

    @cached_property
    def spots(self) -> Spots:
        """Where in the file the keys stand. Read when something is wrong only."""
        return Spots(self.text)

    def override(self, path: KeyPath) -> Override | None:
        """The variable that set the value at `path`, or one that holds it."""
        ends = range(len(path), 0, -1)
        return next((self.overrides[path[:end]] for end in ends if path[:end] in self.overrides), None)

    def knows(self, path: KeyPath) -> bool:
        """Whether somebody set the value at `path`; else it is a default."""
        return self.override(path) is not None or self.spots.has(path)

    def line(self, path: KeyPath) -> int:
        """The line of the key at `path`; 0 when it is not in the file."""
        span = None if self.override(path) else self.spots.key(path)
        return span.line if span else 0

    def problem(self, path: KeyPath, reason: str, *, about_key: bool = False, hidden: bool = False) -> str:
        """`reason` with the place of the value (or the key) at `path`, for people.

        The value itself is left out when `hidden`, or when it is a secret by its name.
        """
        if override := self.override(path):
            return f"environment variable {override.variable}: {reason}"
        key = self.spots.key(path)
        if key is None:
            return f"{self._name}: {reason}"
        if hidden or secret(path):
            return self.quote(key, reason, hidden=True)
        value = key if about_key else self.spots.value(path)
        return self.quote(value or key, reason, fallback=key)

    def quote(self, span: Span, reason: str, *, fallback: Span | None = None, hidden: bool = False) -> str:
        """`reason` with file, line and the piece of the line that `span` names.

        `hidden` leaves out what follows the span. When something else had to be hidden in the line, the caret
        stands under `fallback`, which lies before it.
        """
        line = self.text.split("\n")[span.line - 1]
        start = span.column - 1
        if hidden:
            line = f"{line[: start + span.length]} ... {HIDDEN}"
        elif (masked := hide(line)) != line:
            line, span = masked, fallback or span
            start = span.column - 1
        left = max(0, start - _WIDTH // 2)
        shown = "".join(char if char.isprintable() else " " for char in line[left : left + _WIDTH])
        caret = "^" * max(1, min(span.length, len(shown) - start + left))
        number = f"{span.line:>4}"
        return (
            f"{self._name}:{span.line}: {reason}\n"
            f"{number} | {shown}\n"
            f"{' ' * len(number)} | {' ' * (start - left)}{caret}"
        )

    @property
    def _name(self) -> str:
        return str(self.file) if self.file else "configuration"


def secret(path: KeyPath) -> bool:
    """Whether the value at `path` is never to be shown. The `tokens` in the name of a module are no secret."""
    if tuple(path) == ("store", "url"):
        return True  # it holds a password
    return path[:1] != ("modules",) and any(isinstance(part, str) and is_secret(part) for part in path)
