#!/usr/bin/env python3
"""List what a contract has and the hand-written client neither offers, reads nor sends.

Every call of the facade is built. Every answer of the contract is made up in full and read, and its
objects remember which fields were looked at. The rest is listed, except what the tests know to be
left out for a reason.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The client of this checkout goes before an installed one.
PLACES = (".", "generated", "scripts", "examples", "tests/contract")
sys.path[:0] = [str(ROOT / place) for place in PLACES]

from adopt_steps.coverage import coverage
from attrs import asdict


def main(arguments: list[str] | None = None) -> int:
    """Print the gaps; exit 1 when there are any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contract", choices=("current", "classic"), default="current")
    parser.add_argument("--document", type=Path, help="instead of the committed one")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args(arguments)
    from kalshi_ext.drift.documents import document
    from kalshi_ext.drift.load import load

    committed = document(options.contract)
    tree = load(options.document) if options.document else committed
    logging.getLogger("kalshi_ext.drift").disabled = True  # the gaps are the report
    gaps = list(dict.fromkeys(coverage(options.contract, tree, committed)))
    if options.json:
        print(json.dumps([asdict(gap) for gap in gaps], indent=1))
    else:
        print("".join(f"{gap}\n" for gap in gaps), end="")
        print(f"{options.contract}: {len(gaps)} gaps between contract and facade")
    return int(bool(gaps))


if __name__ == "__main__":
    sys.exit(main())
