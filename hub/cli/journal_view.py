"""How the journal looks on a terminal: rows, and an exchange as a timeline."""

from typing import Any

from rich.console import Console
from rich.text import Text

from hub.cli.common import plain
from hub.core.moments import written

_LINE = 2000
_BODY = 100_000
COLUMNS = ("time", "from", "to", "message", "outcome", "HTTP/OCPI", "hub ms", "partner ms", "correlation id", "reason")
STYLES = {
    "delivered": "green",
    "answered": "green",
    "declined": "yellow",
    "refused": "yellow",
    "turned-away": "yellow",
    "abandoned": "yellow",
    "failed": "red",
}


def cells(row: Any) -> tuple[str, ...]:
    """An exchange as a row of the table."""
    return (
        written(row["at"]),
        _who(row["sender"], row["sender_name"]) or row["address"] or "",
        _to(row),
        _message(row),
        row["outcome"],
        _status(row["http_status"], row["ocpi_status"]),
        _ms(row["hub_us"]),
        _ms(row["partner_us"]),
        row["correlation_id"],
        row["reason"] or _noted(row),
    )


def failed_cells(leg: Any) -> tuple[str, ...]:
    """A delivery that failed after its exchange was over, as a row of the table."""
    status = _status(leg["http_status"], leg["ocpi_status"])
    words = "delivery of a broadcast"
    who = _who(leg["receiver"], leg["receiver_name"])
    taken = _ms(leg["partner_us"])
    return (
        written(leg["id"] // 1000), leg["sender"], who, words, leg["outcome"], status, "", taken,
        leg["request_id"] or "", leg["reason"] or "",
    )  # fmt: skip


def print_trace(out: Console, found: Any) -> None:
    """One exchange with both its legs, in the order of time."""
    row = found["exchange"]
    style = STYLES[row["outcome"]]
    head = (f"{written(row['at'])} UTC", "bold"), "  ", plain(_message(row)), "  ", (row["outcome"], style)
    out.print(Text.assemble(*head), soft_wrap=True)
    _tell(out, found["telling"])
    _say(out, "", f"correlation id {row['correlation_id']}")
    sender = _who(row["sender"], row["sender_name"]) or row["address"] or "somebody"
    request = f"X-Request-ID {row['request_id']}"
    _say(out, _after(0), f"{sender} → hub  {_kb(row['bytes_in'])}  {request}{_version(row)}")
    if found["bodies"]:
        _body(out, found["bodies"]["request"])
    if row["why"]:
        _say(out, "", row["why"])
    if row["findings"]:
        _say(out, "", f"{row['findings']} finding(s): {row['finding']}")
    total = row["hub_us"] + (row["partner_us"] or 0)
    steps = [(each["after_us"], 0, each) for each in found["deliveries"]]
    steps += [(each["after_us"] + each["partner_us"], 1, each) for each in found["deliveries"]]
    steps.append((total, 2, None))
    for after, kind, leg in sorted(steps, key=lambda step: step[:2]):
        if kind == 0:
            _sent(out, after, leg)
        elif kind == 1:
            _came(out, after, leg)
        else:
            _answered(out, after, found, sender)
    partner = f", partner {_ms(row['partner_us'])} ms" if row["partner_us"] is not None else ""
    _say(out, "", f"took {_ms(total)} ms: hub {_ms(row['hub_us'])} ms{partner}")


def _tell(out: Console, telling: Any) -> None:
    """What happened in plain words."""
    steps = [("", telling["what"]), *(("", each) for each in telling["why"])]
    steps += [("next: ", each) for each in telling["next"]]
    steps += [(f"tell {each['to']}: ", each["say"]) for each in telling["tell"]]
    for who, words in steps:
        out.print(Text.assemble(plain(who, "bold"), plain(words, "", _LINE)), soft_wrap=True)
    out.print()


def _sent(out: Console, after: int, leg: Any) -> None:
    to = _who(leg["receiver"], leg["receiver_name"])
    _say(out, _after(after), f"hub → {to}  {_kb(leg['bytes_out'])}  X-Request-ID {leg['request_id']}{_version(leg)}")
    if leg["losses"]:
        _say(out, "", f"{leg['losses']} lost between versions: {leg['loss']}")
    if leg["bodies"]:
        _body(out, leg["bodies"]["request"])


def _came(out: Console, after: int, leg: Any) -> None:
    to = _who(leg["receiver"], leg["receiver_name"])
    status = _status(leg["http_status"], leg["ocpi_status"])
    answer = f"{status}  {_kb(leg['bytes_in'])}" if leg["http_status"] is not None else "no answer"
    words = f"{to} → hub  {answer}  {leg['outcome']} after {_ms(leg['partner_us'])} ms"
    _say(out, _after(after), words, STYLES[leg["outcome"]])
    if leg["reason"]:
        _say(out, "", leg["reason"], STYLES[leg["outcome"]])
    if leg["bodies"]:
        _body(out, leg["bodies"]["answer"])


def _answered(out: Console, after: int, found: Any, sender: str) -> None:
    row = found["exchange"]
    status = _status(row["http_status"], row["ocpi_status"])
    style = STYLES[row["outcome"]]
    _say(out, _after(after), f"hub → {sender}  {status}  {_kb(row['bytes_out'])}", style)
    if row["reason"]:
        _say(out, "", row["reason"], style)
    if found["bodies"]:
        _body(out, found["bodies"]["answer"])


def _say(out: Console, when: str, words: str, style: str = "") -> None:
    out.print(Text.assemble(f"  {when:>12}  ", plain(words, style, _LINE)), soft_wrap=True)


def _body(out: Console, body: str) -> None:
    if body:
        out.print(Text.assemble(f"  {'':>12}  ", plain(f"│ {body}", "dim", _BODY)), soft_wrap=True)


def _after(microseconds: int) -> str:
    return f"+{microseconds / 1000:.1f} ms"


def _who(party: str | None, name: str | None) -> str:
    if party and name and party != name:
        return f"{party} ({name})"
    return party or name or ""


def _to(row: Any) -> str:
    if row["way"] in ("broadcast", "ask", "collect"):
        count, bad = row["deliveries"], row["undelivered"]
        return f"{row['way']}: {count}{f', {bad} not taken' if bad else ''}"
    return _who(row["receiver"], row["receiver_name"]) or ("the hub" if row["way"] in ("mirror", "local") else "")


def _message(row: Any) -> str:
    if row["path"] is not None:
        return f"{row['method']} {row['path']}"
    where = f"{row['interface'].lower()}/{row['module']}" if row["interface"] else row["module"]
    return " ".join(each for each in (row["method"], where, row["object_id"]) if each)


def _noted(row: Any) -> str:
    """What is worth a word of an exchange that went well."""
    notes = ((row["losses"], "lost between versions"), (row["findings"], "finding(s)"))
    return ", ".join(f"{count} {what}" for count, what in notes if count)


def _version(row: Any) -> str:
    return f"  OCPI {row['version']}" if row["version"] else ""


def _status(http: int | None, ocpi: int | None) -> str:
    return "-" if http is None else f"{http}/{ocpi if ocpi is not None else '-'}"


def _ms(microseconds: int | None) -> str:
    return "" if microseconds is None else f"{microseconds / 1000:.1f}"


def _kb(size: int) -> str:
    return f"{size} B" if size < 10_000 else f"{size / 1000:.1f} kB"
