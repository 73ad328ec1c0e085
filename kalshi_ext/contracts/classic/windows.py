"""What the classic lists can be asked for."""

from __future__ import annotations

from attrs import fields

from kalshi_ext.errors import Misuse
from kalshi_ext.windows import Window

MAX_PAGE = 200  # the user's document; over it the exchange answers 400


def only(window: Window, *names: str) -> None:
    """Refuse filters the classic contract does not have. Raises Misuse naming them."""
    said = {a.name for a in fields(Window) if getattr(window, a.name) is not None}
    extra = sorted(said - set(names) - {"size"})
    if extra:
        raise Misuse(f"this list has no {', '.join(extra)} in the classic contract")
    if window.size is not None and window.size > MAX_PAGE:
        raise Misuse(f"a page of the classic contract holds at most {MAX_PAGE}, not {window.size}")
