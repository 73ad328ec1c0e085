from __future__ import annotations

import subprocess
import sys

import pytest

PROBE = "import sys; {code}; print({module!r} in sys.modules)"


@pytest.mark.parametrize(
    ("code", "module", "loaded"),
    [
        (
            "from kalshi_ext.transport.signing import signer; signer(bearer_token='abc')",
            "cryptography",
            False,
        ),
        ("import kalshi_ext.transport.keys", "cryptography", False),
        ("import kalshi_ext.values", "dateutil", False),
        ("from kalshi_ext.values import moment; moment('2026-01-01T00:00Z')", "dateutil", True),
        ("import kalshi_ext.config, kalshi_ext.values, kalshi_ext.redact", "httpx", False),
    ],
)
def test_costly_libraries_load_only_when_used(code: str, module: str, loaded: bool) -> None:
    probe = PROBE.format(code=code, module=module)
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == str(loaded)
