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
MAX_BYTES = 4 * 1024 * 1024  # bytes; nothing larger is committed here

UUID = rb"(?!0{8}-)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
# Between a name and its value: quotes, also escaped ones, colons, commas, a YAML list.
BETWEEN = rb"""\\?['"]?\)?\s*[:=,]\s*\[?\s*-?\s*b?\\?['"]?"""

# What must not be in a file. A PEM header alone is an example; with key material behind it, a key.
KINDS = {
    "private key": re.compile(
        rb"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:\s|\\n|['\"])*"
        rb"(?:[A-Za-z-]+: ?[^\n\\'\"]*(?:\s|\\n|['\"])+)*"
        rb"(?:[A-Za-z0-9+/=]{32,}(?:\\n|\s|['\"])*)+"
        # the same without its frame: PKCS8 and PKCS1 RSA, PKCS8 Ed25519, SEC1 and PKCS8 EC
        rb"|\bMII[A-Z][A-Za-z0-9+/]{2}IBAA[A-Za-z0-9+/]{60,}"
        rb"|\bMII[A-Z][A-Za-z0-9+/]{2}IBADANBg[A-Za-z0-9+/]{60,}|\bMC4CAQAwBQYDK2VwBCIEI[A-Za-z0-9+/]{40,}"
        rb"|\bMI(?:GHAgEAMBMGByqGSM49|HcAgEBB)[A-Za-z0-9+/]{40,}"
    ),
    "bearer token": re.compile(
        rb"(?i)authorization" + BETWEEN + rb"Bearer [A-Za-z0-9._~+/=-]{16,}"
        rb"|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}"
    ),
    "signature": re.compile(
        rb"(?i)kalshi-access-signature" + BETWEEN + rb"(?!\[redacted\])[A-Za-z0-9+/]{64,}"
    ),
    "key id": re.compile(rb"(?i)(?:kalshi-access-key|kalshi_key_id)" + BETWEEN + UUID),
    "account id": re.compile(
        rb"(?i)\b(?:user|member)_id" + BETWEEN + UUID + rb"|(?:user|member)_not_found:_?" + UUID
    ),
}
# Names of files that hold keys.
KEY_FILE_NAMES = re.compile(
    r"(?:^|/)(?:\.env(?:\..+)?|id_(?:rsa|ed25519|ecdsa)|.+\.(?:pem|key|p12|pfx|jks))$"
)


def findings(data: bytes) -> list[tuple[int, str]]:
    """Return line numbers and kinds of what looks like a secret."""
    results = []
    for kind, pattern in KINDS.items():
        for match in pattern.finditer(data):
            start = data.rfind(b"\n", 0, match.start()) + 1
            end = data.find(b"\n", match.start())
            if ALLOWED.encode() not in data[start : end if end >= 0 else len(data)]:
                results.append((data.count(b"\n", 0, match.start()) + 1, kind))
    return sorted(results)


def tracked() -> list[Path]:
    """Return the files git tracks."""
    output = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True
    ).stdout
    return [ROOT / name for name in output.decode().split("\0") if name]


def main(names: list[str]) -> int:
    """Scan and report; exit 1 on any finding."""
    files = [Path(name) for name in names] or tracked()
    problems = 0
    for file in files:
        if not file.is_file():
            continue
        if KEY_FILE_NAMES.search(file.as_posix()):
            print(f"{file}: a file of that name holds keys")
            problems += 1
        if file.stat().st_size > MAX_BYTES:
            print(f"{file}: larger than {MAX_BYTES} bytes, not scanned")
            problems += 1
            continue
        for line, kind in findings(file.read_bytes()):
            print(f"{file}:{line}: looks like a {kind}")
            problems += 1
    print(f"{len(files)} files scanned, {problems} findings")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
