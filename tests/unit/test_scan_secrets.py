from __future__ import annotations

import base64
import functools
import importlib.util
import json
import os
from pathlib import Path
from types import ModuleType

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

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
def test_each_foundof_secret_is_refused_with_its_line(scanner: ModuleType, kind: str) -> None:
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


@functools.cache
def key_texts() -> dict[str, str]:
    """Private keys of every kind and frame, made now, so that this file holds none."""
    kinds = {
        "rsa": rsa.generate_private_key(65537, 2048),
        "ec": ec.generate_private_key(ec.SECP256R1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
    }
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    form = serialization.PrivateFormat
    texts = {}
    for name, key in kinds.items():
        texts[f"{name} pkcs8"] = key.private_bytes(pem, form.PKCS8, plain).decode()
        der = key.private_bytes(serialization.Encoding.DER, form.PKCS8, plain)
        texts[f"{name} bare"] = base64.b64encode(der).decode()
        locked = serialization.BestAvailableEncryption(b"word")
        texts[f"{name} locked"] = key.private_bytes(pem, form.PKCS8, locked).decode()
        texts[f"{name} openssh"] = key.private_bytes(pem, form.OpenSSH, plain).decode()
        if name != "ed25519":
            texts[f"{name} old"] = key.private_bytes(pem, form.TraditionalOpenSSL, plain).decode()
            old = key.private_bytes(pem, form.TraditionalOpenSSL, locked).decode()
            texts[f"{name} old locked"] = old
    return texts


KEYS = [
    f"{kind} {frame}"
    for kind in ("rsa", "ec", "ed25519")
    for frame in ("pkcs8", "bare", "locked", "openssh", "old", "old locked")
    if kind != "ed25519" or "old" not in frame  # the old frames are older than that kind
]
WRAPPINGS = {
    "as it is": lambda text: text,
    "indented": lambda text: "key: |\n" + "".join(f"    {line}\n" for line in text.splitlines()),
    "a literal": lambda text: f"KEY = {text!r}",
    "json": lambda text: json.dumps({"key": text}),
    "lines": lambda text: "(" + "\n ".join(f'"{line}\\n"' for line in text.splitlines()) + ")",
    "windows": lambda text: text.replace("\n", "\r\n"),
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("kind", KEYS)
def test_a_private_key_is_found_in_whatever_it_is_wrapped(
    scanner: ModuleType, kind: str, wrapping: str
) -> None:
    text = WRAPPINGS[wrapping](key_texts()[kind])
    assert {found for _, found in scanner.findings(f"before\n{text}\n".encode())} == {"private key"}


def spellings() -> list[tuple[str, str]]:
    word = base64.b64encode(os.urandom(64)).decode()
    account = "-".join(os.urandom(n).hex() for n in (4, 2, 2, 2, 6))
    jwt = ".".join(("eyJ" + os.urandom(9).hex(), "eyJ" + os.urandom(9).hex(), os.urandom(16).hex()))
    return [
        ("bearer token", jwt),
        ("bearer token", f'"Authorization": "Bearer {word}"'),
        ("bearer token", f"authorization:\n      - Bearer {word}"),
        ("bearer token", f"('authorization', 'Bearer {word}')"),
        ("signature", f"('KALSHI-ACCESS-SIGNATURE', b'{word}')"),
        ("signature", f'"kalshi-access-signature": ["{word}"]'),
        ("signature", f"kalshi-access-signature:\n    - {word}"),
        ("key id", f"KALSHI_KEY_ID={account}"),
        ("key id", f"KALSHI-ACCESS-KEY: {account}"),
        ("key id", f'\\"kalshi-access-key\\": \\"{account}\\"'),
        ("account id", f"user_id: {account}"),
        ("account id", f"member_id='{account}'"),
        ("account id", f'\\"user_id\\":\\"{account}\\"'),
        ("account id", f"user_not_found:_{account}"),
    ]


@pytest.mark.parametrize(("kind", "text"), spellings(), ids=map(str, range(14)))
def test_each_spelling_is_found_and_can_be_excused_on_its_line(
    scanner: ModuleType, kind: str, text: str
) -> None:
    assert [found for _, found in scanner.findings(text.encode())] == [kind]
    if "\n" not in text:
        assert scanner.findings(f"{text}  # not a secret".encode()) == []


@pytest.mark.parametrize("text", ["user_id: [redacted]", "KALSHI_KEY_ID=...", "Bearer tokens"])
def test_what_was_taken_out_is_no_secret(scanner: ModuleType, text: str) -> None:
    assert scanner.findings(text.encode()) == []


@pytest.mark.parametrize("name", ["k.pem", "my.key", ".env", ".env.local", "id_rsa", "a.p12"])
def test_files_that_hold_keys_by_their_name_are_refused(
    scanner: ModuleType, tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    file.write_text("harmless")
    assert scanner.main([str(file)]) == 1


def test_pre_commit_and_make_lint_call_the_scanner() -> None:
    assert "scripts/scan_secrets.py" in (ROOT / ".pre-commit-config.yaml").read_text()
    lint = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    assert "scripts/scan_secrets.py" in lint
