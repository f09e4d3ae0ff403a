"""`ocpi-hub preset ...`: what is sent to CPOs when a card begins to charge, and what came of it."""

from pathlib import Path
from typing import Any

import click
import msgspec

from hub.asking import Arguments
from hub.cli.ask import do
from hub.cli.common import config_option, console, json_option, plain, print_json, rows, say

_PLUGIN = "presets"
_LATEST = 10


@click.group()
def preset() -> None:
    """Presets: what drivers want when they charge."""


@preset.command("list")
@config_option
@json_option
def list_(config_path: Path | None, as_json: bool) -> None:
    """List all presets."""
    found = _call(config_path, "list", None, as_json)
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("There is no preset. Set one: ocpi-hub preset set --help")
        return
    table = rows("name", "card", "contract", "eMSP", "what it wants")
    for each in found:
        wants = each["preset"]
        cells = (each["name"], *(wants[name] or "-" for name in ("uid", "contract", "emsp")), _words(wants))
        table.add_row(*map(plain, cells))
    console().print(table)


@preset.command()
@click.argument("name")
@click.option("--card", "uid", help="Number (uid) of a card, or id of an app user's token.")
@click.option("--contract", help="Id of a contract, instead of a card: all its tokens.")
@click.option("--emsp", help="Party whose token it is, as DE-MSP; else anybody's.")
@click.option("--profile", "profile_type", type=click.Choice(["CHEAP", "FAST", "GREEN", "REGULAR"]), help="Aim.")
@click.option("--departure", metavar="HH:MM", help="When the driver leaves.")
@click.option("--energy", "energy_need", type=float, metavar="KWH", help="Energy needed until then.")
@click.option(
    "--discharge/--no-discharge", "discharge_allowed", default=None, help="Whether the car may be discharged."
)
@click.option("--limit-kw", type=float, help="Most power.")
@click.option("--limit-kwh", type=float, help="Most energy; it needs --limit-kw.")
@click.option("--hours", multiple=True, metavar="HH:MM-HH:MM", help="When a session may begin. It may be given again.")
@click.option("--time-zone", help="Of times of day, as Europe/Amsterdam; else that of the location.")
@config_option
@json_option
def set(name: str, config_path: Path | None, as_json: bool, **wants: Any) -> None:  # noqa: A001 - the word of the verb
    """Set a preset. What was set under this name is replaced as a whole.

    \b
    ocpi-hub preset set night-car --card 0412AB34 --profile GREEN --departure 07:30 --energy 30
    ocpi-hub preset set depot --contract NL-TNM-C0001 --limit-kw 11 --hours 20:00-06:00
    """
    given = {key: value for key, value in wants.items() if value not in (None, ())}
    done = _call(config_path, "set", {"name": name, "preset": given}, as_json)
    if as_json:
        print_json(done)
    else:
        say(f"Preset {done['name']}: {_words(done['preset'])}. It is sent when a session begins.")


@preset.command()
@click.argument("name")
@config_option
@json_option
def remove(name: str, config_path: Path | None, as_json: bool) -> None:
    """Remove a preset. What came of it stays."""
    done = _call(config_path, "remove", name, as_json)
    if as_json:
        print_json(done)
    else:
        say(f"Preset {done['name']} is removed.")


@preset.command()
@click.argument("name")
@config_option
@json_option
def show(name: str, config_path: Path | None, as_json: bool) -> None:
    """Show a preset, and what came of it the last times."""
    found = _call(config_path, "show", name, as_json)
    came = _call(config_path, "outcomes", {"preset": name, "limit": _LATEST}, as_json)["outcomes"]
    if as_json:
        print_json({**found, "outcomes": came})
        return
    wants = found["preset"]
    console().print(plain(f"{found['name']}: {_words(wants)}", "bold"))
    for label, key in (("card", "uid"), ("contract", "contract"), ("eMSP", "emsp"), ("time zone", "time_zone")):
        if wants[key]:
            console().print(plain(f"{label}: {wants[key]}"))
    if not came:
        click.echo("Nothing was sent for it yet.")
        return
    table = rows("at", "session", "CPO", "what", "outcome", "code", "reason")
    for each in came:
        names = ("at", "session", "cpo", "what", "outcome", "code", "reason")
        table.add_row(*(plain("-" if each[key] is None else each[key]) for key in names))
    console().print(table)


def _words(wants: dict[str, Any]) -> str:
    told = {
        "profile_type": "{}", "departure": "leaves at {}", "energy_need": "needs {:g} kWh",
        "limit_kw": "{:g} kW at most", "limit_kwh": "{:g} kWh at most",
    }  # fmt: skip
    found = [words.format(wants[key]) for key, words in told.items() if wants[key] is not None]
    if wants["discharge_allowed"] is not None:
        found.append("may be discharged" if wants["discharge_allowed"] else "not to be discharged")
    if wants["hours"]:
        found.append(f"begins {' or '.join(wants['hours'])}")
    return ", ".join(found)


def _call(config_path: Path | None, verb: str, given: Any, as_json: bool) -> Any:
    body = "" if given is None else msgspec.json.encode(given).decode()
    return do(config_path, "plugin-call", Arguments(name=_PLUGIN, ref=verb, body=body), as_json)
