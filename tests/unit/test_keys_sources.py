from __future__ import annotations

from pathlib import Path
from typing import cast

import key_files
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicNumbers,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from kalshi_ext.errors import Misuse
from kalshi_ext.redact import Secret
from kalshi_ext.transport.keys import load_key

PASS = "correct horse battery"
KEYS = {"rsa": key_files.rsa_key, "ed25519": key_files.ed25519_key}


def is_same_key(loaded: object, pem: bytes) -> bool:
    written = loaded.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return written == pem


@pytest.fixture(params=KEYS)
def pem(request: pytest.FixtureRequest) -> bytes:
    return KEYS[request.param]()


def test_a_key_loads_from_text_bytes_path_and_callable(pem: bytes, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(pem)
    text = pem.decode()
    for source in (
        text,
        text.replace("\n", "\\n"),
        text.replace("\n", "\r\n"),
        text.replace("\n", "\\r\\n"),
        f"  {text}",
        pem,
        bytearray(pem),
        file,
        str(file),
        Secret(text),
        Secret(file),
        lambda: text,
        lambda: file,
        lambda: Secret(pem),
        key_files.der(pem),
    ):
        assert is_same_key(load_key(source), pem)


def test_a_path_with_a_tilde_is_the_home_directory(
    pem: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key.pem").write_bytes(pem)
    assert is_same_key(load_key("~/key.pem"), pem)


def test_the_old_pem_form_of_an_rsa_key_loads() -> None:
    pem = key_files.rsa_key()
    old = key_files.traditional(pem)
    assert old.startswith(b"-----BEGIN RSA PRIVATE KEY-----")
    assert is_same_key(load_key(old), pem)


@pytest.mark.parametrize("passphrase", [PASS, PASS.encode(), Secret(PASS), lambda: PASS])
def test_an_encrypted_key_opens_with_its_passphrase(pem: bytes, passphrase: object) -> None:
    locked = key_files.encrypted(pem, PASS)
    assert b"ENCRYPTED PRIVATE KEY" in locked
    assert is_same_key(load_key(locked, passphrase=passphrase), pem)


def test_an_encrypted_key_in_the_old_form_opens_with_its_passphrase() -> None:
    pem = key_files.rsa_key()
    locked = key_files.encrypted_traditional(pem, PASS)
    assert b"Proc-Type: 4,ENCRYPTED" in locked
    assert is_same_key(load_key(locked, passphrase=PASS), pem)


def test_a_callable_passphrase_is_not_asked_for_an_open_key(pem: bytes) -> None:
    def ask() -> str:
        raise AssertionError("asked")

    assert is_same_key(load_key(pem, passphrase=ask), pem)


def test_a_key_beside_its_certificate_is_found(tmp_path: Path) -> None:
    pem = key_files.rsa_key()
    bundle = key_files.certificate(tmp_path, pem) + pem
    assert is_same_key(load_key(bundle), pem)


def test_a_loaded_key_is_taken_as_it_is(pem: bytes) -> None:
    loaded = load_key(pem)
    assert load_key(loaded) is loaded


def test_what_a_callable_raises_goes_through(pem: bytes) -> None:
    def vault() -> str:
        raise ConnectionError("vault is sealed")

    with pytest.raises(ConnectionError, match="vault is sealed"):
        load_key(vault)


@pytest.mark.parametrize("part", range(40))
def test_a_damaged_rsa_key_is_refused_or_signs_as_the_whole_one(part: int) -> None:
    whole = load_pem_private_key(key_files.rsa_key(), None)
    assert isinstance(whole, RSAPrivateKey)
    der = bytearray(
        whole.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    )
    der[part * len(der) // 40 + 3] ^= 0x10
    try:
        damaged = load_key(bytes(der))
    except Misuse:
        return
    assert isinstance(damaged, RSAPrivateKey)
    scheme = PSS(MGF1(SHA256()), 32)
    whole.public_key().verify(damaged.sign(b"text", scheme, SHA256()), b"text", scheme, SHA256())


def test_an_rsa_key_whose_halves_do_not_fit_is_damaged() -> None:
    loaded = cast("RSAPrivateKey", load_pem_private_key(key_files.rsa_key(), None))
    one = loaded.private_numbers()
    public = RSAPublicNumbers(17, one.public_numbers.n)
    numbers = RSAPrivateNumbers(one.p, one.q, one.d, one.dmp1, one.dmq1, one.iqmp, public)
    mixed = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    pem = mixed.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(Misuse, match="damaged or cut short"):
        load_key(pem)
