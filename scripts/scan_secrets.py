"""Refuse secrets in committed files: private keys, signatures, tokens, account ids.

Without arguments every file git tracks is read; with file names only those (as pre-commit does).
A line that must hold something that looks like one carries the words `not a secret`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = "not a secret"
LARGEST = 4 * 1024 * 1024  # bytes; nothing larger is committed here

# What must not stand in a file. A PEM header alone is talk; with key material behind it, a key.
KINDS = {
    "private key": re.compile(
        rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s*(?:\\n|\s)*(?:[A-Za-z0-9+/=]{32,}(?:\\n|\s)*)+"
    ),
    "bearer token": re.compile(
        rb"(?i)authorization['\"]?\s*[:=]\s*\[?['\"]?Bearer [A-Za-z0-9._~+/=-]{16,}"
    ),
    "signature": re.compile(
        rb"(?i)kalshi-access-signature['\"]?\s*[:=]\s*\[?['\"]?\s*-?\s*[A-Za-z0-9+/]{64,}"
    ),
    "key id": re.compile(
        rb"(?i)kalshi-access-key['\"]?\s*[:=]\s*\[?['\"]?\s*-?\s*"
        rb"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
    ),
    "account id": re.compile(
        rb"(?i)[\"'](?:user|member)_id[\"']\s*:\s*[\"'](?!0{8}-)"
        rb"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
    ),
}


def findings(data: bytes) -> list[tuple[int, str]]:
    """Return line numbers and kinds of what looks like a secret."""
    found = []
    for kind, pattern in KINDS.items():
        for match in pattern.finditer(data):
            start = data.rfind(b"\n", 0, match.start()) + 1
            end = data.find(b"\n", match.start())
            if ALLOWED.encode() not in data[start : end if end >= 0 else len(data)]:
                found.append((data.count(b"\n", 0, match.start()) + 1, kind))
    return sorted(found)


def tracked() -> list[Path]:
    """Return the files git tracks."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True
    ).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name]


def main(names: list[str]) -> int:
    """Scan and report; exit 1 on any finding."""
    files = [Path(name) for name in names] or tracked()
    bad = 0
    for file in files:
        if not file.is_file():
            continue
        if file.stat().st_size > LARGEST:
            print(f"{file}: larger than {LARGEST} bytes, not scanned")
            bad += 1
            continue
        for line, kind in findings(file.read_bytes()):
            print(f"{file}:{line}: looks like a {kind}")
            bad += 1
    print(f"{len(files)} files scanned, {bad} findings")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
