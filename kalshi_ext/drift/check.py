"""Read two documents from files or URLs, compare them and apply an acceptance file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kalshi_ext.drift.accepted import read_entries
from kalshi_ext.drift.compare import compare
from kalshi_ext.drift.errors import CannotCompare
from kalshi_ext.drift.limits import SpecError
from kalshi_ext.drift.load import load
from kalshi_ext.drift.report import Report, report_on
from kalshi_ext.drift.rules import Severity
from kalshi_ext.drift.scope import everything as all_paths
from kalshi_ext.drift.scope import part_of


def check(
    base: str,
    new: str,
    *,
    accept: Path | None = None,
    everything: bool = False,
    fail_on: Severity = Severity.BREAKING,
) -> Report:
    """Compare two documents by path or URL.

    Our part of the exchange is judged; operations elsewhere give notes, unless `everything` is
    asked for, or one of the documents has none of ours. Raises CannotCompare.
    """
    before, after = _load(base), _load(new)
    ours = all_paths if everything else part_of(before, after)
    compared = compare(before, after, is_ours=ours, names=(base, new))
    entries = [] if accept is None else read_entries(accept)
    return report_on(compared, entries, fail_on=fail_on)


def _load(source: str) -> dict[str, Any]:
    try:
        return load(source)
    except SpecError as error:
        raise CannotCompare(str(error)) from error
