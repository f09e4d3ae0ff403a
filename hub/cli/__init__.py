"""The command line: one file per noun."""

import click

from hub import __version__
from hub.cli.agreement import agreement
from hub.cli.backup import backup, restore
from hub.cli.capture import capture
from hub.cli.check import check
from hub.cli.convert import convert
from hub.cli.demo import demo
from hub.cli.explain import explain
from hub.cli.findings import findings
from hub.cli.journal import journal
from hub.cli.key import key
from hub.cli.losses import losses
from hub.cli.partner import partner
from hub.cli.reload import reload
from hub.cli.serve import serve
from hub.cli.status import status
from hub.cli.sync import sync
from hub.cli.trace import trace
from hub.cli.validate import validate


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="ocpi-hub")
def main() -> None:
    """An OCPI roaming hub: partners connect to it once, and reach each other through it.

    \b
    To see one at work:   ocpi-hub demo
    To run your own:      ocpi-hub serve
    Then, beside it:      ocpi-hub partner invite --help
    """


for command in (
    serve,
    demo,
    check,
    reload,
    status,
    partner,
    agreement,
    key,
    explain,
    journal,
    trace,
    sync,
    findings,
    losses,
    validate,
    convert,
    backup,
    restore,
):
    main.add_command(command)
partner.add_command(capture)
