"""The headers that authenticate one attempt: a signature, a bearer token, or none.

What is signed (documented) is the timestamp in ms, the METHOD and the path from the root without
its query, joined without separators; host and body are not signed:

    1700000000000GET/trade-api/v2/portfolio/orders

    RSA      PSS with SHA-256, MGF1 with SHA-256, salt of 32 bytes
    Ed25519  the same text, as it is

A timestamp 10 s old was accepted, one 30 s old refused with 401 `header_timestamp_expired`
(observed). So every attempt is signed afresh, and a copy that the network holds back is refused
after that time, which is half of the proof that a lost order is absent (docs/reliability.md).
"""

from __future__ import annotations

import re
import time
from base64 import b64encode
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, Protocol

from attrs import frozen

from kalshi_ext.arguments import plain
from kalshi_ext.bases import Printed, Value
from kalshi_ext.errors import Misuse
from kalshi_ext.redact import Secret, as_secret, remember, remember_briefly
from kalshi_ext.transport.keys import KeySource, Passphrase, PrivateKey, load_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.padding import PSS
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256

SALT_BYTES: Final = 32  # the digest's length (documented); another one does not verify

# What a header value may hold: with line breaks a credential could begin another header.
MAX_HEADER: Final = 8192
_HEADER_TEXT = re.compile(rf"[!-~]{{1,{MAX_HEADER}}}", re.ASCII)


class Signer(Protocol):
    """Authenticate attempts. Implementations are immutable and may be shared by threads."""

    authenticated: ClassVar[bool]
    """Whether the headers identify an account."""

    def headers(self, method: str, raw_path: bytes | str, timestamp_ms: int) -> dict[str, str]:
        """Return the headers of one attempt; `raw_path` is as sent, its query is ignored."""
        ...


def signed_text(method: str, raw_path: bytes | str, timestamp_ms: int) -> bytes:
    """Build the text to sign: timestamp, METHOD and the path without its query."""
    path = raw_path.encode("ascii") if isinstance(raw_path, str) else raw_path
    return b"%d%b%b" % (timestamp_ms, method.upper().encode("ascii"), path.split(b"?", 1)[0])


class _NotPicklable:
    """Keep credentials in their process: copies are the object itself, pickling fails."""

    __slots__ = ()  # a __dict__ would be one more place that prints the key

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: object) -> Any:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} does not leave its process: it cannot be pickled")


class _KeySigner(_NotPicklable):
    """Build the three headers of a signing key; each kind of key adds `sign`."""

    __slots__ = ()

    key_id: Secret[str]
    authenticated: ClassVar[bool] = True

    def sign(self, message: bytes) -> bytes:
        raise NotImplementedError

    def headers(self, method: str, raw_path: bytes | str, timestamp_ms: int) -> dict[str, str]:
        signature = self.sign(signed_text(method, raw_path, timestamp_ms))
        return {
            "KALSHI-ACCESS-KEY": self.key_id.reveal(),
            "KALSHI-ACCESS-TIMESTAMP": str(timestamp_ms),
            # An answer may quote it: then it is replaced in every message.
            "KALSHI-ACCESS-SIGNATURE": remember_briefly(b64encode(signature).decode("ascii")),
        }

    def __repr__(self) -> str:
        return f"{type(self).__name__}(key_id='{_masked(self.key_id.reveal())}')"


def _masked(key_id: str) -> str:
    # Enough to tell two keys apart in a log; of a short id four characters would be most of it.
    return f"…{key_id[-4:]}" if len(key_id) >= 12 else "…"


# repr=False: attrs would print the key object. eq=False: signers are compared by identity.
@frozen(repr=False, eq=False)
class RsaSigner(_KeySigner):
    """Sign with RSA-PSS: SHA-256, MGF1 with SHA-256, salt of 32 bytes."""

    key_id: Secret[str]
    _key: RSAPrivateKey
    _padding: PSS
    _digest: SHA256

    def sign(self, message: bytes) -> bytes:
        """Sign a message; two signatures of one message differ by their salt."""
        return self._key.sign(message, self._padding, self._digest)


@frozen(repr=False, eq=False)
class Ed25519Signer(_KeySigner):
    """Sign with Ed25519: about 20 us a signature where RSA-2048 takes 208 (measured)."""

    key_id: Secret[str]
    _key: Ed25519PrivateKey

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


@frozen(eq=False, repr=False)
class BearerToken(Printed, _NotPicklable):
    """Authenticate with a token, as the classic contract documents. It carries no timestamp."""

    token: Secret[str]
    authenticated: ClassVar[bool] = True

    def headers(self, method: str, raw_path: bytes | str, timestamp_ms: int) -> dict[str, str]:  # noqa: ARG002 - a token is the same for every attempt
        return {"Authorization": f"Bearer {self.token.reveal()}"}


@frozen(eq=False, repr=False)
class Anonymous(Value):
    """Authenticate nothing: public operations need no credentials."""

    authenticated: ClassVar[bool] = False

    def headers(self, method: str, raw_path: bytes | str, timestamp_ms: int) -> dict[str, str]:  # noqa: ARG002 - there is nothing to sign
        return {}


def signer(
    *,
    key_id: str | Secret[Any] | None = None,
    private_key: KeySource | PrivateKey | None = None,
    passphrase: Passphrase | None = None,
    bearer_token: str | Secret[Any] | None = None,
) -> Signer:
    """Make the signer for a key id with a private key, for a bearer token, or for neither.

    Raises Misuse for half of a pair, for both at once and for an unusable key.
    """
    # A traceback shows the locals of its frames.
    key_id, private_key = as_secret(key_id), as_secret(private_key)
    passphrase, bearer_token = as_secret(passphrase), as_secret(bearer_token)
    _check_credentials(key_id, private_key, passphrase, bearer_token)
    if bearer_token.reveal() is not None:
        return BearerToken(remember(_header_secret(bearer_token, "bearer_token")))
    if key_id.reveal() is None:
        return Anonymous()
    checked_id = remember(_header_secret(key_id, "key_id"))
    return _key_signer(checked_id, private_key, passphrase)


def _check_credentials(
    key_id: Secret[Any], source: Secret[Any], passphrase: Secret[Any], token: Secret[Any]
) -> None:
    has_key = source.reveal() is not None
    has_id = key_id.reveal() is not None
    if has_key != has_id:
        missing = "private_key" if has_id else "key_id"
        raise Misuse(f"{missing}: key_id and private_key belong together, and it is missing")
    if has_key and token.reveal() is not None:
        raise Misuse("bearer_token: give either a token or key_id and private_key, not both")
    if passphrase.reveal() is not None and not has_key:
        raise Misuse("passphrase: it belongs to a private_key, and none is given")


def _key_signer(key_id: Secret[str], source: Secret[Any], passphrase: Secret[Any]) -> Signer:
    # Imported late, as in keys.py.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
    from cryptography.hazmat.primitives.hashes import SHA256

    key = load_key(source, passphrase=passphrase)
    if isinstance(key, Ed25519PrivateKey):
        return Ed25519Signer(key_id, key)
    # Padding and digest are made once: one client signs many requests.
    return RsaSigner(key_id, key, PSS(MGF1(SHA256()), SALT_BYTES), SHA256())


def _header_secret(value: Secret[Any], name: str) -> Secret[str]:
    plain_text = Secret(plain(value.reveal()))
    # The length first: the pattern would look at all of a text of megabytes.
    usable = type(plain_text.reveal()) is str and len(plain_text.reveal()) <= 2 * MAX_HEADER
    if not usable or not _HEADER_TEXT.fullmatch(plain_text.reveal().strip()):
        raise Misuse(f"{name}: must be printable ASCII text without spaces (value not shown)")
    return Secret(plain_text.reveal().strip())


def wall_clock_ms() -> int:
    """Return Unix milliseconds of this machine's clock, uncorrected."""
    return time.time_ns() // 1_000_000
