"""`kalshi-ext probe`: ask a demo exchange about what nobody has published."""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

from kalshi_ext.config import environment, is_loopback, settings_from_env
from kalshi_ext.errors import Misuse
from kalshi_ext.probe import report
from kalshi_ext.probe.bench import Bench, Skipped
from kalshi_ext.probe.card import Card
from kalshi_ext.transport.signing import Signer, signer

_SAFE_HOSTS = (".demo.kalshi.co", "demo-api.kalshi.co")


@click.command("probe")
@click.option("--environment", "where", default="demo", show_default=True, help="Or a URL.")
@click.option("--ticker", help="Market to trade on; else the first open one of shard 0.")
@click.option("--card", "names", multiple=True, help="Only this card; may be given often.")
@click.option("--risk", default="1.00", show_default=True, help="Most dollars to put at risk.")
@click.option("--patience", default=60.0, show_default=True, help="Seconds to wait for a change.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("exchange-facts.json"),
    show_default=True,
    help="The facts file; one that exists is gone on with. Markdown goes beside it.",
)
@click.option("--dry-run", is_flag=True, help="List the cards and ask nothing.")
def probe(**options: Any) -> None:
    """Find out how an exchange behaves, with the credentials of the KALSHI_ variables.

    Exit status: 0 as this library assumes, 1 something is not, 2 it could not be asked.
    """
    cards = _cards(options["names"])
    if options["dry_run"]:
        for card in cards:
            click.echo(f"{card.name:20} up to ${card.risk}  {card.question}")
        return
    url = _safe_url(options["where"])
    output: Path = options["output"]
    known = output.read_text("utf-8") if output.exists() else None
    facts = report.Facts(url) if known is None else report.from_json(known, url)

    def keep(learned: report.Facts) -> None:
        output.write_text(report.as_json(learned), "utf-8")
        output.with_suffix(".md").write_text(report.as_markdown(learned), "utf-8")

    with closing(_bench(url, options)) as bench:
        report.run_cards(bench, cards, facts, tell=click.echo, keep=keep)
    click.echo("\n".join(report.verdict_lines(facts)))
    click.echo(f"{bench.requests} requests; the facts are in {output}")
    if not facts.learned:
        raise click.exceptions.Exit(2)
    raise click.exceptions.Exit(int(bool(facts.disagreements())))


def _cards(names: tuple[str, ...]) -> list[Card]:
    known = {card.name: card for card in report.CARDS}
    for name in names:
        if name not in known:
            raise Misuse(f"--card: one of {', '.join(known)}, not {name!r}")
    return [card for card in report.CARDS if not names or card.name in names]


def _safe_url(where: str) -> str:
    """Return the base URL of an exchange where no real money is. Raises Misuse."""
    url = environment(where, name="--environment").base_url
    host = url.partition("://")[2].partition("/")[0].partition(":")[0]
    # An allow-list: a host that this version does not know may be production.
    if not host.endswith(_SAFE_HOSTS) and not is_loopback(host):
        raise Misuse(f"--environment {where}: probe asks the demo exchange or a sandbox only")
    return url


def _bench(url: str, options: dict[str, Any]) -> Bench:
    risk, credentials = _dollars(options["risk"]), _signer()
    bench = Bench(url, credentials, options["ticker"] or "", options["patience"], risk)
    try:
        bench.ticker = bench.ticker or _open_market(bench)
    except Misuse:
        bench.close()
        raise
    return bench


def _dollars(text: str) -> Decimal:
    try:
        dollars = Decimal(text)
    except InvalidOperation:
        dollars = Decimal("NaN")
    if not dollars.is_finite() or not 0 <= dollars <= 10:
        raise Misuse(f"--risk: dollars from 0 to 10, not {text!r}")
    return dollars


def _signer() -> Signer:
    found = settings_from_env()
    credentials = signer(
        key_id=found.key_id,
        private_key=found.private_key,
        passphrase=found.passphrase,
        bearer_token=found.bearer_token,
    )
    if not credentials.authenticated:
        raise Misuse("probe needs credentials: set KALSHI_KEY_ID and KALSHI_PRIVATE_KEY_PATH")
    return credentials


def _open_market(bench: Bench) -> str:
    try:
        answer = bench.ask("GET", "/markets", query={"status": "open", "limit": 200})
    except Skipped as why:
        raise Misuse(f"the exchange cannot be asked: {why}") from None
    for row in answer.rows("markets"):
        if row.get("exchange_index") in (None, 0):
            return str(row["ticker"])
    raise Misuse(f"no open market was listed ({answer.status}): say --ticker")
