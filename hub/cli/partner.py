"""`ocpi-hub partner ...`: the partners of this hub.

A running hub is asked through its control socket; where none runs, the store is opened. Never both.
"""

import asyncio
import datetime
import sys
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from hub.app import Store, identity
from hub.cli.common import config_option, console, json_option, load_config, print_json, quiet_log, run, told
from hub.config import Config
from hub.control import Arguments, ControlError, ask, run_verb
from hub.core.modules import CATALOGUE
from hub.partners.operations import Partners
from hub.store.errors import StoreLocked

PATIENCE = 5.0
_STATES = {"REGISTERED": "green", "INVITED": "yellow", "SUSPENDED": "red"}


@click.group()
def partner() -> None:
    """Invite partners, connect to them, look at them, suspend and remove them.

    A partner is named by its id, its name, or one of its parties (NL-TNM).
    """


@partner.command()
@click.argument("name")
@click.option("--party", "parties", multiple=True, required=True, metavar="NL-TNM:CPO", help="Party and role; repeat.")
@config_option
@json_option
def invite(name: str, parties: tuple[str, ...], config_path: Path | None, as_json: bool) -> None:
    """Invite a partner: prints the versions URL and TOKEN_A, once."""
    result = _do(config_path, "invite", Arguments(name=name, parties=parties), as_json)
    _show_invitation(result, as_json)


@partner.command()
@click.argument("versions_url")
@click.option("--name", required=True, help="Name of the partner.")
@click.option("--party", "parties", multiple=True, metavar="NL-TNM:CPO", help="Accept only these; repeat.")
@click.option("--token-file", type=click.File("r"), help="File with the partner's token; - for standard input.")
@config_option
@json_option
def connect(
    versions_url: str, name: str, parties: tuple[str, ...], token_file: Any, config_path: Path | None, as_json: bool
) -> None:
    """Register at a partner that gave this hub a token: the hub is the one that begins.

    The token is asked for, or read from --token-file or standard input; never given as an argument.
    """
    token = _read_token(token_file)
    result = _do(config_path, "connect", Arguments(name=name, url=versions_url, token=token, parties=parties), as_json)
    _show_partner(result, as_json)


@partner.command("list")
@config_option
@json_option
def list_(config_path: Path | None, as_json: bool) -> None:
    """List all partners."""
    result = _do(config_path, "list", Arguments(), as_json)
    if as_json:
        print_json(result)
    elif not result:
        click.echo('No partners yet. Next: ocpi-hub partner invite "ACME Charging" --party NL-TNM:CPO')
    else:
        table = Table("id", "name", "state", "version", "parties", box=None, header_style="bold")
        for each in result:
            table.add_row(
                str(each["id"]), escape(each["name"]), _state(each), each["version"] or "-",
                " ".join(each["parties"] or [f"({one})" for one in each["not_presented"]]),
            )  # fmt: skip
        console().print(table)


@partner.command()
@click.argument("ref", metavar="PARTNER")
@config_option
@json_option
def show(ref: str, config_path: Path | None, as_json: bool) -> None:
    """Show one partner with its endpoints."""
    _show_partner(_do(config_path, "show", Arguments(ref=ref), as_json), as_json)


@partner.command()
@click.argument("ref", metavar="PARTNER")
@config_option
@json_option
def suspend(ref: str, config_path: Path | None, as_json: bool) -> None:
    """Shut a partner out at once; nothing of it is forgotten."""
    result = _do(config_path, "suspend", Arguments(ref=ref), as_json)
    _say(result, as_json, f"{result['name']} is suspended. To let it in again: ocpi-hub partner resume {result['id']}")


@partner.command()
@click.argument("ref", metavar="PARTNER")
@config_option
@json_option
def resume(ref: str, config_path: Path | None, as_json: bool) -> None:
    """Let a suspended partner in again."""
    result = _do(config_path, "resume", Arguments(ref=ref), as_json)
    _say(result, as_json, f"{result['name']} is {result['state']} again.")


@partner.command()
@click.argument("ref", metavar="PARTNER")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
@json_option
def remove(ref: str, yes: bool, config_path: Path | None, as_json: bool) -> None:
    """Forget a partner; its parties are free again."""
    if not yes:
        click.confirm(f"Forget {ref}, its tokens and endpoints? To shut it out for a while, use suspend", abort=True)
    result = _do(config_path, "remove", Arguments(ref=ref), as_json)
    _say(result, as_json, f"{result['name']} is removed.")


@partner.command()
@click.argument("ref", metavar="PARTNER")
@click.option("--invite", "again", is_flag=True, help="End its registration and print a new TOKEN_A instead.")
@config_option
@json_option
def rotate(ref: str, again: bool, config_path: Path | None, as_json: bool) -> None:
    """Renew both tokens with a PUT to the partner's credentials endpoint."""
    if again:
        _show_invitation(_do(config_path, "invite-again", Arguments(ref=ref), as_json), as_json)
        return
    result = _do(config_path, "rotate", Arguments(ref=ref), as_json)
    _say(result, as_json, f"Both tokens of {result['name']} are new; the old ones no longer work.")


@partner.group()
def endpoint() -> None:
    """Endpoints that are set by hand."""


@endpoint.command("set")
@click.argument("ref", metavar="PARTNER")
@click.argument("module")
@click.argument("interface", type=click.Choice(["SENDER", "RECEIVER"], case_sensitive=False))
@click.argument("url", default="")
@config_option
@json_option
def endpoint_set(ref: str, module: str, interface: str, url: str, config_path: Path | None, as_json: bool) -> None:
    """Set an endpoint of a partner that serves a module without advertising it. No URL takes it back."""
    given = Arguments(ref=ref, module=module, interface=interface, url=url)
    _show_partner(_do(config_path, "endpoint-set", given, as_json), as_json)


def _do(config_path: Path | None, verb: str, arguments: Arguments, as_json: bool) -> Any:
    with told(as_json=as_json):
        config = load_config(config_path)
        quiet_log(config)
        return run(config, _ask_or_open(config, verb, arguments))


async def _ask_or_open(config: Config, verb: str, arguments: Arguments) -> Any:
    """Ask the hub that runs; else open the store. A hub that is just starting or stopping is waited for."""
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE
    while True:
        try:
            # The partner's part of a handshake has the hub's time-out; the rest of the time is ours.
            return await ask(config.data_folder / "hub.sock", verb, arguments, 4 * config.limits.timeout)
        except ConnectionError:
            pass
        try:
            async with Store(config) as store:
                url = config.listen.base_url(config.listen.port)
                partners = Partners(store.keeper, identity(config, url), CATALOGUE, None)
                return await run_verb(partners, verb, arguments)
        except StoreLocked as locked:
            if loop.time() > until:
                raise ControlError(f"{locked} It does not answer at {config.data_folder / 'hub.sock'}.") from None
            await asyncio.sleep(0.1)


def _read_token(file: Any) -> str:
    if file is not None:
        token = file.read()
    elif sys.stdin.isatty():
        token = click.prompt("Token that the partner gave you", hide_input=True)
    else:
        token = sys.stdin.read()
    token = token.strip()
    if not token:
        raise click.UsageError("the token is empty")
    return str(token)


def _show_invitation(result: Any, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    click.echo(f"Invitation for {result['name']} (partner {result['id']}), with {' '.join(result['parties'])}")
    click.echo(f"  versions URL  {result['versions_url']}")
    click.echo(f"  TOKEN_A       {result['token_a']}")
    click.echo("Send both to the partner over a safe channel. TOKEN_A is not shown again.")
    click.echo(f"When it has registered: ocpi-hub partner show {result['id']}")


def _show_partner(result: Any, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    out = console()
    out.print(f"[bold]{escape(result['name'])}[/bold] (partner {result['id']})  {_state(result)}")
    facts = (
        ("OCPI version", result["version"]),
        ("parties", " ".join(result["parties"])),
        ("not presented", " ".join(result["not_presented"])),
        ("versions URL", result["versions_url"]),
        ("sends its token", result["sends_token_as"]),
        ("gets its token", result["gets_token_as"]),
        ("since", _time(result["created_at"])),
        ("changed", _time(result["updated_at"])),
    )
    for name, value in facts:
        if value:
            out.print(f"  {name:<16} {escape(str(value))}")
    if result["endpoints"]:
        table = Table("module", "interface", "url", "", box=None, header_style="bold", padding=(0, 1, 0, 2))
        for each in result["endpoints"]:
            table.add_row(each["module"], each["interface"], escape(each["url"]), "by hand" if each["manual"] else "")
        out.print(table)


def _say(result: Any, as_json: bool, words: str) -> None:
    if as_json:
        print_json(result)
    else:
        click.echo(words)


def _state(view: Any) -> str:
    return f"[{_STATES[view['state']]}]{view['state']}[/]"


def _time(milliseconds: int) -> str:
    return f"{datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"
