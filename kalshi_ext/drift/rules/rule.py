"""A rule of the differ, and the five severities."""

from __future__ import annotations

from enum import StrEnum

from attrs import field, frozen


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


class Reader(StrEnum):
    """Who reads a report: a user upgrades a package, only a checkout can adopt a contract."""

    USER = "user"
    MAINTAINER = "maintainer"


@frozen
class Advice:
    """What to do about a difference, for a user of the package and for who keeps a checkout."""

    user: str
    maintainer: str

    def to(self, reader: Reader) -> str:
        """Give the advice for a reader."""
        return self.user if reader is Reader.USER else self.maintainer


def _advice(given: str | Advice) -> Advice:
    return given if isinstance(given, Advice) else Advice(given, given)


@frozen
class DriftRule:
    """One row of the table: a kind of difference and its verdict.

    `title` is a template of {subject}, {name}, {field}, {before} and {after}; `reason` says what
    it means to a caller, `advice` what to do: one text, or one for each reader. `opposite` is the
    rule of the same difference with the documents swapped.
    """

    id: str
    severity: Severity
    opposite: str
    title: str
    reason: str
    advice: Advice = field(converter=_advice)


_UPGRADE = "upgrade kalshi-ext to a version made from the new document"
_ADOPT = "run `make adopt` with the new document and release the client it makes"


def then_adopt(first: str) -> Advice:
    """Advise something to do in the reader's own code, and then the new contract."""
    return Advice(f"{first}, then {_UPGRADE}", f"{first}, then {_ADOPT}")


ADOPT = Advice(_UPGRADE, _ADOPT)
NOTHING = Advice("nothing; a later version will know it", "nothing; adopt it when you want it")
READ_CHANGELOG = then_adopt("read the exchange's changelog for the reason")
