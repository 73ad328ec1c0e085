"""The command `drift`: has the exchange's contract changed since this version was made?"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

import click

from kalshi_ext.drift.check import Exit, check, installed_contract
from kalshi_ext.drift.errors import CannotCompare
from kalshi_ext.drift.messages import printable
from kalshi_ext.drift.render import FORMATS
from kalshi_ext.drift.rules import Severity
from kalshi_ext.errors import KalshiError

if TYPE_CHECKING:
    from typing_extensions import override
else:  # typing has it from Python 3.12 on

    def override(method):
        return method


# Where the exchange publishes its document. Never a default: nothing is fetched unless named.
PUBLISHED: Final = "https://docs.kalshi.com/openapi.yaml"


class LiveCheck(Protocol):
    """Make read-only calls against an environment, None for the configured one; exit status."""

    def __call__(self, where: str | None, *, form: str, output: Path | None) -> int: ...


_HELP: Final = """Compare UPSTREAM, a file or URL, with the contract of the installed version.

Exits 0 when nothing differs, 1 when something does but nothing breaks, 2 when a client of this
version breaks, 3 when there is no verdict.
"""


class _UsageError(click.UsageError):
    exit_code = Exit.CANNOT_COMPARE


class DriftCommand(click.Command):
    """A command whose usage errors exit 3: click's own 2 would mean that the contract broke."""

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; a usage error exits 3."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise _UsageError(error.message, error.ctx) from error


def build(live: LiveCheck | None = None) -> click.Command:
    """Make the command; `live` is what `--live` runs, given by a room that has a client."""

    def drift(upstream: str | None, base: str | None, **chosen: Any) -> None:
        exit_with(lambda: _drift(live, upstream, base, **chosen))

    return DriftCommand("drift", callback=drift, params=_all_parameters(), help=_HELP)


def _all_parameters() -> list[click.Parameter]:
    return [
        click.Argument(["upstream"], required=False),
        click.Option(["--base"], help="Compare with this file or URL, not the installed contract."),
        click.Option(["--live", "use_live"], is_flag=True,
                     help="Make read-only calls and report what answers hold beyond the contract."),
        click.Option(["--environment"], metavar="NAME|URL",
                     help="With --live: where, instead of KALSHI_ENVIRONMENT."),
        *options(),
    ]  # fmt: skip


def options() -> list[click.Parameter]:
    """List the options of every comparison, shared with scripts/drift.py."""
    path = click.Path(path_type=Path)
    severities = click.Choice([each.value for each in Severity])
    return [
        click.Option(["--format", "form"], type=click.Choice(list(FORMATS)), default="text",
                     show_default=True, help="How the report is written."),
        click.Option(["--accept"], type=path, help="File of accepted differences."),
        click.Option(["--output"], type=path, help="Write the report to this file."),
        click.Option(["--everything"], is_flag=True, help="Judge operations outside our part."),
        click.Option(["--fail-on"], type=severities, default="breaking", show_default=True,
                     help="The mildest severity that exits 2."),
    ]  # fmt: skip


def _drift(
    live: LiveCheck | None,
    upstream: str | None,
    base: str | None,
    *,
    use_live: bool,
    environment: str | None,
    **chosen: Any,
) -> int:
    if use_live:
        if live is None:
            raise CannotCompare("--live needs the client, which this command was made without")
        if upstream or base:
            raise CannotCompare("--live compares answers, not documents: leave UPSTREAM out")
        return live(environment, form=chosen["form"], output=chosen["output"])
    if environment is not None:
        raise CannotCompare("--environment is for --live")
    if not upstream:
        raise CannotCompare(f"name UPSTREAM, a file or URL to compare with, such as {PUBLISHED}")
    return run(base or str(installed_contract()), upstream, **chosen)


def run(
    base: str,
    new: str,
    *,
    form: str = "text",
    accept: Path | None = None,
    output: Path | None = None,
    everything: bool = False,
    fail_on: str = "breaking",
) -> int:
    """Compare two documents, write the report and return the exit status."""
    # `make drift` without UPSTREAM passes the empty text.
    if not (base and new):
        raise CannotCompare(f"name a file or URL to compare with, such as {PUBLISHED}")
    report = check(base, new, accept=accept, everything=everything, fail_on=Severity(fail_on))
    text = FORMATS[form](report)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, "utf-8")
    return report.exit


def exit_with(work: Callable[[], int]) -> NoReturn:
    """End the process with the status that `work` returns; whatever it raises exits 3."""
    try:
        status = work()
    except KalshiError as error:
        _exit_without_verdict(str(error))
    except Exception as error:  # noqa: BLE001  a crash would exit 1, which means compatible
        _exit_without_verdict(f"{type(error).__name__}: {error}")
    sys.exit(status)


def _exit_without_verdict(message: str) -> NoReturn:
    click.echo(f"drift: cannot compare: {printable(message)}", err=True)
    sys.exit(Exit.CANNOT_COMPARE)


drift = build()
