"""Make the maintained contract: what the exchange publishes, corrected and described by us."""

from __future__ import annotations

from typing import Any

from kalshi_ext.spec.normalise import wrapped
from kalshi_ext.spec.order import ordered
from kalshi_ext.spec.overlay import apply
from kalshi_ext.spec.prune import prune


def portfolio(upstream: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """Apply the overlay to a normalised upstream document; keys keep their fixed order."""
    return ordered(prune(wrapped(apply(upstream, overlay))))
