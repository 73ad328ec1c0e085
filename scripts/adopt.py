#!/usr/bin/env python3
"""Adopt a new contract of the exchange: one command, all of it or nothing.

Judges the difference, writes its normal form, applies the overlay, regenerates, and reports what
of the hand-written client, its types and its recordings no longer fits; drafts the changelog.
Works in a copy and swaps it in at the end. Exits 0 when it is adopted (or would be), 3 when a step
stopped.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
sys.path[:0] = [str(ROOT / "scripts"), str(TESTS / "recorded")]

from generate import import_without_client

# A contract that breaks the client makes it unimportable, and this must still run.
import_without_client()

from adopt_steps.adoption import Options, adopt
from adopt_steps.workspace import AdoptionStopped


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    if options.rehearse:
        return _rehearse(options.only, write=options.write)
    if not options.upstream:
        print("adopt: say which document: make adopt UPSTREAM=<file or URL>", file=sys.stderr)
        return 3
    request = Options(
        home=options.root,
        upstream=options.upstream,
        dry_run=options.dry_run,
        drop_words=options.drop_words,
        check_types=not options.no_types,
        environment=options.environment,
    )
    try:
        adopt(request)
    except AdoptionStopped as stop:
        print(f"adopt: {stop}\n  to do: {stop.remedy}", file=sys.stderr)
        print("  nothing was changed; run the same command again afterwards", file=sys.stderr)
        return 3
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upstream", default="", help="file or URL, YAML or JSON")
    parser.add_argument("--dry-run", action="store_true", help="report only, change nothing")
    parser.add_argument(
        "--drop-words",
        action="store_true",
        help="delete overlay actions that describe what is gone",
    )
    parser.add_argument("--no-types", action="store_true", help="leave the type checker out")
    parser.add_argument("--rehearse", action="store_true", help="walk the rehearsed changes")
    parser.add_argument(
        "--only",
        action="append",
        metavar="NAME",
        help="with --rehearse: this change; the other rows in the docs stay as they were",
    )
    parser.add_argument("--write", action="store_true", help="with --rehearse: into the docs")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    parser.add_argument("--environment", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _rehearse(names: list[str] | None, *, write: bool) -> int:
    sys.path.insert(0, str(TESTS / "contract" / "adopt"))
    from rehearsing import rehearse_all

    return rehearse_all(ROOT, names, write=write)


if __name__ == "__main__":
    sys.exit(main())
