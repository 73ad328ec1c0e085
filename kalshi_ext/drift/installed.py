"""Find the contract that the installed version was made from."""

from __future__ import annotations

from pathlib import Path

from kalshi_ext.drift.documents import document_path
from kalshi_ext.drift.errors import CannotCompare
from kalshi_ext.drift.limits import SpecError


def installed_contract() -> Path:
    """Find the exchange's document, as it was when this version was generated."""
    try:
        return document_path("upstream")
    except SpecError as error:
        raise CannotCompare(f"{error}; name one with --base") from error
