"""A group of commands that imports the file of a command when that one is called, and no other."""

import gc
from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

import click


class LazyGroup(click.Group):
    """`lazy` names the commands: the file in `hub.cli` that has it under its name, and its short help."""

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order that they were given in."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """A command, imported; None where there is none of this name."""
        if cmd_name not in self._lazy:
            return None
        # Whatever an import makes, stays: to look through it again and again for what does not takes a tenth of it.
        gc.disable()
        try:
            module = import_module(f"hub.cli.{self._lazy[cmd_name][0]}")
        finally:
            gc.enable()
        return cast("click.Command", getattr(module, cmd_name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list in --help, without an import."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_text) for name, (_, help_text) in self._lazy.items()])
