"""The command line: one file per noun, imported when it is needed."""

import click

from hub import __version__
from hub.cli.lazy import LazyGroup

COMMANDS = {
    "serve": ("serve", "Run the hub until it is told to stop."),
    "demo": ("demo", "Show a hub and three partners at work."),
    "check": ("check", "Check configuration, plugins, key and store."),
    "reload": ("reload", "Put a changed configuration in force while the hub runs."),
    "status": ("status", "Show how the hub stands right now."),
    "partner": ("partner", "Invite, list, show, suspend and remove partners."),
    "agreement": ("agreement", "Allow, deny and list who may reach whom."),
    "key": ("key", "Make, list and revoke keys of the admin API."),
    "plugin": ("plugin", "List plugins, show what they show, call them, reset them."),
    "stats": ("stats", "Sum up energy, time and cost."),
    "preset": ("preset", "Presets: what drivers want when they charge."),
    "platform": ("platform", "Serve a party of your own, without a hub."),
    "sandbox": ("sandbox", "Try your own platform against a simulated CPO and eMSP."),
    "explain": ("explain", "Say where a message would go, and why."),
    "journal": ("journal", "Show what passed the hub, the newest last."),
    "trace": ("trace", "Show one message on its whole way."),
    "sync": ("sync", "Pull what is mirrored from a partner."),
    "findings": ("findings", "Show where objects of partners break rules of OCPI."),
    "losses": ("losses", "Show what was lost between versions of OCPI."),
    "validate": ("validate", "Say whether objects are as OCPI has them."),
    "convert": ("convert", "Tell an object of one OCPI version in another."),
    "backup": ("backup", "Save the database into FILE."),
    "restore": ("backup", "Put the backup in FILE in the place of the database."),
    "store": ("store", "Move all that the hub keeps into another database."),
}
"""Each command in the order of --help: the file in hub/cli that has it under its name, and what it does.

The words are those of the command itself, so that --help need not import all.
"""


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="ocpi-hub")
def main() -> None:
    """An OCPI roaming hub: partners connect to it once, and reach each other through it.

    \b
    To see one at work:   ocpi-hub demo
    To run your own:      ocpi-hub serve
    Then, beside it:      ocpi-hub partner invite --help
    """
