"""The one way the differ says that it has no verdict."""

from __future__ import annotations

from kalshi_ext.errors import KalshiError


class CannotCompare(KalshiError):
    """A document, or an acceptance file, cannot be judged: the message names the place."""
