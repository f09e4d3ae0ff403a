"""Selectors: how a hook says which operations it is for.

`tokens`, `tokens.post`, `locations.receiver`, `locations.receiver.put`, `*.post`, `*.sender`, `*`.
"""

from collections.abc import Iterable

from hub.core.modules import METHODS, Catalogue, Interface, Operation
from hub.plugin.errors import likely

_METHODS = tuple(method.lower() for method in METHODS)
_INTERFACES = tuple(interface.lower() for interface in Interface)


def select(selector: str, catalogue: Catalogue, *, pushes: bool = False) -> frozenset[Operation]:
    """The operations that a selector means; never none. `pushes` leaves out what only reads.

    ValueError says what is wrong with the selector, and what was likely meant.
    """
    module, *narrower = selector.lower().split(".")
    if module != "*" and module not in catalogue.modules:
        raise ValueError(f"selector {selector!r}: there is no module {module!r}{likely(module, catalogue.modules)}")
    found = [row for row in catalogue.operations() if module in {"*", row.module}]
    for word in narrower:
        if word not in (*_METHODS, *_INTERFACES):
            raise ValueError(
                f"selector {selector!r}: {word!r} is no method or interface{likely(word, (*_METHODS, *_INTERFACES))}"
            )
        if not any(_fits(row, word) for row in found):
            raise ValueError(f"selector {selector!r}: {module} has no {word} here{likely(word, _words(found))}")
        found = [row for row in found if _fits(row, word)]
    if pushes and not any(row.is_push for row in found):
        raise ValueError(f"selector {selector!r}: a push is a POST, PUT, PATCH or DELETE")
    return frozenset(row for row in found if row.is_push or not pushes)


def _fits(row: Operation, word: str) -> bool:
    return word in {row.method.lower(), row.interface.lower()}


def _words(rows: Iterable[Operation]) -> set[str]:
    return {word for row in rows for word in (row.method.lower(), row.interface.lower())}


def matches(selector: str, operation: Operation) -> bool:
    """Whether a selector that stands in settings means an operation."""
    module, *narrower = selector.lower().split(".")
    return module in {"*", operation.module} and all(_fits(operation, word) for word in narrower)


def check_selector(selector: str) -> None:
    """ValueError where a word of a selector that stands in settings means nothing. Any module may be there one day."""
    for word in selector.lower().split(".")[1:]:
        if word not in (*_METHODS, *_INTERFACES):
            known = likely(word, (*_METHODS, *_INTERFACES))
            raise ValueError(f"selector {selector!r}: {word!r} is no method or interface{known}")
