"""Writes docs/cli.md from the commands themselves: `python docs/make_cli.py`."""

from collections.abc import Iterator
from pathlib import Path

import click

from hub.cli import main

COMMON = ("config_path", "as_json")
PAGE = Path(__file__).with_name("cli.md")
INTRO = """\
# Command line

<!-- Made by `python docs/make_cli.py`; do not edit. -->

`python -m hub` does the same as `ocpi-hub`. Every command explains itself with `--help`. No command takes a token or
another secret as an argument. Two options are common:

| option | meaning |
| --- | --- |
| `--config FILE` | the configuration file; without it: see [configuration](configuration.md) |
| `--json` | prints one JSON value on standard output, for scripts; when it fails, `{"error": "..."}` |

| exit status | means |
| --- | --- |
| 0 | done |
| 1 | it did not work; the message says what to do |
| 2 | the command was not written as it should be |
| 130 | `serve` was ended by a second Ctrl-C, without waiting for what was under way |

Commands about partners ask the hub that runs with this configuration; when none runs, they open its database
themselves. `validate` and `convert` need neither. `OCPI_HUB_CONFIG` in the environment does the same as `--config`.
"""


def page() -> str:
    """The whole page."""
    program = main.make_context("ocpi-hub", [], resilient_parsing=True)
    return "\n".join((INTRO, *map(_section, commands(program))))


def commands(context: click.Context) -> Iterator[click.Context]:
    """Every command that does something, depth first; groups only lead to them."""
    if not isinstance(context.command, click.Group):
        yield context
        return
    for name in context.command.list_commands(context):
        command = context.command.get_command(context, name)
        yield from commands(click.Context(command, info_name=name, parent=context))


def _section(context: click.Context) -> str:
    usage = " ".join((context.command_path, *context.command.collect_usage_pieces(context)))
    help_text = "\n".join(line.strip() for line in (context.command.help or "").strip().splitlines())
    options = [each for each in context.command.params if isinstance(each, click.Option)]
    own = [record for each in options if each.name not in COMMON and (record := each.get_help_record(context))]
    table = ["| option | meaning |\n| --- | --- |"] if own else []
    table += [f"| `{option}` | {' '.join(meaning.split())} |" for option, meaning in own]
    shared = ", ".join(f"`{each.opts[0]}`" for each in options if each.name in COMMON)
    parts = (
        f"## {context.command_path}",
        f"```text\n{usage}\n```",
        help_text,
        "\n".join(table),
        f"Common options: {shared}.",
    )
    return "\n\n".join(part for part in parts if part) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
