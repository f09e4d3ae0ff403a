"""`ocpi-hub partner ...`: the partners of this hub.

A running hub is asked through its control socket; where none runs, the store is opened. Never both.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from hub.app import Store, identity
from hub.cli import partner_view
from hub.cli.common import config_option, json_option, load_config, print_json, quiet_log, remark, run, told
from hub.config import Config
from hub.control import Arguments, ControlError, ask, run_verb
from hub.core.modules import CATALOGUE
from hub.partners.operations import Partners
from hub.store.errors import StoreLocked

PATIENCE = 5.0


@click.group()
def partner() -> None:
    """Invite, list, show, suspend and remove partners.

    A partner is named by its id, its name, or one of its parties (NL-TNM). The commands ask the hub that runs with
    this configuration; where none runs, they work on its database.
    """


@partner.command()
@click.argument("name")
@click.option(
    "--party",
    "parties",
    multiple=True,
    required=True,
    metavar="NL-TNM:CPO",
    help="A party and its role; once for each that the partner may present.",
)
@config_option
@json_option
def invite(name: str, parties: tuple[str, ...], config_path: Path | None, as_json: bool) -> None:
    """Invite a partner to register.

    Prints the versions URL and TOKEN_A for the partner. TOKEN_A is shown this once.
    """
    result = _do(config_path, "invite", Arguments(name=name, parties=parties), as_json)
    _show_invitation(result, as_json)


@partner.command()
@click.argument("versions_url")
@click.option("--name", required=True, help="Name of the partner.")
@click.option(
    "--party",
    "parties",
    multiple=True,
    metavar="NL-TNM:CPO",
    help="A party and its role; once for each. The partner may present no other. Without it: whatever it presents.",
)
@click.option("--token-file", type=click.Path(), help="File with the partner's token; - for standard input.")
@config_option
@json_option
def connect(
    versions_url: str,
    name: str,
    parties: tuple[str, ...],
    token_file: str | None,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Register at a partner that gave you a token.

    The hub begins, and has to run. The token is asked for, or read from --token-file or standard input; it is never
    given as an argument.
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
        partner_view.print_list(result)


@partner.command()
@click.argument("ref", metavar="PARTNER")
@config_option
@json_option
def show(ref: str, config_path: Path | None, as_json: bool) -> None:
    """Show a partner and its endpoints."""
    _show_partner(_do(config_path, "show", Arguments(ref=ref), as_json), as_json)


@partner.command()
@click.argument("ref", metavar="PARTNER")
@config_option
@json_option
def suspend(ref: str, config_path: Path | None, as_json: bool) -> None:
    """Shut a partner out at once.

    Nothing of it is forgotten: `resume` lets it in again.
    """
    result = _do(config_path, "suspend", Arguments(ref=ref), as_json)
    _say(result, as_json, f"{_name(result)} is suspended. To let it in again: ocpi-hub partner resume {result['id']}")


@partner.command()
@click.argument("ref", metavar="PARTNER")
@config_option
@json_option
def resume(ref: str, config_path: Path | None, as_json: bool) -> None:
    """Let a suspended partner in again."""
    result = _do(config_path, "resume", Arguments(ref=ref), as_json)
    _say(result, as_json, f"{_name(result)} is let in again; it is {result['state']}.")


@partner.command()
@click.argument("ref", metavar="PARTNER")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
@json_option
def remove(ref: str, yes: bool, config_path: Path | None, as_json: bool) -> None:
    """Forget a partner.

    Its tokens and endpoints are gone and its parties are free again. To shut it out for a while, use `suspend`.
    """
    if not yes:
        found = _do(config_path, "show", Arguments(ref=ref), as_json)
        ref = str(found["id"])
        parties = " ".join((*found["parties"], *found["not_presented"])) or "no party"
        click.confirm(f"Forget {_name(found)} with {parties}, its tokens and its endpoints?", abort=True, err=True)
    result = _do(config_path, "remove", Arguments(ref=ref), as_json)
    _say(result, as_json, f"{_name(result)} is removed; its parties are free again.")


@partner.command()
@click.argument("ref", metavar="PARTNER")
@click.option("--invite", "again", is_flag=True, help="End its registration, and print a new TOKEN_A for it instead.")
@config_option
@json_option
def rotate(ref: str, again: bool, config_path: Path | None, as_json: bool) -> None:
    """Renew both tokens of a partner.

    The hub PUTs its credentials to the partner, so both have to run. If the partner has lost its token, use --invite.
    """
    if again:
        _show_invitation(_do(config_path, "invite-again", Arguments(ref=ref), as_json), as_json)
        return
    result = _do(config_path, "rotate", Arguments(ref=ref), as_json)
    _say(result, as_json, f"Both tokens of {_name(result)} are new; the old ones no longer work.")


@partner.group()
def endpoint() -> None:
    """Set endpoints by hand."""


@endpoint.command("set")
@click.argument("ref", metavar="PARTNER")
@click.argument("module")
@click.argument("interface", metavar="SENDER|RECEIVER", type=click.Choice(["SENDER", "RECEIVER"], case_sensitive=False))
@click.argument("url", default="")
@config_option
@json_option
def endpoint_set(ref: str, module: str, interface: str, url: str, config_path: Path | None, as_json: bool) -> None:
    """Set an endpoint that a partner does not advertise.

    For a partner that serves a module and does not list it in its version details. Without URL, the endpoint is
    taken away again.
    """
    given = Arguments(ref=ref, module=module, interface=interface, url=url)
    result = _do(config_path, "endpoint-set", given, as_json)
    what = f"{module} {interface} of {_name(result)}"
    undo = f"To take it back: ocpi-hub partner endpoint set {result['id']} {module} {interface}"
    _say(result, as_json, f"{what} is now {url}\n{undo}" if url else f"{what} has no endpoint any more.")


def _do(config_path: Path | None, verb: str, arguments: Arguments, as_json: bool) -> Any:
    with told(as_json=as_json):
        config = load_config(config_path)
        quiet_log(config)
        result, offline = run(config, _ask_or_open(config, verb, arguments))
        if offline and not as_json:
            remark(f"No hub runs: used the database in {config.data_folder}.")
        return result


async def _ask_or_open(config: Config, verb: str, arguments: Arguments) -> tuple[Any, bool]:
    """The result, and whether no hub was there to give it.

    A hub that is just starting or stopping is waited for.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE
    while True:
        try:
            # The partner's part of a handshake has the hub's time-out; the rest of the time is ours.
            return await ask(config.data_folder / "hub.sock", verb, arguments, 4 * config.limits.timeout), False
        except ConnectionError:
            pass
        _check_offline(config, verb)
        try:
            async with Store(config) as store:
                url = config.listen.base_url(config.listen.port)
                partners = Partners(store.keeper, identity(config, url), CATALOGUE, None)
                return await run_verb(partners, verb, arguments), True
        except StoreLocked as locked:
            if loop.time() > until:
                raise ControlError(f"{locked} It does not answer at {config.data_folder / 'hub.sock'}.") from None
            await asyncio.sleep(0.1)


def _check_offline(config: Config, verb: str) -> None:
    """Refuse what would give a wrong answer where no hub runs."""
    if verb != "invite" and not (config.data_folder / "hub.db").exists():
        raise ControlError(
            f"there is no hub's database in {config.data_folder}. Go to the folder of the hub's config.toml, or name "
            "that file with --config. A new hub begins with: ocpi-hub serve"
        )
    if verb.startswith("invite") and config.listen.port == 0 and config.listen.public_url is None:
        raise ControlError(
            "the versions URL is not known: listen.port is 0, so the port is chosen when the hub starts. "
            "Start it first: ocpi-hub serve"
        )


def _read_token(file: str | None) -> str:
    """The token, from wherever it may come; a UsageError where it can not be one."""
    try:
        if file is not None and file != "-":
            token = Path(file).read_text(encoding="utf-8-sig")
        elif file is None and sys.stdin.isatty():
            token = str(click.prompt("Token that the partner gave you", hide_input=True, err=True))
        else:
            token = sys.stdin.read()
    except OSError as error:
        raise click.UsageError(f"the token can not be read from {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise click.UsageError("the token is not text; give it as the partner wrote it") from None
    token = token.strip()
    if not token:
        raise click.UsageError("the token is empty; give it on standard input, or name a file with --token-file")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise click.UsageError("the token holds a space, a line break or another character that no token has")
    return token


def _show_invitation(result: Any, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    click.echo(f"Invitation for {_name(result)}, with {' '.join(result['parties'])}")
    click.echo(f"  versions URL  {result['versions_url']}")
    click.echo(f"  TOKEN_A       {result['token_a']}")
    click.echo("Send both to the partner over a safe channel. TOKEN_A is not shown again.")
    click.echo(f"When it has registered: ocpi-hub partner show {result['id']}")


def _show_partner(result: Any, as_json: bool) -> None:
    if as_json:
        print_json(result)
    else:
        partner_view.print_one(result)


def _say(result: Any, as_json: bool, words: str) -> None:
    if as_json:
        print_json(result)
    else:
        click.echo(words)


def _name(result: Any) -> str:
    return f"{result['name']} (partner {result['id']})"
