from __future__ import annotations

import base64
import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def scanner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scan", ROOT / "scripts" / "scan_secrets.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def secrets() -> dict[str, str]:
    # Built here from chance, so that this file holds none.
    material = base64.b64encode(os.urandom(96)).decode()
    account = "-".join(os.urandom(n).hex() for n in (4, 2, 2, 2, 6))
    return {
        "private key": f"-----BEGIN PRIVATE KEY-----\n{material}\n-----END PRIVATE KEY-----",
        "bearer token": f"Authorization: Bearer {material[:40]}",
        "signature": f"KALSHI-ACCESS-SIGNATURE: {material}",
        "key id": f"kalshi-access-key:\n      - {account}",
        "account id": f'{{"user_id": "{account}"}}',
    }


@pytest.mark.parametrize("kind", sorted(secrets()))
def test_each_kind_of_secret_is_refused_with_its_line(scanner: ModuleType, kind: str) -> None:
    text = f"first line\n{secrets()[kind]}\n"
    assert scanner.findings(text.encode()) == [(2, kind)]


def test_words_about_secrets_are_no_secrets(scanner: ModuleType) -> None:
    talk = (
        "-----BEGIN PRIVATE KEY----- is how a PEM file begins; KALSHI-ACCESS-SIGNATURE is a header"
    )
    assert scanner.findings(talk.encode()) == []


def test_no_file_of_this_repository_holds_a_secret(
    scanner: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this copy has no git repository to list files from")
    assert scanner.main([]) == 0, capsys.readouterr().out
