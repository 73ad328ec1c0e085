#!/usr/bin/env python3
"""Compare two contracts from the place of a client that speaks the first.

BASE and NEW are files or URLs, YAML or JSON. Without NEW, the one that is given is compared
with openapi/upstream.yaml. Exits 0 when nothing differs, 1 when nothing breaks, 2 when
something does, 3 when there is no verdict.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from kalshi_ext.drift.commands import DriftCommand, exit_with, options, run

OURS = str(ROOT / "openapi" / "upstream.yaml")


def compare(base: str, new: str | None, **chosen: object) -> None:
    """Compare, write the report and end with its status."""
    pair = (OURS, base) if new is None else (base, new)
    exit_with(lambda: run(*pair, **chosen))


ARGUMENTS = [click.Argument(["base"]), click.Argument(["new"], required=False)]

if __name__ == "__main__":
    DriftCommand("drift", callback=compare, params=[*ARGUMENTS, *options()], help=__doc__).main()
