"""Logging: structlog and the standard library through one chain that no secret gets through.

Partners decide what stands in many values. So every value is cleaned before it is written: secrets are hidden,
characters that could forge a line or colour a terminal are escaped, and what is long is cut. Hiding prefers too
much to too little: the word after "token" goes, also in plain prose.
"""

import contextlib
import logging
import os
import re
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, Literal, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from hub.core.hiding import HIDDEN, hide, is_secret

MAX_TEXT = 2000
"""Characters of one value, or of one line of a traceback, that are written."""
_MAX_ITEMS = 100
_MAX_DEPTH = 6
_MAX_TRACE_LINES = 120
_TRACES = frozenset({"exception", "stack"})
_FIRST = ("timestamp", "level", "event")

_CUT_USERINFO = re.compile(r"://[^\s/]*\Z")

# Below these levels the libraries write SQL with its parameters, bare values that nothing marks as secret, or (alembic)
# how they go about it.
_LEAST_LEVELS = {
    "aiohttp.access": logging.WARNING,
    "alembic": logging.WARNING,
    "aiosqlite": logging.WARNING,
    "asyncio": logging.INFO,
    "opentelemetry": logging.CRITICAL,  # a collector that is away is told by the hub itself
    "sqlalchemy": logging.WARNING,
    "urllib3": logging.CRITICAL,
}


def configure(
    level: Literal["debug", "info", "warning", "error"] = "info",
    format: Literal["auto", "console", "json"] = "auto",  # noqa: A002 (named as the key in config.toml)
    stream: TextIO | None = None,
) -> None:
    """Send all logging to `stream` (stderr) from `level` on, one line of UTF-8 each.

    May be called again: the last call counts. `auto` is console on a terminal, else JSON.
    """
    out = stream or sys.stderr
    least = logging.getLevelNamesMapping()[level.upper()]
    console = out.isatty() if format == "auto" else format == "console"
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        clean,
        *(_console(colors=out.isatty() and "NO_COLOR" not in os.environ) if console else (_json,)),
    ]
    lines = _Lines(out)
    # Loggers are not cached, so that those of modules follow when this is called again.
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )
    _route_stdlib(_Handler(processors, lines), least)


def clean(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Processor: nothing in `event` can show a secret or act on what displays it."""
    traces = {key: _clean_trace(str(event.pop(key))) for key in _TRACES & event.keys()}
    cleaned = _clean_mapping(event, 0, len(event))
    return {key: cleaned[key] for key in _FIRST if key in cleaned} | cleaned | traces


def _clean(value: object, depth: int) -> object:
    if isinstance(value, str):
        return _clean_text(str(value))
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return _clean_text(bytes(value).decode("utf-8", "backslashreplace"))
    if isinstance(value, Mapping | list | tuple | set | frozenset) and depth == _MAX_DEPTH:
        return "[...]"
    if isinstance(value, Mapping):
        return _clean_mapping(value, depth, _MAX_ITEMS)
    if isinstance(value, list | tuple):
        return _clean_list(value, depth)
    if isinstance(value, set | frozenset):
        return _clean_items(value, depth)
    return _clean_text(str(value))


def _clean_mapping(value: Mapping[Any, object], depth: int, most: int) -> dict[str, object]:
    cleaned: dict[str, object] = {}
    for raw, item in islice(value.items(), most):
        key, secret = _clean_key(raw if isinstance(raw, str | bytes) else str(raw))
        cleaned[key] = _clean_value(item, depth, secret=secret)
    return cleaned


@lru_cache(maxsize=1024)
def _clean_key(raw: str | bytes) -> tuple[str, bool]:
    """The key as it may be shown, and whether its value may not. Most keys come back with every event."""
    key = str(_clean(raw, 0))
    return key, is_secret(key)


def _clean_list(value: Sequence[object], depth: int) -> list[object]:
    """A pair may be a header as a library hands it out: name and value."""
    if len(value) == 2 and isinstance(value[0], str | bytes):
        name, secret = _clean_key(value[0])
        return [name, _clean_value(value[1], depth, secret=secret)]
    return _clean_items(value, depth)


def _clean_items(value: Iterable[object], depth: int) -> list[object]:
    return [_clean(item, depth + 1) for item in islice(value, _MAX_ITEMS)]


def _clean_value(value: object, depth: int, *, secret: bool) -> object:
    if secret and value is not None and not isinstance(value, bool):
        return HIDDEN
    return _clean(value, depth + 1)


def _clean_text(text: str) -> str:
    shown = hide(text[:MAX_TEXT])
    left_out = len(text) - MAX_TEXT
    if left_out > 0:
        # The @ that makes it a password may stand behind the cut.
        shown = _CUT_USERINFO.sub(f"://{HIDDEN}", shown)
    shown = _escape(shown)[:MAX_TEXT]
    return f"{shown}... [{left_out} characters cut]" if left_out > 0 else shown


def _clean_trace(text: str) -> str:
    lines = [_clean_text(line) for line in hide(text).split("\n")]
    if (left_out := len(lines) - _MAX_TRACE_LINES) > 0:
        half = _MAX_TRACE_LINES // 2
        lines[half:-half] = [f"... [{left_out} lines cut]"]
    return "\n".join(lines)


def _escape(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _json(_logger: WrappedLogger, _name: str, event: EventDict) -> bytes:
    return msgspec.json.encode(event)


def _console(*, colors: bool) -> tuple[Processor, ...]:
    render = structlog.dev.ConsoleRenderer(
        colors=colors, exception_formatter=structlog.dev.plain_traceback, sort_keys=False
    )

    def mark(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        """A text in an exception may hold a line that looks like a log line: no line of a trace may."""
        for key in _TRACES & event.keys():
            event[key] = "\n".join(f"  | {line}" for line in event[key].split("\n"))
        return event

    def encode(logger: WrappedLogger, name: str, event: EventDict) -> bytes:
        return render(logger, name, event).encode()

    return mark, encode


class _Lines:
    """Writes lines. A full disk or a closed pipe must not fail the message that is being logged."""

    def __init__(self, stream: TextIO) -> None:
        self._out = stream.buffer
        self._lock = threading.Lock()

    def msg(self, line: bytes) -> None:
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._out.write(line + b"\n")
            self._out.flush()

    log = debug = info = warn = warning = error = exception = critical = fatal = msg


class _Handler(logging.Handler):
    """Takes what libraries log through the standard library."""

    def __init__(self, processors: Sequence[Processor], lines: _Lines) -> None:
        super().__init__()
        self._processors = processors
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        event: EventDict = {"event": _text(record), "logger": record.name}
        if record.exc_info:
            event["exc_info"] = record.exc_info
        if record.stack_info:
            event["stack"] = record.stack_info
        for processor in self._processors:
            event = processor(None, record.levelname.lower(), event)  # type: ignore[assignment]
        self._lines.msg(event)  # type: ignore[arg-type]


def _text(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return str(record.msg)


def _route_stdlib(handler: logging.Handler, level: int) -> None:
    root = logging.getLogger()
    for old in [one for one in root.handlers if isinstance(one, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name, least in _LEAST_LEVELS.items():
        logging.getLogger(name).setLevel(max(level, least))
