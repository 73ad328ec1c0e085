"""`kalshi-ext drift`, with the client that `--live` needs.

Live, every read-only call is made once, and what answers hold beyond the contract is reported.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from attrs import evolve

from kalshi_ext import Kalshi
from kalshi_ext.cli.deviation_report import FORMATS
from kalshi_ext.cli.read_only_probe import ReadOnly, look
from kalshi_ext.config import environment, settings_from_env
from kalshi_ext.contracts import contract
from kalshi_ext.drift.commands import build
from kalshi_ext.drift.errors import CannotCompare
from kalshi_ext.session import from_settings
from kalshi_ext.transport import DeadlineTransport


def live(where: str | None, *, form: str, output: Path | None) -> int:
    """Make the calls with the credentials of the KALSHI_ variables; return the exit status.

    `where` goes over KALSHI_ENVIRONMENT. Without credentials the public operations are read.
    """
    if form not in FORMATS:
        raise CannotCompare(f"--format {form} is for documents; with --live say text or json")
    with reading_client(where) as client:
        report = look(client)
    text = FORMATS[form](report)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, "utf-8")
    return report.exit


def reading_client(where: str | None) -> Kalshi:
    """Make a client that can send reads of its contract and nothing else."""
    settings = settings_from_env()
    if where is not None:
        settings = evolve(settings, environment=environment(where))
    prefix = urlsplit(settings.environment.base_url).path
    guard = ReadOnly(DeadlineTransport(), contract(settings.contract), prefix)
    arguments: dict[str, Any] = from_settings(settings) | {"journal": None, "transport": guard}
    return Kalshi(**arguments)


drift = build(live)
