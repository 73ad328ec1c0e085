"""A rule of the differ, and the five severities."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen


class Severity(StrEnum):
    """How much a server of the new document hurts a client of the base.

    BREAKING: a call that was right is refused, an answer cannot be read, or something that
    code can name is gone. RISKY: all still passes, but the meaning may change silently.
    COMPATIBLE: a client that ignores it loses nothing. DEPRECATION: works, announced to go.
    NOTE: nothing on the wire changes.
    """

    BREAKING = "breaking"
    RISKY = "risky"
    COMPATIBLE = "compatible"
    DEPRECATION = "deprecation"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """Order severities, worst first."""
        return list(Severity).index(self)


BREAKING, RISKY, COMPATIBLE, DEPRECATION, NOTE = Severity


@frozen
class DriftRule:
    """One row of the table: a kind of difference and its verdict.

    `title` is a template of {subject}, {name}, {field}, {before} and {after}; `reason` says what
    it means to a caller, `advice` what to do. `opposite` is the rule of the same difference with
    the documents swapped.
    """

    id: str
    severity: Severity
    opposite: str
    title: str
    reason: str
    advice: str


ADOPT = "run `make adopt` with the new document and release the client it makes"
NOTHING = "nothing; adopt it when you want it"
READ_CHANGELOG = "read the exchange's changelog for the reason, then adopt"
