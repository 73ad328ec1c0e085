#!/usr/bin/env python3
"""Take the exchange's OpenAPI document and write openapi/upstream.yaml and upstream.lock."""

from __future__ import annotations

import argparse
import datetime
import hashlib
import sys
from pathlib import Path
from typing import Any

from generate import ROOT, import_without_client

import_without_client()

from contract.arrangement import arranged_like
from contract.dump import dump_yaml
from contract.normalise import normalise
from contract.references import operations

from kalshi_ext.drift.limits import SpecError
from kalshi_ext.drift.load import load

HEADER = """\
# The exchange's contract, portfolio part, in normal form: names, types and bounds, no prose.
# Written by `make spec UPSTREAM=<file or URL>`; corrections belong in overlay.yaml.
"""


def main(arguments: list[str] | None = None) -> int:
    """Write both files where they changed; a second run on the same input writes nothing."""
    options = _options(arguments)
    try:
        document = published_part(load(options.upstream), options.openapi / "upstream.yaml")
    except SpecError as error:
        print(f"spec: {error}", file=sys.stderr)
        return 3
    text = HEADER + dump_yaml(document)
    changed = _write(options.openapi / "upstream.yaml", text)
    lock = options.openapi / "upstream.lock"
    entries = _lock_entries(document, text, options.recorded_as or _public_origin(options.upstream))
    if changed or not lock.exists() or (options.recorded_as and not _has_entries(lock, entries)):
        changed = _write(lock, entries + f"date: {datetime.datetime.now(datetime.UTC).date()}\n")
    count = len(operations(document))
    print(f"upstream.yaml: {count} operations, {'changed' if changed else 'unchanged'}")
    return 0


def published_part(document: dict[str, Any], committed: Path) -> dict[str, Any]:
    """Give our part of a document in normal form, arranged as the committed one, if there is."""
    part = normalise(document)
    return arranged_like(part, load(committed)) if committed.exists() else part


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upstream", required=True, help="file or URL, YAML or JSON")
    parser.add_argument("--recorded-as", help="what upstream.lock says of the origin")
    parser.add_argument("--openapi", type=Path, default=ROOT / "openapi", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _public_origin(upstream: str) -> str:
    """Name the document without a directory of this machine or the query of a URL (a token?)."""
    is_url = upstream.startswith(("http://", "https://"))
    return upstream.partition("?")[0] if is_url else Path(upstream).name


def _lock_entries(document: dict[str, Any], text: str, source: str) -> str:
    version = document.get("info", {}).get("version", "unknown")
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"version: {version}\nsource: {source}\nsha256: {digest}\n"


def _has_entries(lock: Path, entries: str) -> bool:
    return lock.read_text(encoding="utf-8").startswith(entries)


def _write(path: Path, text: str) -> bool:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.write_text(text, encoding="utf-8", newline="\n")
    return True


if __name__ == "__main__":
    sys.exit(main())
