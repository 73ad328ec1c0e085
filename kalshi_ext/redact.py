"""The secrets: one list of what must never be printed, logged, pickled or recorded.

Logs, errors and recorded traffic all go through here, so that a secret added to the list
disappears everywhere. The timestamp header is no secret and stays: it helps to read a log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Generic, NoReturn, TypeVar

T = TypeVar("T")

REDACTED = "[redacted]"

SECRET_HEADERS = frozenset(
    {
        "authorization",
        "cookie",
        "kalshi-access-key",
        "kalshi-access-signature",
        "proxy-authorization",
        "set-cookie",
    }
)
"""Lower-case names of headers whose values are secret or name an account."""

SECRET_FIELDS = frozenset(
    {
        "access_token",
        "bearer_token",
        "email",
        "key_id",
        "member_id",
        "passphrase",
        "password",
        "private_key",
        "token",
        "user_id",
    }
)
"""JSON keys whose text values are secret or name a person."""

_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_KEY_KIND = r"(?:[A-Z0-9]+ )*PRIVATE KEY"
_NAMES = "|".join(sorted(SECRET_HEADERS | SECRET_FIELDS))

# Each pattern keeps its groups (the name, the marker) and loses what lies between or after them.
# None nests a repetition: such patterns take quadratic time, and bodies come from outside.
_PATTERNS = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        # A key cut short by a log's line limit has no END line: then the rest of the text goes.
        (rf"(-----BEGIN {_KEY_KIND}-----).*?(-----END {_KEY_KIND}-----|\Z)", re.DOTALL),
        # "name": "value", 'name': b'value', (b'name', b'value') and name=b'value'
        (rf"""((?<![\w-])(?:{_NAMES})\\?["']?\s*[:=,]\s*b?\\?["'])[^"'\\\r\n]+""", re.IGNORECASE),
        # Name: value, as headers are written in plain text
        (rf"""((?<![\w-])(?:{_NAMES})\s*[:=]\s*)(?![\s"'\[\\b])[^\r\n,;}}]+""", re.IGNORECASE),
        # Shorter words after "Bearer" are prose, not tokens.
        (r"""((?<![\w-])Bearer\s+)[A-Za-z0-9._~+/=-]{8,}""", re.IGNORECASE),
        # user_not_found:_<uuid>: an error code that names an account (observed)
        (rf"((?<![a-z])(?:user|member)[a-z_]*:_?){_UUID}", re.IGNORECASE),
        # scheme://user:password@host
        (r"((?<![\w+.-])[a-z][a-z0-9+.-]*://)[^\s/@]+(@)", re.IGNORECASE),
    )
)


def redact_text(text: str) -> str:
    """Replace every secret inside a text. Idempotent."""
    for pattern in _PATTERNS:
        text = pattern.sub(_replacement, text)
    return text


def _replacement(match: re.Match[str]) -> str:
    groups = match.groups()
    return f"{groups[0]}{REDACTED}{''.join(groups[1:])}"


def redact_headers(
    headers: Iterable[tuple[str | bytes, str | bytes]],
) -> list[tuple[str, str]]:
    """Return header pairs (of `.items()` or `.raw`) as text, in order, secret values replaced."""
    return [_redact_pair(_text(name), _text(value)) for name, value in headers]


def _redact_pair(name: str, value: str) -> tuple[str, str]:
    secret = name.strip().lower() in SECRET_HEADERS
    # A harmless header may still quote a secret, as a redirect's Location does.
    return name, REDACTED if secret else redact_text(value)


def _text(value: str | bytes) -> str:
    # HTTP headers are bytes; latin-1 decodes every one of them.
    return value.decode("latin-1") if isinstance(value, bytes) else value


def redacted_repr(value: object, limit: int = 80) -> str:
    """Return a value's repr for an error message: without secrets, at most `limit` characters."""
    text = redact_text(repr(value))
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


class Secret(Generic[T]):
    """Hold a secret so that only `reveal()` gives it.

    Not an attrs class: `attrs.asdict` and `attrs.evolve` would hand the value out.
    """

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """Return the secret itself; keep it in no local variable."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({REDACTED})"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return format(repr(self), format_spec)  # else f"{secret:>20}" would format the value

    def __copy__(self) -> Secret[T]:
        return self

    def __deepcopy__(self, memo: object) -> Secret[T]:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret does not leave its process: it cannot be pickled")
