"""What a key of scope `read` is not told of tokens: with the id of a card, or its contract, somebody could charge."""

from hub.core.scopes import Scope
from hub.plugin.serving import Problem

_TOKENS = "tokens"
_SHOWN = 4
"""So many characters of an id are told all the same, so that people can talk about one."""


def hides(module: str, scope: Scope) -> bool:
    """Whether objects of a module are not for everybody who may look."""
    return module == _TOKENS and not scope.opens(Scope.OPERATE)


def shown_id(module: str, object_id: str, scope: Scope) -> str:
    """The id of an object, as far as it is told."""
    return f"…{object_id[-_SHOWN:]}" if hides(module, scope) else object_id


def check(module: str, scope: Scope) -> None:
    """Problem 403 where one object may not be seen."""
    if hides(module, scope):
        raise Problem(403, "people charge with a token: to see one needs a key of scope operate", "use such a key")
