"""Whose journal it is: one exchange and one account, as a short text that tells no secret.

    demo key:0f3a9bd2c4517e88          a key id, hashed: another key counts as another account
    production account:main            a name the user gave: a new key of the account goes on
    http://localhost:8080/trade-api/v2 token:77be90aa12cd34ef

The contract is no part of it. An intent is one order, whichever contract says it: on one exchange
both contracts see the same account and the same ids.
"""

from __future__ import annotations

import hashlib
from typing import Final
from urllib.parse import urlsplit

from kalshi_ext.errors import Misuse
from kalshi_ext.redact import Secret, is_a, redacted_repr, without_key

_DIGITS: Final = 16  # of a hash: enough to tell keys apart, and no way back to the key id
_NAME_LENGTH: Final = 128  # bytes
_URL_LENGTH: Final = 256  # characters; account and key together fit an index row of PostgreSQL

# Documented: the hosts of one environment reach the same accounts and orders.
_EXCHANGES: Final = {
    "external-api.demo.kalshi.co": "demo",
    "demo-api.kalshi.co": "demo",
    "external-api.kalshi.com": "production",
    "api.elections.kalshi.com": "production",
}
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


class JournalMismatch(Misuse):
    """The journal belongs to another account than the client; `bound` and `asked` name both."""

    advice = (
        "use a journal for each exchange and account; for a new key of the same account"
        " give account='NAME', and move the entries with `kalshi-ext journal adopt --from`"
    )
    bound: str = ""
    asked: str = ""


class JournalUnadopted(JournalMismatch):
    """The journal has entries of an older version, which do not say whose they are."""

    advice = (
        "if all of them are of this account, say so once:"
        " `kalshi-ext journal adopt`; see docs/upgrading.md"
    )


def account_label(
    base_url: str,
    *,
    account: str | None = None,
    key_id: str | None = None,
    token: str | None = None,
) -> str:
    """Name an exchange and an account: by a name given, else by the key id or token, hashed.

    Raises Misuse.
    """
    credential = Secret(key_id if key_id is not None else token)
    kind, key_id, token = "token" if key_id is None else "key", None, None
    account = without_key(account)
    if account is not None:
        return f"{_exchange(base_url)} account:{_checked(account)}"
    if not credential.reveal():
        raise Misuse("account: give account, key_id or token")
    digest = hashlib.sha256(f"kalshi-ext {kind} {credential.reveal()}".encode()).hexdigest()
    return f"{_exchange(base_url)} {kind}:{digest[:_DIGITS]}"


def _checked(account: object) -> str:
    name = str.__str__(account) if is_a(account, str) else ""
    if not name.strip() or name != name.strip() or not name.isprintable():
        raise Misuse(f"account: expected a name in printable text, got {redacted_repr(account)}")
    if (length := len(name.encode())) > _NAME_LENGTH:
        raise Misuse(f"account: at most {_NAME_LENGTH} bytes, got {length}")
    return name


def _exchange(base_url: str) -> str:
    parts = urlsplit(base_url)
    host = (parts.hostname or "").lower()
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    if host in _EXCHANGES and port == _DEFAULT_PORTS["https"]:
        return _EXCHANGES[host]
    name = "localhost" if host in _LOOPBACK else host
    url = f"{parts.scheme}://{name}:{port}{parts.path.rstrip('/')}"
    return url if len(url) <= _URL_LENGTH else f"sha256:{hashlib.sha256(url.encode()).hexdigest()}"


def mismatch(bound: str, asked: str) -> JournalMismatch:
    """Build the error of a journal that belongs to somebody else."""
    return JournalMismatch(
        f"journal: its entries are of [{bound}], this client is [{asked}]",
        bound=bound,
        asked=asked,
    )


def unadopted(asked: str) -> JournalUnadopted:
    """Build the error of a journal whose entries are nobody's."""
    return JournalUnadopted(
        "journal: its entries were written before a journal belonged to an account, and may be"
        f" of another one than [{asked}]",
        asked=asked,
    )
