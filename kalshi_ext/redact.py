"""The secrets: one list of what must never be printed, logged, pickled or recorded.

Logs, errors and recorded traffic all go through here, so that a secret added to the list
disappears everywhere. A secret is told in two ways:

    by its place    after a name of the list, in a PEM, after "Bearer", in a URL before its host
    by its value    what the clients of this process hold: key id, token, latest signature

The second finds what no pattern can, such as a token that a page quotes without its name. The
timestamp header is no secret and stays: it helps to read a log.

    redact_text      a whole text, for recordings and headers
    clean_text       a text from outside as part of a message: cut, then redacted, one line
    redacted_repr    an argument as part of a message: likewise
"""

from __future__ import annotations

import itertools
import re
import threading
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final, Generic, NoReturn, TypeGuard, TypeVar, cast, overload

from kalshi_ext.spellings import spellings_of, without

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
        "x-api-key",
        "x-auth-token",
    }
)
"""Lower-case names of headers whose values are secret or name an account."""

SECRET_FIELDS = frozenset(
    {
        "access_token",
        "api_key",
        "api_secret",
        "bearer_token",
        "client_secret",
        "email",
        "key_id",
        "member_id",
        "passphrase",
        "passwd",
        "password",
        "private_key",
        "refresh_token",
        "secret",
        "sslpassword",
        "token",
        "user_id",
    }
)
"""JSON keys whose text values are secret or name a person; also the ends of longer names."""

_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_GAP = r"(?:\s|\+|%20|&nbsp;)"
_KEY_KIND = rf"(?:[A-Z0-9]{{1,20}}{_GAP}){{0,4}}PRIVATE{_GAP}KEY"


def _any_of(names: Iterable[str]) -> str:
    # key_id, key-id and keyId are one name; `KALSHI_KEY_ID` ends with it. What stands before must
    # not be a letter (`monkey_id`), but for the escapes of a line break or a percent code.
    spellings = "|".join(re.sub("[_-]", "[_-]?", name) for name in sorted(names, reverse=True))
    return rf"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-F]{{2}}))(?:{spellings})"


_NAMES = _any_of(SECRET_HEADERS | SECRET_FIELDS)
# Their values hold commas and semicolons: all of the line is secret.
_LINE_NAMES = _any_of({"authorization", "cookie"})
_QUOTE = r"""(?:\\{0,3}["']|&quot;|&\#0?3[49];|&\#x2[27];|%22|%27)"""
_SAYS = r"(?:\s{0,8}(?:=>|[:=]|%3[AD]|&(?:colon|equals);)\s{0,8})"
_TAGS = r"(?:(?:\s|&nbsp;){0,8}</?[a-z][^<>]{0,200}>){1,6}"

# Most texts hold none of these, and then no pattern with a name in it is tried.
_ROOTS: Final = (
    *("auth", "cookie", "email", "key", "member", "pass", "secret", "signature", "token", "user"),
)

# A group is kept, the rest goes. Every repetition is bounded, or cannot be entered from two places
# of a text: bodies come from outside, and a test measures how the time of each pattern grows.
_PATTERN_TEXTS: Final = (
    # A key cut short by a log's line limit has no END line: then the rest of the text goes.
    (rf"(-----BEGIN{_GAP}{_KEY_KIND}-----).*?(-----END{_GAP}{_KEY_KIND}-----|\Z)", re.DOTALL),
    # The same without its BEGIN line: how PKCS8 and PKCS1 keys start in base64.
    (
        r"()(?<![A-Za-z0-9+/])(?:MII[A-Z][A-Za-z0-9+/]{4}|MC4CAQAwBQYDK2Vw)"
        r"(?:[A-Za-z0-9+/=]|\\[rn]|[\r\n]){24,}",
        0,
    ),
    # "name": "value" up to the same quote, also escaped in another text: \"name\": \"value\"
    (
        rf"""({_NAMES}\\{{0,3}}["']?\s{{0,8}}(?:=>|[:=,])\s{{0,8}}[\[(]?\s{{0,8}}b?\\["'])"""
        r"""[^"'\\\r\n]+""",
        0,
    ),
    (
        rf"""({_NAMES}["']?\s{{0,8}}(?:=>|[:=,])\s{{0,8}}[\[(]?\s{{0,8}}b?")"""
        r"""(?:[^"\\\r\n]|\\.)+""",
        0,
    ),
    (
        rf"""({_NAMES}["']?\s{{0,8}}(?:=>|[:=,])\s{{0,8}}[\[(]?\s{{0,8}}b?')"""
        r"""(?:[^'\\\r\n]|\\.)+""",
        0,
    ),
    # The quotes of HTML and of URLs
    (
        rf"""({_NAMES}(?:{_QUOTE})?{_SAYS}(?:&quot;|&\#0?3[49];|&\#x2[27];|%22|%27))"""
        r"""[^"'<>&%\s]+""",
        0,
    ),
    # Between the tags of an echo of headers, and in the value of a form
    (
        rf"""({_NAMES}\s{{0,8}}[:=]?{_TAGS}\s{{0,8}}[:=]?\s{{0,8}})(?![\s<]|\[redacted)[^<\r\n]+""",
        0,
    ),
    (rf"""({_NAMES}["']\s{{1,8}}(?:content|value)\s{{0,8}}=\s{{0,8}}["']?)[^"'<>]+""", 0),
    # Name: value, as headers are written in plain text, and NAME=value of an environment
    (
        rf"""({_LINE_NAMES}\s{{0,8}}[:=]\s{{0,8}})(?!\[redacted|[\s"'<]|\\["']|b["'])"""
        r"""(?:[^\r\n<\\]|\\(?![rn]))+""",
        0,
    ),
    (
        rf"""({_NAMES}{_SAYS})(?!\[redacted|[\s"'<]|\\["']|b["']|&quot;|&\#|%2[27]|null\b)"""
        r"""(?:\[[^\]\r\n]*|(?:[^\r\n<,;}}&\\]|\\(?![rn]))+)""",
        0,
    ),
    # Shorter words after "Bearer" are prose, not tokens.
    (rf"((?<![A-Za-z0-9_-])Bearer{_GAP}{{1,8}})[^\s\"'<>,;&\\]{{8,}}", 0),
    (
        rf"((?<![A-Za-z0-9_-])Basic{_GAP}{{1,8}})(?=[^\s]{{0,40}}[0-9=])[A-Za-z0-9+/]{{8,}}={{0,2}}",
        0,
    ),
    # A JSON web token wherever it stands
    (r"()(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?", 0),
    # user_not_found:_<uuid>: an error code that names an account (observed)
    (rf"((?<![a-z])(?:user|member)[a-z_]{{0,40}}:_?){_UUID}", 0),
    # scheme://user:password@host, where a careless password holds / or @ itself
    (
        r"""(:(?://|%2F%2F))(?!\[redacted)(?:[^\s/@:"'<>]{0,256}:[^\s"'<>]{0,512}|[^\s/"'<>]{1,512})(@)""",
        0,
    ),
)


@cache
def patterns() -> tuple[re.Pattern[str], ...]:
    """Return the patterns, compiled when the first text is looked at: most imports see none."""
    return tuple(re.compile(text, flags | re.IGNORECASE) for text, flags in _PATTERN_TEXTS)


@cache
def _named() -> frozenset[re.Pattern[str]]:
    return frozenset(each for each in patterns() if "authorization" in each.pattern.lower())


def redact_text(text: str) -> str:
    """Replace every secret inside a text. Idempotent."""
    text = without_known_text(text)
    lowered = text.lower()
    named = any(root in lowered for root in _ROOTS)
    for pattern in patterns():
        if named or pattern not in _named():
            text = pattern.sub(_replacement, text)
    return text


def _replacement(match: re.Match[str]) -> str:
    groups = match.groups()
    return f"{groups[0]}{REDACTED}{''.join(groups[1:])}"


_MARGIN: Final = 4096
"""Characters beyond the limit that are looked at: a secret may begin before it and end after."""


def clean_text(text: str, limit: int) -> str:
    """Make a text from outside part of a message: one line, no secrets, at most `limit` characters.

    It is cut before anything else looks at it, so that the cost does not grow with the text.
    """
    is_cut = len(text) > limit + _MARGIN
    # Redacted again as one line: a control character may have stood inside a secret.
    line = redact_text(_one_line(redact_text(text[: limit + _MARGIN])))
    if is_cut and len(line) < limit:
        # The cut may have halved a secret that no pattern recognises any more.
        line = line.rpartition(" ")[0]
    return line if len(line) <= limit and not is_cut else f"{line[: limit - 1]}…"


def _one_line(text: str) -> str:
    line = text if text.isprintable() else "".join(map(_printable, text))
    return " ".join(line.split())


def _printable(letter: str) -> str:
    if letter.isprintable():
        return letter
    return " " if letter.isspace() else ""


def redacted_repr(value: object, limit: int = 80) -> str:
    """Return a value's repr for an error message: without secrets, at most `limit` characters."""
    if value is None:  # every check of a client is tried with it, and a pattern takes time to make
        return "None"
    return clean_text(_repr(value, limit + _MARGIN), limit)


@overload
def is_a(value: object, kind: type[T]) -> TypeGuard[T]: ...
@overload
def is_a(value: object, kind: tuple[type, ...]) -> bool: ...
def is_a(value: object, kind: type | tuple[type, ...]) -> bool:
    """Say whether an object is of a class, whatever it says of itself, as proxies and mocks do."""
    try:
        return issubclass(type(value), kind)
    except Exception:  # noqa: BLE001 - a metaclass of the caller's, and what it raises
        return False


def _repr(value: Any, limit: int) -> str:
    """Return the repr of anything, also of what has none, at a cost that `limit` bounds."""
    # By the built-in's own methods: a subclass may have others, and they may raise.
    if is_a(value, str):
        return _text_repr(str.__str__(value), limit)
    if is_a(value, (bytes, bytearray)):
        return _text_repr(memoryview(value), limit)
    if is_a(value, int) and int.bit_length(value) > 1024:
        # Python refuses to write more than 4,300 digits, and takes quadratic time for fewer.
        return f"a whole number of about {int.bit_length(value) * 30103 // 100000:,} digits"
    try:
        return str.__str__(repr(value))
    except Exception:  # noqa: BLE001 - the object is the caller's, and so is what its repr raises
        return f"{class_name(value)} without a repr"


def class_name(value: object) -> str:
    """Return the name of an object's class, whatever its metaclass says."""
    return str(type.__getattribute__(type(value), "__name__"))


def _text_repr(value: str | memoryview, limit: int) -> str:
    head = value[: limit + 1]
    shown = head if isinstance(head, str) else bytes(head)
    if _may_be_key(shown):
        return f"{type(shown).__name__} of {len(value)} characters (not shown: may be a key)"
    return repr(shown)


# A line of a PEM alone, or a whole one without its BEGIN line. Texts of this length in arguments
# are words, numbers and ids, which are no mixture of all three kinds of letters.
_KEY_LINE = re.compile(r"[A-Za-z0-9+/=\s]{60,200}", re.ASCII)


def _may_be_key(value: str | bytes) -> bool:
    head = value[:200]
    text = head if isinstance(head, str) else head.decode("latin-1")
    kinds = (str.isupper, str.islower, str.isdigit)
    mixed = all(any(kind(letter) for letter in text) for kind in kinds)
    return mixed and _KEY_LINE.fullmatch(text) is not None


class Secret(Generic[T]):
    """Hold a secret so that only `reveal()` gives it.

    Not an attrs class: `attrs.asdict` and `attrs.evolve` would hand the value out.
    """

    __slots__ = ("__weakref__", "_value")

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


_MIN_KNOWN: Final = 8
"""Shorter values are words of messages too, which would become unreadable without them."""

_known: weakref.WeakSet[Secret[str]] = weakref.WeakSet()
# How each is written, once it was looked for: an answer of many words is looked through often.
_written: weakref.WeakKeyDictionary[Secret[str], tuple[str, ...]] = weakref.WeakKeyDictionary()
# Reentrant: a signal's handler may write a message while one is written.
_known_lock = threading.RLock()


def remember(secret: Secret[str]) -> Secret[str]:
    """Have the value replaced wherever it appears, for as long as this Secret lives; return it."""
    if len(secret.reveal()) >= _MIN_KNOWN:
        with _known_lock:
            _known.add(secret)
    return secret


# Signatures of requests that may still be answered. A deque drops the oldest by itself.
_signatures: deque[Secret[str]] = deque(maxlen=64)


def remember_briefly(signature: str) -> str:
    """Have a signature replaced wherever it appears while it is one of the latest; return it."""
    _signatures.append(Secret(signature))
    return signature


def without_known_text(text: str) -> str:
    """Replace what the clients of this process hold in a word of an answer; the rest stays."""
    return without(text, _known_values(), REDACTED)


def without_key(value: T) -> T:
    """Return a word, name or number as it is; of a text that may be a private key nothing.

    For the first statement of a function that takes one: a traceback shows its locals.
    """
    text = str.__str__(value) if is_a(value, str) else ""
    # The line break has every check refuse it: no name may be made of a key.
    return cast("T", f"{REDACTED}\n") if "-----BEGIN" in text or _may_be_key(text) else value


def without_password(url: T) -> T:
    """Return a URL without user, password and query; likewise for the first statement.

    What has none of them is returned as it is; with one of them it is refused in any case.
    """
    kept = without_key(url)
    given = str.__str__(kept) if is_a(kept, str) else ""
    if not _NO_PLAIN_URL.search(given):
        return kept
    redacted = redact_text(given[:_MARGIN])
    if "@" in given and redacted == given:
        return cast("T", f"{REDACTED}@{given.rpartition('@')[2]}")
    return cast("T", redacted)


_NO_PLAIN_URL: Final = re.compile(r"[@?=\n]")


def without_known_values(body: bytes) -> bytes:
    """Replace what the clients of this process hold in the bytes of an answer; the rest stays."""
    text = body.decode("utf-8", "surrogateescape")  # any bytes, and back to the same
    return without_known_text(text).encode("utf-8", "surrogateescape")


def _known_values() -> Iterator[str]:
    with _known_lock:
        for secret in (secrets := [*_known, *tuple(_signatures)]):
            if secret not in _written:
                _written[secret] = spellings_of(secret.reveal())
        written = [_written[secret] for secret in secrets]
    return itertools.chain.from_iterable(written)


def as_secret(value: Any) -> Secret[Any]:
    """Wrap a value in Secret; one that is wrapped already stays as it is."""
    return value if is_a(value, (Secret,)) else Secret(value)
