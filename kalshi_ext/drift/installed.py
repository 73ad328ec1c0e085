"""Find the contract that the installed version was made from."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

from kalshi_ext.drift.errors import CannotCompare

# A wheel carries the document inside the package; a checkout has it in openapi/.
_CARRIED: Final = "_contract"
_NAME: Final = "upstream.yaml"


def installed_contract() -> Path:
    """Find the exchange's document, as it was when this version was generated."""
    package = Path(str(files("kalshi_ext")))
    for place in (package / _CARRIED / _NAME, package.parent / "openapi" / _NAME):
        if place.is_file():
            return place
    raise CannotCompare(
        f"the contract of the installed version ({_NAME}) is not there; name one with --base"
    )
