"""Run an exchange in the foreground, for the command line."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any, cast

import click

from kalshi_ext.errors import KalshiError, Misuse
from kalshi_ext.sandbox.faults import Rule
from kalshi_ext.sandbox.keyring import Credentials, write_all, write_private
from kalshi_ext.sandbox.options import Options
from kalshi_ext.sandbox.server import Announcement, loop_factory, serve


def run(given: Mapping[str, Any]) -> None:
    """Serve until Ctrl-C or SIGTERM; what cannot be done is said in one line."""
    try:
        options = _options(given)
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(_live(options, given))
    except (KalshiError, OSError, sqlite3.Error) as error:
        raise click.ClickException(str(error)) from error


def read_rules(path: Path) -> Sequence[Mapping[str, Any]]:
    """Read fault rules: a JSON list, or TOML with [[fault]] tables; raises Misuse."""
    try:
        text = path.read_text(encoding="utf-8")
        data: Any = json.loads(text) if path.suffix == ".json" else tomllib.loads(text).get("fault")
    except ValueError as error:  # what both readers and the decoder raise
        raise Misuse(f"faults: {path} cannot be read: {error}") from error
    if not isinstance(data, list):
        raise Misuse(f"faults: {path} should list rules ([[fault]] in TOML), not {data!r:.40}")
    rules = cast("list[Mapping[str, Any]]", data)
    for rule in rules:
        Rule.from_data(rule)
    return rules


async def _live(options: Options, given: Mapping[str, Any]) -> None:
    leave, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, leave.set)

    def announce(announcement: Announcement) -> None:
        _write(announcement, given["credentials"])
        _tell(announcement, given)

    await serve(options, announce, leave)


def _options(given: Mapping[str, Any]) -> Options:
    clock = given["clock"]
    return Options(
        contract=given["contract"],
        port=given["port"],
        seed=given["seed"],
        accounts=given["accounts"],
        seed_data=given["seed_data"],
        settings=dict(_setting(text) for text in given["settings"]),
        clock=clock.replace(tzinfo=UTC) if clock else None,
        key_kind=given["key_kind"],
        proxy=given["proxy"],
        tls=given["tls"],
        state=given["state"],
        faults=read_rules(given["faults"]) if given["faults"] else (),
        ui=given["ui"],
    )


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise Misuse(f"--set: NAME=VALUE, not {text!r}")
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        return name.strip(), value.strip()


def _write(announcement: Announcement, directory: Path) -> None:
    write_all([Credentials.from_data(data) for data in announcement.credentials], directory)
    write_private(directory / "exchange.admin-url", announcement.admin_url + "\n")
    write_private(directory / "exchange.admin-token", announcement.admin_token)
    if announcement.ca_pem:
        (directory / "ca.pem").write_text(announcement.ca_pem)


def _tell(announcement: Announcement, given: Mapping[str, Any]) -> None:
    directory = given["credentials"]
    first = announcement.credentials[0]
    click.echo(f"sandbox exchange: {announcement.url}")
    click.echo(f"key id:           {first['key_id']}")
    click.echo(f"private key:      {directory / (first['account'] + '.pem')}")
    click.echo(f"admin side:       {announcement.admin_url}")
    if announcement.ui_url:
        click.echo(f"window:           {announcement.ui_url}")
