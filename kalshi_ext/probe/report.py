"""Run the cards, keep what was learned after each of them, and say what it means for the library.

The facts file is JSON (its layout is version 1 and only grows) and, beside it, Markdown. It holds
codes, shapes, counts and seconds; no key, no id, no balance: it can be sent to anybody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeGuard

from attrs import define, field

from kalshi_ext.errors import Misuse
from kalshi_ext.probe import reads, trades
from kalshi_ext.probe.bench import Bench, Skipped
from kalshi_ext.probe.card import DECK, Card, Values
from kalshi_ext.protocol.flow import Policy
from kalshi_ext.redact import redact_text

# The one that uses the rate limit up comes last: nothing could be asked right after it. Sorting is
# stable, and naming the modules is what fills the deck.
CARDS: tuple[Card, ...] = tuple(sorted(DECK, key=lambda each: each.ask is reads.rate_limit))
MODULES = (reads, trades)
_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|probe-[0-9a-f-]{1,40}")


@define
class Facts:
    """What was learned from one exchange: by card its values, or why it was skipped."""

    environment: str
    learned: dict[str, Values] = field(factory=dict[str, Values])
    skipped: dict[str, str] = field(factory=dict[str, str])
    asked_at: str = ""  # ISO text, UTC

    def disagreements(self) -> dict[str, dict[str, tuple[Any, Any]]]:
        """Return by card what is not as this library assumes: (assumed, learned)."""
        cards = {card.name: card for card in CARDS}
        found = {
            name: cards[name].disagreements(values)
            for name, values in self.learned.items()
            if name in cards
        }
        return {name: differences for name, differences in found.items() if differences}

    def policy(self) -> Policy:
        """Return the policy that fits: twice what was met, and never less than the default."""
        default = Policy()
        past: Any = self.learned.get("signature-past", {}).get("refused")
        # Nothing was refused at all: then no copy of an order ever dies, and only the longest
        # wait that was tried can be said.
        life = max(default.signature_life, 2.0 * (120 if past is None else past))
        if "signature-past" not in self.learned:
            life = default.signature_life
        lags = [
            float(value)
            for card in ("lag-of-list", "lag-of-order")
            for value in self.learned.get(card, {}).values()
            if value is not None
        ]
        read_lag = max([default.read_lag, *(round(2 * lag + 1) for lag in lags)])
        within = max(default.resolve_within, 3 * life)
        return Policy(signature_life=life, resolve_within=within, read_lag=read_lag)


def run_cards(
    bench: Bench,
    cards: Iterable[Card],
    facts: Facts,
    *,
    tell: Callable[[str], None],
    keep: Callable[[Facts], None],
) -> Facts:
    """Ask what is not answered yet; `keep` is called after each card, `tell` with each line."""
    for card in cards:
        if card.name in facts.learned:
            tell(f"{card.name}: known already")
            continue
        facts.skipped.pop(card.name, None)
        try:
            facts.learned[card.name] = clean(card.ask(bench))
            tell(f"{card.name}: {_line(facts.learned[card.name])}")
        except Skipped as why:
            facts.skipped[card.name] = clean(str(why))
            tell(f"{card.name}: skipped: {facts.skipped[card.name]}")
        except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
            # An answer that no card was written for is a fact too.
            facts.skipped[card.name] = clean(f"an answer of another shape: {error!r}")
            tell(f"{card.name}: {facts.skipped[card.name]}")
        finally:
            bench.clean_up()
        facts.asked_at = datetime.now(UTC).isoformat(timespec="seconds")
        keep(facts)
    for order_id, left in bench.resting.items():
        tell(f"still resting, and could not be cancelled: {order_id} on {left.ticker}")
    return facts


def clean(value: Any) -> Any:
    """Copy values without ids and secrets, JSON-ready; texts are cut at 200 characters."""
    if _is_object(value):
        return {clean(str(name)): clean(inner) for name, inner in value.items()}
    if _is_list(value):
        return [clean(inner) for inner in value]
    if isinstance(value, Decimal):
        return float(value) if value.is_finite() else str(value)
    if isinstance(value, str):
        text = "".join(c if c.isprintable() else "�" for c in value[:200])
        return _ID.sub("<id>", redact_text(text))
    return value


def _is_object(value: Any) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


def _is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)


def as_json(facts: Facts) -> str:
    """Write the facts file."""
    value = {
        "version": 1,
        "environment": facts.environment,
        "asked_at": facts.asked_at,
        "learned": facts.learned,
        "skipped": facts.skipped,
    }
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def from_json(text: str, environment: str) -> Facts:
    """Read a facts file to go on with. Raises Misuse for one of another exchange."""
    try:
        value: Any = json.loads(text)
        facts = Facts(value["environment"], value["learned"], value["skipped"], value["asked_at"])
    except (ValueError, KeyError, TypeError) as error:
        raise Misuse(f"facts file: cannot be read: {error!r:.100}") from None
    if facts.environment != environment:
        raise Misuse(f"facts file: it is of {facts.environment!r}, not of {environment!r}")
    return facts


def as_markdown(facts: Facts) -> str:
    """Write the facts for people, and what differs from what this library assumes."""
    lines = [f"# What {facts.environment} answered", "", f"Asked until {facts.asked_at}.", ""]
    lines += ["| card | question | learned |", "|---|---|---|"]
    for card in CARDS:
        if card.name in facts.learned:
            lines.append(f"| {card.name} | {card.question} | {_line(facts.learned[card.name])} |")
        elif card.name in facts.skipped:
            lines.append(f"| {card.name} | {card.question} | skipped: {facts.skipped[card.name]} |")
    return "\n".join([*lines, "", *verdict_lines(facts)]) + "\n"


def verdict_lines(facts: Facts) -> list[str]:
    """Say where the exchange is not as this library assumes, and which policy fits."""
    cards = {card.name: card for card in CARDS}
    lines: list[str] = []
    for name, differences in facts.disagreements().items():
        for what, (assumed, learned) in differences.items():
            depends = cards[name].depends
            lines.append(
                f"- {name}: {what} is {learned}, and this library assumes {assumed}"
                + (f": {depends}" if depends else "")
            )
    policy = facts.policy()
    fits = (
        f"Policy(signature_life={policy.signature_life:g}, "
        f"resolve_within={policy.resolve_within:g}, read_lag={policy.read_lag:g})"
    )
    lines = lines or [f"All {len(facts.learned)} answers are as this library assumes."]
    return [*lines, "", f"The policy that fits: `{fits}`"]


def _line(values: Values) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items()).replace("|", "/")
