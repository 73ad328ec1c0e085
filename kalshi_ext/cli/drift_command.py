"""`kalshi-ext drift`, and the client that its `--live` reads with: one that cannot write."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from attrs import evolve

from kalshi_ext import Kalshi
from kalshi_ext.cli.live_check import FORMATS, check_contract
from kalshi_ext.config import environment, settings_from_env
from kalshi_ext.contracts import Contract, contract
from kalshi_ext.drift.commands import build
from kalshi_ext.drift.errors import CannotCompare
from kalshi_ext.session import from_settings
from kalshi_ext.transport import DeadlineTransport
from kalshi_ext.transport.deadline import current_trace
from kalshi_ext.transport.family import httpx


class ReadOnlyTransport(httpx.BaseTransport):
    """Pass the reads of one contract on; refuse every other request before anything is sent."""

    def __init__(self, inner: httpx.BaseTransport, allowed: Contract, prefix: str) -> None:
        self._inner = inner
        self._reads = [
            (operation.method, re.compile(prefix + re.sub(r"\{\w+\}", "[^/]+", operation.path)))
            for operation in allowed.operations.values()
            if not operation.writes
        ]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a read on. Raises UnsupportedProtocol; a client knows that nothing was sent."""
        path = request.url.raw_path.split(b"?")[0].decode("ascii")
        if not any(request.method == method and at.fullmatch(path) for method, at in self._reads):
            if (trace := current_trace()) is not None:
                trace.refused()
            raise httpx.UnsupportedProtocol(f"{request.method} {path} is no read: not sent")
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


def run_live(where: str | None, *, form: str, output: Path | None) -> int:
    """Check answers with the credentials of the KALSHI_ variables; return the exit status.

    `where` goes over KALSHI_ENVIRONMENT. Without credentials the public operations are read.
    Raises CannotCompare for a format of documents, Misuse for contradictory variables.
    """
    if form not in FORMATS:
        raise CannotCompare(f"--format {form} is for documents; with --live say text or json")
    with read_only_client(where) as client:
        report = check_contract(client)
    text = FORMATS[form](report)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, "utf-8")
    return report.exit


def read_only_client(where: str | None) -> Kalshi:
    """Make a client that can send reads of its contract and nothing else."""
    settings = settings_from_env()
    if where is not None:
        settings = evolve(settings, environment=environment(where))
    prefix = urlsplit(settings.environment.base_url).path
    guard = ReadOnlyTransport(DeadlineTransport(), contract(settings.contract), prefix)
    # No journal: a check of answers must not lock or create the file of a running bot.
    arguments: dict[str, Any] = from_settings(settings) | {"journal": None, "transport": guard}
    return Kalshi(**arguments)


drift = build(run_live)
