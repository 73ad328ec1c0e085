"""Decide who is calling: a second implementation of the signature, written for the server side.

It shares no line with the client's signer, so that a mistake in one shows in the other.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime

from attrs import define, frozen
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from kalshi_ext.sandbox.engine import Caller
from kalshi_ext.sandbox.keyring import Keyring, PublicKey

KEY = b"kalshi-access-key"
STAMP = b"kalshi-access-timestamp"
SIGNATURE = b"kalshi-access-signature"
_PSS = PSS(mgf=MGF1(SHA256()), salt_length=32)
_SHA = SHA256()

MISSING = "signature_is_missing_from_headers"
EXPIRED = "header_timestamp_expired"
FAILED = "authentication_error"


@frozen
class Denied:
    """Say why a caller is not let in (401)."""

    code: str
    details: str | None = None


@frozen
class Credential:
    """Carry what one request says about its sender."""

    headers: Mapping[bytes, bytes]
    method: str
    path: str
    """As it stood on the request line, without the query."""


@define
class Gate:
    """Check keys, signatures, timestamps and tokens."""

    keyring: Keyring
    tolerance: float | None = 15.0
    """Seconds a timestamp may be off either way; None: any. ±10 s is accepted and -30 s refused
    by the exchange, the edge between is not known."""

    def admit(self, credential: Credential, *, now: datetime) -> Caller | Denied:
        """Find the caller, or the reason for a 401."""
        headers = credential.headers
        if KEY not in headers and headers.get(b"authorization"):
            return self._by_token(headers[b"authorization"])
        if not all(headers.get(name) for name in (KEY, STAMP, SIGNATURE)):
            return Denied(MISSING)
        if not self._timely(headers[STAMP], now):
            return Denied(EXPIRED)
        return self._by_signature(credential)

    def claimed(self, headers: Mapping[bytes, bytes]) -> str | None:
        """Tell which account a request claims to be from, without checking."""
        holder = self.keyring.holders.get(headers.get(KEY, b"").decode("latin-1"))
        if holder is not None:
            return holder.caller.account
        token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")[2]
        caller = self.keyring.tokens.get(token.strip())
        return caller.account if caller else None

    def _by_token(self, value: bytes) -> Caller | Denied:
        scheme, _, token = value.decode("latin-1").partition(" ")
        caller = self.keyring.tokens.get(token.strip()) if scheme.lower() == "bearer" else None
        return caller or Denied(FAILED, "NOT_FOUND")

    def _timely(self, stamp: bytes, now: datetime) -> bool:
        if not stamp.isdigit() or len(stamp) > 18:
            return False
        if self.tolerance is None:
            return True
        return abs(int(stamp) / 1000 - now.timestamp()) <= self.tolerance

    def _by_signature(self, credential: Credential) -> Caller | Denied:
        headers = credential.headers
        holder = self.keyring.holders.get(headers[KEY].decode("latin-1"))
        if holder is None:
            return Denied(FAILED, "NOT_FOUND")
        text = headers[STAMP] + credential.method.encode() + credential.path.encode()
        if not _genuine(holder.public, headers[SIGNATURE], text):
            return Denied(FAILED, "INCORRECT_API_KEY_SIGNATURE")
        return holder.caller


def _genuine(key: PublicKey, signature: bytes, text: bytes) -> bool:
    try:
        raw = base64.b64decode(signature, validate=True)
        if isinstance(key, RSAPublicKey):
            key.verify(raw, text, _PSS, _SHA)
        else:
            key.verify(raw, text)
    except (InvalidSignature, binascii.Error):
        return False
    return True
