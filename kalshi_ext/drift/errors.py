"""The error of the room: there is no verdict."""

from __future__ import annotations

from kalshi_ext.errors import KalshiError


class CannotCompare(KalshiError):
    """A document or acceptance file cannot be judged; the message names the place.

    The command exits 3. Never 1: a script would take that for "compatible".
    """
