from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import key_files
import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from secret_leaks import leaked_fragments

from kalshi_ext.errors import Misuse
from kalshi_ext.transport.keys import load_key

PASS = "correct horse battery"
WRONG = "incorrect horse battery"


def openssh(pem: bytes) -> bytes:
    key = load_pem_private_key(pem, None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def damaged(pem: bytes) -> bytes:
    lines = pem.splitlines(keepends=True)
    return b"".join([*lines[:3], *lines[8:]])


def cut_short(pem: bytes) -> bytes:
    return pem[: len(pem) // 2]


UNUSABLE_KEYS: dict[str, tuple[Callable[[], object], object, str]] = {
    "public": (lambda: key_files.public(key_files.rsa_key()), None, "holds a public key"),
    "public ed25519": (lambda: key_files.public(key_files.ed25519_key()), None, "public key"),
    "ec": (key_files.ec_key, None, "is of kind EC; an RSA or Ed25519"),
    "short rsa": (lambda: key_files.rsa_key(1024), None, "RSA key of 1024 bits; 2048 or more"),
    "openssh": (lambda: openssh(key_files.rsa_key()), None, "OpenSSH's own format"),
    "damaged": (lambda: damaged(key_files.rsa_key()), None, "damaged or cut short"),
    "cut": (lambda: cut_short(key_files.rsa_key()), None, "damaged or cut short"),
    "cut der": (
        lambda: cut_short(key_files.der(key_files.rsa_key())),
        None,
        "damaged or cut short",
    ),
    "locked": (lambda: key_files.encrypted(key_files.rsa_key(), PASS), None, "is encrypted"),
    "locked old": (
        lambda: key_files.encrypted_traditional(key_files.rsa_key(), PASS),
        None,
        "is encrypted",
    ),
    "empty passphrase": (
        lambda: key_files.encrypted(key_files.rsa_key(), PASS),
        "",
        "is encrypted",
    ),
    "wrong passphrase": (
        lambda: key_files.encrypted(key_files.rsa_key(), PASS),
        WRONG,
        "wrong passphrase or a damaged key",
    ),
    "wrong passphrase asked": (
        lambda: key_files.encrypted(key_files.rsa_key(), PASS),
        lambda: WRONG,
        "wrong passphrase or a damaged key",
    ),
    "wrong passphrase old": (
        lambda: key_files.encrypted_traditional(key_files.rsa_key(), PASS),
        WRONG,
        "wrong passphrase or a damaged key",
    ),
    "needless passphrase": (key_files.rsa_key, WRONG, "is not encrypted"),
    "ec with passphrase": (key_files.ec_key, WRONG, "is of kind EC"),
    "empty": (lambda: b"", None, "is empty"),
    "garbage": (lambda: b"\x00\xff not a key", None, "holds no key"),
    "html": (lambda: b"<html>-- no key</html>", None, "holds no key"),
    "number": (lambda: 5, None, "is of kind int"),
    "nothing": (lambda: None, None, "is of kind NoneType"),
}


@pytest.mark.parametrize("kind", UNUSABLE_KEYS)
def test_an_unusable_key_gives_one_clear_line_and_no_key_material(kind: str) -> None:
    make, passphrase, reason = UNUSABLE_KEYS[kind]
    source = make()
    with pytest.raises(Misuse) as caught:
        load_key(source, passphrase=passphrase, name="KALSHI_PRIVATE_KEY")
    message = str(caught.value)
    assert message.startswith("KALSHI_PRIVATE_KEY: ")
    assert reason in message
    assert "\n" not in message
    secrets = [source] if isinstance(source, bytes) and len(source) > 40 else []
    assert leaked_fragments(caught.value, *secrets, WRONG) == []
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_certificate_is_named_as_such(tmp_path: Path) -> None:
    pem = key_files.certificate(tmp_path, key_files.rsa_key())
    with pytest.raises(Misuse, match="holds a certificate; the private key is needed"):
        load_key(pem)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match=r"private_key: no file at '.*/absent\.pem'"):
        load_key(tmp_path / "absent.pem")


def test_a_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="is a directory; a key file is needed"):
        load_key(str(tmp_path))


def test_a_path_no_file_can_have_is_refused() -> None:
    for path in ("nul\0byte.pem", "x" * 300 + ".pem", ""):
        with pytest.raises(Misuse, match="private_key: "):
            load_key(path)


def test_a_file_too_large_for_a_key_is_not_read_whole(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(1 << 40)  # a hole of a terabyte: reading it whole would not end
    with pytest.raises(Misuse, match="larger than 65536 bytes"):
        load_key(large)


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(key_files.rsa_key())
    file.chmod(0)
    uid = os.geteuid()
    if uid == 0:
        os.seteuid(65534)  # root may read everything
    try:
        with pytest.raises(Misuse, match="cannot be read: Permission denied"):
            load_key(file)
    finally:
        os.seteuid(uid)


def test_a_key_given_without_its_begin_line_is_not_shown_as_a_path() -> None:
    pem = key_files.ed25519_key().decode()
    body = "".join(line for line in pem.splitlines() if "-----" not in line)
    for source in (body, key_files.rsa_key().decode().split("-----")[2]):
        with pytest.raises(Misuse, match="not shown: it may be a key") as caught:
            load_key(source)
        assert leaked_fragments(caught.value, source) == []


def test_no_local_variable_holds_the_key_while_a_callable_passphrase_fails() -> None:
    locked = key_files.encrypted(key_files.rsa_key(), PASS)

    def ask() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        load_key(locked, passphrase=ask)
    assert leaked_fragments(caught.value, locked) == []


def test_the_search_for_leaks_finds_one() -> None:
    """The other tests rely on it."""
    pem = key_files.rsa_key()
    scope: dict[str, object] = {"__name__": "kalshi_ext.example"}
    exec("def careless(source):\n    raise ValueError('no')", scope)
    with pytest.raises(ValueError, match="no") as caught:
        scope["careless"](pem)
    assert leaked_fragments(caught.value, pem)
