"""The command line of the sandbox exchange."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


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
    help="current: the 47 operations of today, 410 for the retired writes. classic: the 19 of "
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
def sandbox(**given: Any) -> None:
    """Run a test exchange on loopback until Ctrl-C."""
    from kalshi_ext.sandbox.foreground import run

    run(given)
