"""Logging: what is written, and above all what can not be written."""

import asyncio
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from multidict import CIMultiDict

from hub.core.hiding import HIDDEN, hide, is_secret
from hub.log import MAX_TEXT, configure

CANARY = "c4n4ry+with.odd=chars=="
FORGED = "\n2026-01-01T00:00:00Z [error    ] forged\r\x1b[31m\u202e\u2028\x00\x85"


class Terminal(io.TextIOWrapper):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def leaves_no_trace() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    root.setLevel(level)


def written(stream: io.TextIOWrapper) -> str:
    return stream.buffer.getvalue().decode()


def run(say: Callable[[Any], object], style: str = "json", level: str = "info") -> str:
    """What is written when `say` gets a logger."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    logging.getLogger().handlers.clear()
    configure(level, style, stream)
    say(structlog.get_logger())
    return written(stream)


def event(say: Callable[[Any], object]) -> dict[str, Any]:
    """The one line that is written."""
    (line,) = run(say).splitlines()
    return json.loads(line)


def test_json_line():
    fields = event(lambda logger: logger.info("message_handled", sender="NL-TNM", ms=1.5, pushed=True, why=None))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", fields.pop("timestamp"))
    assert list(fields) == ["level", "event", "sender", "ms", "pushed", "why"]
    assert fields == {
        "level": "info",
        "event": "message_handled",
        "sender": "NL-TNM",
        "ms": 1.5,
        "pushed": True,
        "why": None,
    }


def test_console_line():
    line = run(lambda logger: logger.warning("retry", host="é"), "console")
    assert re.fullmatch(r"\S+Z \[warning  \] retry +host=é\n", line)


def test_context_is_written():
    structlog.contextvars.bind_contextvars(request_id="r1")
    assert event(lambda logger: logger.info("x"))["request_id"] == "r1"


@pytest.mark.parametrize(("level", "expected"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_level(level: str, expected: int):
    def say(logger: Any) -> None:
        for method in ("debug", "info", "warning", "error"):
            getattr(logger, method)("x")
            getattr(logging.getLogger("some.library"), method)("x")

    assert len(run(say, level=level).splitlines()) == 2 * expected


def test_auto_is_json_off_a_terminal_and_console_on_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert json.loads(run(lambda logger: logger.info("x"), "auto"))
    stream = Terminal(io.BytesIO())
    configure("info", "auto", stream)
    structlog.get_logger().info("x")
    assert "\x1b[" in written(stream)
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal(io.BytesIO())
    configure("info", "auto", plain)
    structlog.get_logger().info("x")
    assert "[info" in written(plain)
    assert "\x1b" not in written(plain)


def test_stderr_is_the_default(capsys: pytest.CaptureFixture[str]):
    configure()
    structlog.get_logger().info("hello")
    captured = capsys.readouterr()
    assert (captured.out, json.loads(captured.err)["event"]) == ("", "hello")


def test_second_call_replaces_the_first():
    logger = structlog.get_logger()
    first, second = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
    for stream in (first, second):
        configure("info", "json", stream)
        logger.info("x")
        logging.getLogger("library").warning("y")
    assert len(written(first).splitlines()) == len(written(second).splitlines()) == 2


def test_standard_library_goes_the_same_way():
    fields = event(lambda _: logging.getLogger("aiohttp.server").error("from %s\n", "x", extra={"token": CANARY}))
    assert (fields["level"], fields["event"], fields["logger"]) == ("error", "from x\\n", "aiohttp.server")


def test_standard_library_with_arguments_that_do_not_fit():
    assert event(lambda _: logging.getLogger("library").error("%d", CANARY))["event"] == "%d"


def test_standard_library_exception_and_stack():
    def say(_: Any) -> None:
        try:
            raise ValueError(f"Token {CANARY}")
        except ValueError:
            logging.getLogger("library").exception("failed", stack_info=True)

    fields = event(say)
    assert "Traceback" in fields["exception"]
    assert "in say" in fields["stack"]
    assert CANARY not in str(fields)


@pytest.mark.parametrize("name", ["sqlalchemy.engine", "aiosqlite", "aiohttp.access"])
def test_libraries_that_would_write_values_are_kept_quiet(name: str):
    assert run(lambda _: logging.getLogger(name).info(CANARY), level="debug") == ""


async def test_forgotten_task_shows_no_secret():
    stream = io.TextIOWrapper(io.BytesIO())
    configure("info", "json", stream)

    async def fail() -> None:
        raise ValueError(f"Authorization: Token {CANARY}")

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    asyncio.get_running_loop().call_exception_handler({"message": "x", "exception": task.exception(), "task": task})
    assert "ValueError" in written(stream)
    assert CANARY not in written(stream)


class Peer(Struct):
    name: str
    token: str


SECRET_KEYS = [
    "token",
    "Token",
    "token_a",
    "tokenB",
    "token-c",
    "access_token",
    "accessToken",
    "credentials_token",
    "tokens",
]
SECRET_KEYS += ["authorization", "Authorization", "Proxy-Authorization", "api_key", "apiKey", "X-API-Key", "api_keys"]
SECRET_KEYS += ["password", "db_password", "passwd", "PASSWORD", "passphrase", "secret", "client_secret", "secret_key"]
SECRET_KEYS += ["cookie", "Set-Cookie", "cookies", "private_key", "credentials", "token_value"]


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_secret_keys(key: str):
    assert is_secret(key)
    assert event(lambda logger: logger.info("x", **{key: CANARY}))[key] == HIDDEN


@pytest.mark.parametrize(
    "key", ["token_uid", "token_type", "tokenizer", "authorization_reference", "key", "key_id", "pass", "url"]
)
def test_keys_that_are_no_secret(key: str):
    assert not is_secret(key)
    assert event(lambda logger: logger.info("x", **{key: "shown"}))[key] == "shown"


@pytest.mark.parametrize("value", [None, True, False])
def test_whether_there_is_a_secret_may_be_shown(value: object):
    assert event(lambda logger: logger.info("x", token=value))["token"] is value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"Token {CANARY}", f"Token {HIDDEN}"),
        (f"token \t\n {CANARY} rest", f"token \t\n {HIDDEN} rest"),
        (f"Bearer {CANARY}", f"Bearer {HIDDEN}"),
        (f"BASIC {CANARY}", f"BASIC {HIDDEN}"),
        (f"Authorization: Token {CANARY}", f"Authorization: {HIDDEN}"),
        (f"Authorization: Custom one {CANARY}\nHost: x", f"Authorization: {HIDDEN}\nHost: x"),
        (f"Cookie: a=b; c={CANARY}", f"Cookie: {HIDDEN}"),
        (f'{{"token": "{CANARY}", "url": "x"}}', f'{{"token": {HIDDEN}, "url": "x"}}'),
        (f'{{"token":"a b\\"{CANARY}", "url": "x"}}', f'{{"token":{HIDDEN}, "url": "x"}}'),
        (f"{{'password': '{CANARY}'}}", f"{{'password': {HIDDEN}}}"),
        (f"https://x/?token={CANARY}&a=1", f"https://x/?token={HIDDEN}"),
        (f"https://me:{CANARY}@host/path", f"https://{HIDDEN}@host/path"),
        ("https://me:p@ss@host/path", f"https://{HIDDEN}@host/path"),
        (f"(b'X-Api-Key', b'{CANARY}')", f"(b'X-Api-Key', {HIDDEN})"),
        (f"{{'tokens': ['a', '{CANARY}'], 'x': 1}}", f"{{'tokens': {HIDDEN}"),
        (f'{{\\"token\\": \\"{CANARY}\\"}}', f'{{\\"token\\": {HIDDEN}'),
        (f"api_key={CANARY} next", f"api_key={HIDDEN} next"),
        (f"token_b: {CANARY}", f"token_b: {HIDDEN}"),
        ("https://host/ocpi/2.2.1/tokens/NL/TNM/1 of a@b.c", "https://host/ocpi/2.2.1/tokens/NL/TNM/1 of a@b.c"),
        ("the route tokens.post was taken", "the route tokens.post was taken"),
    ],
)
def test_hide(text: str, shown: str):
    assert hide(text) == shown
    assert hide(shown) == shown


def forms(secret: str) -> list[dict[str, object]]:
    """Fields in which a secret may reach the log."""
    header = f"Token {secret}"
    return [
        *({key: secret} for key in SECRET_KEYS),
        {"token": [secret]},
        {"token": {"deep": {secret: secret}}},
        {"token": secret.encode()},
        {"token": Path(secret)},
        {"headers": {"Authorization": header}},
        {"headers": CIMultiDict({"X-Api-Key": secret})},
        {"headers": [("Authorization", header), (b"X-Api-Key", secret.encode())]},
        {"text": header},
        {"text": f"before {header} after"},
        {"text": f"BEARER   {secret}"},
        {"text": header.encode()},
        {"text": ValueError(header)},
        {"text": (ValueError(header), {header})},
        {"text": Peer("x", secret)},
        {"text": json.dumps({"token": secret})},
        {"text": json.dumps({"body": json.dumps({"token": secret})})},
        {header: "x"},
        {"event": header},
    ]


def enclose(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.one_of(
        st.lists(inner, min_size=1, max_size=3),
        st.tuples(inner),
        st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, min_size=1),
    )


secrets = st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=8, max_size=40).map(
    lambda text: f"~{text}~"
)
fillers = st.one_of(st.integers(), st.booleans(), st.text(max_size=20))


@given(st.data(), secrets, st.sampled_from(["json", "console"]))
def test_no_secret_is_ever_written(data: st.DataObject, secret: str, style: str):
    fields = data.draw(st.sampled_from(forms(secret)))
    nested = data.draw(st.recursive(st.just(fields), enclose, max_leaves=3))
    others = {"a": data.draw(fillers), "b": data.draw(fillers)}

    def say(logger: Any) -> None:
        say_event = fields.get("event", "x")
        top = {key: value for key, value in fields.items() if key != "event"}
        try:
            raise RuntimeError(f"went wrong with Token {secret}")
        except RuntimeError:
            logger.exception(say_event, **{**others, **top, "nested": nested})
        logging.getLogger("library").error("%s: %s", fields, say_event)

    output = run(say, style)
    plain = output.replace("\\\\", "\\").replace('\\"', '"')
    assert len(secret) > 2
    assert secret not in output
    assert secret not in plain
    assert HIDDEN in output


@given(st.text(max_size=50), st.sampled_from(["json", "console"]))
def test_one_event_is_one_line(text: str, style: str):
    def say(logger: Any) -> None:
        logger.info(text, value=text, nested={"x": [text]}, **{f"k{text}": 1})
        logging.getLogger("library").warning("%s", text)

    output = run(say, style)
    assert len(output.splitlines()) == 2
    assert output.replace("\n", "").isprintable()


@pytest.mark.parametrize("style", ["json", "console"])
def test_text_of_an_exception_forges_no_line(style: str):
    def say(logger: Any) -> None:
        try:
            raise ValueError(FORGED)
        except ValueError:
            logger.exception("failed", stack_info=True)

    first, *rest = run(say, style).split("\n")[:-1]
    assert "failed" in first
    assert all(line.startswith("  | ") or not line.strip("=") for line in rest)
    assert "".join([first, *rest]).isprintable()
    assert (rest == []) == (style == "json")


def test_long_values_are_cut():
    fields = event(
        lambda logger: logger.info("x", text="y" * 5000, many=list(range(500)), keys={str(n): n for n in range(500)})
    )
    assert fields["text"] == f"{'y' * MAX_TEXT}... [3000 characters cut]"
    assert len(fields["many"]) == len(fields["keys"]) == 100


def test_cut_leaves_no_part_of_a_secret():
    for lead in range(MAX_TEXT - 40, MAX_TEXT + 2):
        for form in (f"https://me:{CANARY}@host/", f"Token {CANARY}", f'"token":"{CANARY}"'):
            text = f"{'-' * lead} {form}{' -' * 100}"
            shown = event(lambda logger, text=text: logger.info("x", text=text))["text"]
            assert CANARY[:2] not in shown


def test_long_tracebacks_are_cut():
    def say(logger: Any) -> None:
        try:
            raise ValueError("\n".join(f"line {number}" for number in range(1000)) + "z" * 5000)
        except ValueError:
            logger.exception("failed")

    trace = event(say)["exception"]
    assert trace.count("\n") == 120
    assert "Traceback" in trace
    assert "lines cut]" in trace
    assert trace.endswith("[3008 characters cut]")


def test_deep_and_endless_values_end():
    endless: list[object] = []
    endless.append(endless)
    fields = event(lambda logger: logger.info("x", endless=endless))
    assert json.dumps(fields["endless"]) == '[[[[["[...]"]]]]]'


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (HTTPStatus.OK, 200),
        (2**70, 2**70),
        (float("nan"), None),
        (b"\xff\x1b", "\\xff\\x1b"),
        ("\udc80", "\\udc80"),
        (Path("/x"), "/x"),
        ({1: 2}, {"1": 2}),
        ((1, 2), [1, 2]),
        ({3}, [3]),
        (ValueError("x"), "x"),
    ],
)
def test_values_of_all_kinds(value: object, shown: object):
    assert event(lambda logger: logger.info("x", value=value))["value"] == shown


def test_full_disk_does_not_fail_what_is_logged():
    full = Path("/dev/full").open("w")  # noqa: SIM115 (it can not be closed without an error)
    configure("info", "json", full)
    structlog.get_logger().info("x")
    logging.getLogger("library").warning("x")
    with suppress(OSError):
        full.close()


def test_closed_stream_does_not_fail_what_is_logged():
    stream = io.TextIOWrapper(io.BytesIO())
    configure("info", "json", stream)
    stream.close()
    structlog.get_logger().info("x")
