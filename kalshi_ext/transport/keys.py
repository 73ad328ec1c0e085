"""Load a private key from a path, text, bytes or a callable.

A key must never appear in a message, nor among the local variables that a traceback shows (crash
reporters send them). Three rules keep it so:

- key and passphrase travel inside `Secret`, revealed only where they are used and nothing raises;
- what is wrong with a key is returned as a `_Fault`, because an exception would keep the frames it
  was raised in;
- only `load_key` raises, after it has dropped its arguments.

RSA and Ed25519 are the kinds the exchange accepts (documentation and its published SDK).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from kalshi_ext.arguments import plain
from kalshi_ext.errors import Misuse
from kalshi_ext.redact import Secret, as_secret, class_name, is_a, redacted_repr

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

PrivateKey: TypeAlias = "RSAPrivateKey | Ed25519PrivateKey"
_Plain: TypeAlias = "str | bytes | os.PathLike[str]"
KeySource: TypeAlias = "_Plain | Secret[Any] | Callable[[], _Plain]"
Passphrase: TypeAlias = "str | bytes | Secret[Any] | Callable[[], str | bytes]"  # noqa: S105 - a type

MIN_RSA_BITS: Final = 2048
_MAX_FILE: Final = 64 * 1024  # bytes; an RSA-4096 key has about 3,300

_LABEL = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_NOT_PRIVATE: Final = {
    b"PUBLIC KEY": "holds a public key; the private key is needed",
    b"RSA PUBLIC KEY": "holds a public key; the private key is needed",
    b"CERTIFICATE": "holds a certificate; the private key is needed",
    b"CERTIFICATE REQUEST": "holds a certificate request; the private key is needed",
    b"OPENSSH PRIVATE KEY": "is in OpenSSH's own format; convert a copy: ssh-keygen -p -m PKCS8 -f",
}
_DAMAGED: Final = "cannot be read as a private key: damaged or cut short"
_UNDECRYPTED: Final = "cannot be decrypted: wrong passphrase or a damaged key"
_ENCRYPTED: Final = "is encrypted; a passphrase is needed"
_UNENCRYPTED: Final = "is not encrypted, yet a passphrase was given"

# Text that may be a key without its BEGIN line: a "no file at" message must not quote it.
_MAYBE_KEY = re.compile(r"[A-Za-z0-9+/=_\-\s]{40,}", re.ASCII)


class _Fault(str):
    """What is wrong with a key, as a value to return."""

    __slots__ = ()


def load_key(
    source: KeySource | PrivateKey,
    *,
    passphrase: Passphrase | None = None,
    name: str = "private_key",
) -> PrivateKey:
    """Load an RSA (2048 bits or more) or Ed25519 private key.

    `source` is a path, PEM text (also with `\\n` written out), PEM or DER bytes, or a callable
    that returns one of these. A callable `passphrase` is asked only when the key is encrypted.
    Raises Misuse; what a callable raises goes through.
    """
    source, passphrase = as_secret(source), as_secret(passphrase)  # frames show their locals
    loaded = _load(source, passphrase)
    if isinstance(loaded, _Fault):
        raise Misuse(f"{name}: {loaded}")
    return loaded


def pem_of(key: PrivateKey) -> str:
    """Write a key as PEM text, not encrypted: for the environment of another process."""
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _load(source: Secret[object], passphrase: Secret[object]) -> PrivateKey | _Fault:
    material = _key_material(_call(source))
    if isinstance(material, _Fault):
        return material
    if not is_a(material.reveal(), bytes):
        return _check_kind(material.reveal())
    fault = _label_fault(cast("Secret[bytes]", material))
    return fault or _parse(cast("Secret[bytes]", material), passphrase)


def _call(source: Secret[object]) -> Secret[object]:
    """Return what a callable source returns; any other source as it is."""
    if callable(source.reveal()):
        return as_secret(cast("Callable[[], object]", source.reveal())())
    return source


def _key_material(source: Secret[object]) -> Secret[object] | _Fault:
    """Return the bytes to parse, or a key object as it is."""
    if is_a(source.reveal(), (bytes, bytearray)):
        return Secret(bytes(cast("bytes", source.reveal())))
    # Environment variables carry PEM in one line, with \n and \r written out.
    if is_a(source.reveal(), str) and "-----BEGIN" in str.__str__(cast("str", source.reveal())):
        text = Secret(str.__str__(cast("str", source.reveal())))
        return Secret(_bytes(text.reveal().replace("\\r", "").replace("\\n", "\n")))
    if is_a(source.reveal(), (str, os.PathLike)):
        return _path(source)
    return source


def _bytes(text: str) -> bytes:
    # What an environment variable holds that is no UTF-8 are halves of surrogate pairs in a text.
    with suppress(UnicodeEncodeError):
        return text.encode("utf-8", "surrogateescape")
    return text.encode("utf-8", "replace")


def _path(source: Secret[object]) -> Secret[object] | _Fault:
    # A class of the caller's may say its path as it likes, and raise what it likes.
    with suppress(Exception):
        if isinstance(os.fspath(cast("os.PathLike[str]", source.reveal())), str):
            return _read_file(cast("Secret[str | os.PathLike[str]]", source))
    return _Fault("is no path, text, bytes or callable that gives a key")


def _read_file(path: Secret[str | os.PathLike[str]]) -> Secret[object] | _Fault:
    path_text = _printable_path(path)
    try:
        with Path(path.reveal()).expanduser().open("rb") as file:
            content = Secret[object](file.read(_MAX_FILE + 1))  # a device or a log never ends
    except FileNotFoundError:
        return _Fault(f"no file at {path_text}")
    except IsADirectoryError:
        return _Fault(f"{path_text} is a directory; a key file is needed")
    except (OSError, RuntimeError, ValueError) as error:
        return _Fault(
            f"{path_text} cannot be read: {getattr(error, 'strerror', None) or 'no path'}"
        )
    if len(cast("bytes", content.reveal())) > _MAX_FILE:
        return _Fault(f"{path_text} is larger than {_MAX_FILE} bytes; not a key file")
    return content


def _printable_path(path: Secret[str | os.PathLike[str]]) -> str:
    text = os.fspath(path.reveal())
    # Text alone can be a key pasted where a path belongs; a Path object was meant as a path.
    if is_a(path.reveal(), str) and (_MAYBE_KEY.fullmatch(text) or len(text) > 255):
        return f"the given text of {len(text)} characters (not shown: it may be a key)"
    return redacted_repr(text, limit=255)


def _label_fault(material: Secret[bytes]) -> _Fault | None:
    """Name what the BEGIN lines say it is, where that is no private key we can read."""
    labels = _LABEL.findall(material.reveal())
    if not material.reveal().strip():
        return _Fault("is empty")
    # A file may hold a certificate chain besides the key: one usable label is enough.
    if any(label.endswith(b"PRIVATE KEY") and label not in _NOT_PRIVATE for label in labels):
        return None
    if labels:
        return _Fault(_NOT_PRIVATE.get(labels[0], "holds no private key"))
    return None if _is_der(material) else _Fault("holds no key: no -----BEGIN PRIVATE KEY-----")


def _is_der(material: Secret[bytes]) -> bool:
    # 0x30 begins an ASN.1 SEQUENCE, which every DER key is.
    return material.reveal().startswith(b"\x30") and not _LABEL.search(material.reveal())


def _parse(material: Secret[bytes], passphrase: Secret[object]) -> PrivateKey | _Fault:
    """Parse without the passphrase first: only an encrypted key asks for it."""
    key = _deserialize(material, Secret(None))
    if key is None:
        return _decrypt(material, _password(_call(passphrase)))
    # A passphrase for a plain key: the key on disk is not protected as its owner believes.
    needless = is_a(passphrase.reveal(), (str, bytes))
    return _Fault(_UNENCRYPTED) if needless and not isinstance(key, _Fault) else key


def _decrypt(material: Secret[bytes], password: Secret[bytes] | _Fault) -> PrivateKey | _Fault:
    if isinstance(password, _Fault):
        return password
    key = _deserialize(material, Secret(password.reveal()))
    return _Fault(_UNDECRYPTED) if key is None or key == _DAMAGED else key


def _password(passphrase: Secret[object]) -> Secret[bytes] | _Fault:
    given: Secret[Any] = Secret(plain(passphrase.reveal()))
    if type(given.reveal()) is str:
        given = Secret(_bytes(given.reveal()))
    if is_a(given.reveal(), bytes):
        given = Secret(b"".join([given.reveal()]))
    elif given.reveal() is not None:
        return _Fault("is encrypted; its passphrase must be text or bytes")
    return given if given.reveal() else _Fault(_ENCRYPTED)


def _deserialize(
    material: Secret[bytes], password: Secret[bytes | None]
) -> PrivateKey | _Fault | None:
    """Parse one key; None when the password is missing."""
    # Importing these takes 29 ms (measured): only clients that sign with a key pay for it.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        load_der_private_key,
        load_pem_private_key,
    )

    load = load_der_private_key if _is_der(material) else load_pem_private_key
    try:
        key = load(material.reveal(), password.reveal(), unsafe_skip_rsa_key_validation=True)
    except TypeError:  # how cryptography says that a password is missing, or needless
        return None
    except UnsupportedAlgorithm:
        return _Fault("is of a kind that is not supported; RSA or Ed25519 is needed")
    except ValueError:
        return _Fault(_DAMAGED)
    checked = _check_kind(key)
    if isinstance(checked, (_Fault, Ed25519PrivateKey)) or _signs(checked):
        return checked
    return _Fault(_DAMAGED)


def _signs(key: RSAPrivateKey) -> bool:
    """Say whether a key signs what its own public half verifies.

    This is the check of an RSA key's numbers, in half a millisecond. cryptography's own, which is
    left out for it, looks for the primes again and takes 25.
    """
    from cryptography.exceptions import InternalError, InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
    from cryptography.hazmat.primitives.hashes import SHA256

    scheme = PSS(MGF1(SHA256()), PSS.DIGEST_LENGTH)
    try:
        signature = key.sign(b"trial", scheme, SHA256())
        key.public_key().verify(signature, b"trial", scheme, SHA256())
    except (InvalidSignature, InternalError, ValueError):
        return False
    return True


def _check_kind(key: object) -> PrivateKey | _Fault:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    # In tuples: both are abstract, and a TypeGuard takes concrete classes.
    if is_a(key, (Ed25519PrivateKey,)):
        return cast("Ed25519PrivateKey", key)
    if is_a(key, (RSAPrivateKey,)):
        return _strong(cast("RSAPrivateKey", key))
    kind = class_name(key).removesuffix("PrivateKey")
    return _Fault(f"is of kind {kind}; an RSA or Ed25519 private key is needed")


def _strong(key: RSAPrivateKey) -> PrivateKey | _Fault:
    if key.key_size < MIN_RSA_BITS:
        return _Fault(f"is an RSA key of {key.key_size} bits; {MIN_RSA_BITS} or more are needed")
    return key
