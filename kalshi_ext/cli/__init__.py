"""The command `kalshi-ext`: each subcommand is loaded only when it is called."""

from __future__ import annotations

import importlib
from typing import Any

import click

from kalshi_ext import __version__
from kalshi_ext.errors import INSTALL, KalshiError

# name: (module, attribute, extra that brings what it needs, one line of help)
COMMANDS = {
    "sandbox": ("kalshi_ext.sandbox.serve_command", "sandbox", "sandbox", "Run the test exchange."),
    "drift": ("kalshi_ext.cli.drift_command", "drift", "drift", "Compare contracts."),
    "probe": ("kalshi_ext.cli.probe_command", "probe", "", "Ask a demo exchange for facts."),
    "stop": ("kalshi_ext.cli.stop_command", "stop", "", "End every order, and let none go."),
    "resume": ("kalshi_ext.cli.stop_command", "resume", "", "Let orders go again after a stop."),
    "deadman": ("kalshi_ext.cli.deadman_command", "deadman", "", "Stop when the bot goes silent."),
    "journal": ("kalshi_ext.cli.journal_commands", "journal", "", "Look into a journal of orders."),
}


class LazyGroup(click.Group):
    """A group that imports a subcommand only when it is run, so that --help takes no import."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        # In the order of the table; click would sort them.
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one subcommand; a missing extra is named."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, *_ = COMMANDS[cmd_name]
        try:
            command: click.Command = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as missing:
            raise _missing_extra(cmd_name, missing) from None
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands from the table, so that --help imports none."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (*_, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Turn this library's errors, and an extra that a subcommand lacks, into one line."""
        try:
            return super().invoke(ctx)
        except KalshiError as error:
            raise click.ClickException(str(error)) from None
        except ModuleNotFoundError as missing:
            raise _missing_extra(ctx.invoked_subcommand, missing) from None


def _missing_extra(command: str | None, missing: ModuleNotFoundError) -> Exception:
    """Name the extra that brings the missing module."""
    *_, extra, _line = COMMANDS.get(command or "", ("", ""))
    # A missing module of our own is a bug of the package: its traceback is what helps.
    if not extra or (missing.name or "").startswith("kalshi_ext"):
        return missing
    return click.ClickException(f"'{command}' needs {missing.name}; {INSTALL.format(extra=extra)}")


@click.group(cls=LazyGroup)
@click.version_option(__version__, prog_name="kalshi-ext")
def main() -> None:
    """Trade on the Kalshi exchange from Python, and everything around it."""
