"""Compare two documents by path or URL, apply the baseline, and choose the exit status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from enum import IntEnum
from pathlib import Path
from typing import Any

from attrs import frozen

from kalshi_ext.drift.baseline import BaselineEntry, apply_baseline, read_baseline
from kalshi_ext.drift.compare import Comparison, compare, every_path, our_paths
from kalshi_ext.drift.documents import document_path as installed_path
from kalshi_ext.drift.documents import is_checkout
from kalshi_ext.drift.errors import CannotCompare
from kalshi_ext.drift.finding import Finding
from kalshi_ext.drift.limits import SpecError
from kalshi_ext.drift.load import load
from kalshi_ext.drift.rules import Reader, Severity
from kalshi_ext.drift.source_map import stable_name


class Exit(IntEnum):
    """The exit status of the process.

    SOME is any finding that does not break: risky, compatible, deprecation or note.
    """

    NONE = 0
    SOME = 1
    BREAKING = 2
    CANNOT_COMPARE = 3


@frozen
class DriftReport:
    """A comparison after the baseline: open findings and suppressed ones."""

    compared: Comparison
    findings: tuple[Finding, ...]
    suppressed: tuple[tuple[Finding, BaselineEntry], ...] = ()
    fail_on: Severity = Severity.BREAKING
    reader: Reader = Reader.USER

    @property
    def counts(self) -> dict[str, int]:
        """Count the open findings by severity, zeros included."""
        counts = Counter(finding.severity for finding in self.findings)
        return {severity.value: counts[severity] for severity in Severity}

    @property
    def exit(self) -> Exit:
        """Choose the exit status by the worst open finding."""
        # A lower rank is worse.
        if any(finding.severity.rank <= self.fail_on.rank for finding in self.findings):
            return Exit.BREAKING
        return Exit.SOME if self.findings else Exit.NONE

    @property
    def headline(self) -> str:
        """Say in one line what was compared."""
        base, new = self.compared.base, self.compared.new
        names = stable_name(base.name), stable_name(new.name)
        text = f"{names[0]} {base.version} → {names[1]} {new.version}"
        outside = f", {self.compared.outside} outside our part" if self.compared.outside else ""
        return f"{text}: {self.compared.operations} operations compared{outside}"


def report_on(
    compared: Comparison,
    entries: Sequence[BaselineEntry] = (),
    *,
    today: date | None = None,
    fail_on: Severity = Severity.BREAKING,
    reader: Reader = Reader.USER,
) -> DriftReport:
    """Apply a baseline to a comparison; `today` is a UTC date."""
    applied = apply_baseline(compared.findings, entries, today or datetime.now(UTC).date())
    # Problems with the baseline are breaking: put first, they keep the worst first.
    findings = applied.problems + applied.open
    return DriftReport(compared, findings, applied.suppressed, fail_on, reader)


def check(
    base: str,
    new: str,
    *,
    accept: Path | None = None,
    everything: bool = False,
    fail_on: Severity = Severity.BREAKING,
    spoken: str | None = None,
    reader: Reader | None = None,
) -> DriftReport:
    """Compare two documents by path or URL; `accept` is a baseline file.

    Our part of the exchange is judged; operations elsewhere give notes, unless `everything` is
    asked for, or one of the documents has none of ours. `spoken` is the corrected copy of the base;
    without it that of this version, when the base is its own. The advice is for `reader`, by
    default for whoever has this installation. Raises CannotCompare.
    """
    before, after = _load(base), _load(new)
    is_ours = every_path if everything else our_paths(before, after)
    corrected = spoken or _spoken_of(base)
    compared = compare(
        before,
        after,
        is_ours=is_ours,
        names=(base, new),
        spoken=_load(corrected) if corrected else None,
    )
    entries = [] if accept is None else read_baseline(accept)
    return report_on(compared, entries, fail_on=fail_on, reader=reader or installed_reader())


def _spoken_of(base: str) -> str | None:
    """Find the corrected copy of the installed contract; None for a base of the user's own."""
    try:
        is_installed = Path(base).samefile(installed_path("upstream"))
        return str(installed_path("current")) if is_installed else None
    except (OSError, ValueError, SpecError):
        return None


def installed_reader() -> Reader:
    """Tell a checkout, which can adopt a contract, from an installed package."""
    return Reader.MAINTAINER if is_checkout() else Reader.USER


def _load(source: str) -> dict[str, Any]:
    try:
        return load(source)
    except SpecError as error:
        raise CannotCompare(str(error)) from error


def installed_contract() -> Path:
    """Find the default base: the exchange's document that this version was generated from."""
    try:
        return installed_path("upstream")
    except SpecError as error:
        raise CannotCompare(f"{error}; name one with --base") from error
