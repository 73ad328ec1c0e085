"""Tell whether the base document is a file that a review can point into."""

from __future__ import annotations

from pathlib import Path

from kalshi_ext.drift.report import Report


def local_file(report: Report) -> tuple[str, Path] | None:
    """Give the base document's path as a repository sees it, and the file; or nothing."""
    name = report.compared.base.name
    path = Path(name)
    if "://" in name or not path.is_file():
        return None
    here = Path.cwd().resolve()
    whole = path.resolve()
    return (whole.relative_to(here) if whole.is_relative_to(here) else whole).as_posix(), whole
