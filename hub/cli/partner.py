"""`ocpi-hub partner ...`: the partners of this hub.

A running hub is asked through its control socket; where none runs, the store is opened. Never both.
"""

import math
import sys
from pathlib import Path
from typing import Any

import click

from hub.asking import Arguments
from hub.cli import partner_view
from hub.cli.ask import do
from hub.cli.capture import capture
from hub.cli.certify import certify
from hub.cli.common import config_option, json_option, plain, print_json, say

DEFAULT = -1.0


class _Limit(click.ParamType[float]):
    """A number of 0 or more, or `default`."""

    name = "limit"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; DEFAULT for the word."""
        if str(value).lower() == "default":
            return DEFAULT
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 <= number < math.inf:
            self.fail(f"{value!r} is neither a number, 0 or more, nor the word default", param, ctx)
        return number


LIMIT = _Limit()


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
    result = do(config_path, "invite", Arguments(name=name, parties=parties), as_json)
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
    result = do(config_path, "connect", Arguments(name=name, url=versions_url, token=token, parties=parties), as_json)
    _show_partner(result, as_json)


@partner.command()
@click.argument("ref", metavar="PARTNER")
@click.argument("parties", nargs=-1, required=True, metavar="NL-TNM:CPO...")
@config_option
@json_option
def add(ref: str, parties: tuple[str, ...], config_path: Path | None, as_json: bool) -> None:
    """Let a partner present more parties or roles.

    The partner presents them with its next PUT of credentials.
    """
    result = do(config_path, "add-parties", Arguments(ref=ref, parties=parties), as_json)
    _say(result, as_json, f"{_name(result)} may now present {' '.join(parties)}, with a PUT of its credentials.")


@partner.command("list")
@config_option
@json_option
def list_(config_path: Path | None, as_json: bool) -> None:
    """List all partners."""
    result = do(config_path, "list", Arguments(), as_json)
    if as_json:
        print_json(result)
    elif not result:
        say('No partners yet. Next: ocpi-hub partner invite "ACME Charging" --party NL-TNM:CPO')
    else:
        partner_view.print_list(result)


@partner.command()
@click.argument("ref", metavar="PARTNER")
@config_option
@json_option
def show(ref: str, config_path: Path | None, as_json: bool) -> None:
    """Show a partner and its endpoints."""
    _show_partner(do(config_path, "show", Arguments(ref=ref), as_json), as_json)


@partner.command()
@click.argument("ref", metavar="PARTNER")
@config_option
@json_option
def suspend(ref: str, config_path: Path | None, as_json: bool) -> None:
    """Shut a partner out at once.

    Nothing of it is forgotten: `resume` lets it in again.
    """
    result = do(config_path, "suspend", Arguments(ref=ref), as_json)
    _say(result, as_json, f"{_name(result)} is suspended. To let it in again: ocpi-hub partner resume {result['id']}")


@partner.command()
@click.argument("ref", metavar="PARTNER")
@config_option
@json_option
def resume(ref: str, config_path: Path | None, as_json: bool) -> None:
    """Let a suspended partner in again."""
    result = do(config_path, "resume", Arguments(ref=ref), as_json)
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
        found = do(config_path, "show", Arguments(ref=ref), as_json)
        ref = str(found["id"])
        parties = " ".join((*found["parties"], *found["not_presented"])) or "no party"
        click.confirm(f"Forget {_name(found)} with {parties}, its tokens and its endpoints?", abort=True, err=True)
    result = do(config_path, "remove", Arguments(ref=ref), as_json)
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
        _show_invitation(do(config_path, "invite-again", Arguments(ref=ref), as_json), as_json)
        return
    result = do(config_path, "rotate", Arguments(ref=ref), as_json)
    _say(result, as_json, f"Both tokens of {_name(result)} are new; the old ones no longer work.")


@partner.command()
@click.argument("ref", metavar="PARTNER")
@click.argument(
    "mode",
    metavar="enforce|report|off|default",
    type=click.Choice(["enforce", "report", "off", "default"], case_sensitive=False),
)
@config_option
@json_option
def validation(ref: str, mode: str, config_path: Path | None, as_json: bool) -> None:
    """Set what happens to objects that break a rule of OCPI.

    They are refused (enforce), passed on and reported (report), or not looked at (off). With default, it is as
    routing.validation in the configuration says. What a partner answers is only ever reported.
    """
    result = do(config_path, "validation", Arguments(ref=ref, mode=mode), as_json)
    of = "as configured" if mode == "default" else "for this partner alone"
    see = f"What is wrong with its objects: ocpi-hub findings {result['id']}"
    _say(result, as_json, f"Validation of {_name(result)} is now {result['validation']}, {of}.\n{see}")


@partner.command()
@click.argument("ref", metavar="PARTNER")
@click.option("--requests", metavar="N|default", type=LIMIT, help="Requests per second.")
@click.option("--broadcasts", metavar="N|default", type=LIMIT, help="Broadcasts per second.")
@click.option("--parallel", metavar="N|default", type=LIMIT, help="Requests at the same time.")
@config_option
@json_option
def limits(
    ref: str,
    requests: float | None,
    broadcasts: float | None,
    parallel: float | None,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Show or set what a partner may ask of the hub.

    What is over a limit is answered with HTTP 429 and the time to come back. 0 is no limit; with default, it is as
    [partner_limits] in the configuration says. What is not named stays as it is.
    """
    named = {"requests": requests, "broadcasts": broadcasts, "parallel": parallel}
    changes = {name: None if value == DEFAULT else value for name, value in named.items() if value is not None}
    verb = "limits" if changes else "show"
    result = do(config_path, verb, Arguments(ref=ref, limits=changes), as_json)
    _say(result, as_json, f"{_name(result)} may send {partner_view.limits(result['limits'])}.")


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
    result = do(config_path, "endpoint-set", given, as_json)
    what = f"{module} {interface} of {_name(result)}"
    undo = f"To take it back: ocpi-hub partner endpoint set {result['id']} {module} {interface}"
    _say(result, as_json, f"{what} is now {url}\n{undo}" if url else f"{what} has no endpoint any more.")


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
    say(f"Invitation for {_name(result)}, with {plain(' '.join(result['parties']))}")
    say(f"  versions URL  {plain(result['versions_url'])}")
    say(f"  TOKEN_A       {plain(result['token_a'])}")
    say("Send both to the partner over a safe channel. TOKEN_A is not shown again.")
    say(f"When it has registered: ocpi-hub partner show {result['id']}")


def _show_partner(result: Any, as_json: bool) -> None:
    if as_json:
        print_json(result)
    else:
        partner_view.print_one(result)


def _say(result: Any, as_json: bool, words: str) -> None:
    if as_json:
        print_json(result)
    else:
        say(words)


def _name(result: Any) -> str:
    return f"{plain(result['name'])} (partner {result['id']})"


partner.add_command(capture)
partner.add_command(certify)
