"""The errors of the contract tools: each says where in the document and which rule."""

from __future__ import annotations

from kalshi_ext.errors import KalshiError


class SpecError(KalshiError):
    """An OpenAPI document cannot be used as it stands."""


class Unreadable(SpecError):
    """A document is not text we can read, or is too large, too deep or repeats a key."""


class OverlayError(SpecError):
    """An overlay action is malformed, matches nothing or changes nothing."""
