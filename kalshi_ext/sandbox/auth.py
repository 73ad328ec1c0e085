"""Who is calling: the keys of the accounts, and the check of what a request is signed with.

A request names its sender in one of two ways, tried in this order:

| headers | checked | else |
|---|---|---|
| Authorization, no access key | a bearer token we issued | 401 authentication_error |
| access key, timestamp, signature | all three are there | 401 signature_is_missing_from_headers |
| | the timestamp is within the tolerance | 401 header_timestamp_expired |
| | timestamp + method + path, signed by that key | 401 authentication_error |

This shares no line with the client's signer (`kalshi_ext.transport.signing`): a mistake in one
shows in the other.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any, Literal, TypeAlias

from attrs import asdict, define, field, frozen
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256

from kalshi_ext.errors import Misuse
from kalshi_ext.sandbox.engine import Caller
from kalshi_ext.sandbox.engine.accounts import check_account_name
from kalshi_ext.sandbox.http_messages import Headers, HttpRequest

KeyKind: TypeAlias = Literal["rsa", "ed25519"]
PublicKey: TypeAlias = RSAPublicKey | Ed25519PublicKey
ALL_SCOPES = frozenset({"read", "write"})

_KEY_HEADER = b"kalshi-access-key"
_TIMESTAMP_HEADER = b"kalshi-access-timestamp"
_SIGNATURE_HEADER = b"kalshi-access-signature"
# The salt is exactly 32 bytes: PSS.AUTO would accept signatures that Kalshi refuses.
_PSS = PSS(mgf=MGF1(SHA256()), salt_length=32)
_SHA256 = SHA256()


@frozen
class Credentials:
    """Hold what a client needs to sign in."""

    key_id: str
    private_key: str = field(repr=False)
    """PKCS#8 PEM text."""
    token: str = field(repr=False)
    """Bearer token, for the classic contract."""
    account: str = ""
    scopes: frozenset[str] = ALL_SCOPES
    subaccount: int | None = None

    def write(self, directory: Path, *, name: str | None = None) -> None:
        """Write `<name>.key_id`, `.pem` and `.token`, readable by the owner; the account's name."""
        check_account_name(name or self.account)
        directory.mkdir(parents=True, exist_ok=True)
        for suffix, text in self._files():
            write_private(directory / f"{name or self.account}.{suffix}", text)

    def to_data(self) -> dict[str, Any]:
        """Render as JSON-ready data."""
        return {**asdict(self), "scopes": sorted(self.scopes)}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Credentials:
        """Read back what to_data rendered."""
        fields: dict[str, Any] = {**data, "scopes": frozenset(data["scopes"])}
        return cls(**fields)

    def _files(self) -> tuple[tuple[str, str], ...]:
        return ("key_id", self.key_id + "\n"), ("pem", self.private_key), ("token", self.token)


@frozen
class RegisteredKey:
    """Pair a public key with the caller it stands for."""

    caller: Caller
    public: PublicKey


@define
class Keyring:
    """Know every key and token of this exchange."""

    keys: dict[str, RegisteredKey] = field(factory=dict[str, RegisteredKey])
    tokens: dict[str, Caller] = field(factory=dict[str, Caller], repr=False)
    issued: list[Credentials] = field(factory=list[Credentials], repr=False)

    def add(self, credentials: Credentials) -> Credentials:
        """Accept a key; a key id given again takes the newer key."""
        caller = Caller(credentials.account, credentials.scopes, credentials.subaccount)
        public = public_key(credentials.private_key)
        self.keys[credentials.key_id] = RegisteredKey(caller, public)
        self.tokens[credentials.token] = caller
        self.issued = [key for key in self.issued if key.key_id != credentials.key_id]
        self.issued.append(credentials)
        return credentials

    def unrestricted_key(self, account: str) -> Credentials | None:
        """Find the first key of an account that may do everything."""
        for key in self.issued:
            if key.account == account and key.scopes == ALL_SCOPES and key.subaccount is None:
                return key
        return None


def write_all(keys: Iterable[Credentials], directory: Path) -> None:
    """Write the first key of each account under its name, further ones with their id added."""
    written: set[str] = set()
    for key in keys:
        first = key.account not in written
        key.write(directory, name=key.account if first else f"{key.account}-{key.key_id}")
        written.add(key.account)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    # A file that exists keeps its mode, and touch does not change it: begin with a new one. The
    # mode is set before the text is written, so that nobody reads it in between.
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)


def issue_key(
    account: str,
    *,
    kind: KeyKind = "rsa",
    scopes: frozenset[str] = ALL_SCOPES,
    subaccount: int | None = None,
    seed: int | None = None,
) -> Credentials:
    """Make a key for an account; with a seed its id and token (not an RSA key) are repeatable."""
    label = f"{account}/{kind}/{sorted(scopes)}/{subaccount}"
    pem = _generate_key(kind, _random_bytes(seed, label, "key"))
    key_id = str(uuid.UUID(bytes=_random_bytes(seed, label, "id", 16), version=4))
    token = "sandbox-" + _random_bytes(seed, label, "token").hex()
    return Credentials(key_id, pem, token, account, scopes, subaccount)


def key_kind(text: str) -> KeyKind:
    """Read the name of a kind of key; raises Misuse."""
    if text == "rsa":
        return "rsa"
    if text == "ed25519":
        return "ed25519"
    raise Misuse(f"key_kind: rsa or ed25519, not {text!r}")


def public_key(private_key: str) -> PublicKey:
    """Read the public key of a PEM private key; raises Misuse for any other kind of key."""
    key = serialization.load_pem_private_key(private_key.encode(), password=None)
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise Misuse(f"private_key: the exchange takes RSA and Ed25519, not {type(key).__name__}")
    return key.public_key()


def _generate_key(kind: KeyKind, seed: bytes) -> str:
    key: RSAPrivateKey | Ed25519PrivateKey
    if kind == "ed25519":
        key = Ed25519PrivateKey.from_private_bytes(seed)
    else:
        # cryptography takes no seed for RSA: such keys differ from run to run.
        key = generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _random_bytes(seed: int | None, label: str, purpose: str, size: int = 32) -> bytes:
    if seed is None:
        return secrets.token_bytes(size)
    return Random(f"{seed}/{label}/{purpose}").randbytes(size)


@frozen
class AuthFailure:
    """Say why a caller is answered 401."""

    code: str
    details: str | None = None


@define
class Authenticator:
    """Check keys, signatures, timestamps and tokens."""

    keyring: Keyring
    tolerance: float | None = 15.0
    """Seconds a timestamp may be off either way; None: any. Kalshi accepts ±10 s and refuses
    -30 s; where between them its limit lies is not known, 15 s is assumed."""

    def authenticate(self, request: HttpRequest, *, now: datetime) -> Caller | AuthFailure:
        """Find the caller, or the reason for a 401."""
        headers = request.headers
        if _KEY_HEADER not in headers and headers.get(b"authorization"):
            return self._check_token(headers[b"authorization"])
        if not all(headers.get(n) for n in (_KEY_HEADER, _TIMESTAMP_HEADER, _SIGNATURE_HEADER)):
            return AuthFailure("signature_is_missing_from_headers")
        if not self._timestamp_accepted(headers[_TIMESTAMP_HEADER], now):
            return AuthFailure("header_timestamp_expired")
        return self._check_signature(request)

    def claimed_account(self, headers: Headers) -> str | None:
        """Tell which account a request claims to be from, without checking."""
        key = self.keyring.keys.get(headers.get(_KEY_HEADER, b"").decode("latin-1"))
        if key is not None:
            return key.caller.account
        token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")[2]
        caller = self.keyring.tokens.get(token.strip())
        return caller.account if caller else None

    def _check_token(self, value: bytes) -> Caller | AuthFailure:
        scheme, _, token = value.decode("latin-1").partition(" ")
        caller = self.keyring.tokens.get(token.strip()) if scheme.lower() == "bearer" else None
        return caller or AuthFailure("authentication_error", "NOT_FOUND")

    def _timestamp_accepted(self, timestamp: bytes, now: datetime) -> bool:
        # bytes.isdigit knows ASCII digits only. 18 digits are 31 million years: no overflow.
        if not timestamp.isdigit() or len(timestamp) > 18:
            return False
        if self.tolerance is None:
            return True
        return abs(int(timestamp) / 1000 - now.timestamp()) <= self.tolerance

    def _check_signature(self, request: HttpRequest) -> Caller | AuthFailure:
        headers = request.headers
        key = self.keyring.keys.get(headers[_KEY_HEADER].decode("latin-1"))
        if key is None:
            return AuthFailure("authentication_error", "NOT_FOUND")
        # Query and body are not part of the signed text.
        text = headers[_TIMESTAMP_HEADER] + request.method.encode() + request.path.encode()
        if not _signature_is_valid(key.public, headers[_SIGNATURE_HEADER], text):
            return AuthFailure("authentication_error", "INCORRECT_API_KEY_SIGNATURE")
        return key.caller


def _signature_is_valid(key: PublicKey, signature: bytes, text: bytes) -> bool:
    try:
        raw = base64.b64decode(signature, validate=True)
        if isinstance(key, RSAPublicKey):
            key.verify(raw, text, _PSS, _SHA256)
        else:
            key.verify(raw, text)
    except (InvalidSignature, binascii.Error):
        return False
    return True
