"""Issue and keep the API keys of the exchange's accounts."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Any, Literal, TypeAlias

from attrs import asdict, define, field, frozen
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    generate_private_key,
)

from kalshi_ext.errors import Misuse
from kalshi_ext.sandbox.engine import Caller

KeyKind: TypeAlias = Literal["rsa", "ed25519"]
PublicKey: TypeAlias = RSAPublicKey | Ed25519PublicKey
ALL_SCOPES = frozenset({"read", "write"})


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
        directory.mkdir(parents=True, exist_ok=True)
        for ending, text in self._files():
            write_private(directory / f"{name or self.account}.{ending}", text)

    def to_data(self) -> dict[str, Any]:
        """Render as JSON-ready data."""
        return {**asdict(self), "scopes": sorted(self.scopes)}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Credentials:
        """Read back what to_data rendered."""
        known: dict[str, Any] = {**data, "scopes": frozenset(data["scopes"])}
        return cls(**known)

    def _files(self) -> tuple[tuple[str, str], ...]:
        return ("key_id", self.key_id + "\n"), ("pem", self.private_key), ("token", self.token)


@frozen
class Holder:
    """Pair a public key with the caller it stands for."""

    caller: Caller
    public: PublicKey


@define
class Keyring:
    """Know every key and token of this exchange."""

    holders: dict[str, Holder] = field(factory=dict[str, Holder])
    tokens: dict[str, Caller] = field(factory=dict[str, Caller], repr=False)
    issued: list[Credentials] = field(factory=list[Credentials], repr=False)

    def add(self, credentials: Credentials) -> Credentials:
        """Accept a key; a key id given again takes the newer key."""
        caller = Caller(credentials.account, credentials.scopes, credentials.subaccount)
        public = public_half(credentials.private_key)
        self.holders[credentials.key_id] = Holder(caller, public)
        self.tokens[credentials.token] = caller
        self.issued = [known for known in self.issued if known.key_id != credentials.key_id]
        self.issued.append(credentials)
        return credentials

    def of(self, account: str) -> Credentials | None:
        """Find the first key of an account that may do everything."""
        plain = (one for one in self.issued if one.scopes == ALL_SCOPES and one.subaccount is None)
        return next((known for known in plain if known.account == account), None)


def write_all(keys: Iterable[Credentials], directory: Path) -> None:
    """Write the first key of each account under its name, further ones with their id added."""
    named: set[str] = set()
    for key in keys:
        first = key.account not in named
        key.write(directory, name=key.account if first else f"{key.account}-{key.key_id}")
        named.add(key.account)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whatever stood there before."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)


def issue(
    account: str,
    *,
    kind: KeyKind = "rsa",
    scopes: frozenset[str] = ALL_SCOPES,
    subaccount: int | None = None,
    seed: int | None = None,
) -> Credentials:
    """Make a key for an account; with a seed its id and token (not an RSA key) are repeatable."""
    label = f"{account}/{kind}/{sorted(scopes)}/{subaccount}"
    pem = _new_key(kind, _seeded(seed, label, "key"))
    key_id = str(uuid.UUID(bytes=_seeded(seed, label, "id", 16), version=4))
    token = "sandbox-" + _seeded(seed, label, "token").hex()
    return Credentials(key_id, pem, token, account, scopes, subaccount)


def key_kind(text: str) -> KeyKind:
    """Read the name of a kind of key."""
    if text == "rsa":
        return "rsa"
    if text == "ed25519":
        return "ed25519"
    raise Misuse(f"key_kind: rsa or ed25519, not {text!r}")


def public_half(private_key: str) -> PublicKey:
    """Read the public key of a PEM private key; raises Misuse for any other kind of key."""
    key = serialization.load_pem_private_key(private_key.encode(), password=None)
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise Misuse(f"private_key: the exchange takes RSA and Ed25519, not {type(key).__name__}")
    return key.public_key()


def _new_key(kind: KeyKind, seed: bytes) -> str:
    key: RSAPrivateKey | Ed25519PrivateKey
    if kind == "ed25519":
        key = Ed25519PrivateKey.from_private_bytes(seed)
    else:
        key = generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _seeded(seed: int | None, label: str, purpose: str, size: int = 32) -> bytes:
    if seed is None:
        return secrets.token_bytes(size)
    return Random(f"{seed}/{label}/{purpose}").randbytes(size)
