"""The outcome of a comparison: what is open, what was accepted, and the exit status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from enum import IntEnum

from attrs import frozen

from kalshi_ext.drift.accepted import Entry, sort_out
from kalshi_ext.drift.compare import Compared
from kalshi_ext.drift.finding import Finding
from kalshi_ext.drift.rules import Severity


class Exit(IntEnum):
    """What the process says to a script.

    SOME is any finding that does not break: risky, compatible, deprecation or note.
    """

    NONE = 0
    SOME = 1
    BREAKING = 2
    CANNOT_COMPARE = 3


@frozen
class Report:
    """Findings that are open and accepted, and the names of what was compared."""

    compared: Compared
    findings: tuple[Finding, ...]
    accepted: tuple[tuple[Finding, Entry], ...] = ()
    fail_on: Severity = Severity.BREAKING

    @property
    def counts(self) -> dict[str, int]:
        """Count the open findings by severity."""
        found = Counter(finding.severity for finding in self.findings)
        return {severity.value: found[severity] for severity in Severity}

    @property
    def exit(self) -> Exit:
        """Choose the exit status: open findings decide, accepted ones do not."""
        if any(finding.severity.rank <= self.fail_on.rank for finding in self.findings):
            return Exit.BREAKING
        return Exit.SOME if self.findings else Exit.NONE

    @property
    def headline(self) -> str:
        """Say in one line what was compared."""
        base, new = self.compared.base, self.compared.new
        text = f"{base.name} {base.version} → {new.name} {new.version}"
        beyond = f", {self.compared.outside} outside our part" if self.compared.outside else ""
        return f"{text}: {self.compared.operations} operations compared{beyond}"


def report_on(
    compared: Compared,
    entries: Sequence[Entry] = (),
    *,
    today: date | None = None,
    fail_on: Severity = Severity.BREAKING,
) -> Report:
    """Apply the acceptance file to a comparison; `today` is a UTC date."""
    done = sort_out(compared.findings, entries, today or datetime.now(UTC).date())
    return Report(compared, done.problems + done.open, done.accepted, fail_on)
