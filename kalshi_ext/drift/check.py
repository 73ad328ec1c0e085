"""Read two documents from files or URLs, compare them and apply an acceptance file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kalshi_ext.drift.accepted import read_entries
from kalshi_ext.drift.compare import IsOurs, compare
from kalshi_ext.drift.errors import CannotCompare
from kalshi_ext.drift.json_types import is_mapping
from kalshi_ext.drift.report import Report, report_on
from kalshi_ext.drift.rules import Severity
from kalshi_ext.spec.errors import SpecError
from kalshi_ext.spec.load import load
from kalshi_ext.spec.scope import is_ours


def check(
    base: str,
    new: str,
    *,
    accept: Path | None = None,
    everything: bool = False,
    fail_on: Severity = Severity.BREAKING,
) -> Report:
    """Compare two documents by path or URL.

    When the base has only operations of our part of the exchange, new operations elsewhere
    are only counted, unless `everything` is asked for. Raises CannotCompare.
    """
    before, after = _load(base), _load(new)
    ours = _all_paths if everything else _part_of(before)
    compared = compare(before, after, is_ours=ours, names=(base, new))
    entries = [] if accept is None else read_entries(accept)
    return report_on(compared, entries, fail_on=fail_on)


def _load(source: str) -> dict[str, Any]:
    try:
        return load(source)
    except SpecError as error:
        raise CannotCompare(str(error)) from error


def _all_paths(_path: str) -> bool:
    return True


def _part_of(document: dict[str, Any]) -> IsOurs:
    paths = document.get("paths")
    listed = [str(path) for path in paths] if is_mapping(paths) else []
    return is_ours if all(is_ours(path) for path in listed) else _all_paths
