"""What a hub has acknowledged, and what there is of it on disk: the book that kills and power cuts are checked against.

A subject, such as `("mirror", "tariffs", "NL-001", "t1")`, has one value after the other, and one that changes it.
"""

import hashlib
import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from hub.store.credentials import open_token
from hub.store.crypto import Keyring, load_or_create_key

Subject = tuple[str, ...]
Held = dict[Subject, Any]
T = TypeVar("T")


class Standing(NamedTuple):
    """A partner: the tokens that it may come with, the one that the hub comes with, and what an operator set."""

    state: str
    tokens_in: Any
    token_out: Any = None
    validation: str | None = None
    requests: float | None = None


class Change(NamedTuple):
    """A subject's new value, None where there is to be nothing. `mark` says when it was acknowledged, None: never."""

    value: Any
    mark: Any


class Book:
    """Every change of every subject, in order. `mark` makes the mark of an answer."""

    def __init__(self, mark: Callable[[Any], Any] = lambda _: True) -> None:
        self.acknowledged: Counter[str] = Counter()
        self._mark = mark
        self._changes: defaultdict[Subject, list[Change]] = defaultdict(list)

    async def change(
        self,
        what: str,
        subject: Subject,
        value: Any,
        work: Awaitable[T],
        *,
        exact: Callable[[T], Any] | None = None,
        gone: Sequence[Subject] = (),
    ) -> T:
        """Have the hub change something. `exact` tells the value from the answer, where it is not known before.

        `gone` is what is to be forgotten together with that.
        """
        for each, after in ((subject, value), *((each, None) for each in gone)):
            self._changes[each].append(Change(after, None))
        answer = await work
        mark = self._mark(answer)
        self._changes[subject][-1] = Change(exact(answer) if exact else value, mark)
        for each in gone:
            self._changes[each][-1] = Change(None, mark)
        self.acknowledged[what] += 1
        return answer

    def value(self, subject: Subject) -> Any:
        """What it is now, if nothing was lost."""
        return self._changes[subject][-1].value if self._changes[subject] else None

    def there(self, *beginning: str) -> list[Subject]:
        """All subjects that begin so, and are there."""
        return [each for each in self._changes if each[: len(beginning)] == beginning and self.value(each) is not None]

    def wrong(
        self,
        held: Held,
        known: Callable[[Any], bool] = bool,
        begun: Callable[[Any], bool] | None = None,
    ) -> list[tuple[Subject, Any]]:
        """What is held, and is neither what was acknowledged nor the change after that one.

        `known` says whether an acknowledgement with a mark counts; where the state is of any moment of a time, it is
        for those before that time, and `begun` for those before its end.
        """
        found = []
        for subject in self._changes.keys() | held.keys():
            changes = [Change(None, None), *self._changes[subject]]
            first = max((n for n, each in enumerate(changes) if each.mark is not None and known(each.mark)), default=0)
            last = first
            if begun is not None:
                last = max((n for n, each in enumerate(changes) if each.mark and begun(each.mark)), default=0)
            if all(held.get(subject) != each.value for each in changes[first : last + 2]):
                found.append((subject, held.get(subject)))
        return found

    def settle(self, held: Held) -> tuple[list[Subject], list[Subject]]:
        """Go on from what is held. Of the changes that were not acknowledged: which were done, and which were not."""
        done, not_done = [], []
        for subject, changes in self._changes.items():
            if changes[-1].mark is None:
                before = changes[-2].value if len(changes) > 1 else None
                (not_done if held.get(subject) == before else done).append(subject)
            changes[:] = [Change(held.get(subject), True)]
        return done, not_done


def digest(kind: str, token: str) -> frozenset[str]:
    """The one token of a partner as it is held: TOKEN_A is of kind `A`, the later ones of kind `C`."""
    return frozenset({f"{kind} {hashlib.sha256(token.encode()).hexdigest()}"})


def plain(body: Any) -> str:
    """An object as it is compared."""
    return json.dumps(json.loads(body) if isinstance(body, bytes) else body, sort_keys=True)


TABLES = {
    "credential": "SELECT platform_id, kind, digest FROM credential WHERE kind != 'PENDING'",
    "validation": "SELECT platform_id, validation FROM platform_setting",
    "requests": "SELECT platform_id, requests FROM platform_limit",
    "platform": "SELECT id, name, state, token_out FROM platform",
    "agreement": "SELECT one, other, module, allow FROM agreement",
    "admin_key": "SELECT name, digest FROM admin_key",
    "mirror": "SELECT module, owner, object_key, body FROM mirror",
}
"""What has to be read of a database to know what it holds."""


def held_in(database: Path, key: Path) -> Held:
    """Everything in a database that the book may speak of. AssertionError where the database is damaged."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        ask = connection.execute
        assert ask("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert ask("PRAGMA foreign_key_check").fetchall() == []
        return held({name: ask(statement).fetchall() for name, statement in TABLES.items()}, key)


def held(tables: Mapping[str, Sequence[Any]], key: Path) -> Held:
    """What rows say, read as in `TABLES`."""
    keyring = Keyring(load_or_create_key(key))
    tokens = defaultdict(set)
    for platform, kind, hashed in tables["credential"]:
        tokens[platform].add(f"{kind} {hashed.hex()}")
    validation, requests = dict(tables["validation"]), dict(tables["requests"])
    found: Held = {}
    for number, name, state, sealed in tables["platform"]:
        token_out = open_token(keyring, number, sealed) if sealed else None
        found["partner", name] = Standing(
            state, frozenset(tokens[number]), token_out, validation.get(number), requests.get(number)
        )
    for one, other, module, allow in tables["agreement"]:
        found["agreement", one, other, module] = bool(allow)
    for name, hashed in tables["admin_key"]:
        found["key", name] = hashed.hex()
    for module, owner, name, body in tables["mirror"]:
        found["mirror", module, owner, name] = plain(body)
    return found
