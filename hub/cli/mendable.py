"""What a person can mend, of all that may fail: in words, without a traceback."""

from collections.abc import Sequence

from hub.asking import ControlError
from hub.bridge import CanNotBridge
from hub.config import ConfigError
from hub.core.plain import line
from hub.listener import CannotStart
from hub.plugin.errors import PluginError
from hub.plugin.paper import PdfMissing
from hub.store.errors import StoreError

_LONGEST = 2000


def problems(error: Exception) -> tuple[Sequence[str], str] | None:
    """Each problem as a paragraph for the terminal, and all in one text; None where it is a fault of the hub's."""
    match error:
        case ConfigError() | PluginError():
            return error.problems, str(error)
        case StoreError() | CannotStart() | CanNotBridge() | PdfMissing():
            reason = str(error)
        case ControlError():
            reason = line(str(error), _LONGEST)  # a partner may have said part of it
        case OSError():
            reason = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        case _:
            return None
    return [f"Error: {reason}"], reason
