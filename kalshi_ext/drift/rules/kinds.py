"""What a rule of the differ is."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen


class Severity(StrEnum):
    """How much a client of the base document is hurt by a server of the new one.

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
class Rule:
    """One row of the table.

    `title` is filled with {subject}, {name}, {before} and {after}; `reason` says what it
    means to a caller, `advice` what to do. `opposite` is the rule that the same difference
    falls under when the documents are swapped.
    """

    id: str
    severity: Severity
    opposite: str
    title: str
    reason: str
    advice: str


ADOPT = "run `make adopt` with the new document and release the client it makes"
NOTHING = "nothing; adopt it when you want it"
LOOK = "read the exchange's changelog for the reason, then adopt"
