"""Draft what the changelog says about the exchange."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

HEADING = "### Exchange"
LABELS = {
    "breaking": "Breaking",
    "risky": "Risky",
    "compatible": "New",
    "deprecation": "Deprecated",
    "note": "Note",
}


def draft(report: dict[str, Any]) -> str:
    """Write the bullets of one step from the JSON of a drift report."""
    before, after = report["base"]["version"], report["new"]["version"]
    return "".join(f"{line}\n" for line in _bullets(before, after, report["findings"]))


def _bullets(before: str, after: str, findings: list[dict[str, Any]]) -> Iterator[str]:
    count = f"{len(findings)} differences" if len(findings) != 1 else "1 difference"
    yield f"- Contract {before} → {after}: {count}."
    for finding in findings:
        calls = dict.fromkeys(use["call"] for use in finding["uses"] if use["call"])
        # Four calls are enough to recognise a change by; the drift report names all.
        touched = f" ({', '.join(f'`{call}`' for call in list(calls)[:4])})" if calls else ""
        touched = touched.replace(")", ", …)") if len(calls) > 4 else touched
        yield f"  - {LABELS[finding['severity']]}: {_plain(finding['title'])}{touched}."


def _plain(text: str) -> str:
    """Keep text of a foreign document from being read as HTML or as a heading."""
    return re.sub(r"\s+", " ", text.replace("<", "‹").replace(">", "›"))


def with_draft(changelog: str, text: str) -> str:
    """Put a draft under Unreleased, Exchange, in place of an earlier draft."""
    begin, end = "<!-- draft by make adopt: edit -->\n", "<!-- end of draft -->\n"
    # Marks, not a heading: people may have written above and below the draft.
    changelog = re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", "", changelog, flags=re.DOTALL)
    start = changelog.index("## Unreleased")
    following = re.search(r"^## ", changelog[start + 3 :], re.MULTILINE)
    stop = start + 3 + following.start() if following else len(changelog)
    heading = changelog.find(HEADING, start, stop)
    if heading < 0:
        section = changelog[start:stop].rstrip("\n")
        return f"{changelog[:start]}{section}\n\n{HEADING}\n{begin}{text}{end}\n{changelog[stop:]}"
    at = changelog.index("\n", heading) + 1
    return f"{changelog[:at]}{begin}{text}{end}{changelog[at:]}"
