"""Overrides: for a named reason and a while, other limits."""

from __future__ import annotations

import logging
from typing import Any, Self

from attrs import define, evolve, fields_dict

from kalshi_ext.arguments import must_be
from kalshi_ext.bases import Printed
from kalshi_ext.errors import Misuse
from kalshi_ext.risk.limits import Limits

log = logging.getLogger("kalshi_ext.risk")


@define(eq=False, repr=False)
class Override(Printed):
    """Limits for a while: ends by itself, by `end()`, or with its `with` block."""

    name: str
    limits: Limits
    until: float
    is_over: bool = False

    def end(self) -> None:
        """Return to the client's own limits."""
        if not self.is_over:
            self.is_over = True
            log.warning("override of limits %r ended", self.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


@define(eq=False, repr=False)
class Overrides(Printed):
    """The limits of a client, and the override over them. Times are monotonic."""

    own: Limits
    current: Override | None = None

    def effective(self, now: float) -> Limits:
        """Return the limits that hold."""
        override = self.current
        if override is None:
            return self.own
        if now >= override.until:
            override.end()
        if override.is_over:
            self.current = None
            return self.own
        return override.limits

    def begin(self, name: str, until: float, changes: dict[str, Any]) -> Override:
        """Begin an override. Raises Misuse for one beside another, or of no limit."""
        if self.current is not None and not self.current.is_over:
            raise Misuse(f"override {self.current.name!r} is not over: end() it first")
        unknown = changes.keys() - fields_dict(Limits).keys()
        if not changes or unknown:
            raise must_be(
                "override", ", ".join(sorted(unknown)) or None, "of limits by their names"
            )
        self.current = Override(name, evolve(self.own, **changes), until)
        log.warning("override of limits %r: %s", name, ", ".join(sorted(changes)))
        return self.current
