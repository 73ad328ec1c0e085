"""The command `kalshi-ext sandbox`: an exchange in the foreground, and its keys as files."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from kalshi_ext.errors import KalshiError, Misuse
from kalshi_ext.sandbox.auth import Credentials, write_all, write_private
from kalshi_ext.sandbox.faults import FaultRule
from kalshi_ext.sandbox.loopback import loop_factory
from kalshi_ext.sandbox.options import Options

if TYPE_CHECKING:
    from kalshi_ext.sandbox.server import Announcement


@click.command("sandbox")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    show_default=True,
    help="Port on loopback; 0: any free one.",
)
@click.option(
    "--contract",
    type=click.Choice(["current", "classic", "both-today"]),
    default="current",
    show_default=True,
    help="current: the 51 operations of today, 410 for the retired writes. classic: the 19 of "
    "2.x. both-today: current and the classic operations that still answer.",
)
@click.option(
    "--credentials",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("sandbox-credentials"),
    show_default=True,
    help="Directory for key ids, private keys and tokens (mode 0600).",
)
@click.option(
    "--account", "accounts", multiple=True, help="A further account to open and write keys for."
)
@click.option(
    "--seed-data/--no-seed-data",
    default=True,
    show_default=True,
    help="Markets, resting liquidity and a trader's history to begin with.",
)
@click.option("--seed", default=0, show_default=True, help="Ids and faults repeat with it.")
@click.option("--clock", type=click.DateTime(), help="Fix the exchange's time (UTC).")
@click.option("--key-kind", type=click.Choice(["rsa", "ed25519"]), default="rsa")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Engine switches.")
@click.option("--faults", type=click.Path(path_type=Path, exists=True), help="TOML or JSON rules.")
@click.option("--state", type=click.Path(path_type=Path), help="SQLite file to live on in.")
@click.option("--tls", is_flag=True, help="Serve https; writes ca.pem beside the credentials.")
@click.option("--proxy/--no-proxy", default=True, help="The TCP proxy that makes network faults.")
@click.option("--ui", is_flag=True, help="Serve a page that shows the exchange; prints its URL.")
def sandbox(**arguments: Any) -> None:
    """Run a test exchange on loopback until Ctrl-C."""
    try:
        options = _options(arguments)
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(_serve(options, arguments["credentials"]))
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
    for rule in rules:  # a wrong rule is refused before a key is written or a port is opened
        FaultRule.from_data(rule)
    return rules


async def _serve(options: Options, directory: Path) -> None:
    # Not at the top: --help works without the extra that brings the server's libraries.
    from kalshi_ext.sandbox.server import serve

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def announce(announcement: Announcement) -> None:
        _write_files(announcement, directory)
        _print(announcement, directory)

    await serve(options, announce, stop)


def _options(arguments: Mapping[str, Any]) -> Options:
    clock = arguments["clock"]
    return Options(
        contract=arguments["contract"],
        port=arguments["port"],
        seed=arguments["seed"],
        accounts=arguments["accounts"],
        seed_data=arguments["seed_data"],
        settings=dict(_setting(text) for text in arguments["settings"]),
        clock=clock.replace(tzinfo=UTC) if clock else None,
        key_kind=arguments["key_kind"],
        proxy=arguments["proxy"],
        tls=arguments["tls"],
        state=arguments["state"],
        faults=read_rules(arguments["faults"]) if arguments["faults"] else (),
        ui=arguments["ui"],
    )


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise Misuse(f"--set: NAME=VALUE, not {text!r}")
    # Numbers and booleans are JSON; a word like while_open is not, and stays text.
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        return name.strip(), value.strip()


def _write_files(announcement: Announcement, directory: Path) -> None:
    write_all([Credentials.from_data(data) for data in announcement.credentials], directory)
    write_private(directory / "exchange.admin-url", announcement.admin_url + "\n")
    write_private(directory / "exchange.admin-token", announcement.admin_token)
    if announcement.ca_pem:
        (directory / "ca.pem").write_text(announcement.ca_pem)


def _print(announcement: Announcement, directory: Path) -> None:
    first_key = announcement.credentials[0]
    click.echo(f"sandbox exchange: {announcement.url}")
    click.echo(f"key id:           {first_key['key_id']}")
    click.echo(f"private key:      {directory / (first_key['account'] + '.pem')}")
    click.echo(f"admin side:       {announcement.admin_url}")
    if announcement.ui_url:
        click.echo(f"window:           {announcement.ui_url}")
