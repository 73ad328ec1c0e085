"""Render the retry matrix of kalshi_ext/protocol/retry_policy.py into docs/reliability.md.

`--check` compares instead and exits 1 when the page differs.
"""

from __future__ import annotations

import sys

from figures import DOCS, with_blocks, write_or_compare

from kalshi_ext.contracts import contract
from kalshi_ext.protocol.retry_policy import RETRY_POLICY, RetryRule

PAGE, BLOCK = "reliability.md", "matrix"


def table() -> str:
    """Render the matrix as Markdown, in the order of the current contract."""
    lines = [
        "| `client.` | sent again | how a lost outcome is found out | why |",
        "|---|---|---|---|",
    ]
    for word, rule in RETRY_POLICY.items():
        lines.append(
            f"| {_word(word)} | {_resend_text(rule)} | {rule.resolved_by} | {rule.reason} |"
        )
    return "\n".join(lines)


def _word(word: str) -> str:
    facade, _, argument = word.partition("(")
    only = [name for name in ("current", "classic") if facade in _words(name)]
    beside = "" if len(only) == 2 else f" ({only[0]} contract only)"
    if argument:
        return f"`{facade}` with `{argument.rstrip(')')}=`"
    return f"`{facade}`{' with `by=`' if facade == 'orders.decrease' else ''}{beside}"


def _words(name: str) -> set[str]:
    return {operation.facade for operation in contract(name).operations.values()}


def _resend_text(rule: RetryRule) -> str:
    if rule.retry_immediately:
        return "at once"
    return "once proven not done" if rule.resend_when_absent else "never"


def main() -> int:
    """Write or compare the block."""
    page = with_blocks(PAGE, {BLOCK: table()})
    return write_or_compare(DOCS / PAGE, page, None, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
