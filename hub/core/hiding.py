"""What must not be shown: keys whose values are secrets, and text with what looks like a token or password taken out.

Hiding prefers too much to too little: the word after "token" goes, also in plain prose.
"""

import re

HIDDEN = "[hidden]"

_LONGEST_ID = 36
_SHOWN = 8
_SECRET_KEY = re.compile(
    r"secret|passw(or)?d|passphrase"
    r"|(authorization|cookie|credential|api[-_ ]?key|private[-_ ]?key|token([-_ ]?([abc]|value))?)s?\Z",
    re.IGNORECASE,
)
_HINTS = ("token", "bearer", "basic", "auth", "cookie", "credential", "secret", "pass", "api", "private", "@")
_NAMES = (
    r"(?:(?:secret|passphrase|passw(?:or)?d)[\w-]{0,30}"
    r"|(?:api[-_ ]?key|credential|private[-_ ]?key|token(?:[-_ ]?(?:[abc]|value))?)s?)"
)
# "token": , token= , ('token', as they come from JSON, URLs and repr(); what is hidden already stays as it is.
_EQUALS = r"""\\*["']?\s*(?:[:=]|(?<=["']),)\s*+(?!\[hidden\])"""
# A text in quotes ends at a quote without a backslash. What opens a list, or stands in quotes of quotes, has no end
# that could be relied on, so everything after it goes.
_QUOTED = r"""b?"(?:[^"\\]|\\+.)*"?|b?'(?:[^'\\]|\\+.)*'?|b?\\+["'].*|[\[{(].*"""
_HIDERS = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), shown)
    for pattern, shown in (
        (rf"((?:authorization|cookie)s?{_EQUALS})(?:{_QUOTED}|[^\r\n]+)", rf"\1{HIDDEN}"),
        (rf"({_NAMES}{_EQUALS})(?:{_QUOTED}|\S+)", rf"\1{HIDDEN}"),
        (r"(token|bearer|basic)((?:\s|%20|\+)+)\S+", rf"\1\2{HIDDEN}"),
        (r"://[^\s/?#]*@", f"://{HIDDEN}@"),
    )
)


def is_secret(key: str) -> bool:
    """Whether a value under this key is never to be shown."""
    return _SECRET_KEY.search(key) is not None


def hide(text: str) -> str:
    """`text` with what looks like a token, password or key replaced by `[hidden]`."""
    folded = text.casefold()
    if any(hint in folded for hint in _HINTS):
        for pattern, shown in _HIDERS:
            text = pattern.sub(shown, text)
    return text


def hide_in_path(target: str) -> str:
    """The path of a request target for people: without query, fragment, name and password.

    Of a segment that is longer than any id of OCPI only the beginning is left: it may be a token in a wrong place.
    """
    path = re.sub(r"://[^/]*@", "://", re.split(r"[?#]", target, maxsplit=1)[0])
    return "/".join(each if len(each) <= _LONGEST_ID else f"{each[:_SHOWN]}…" for each in path.split("/"))
