"""Arguments: what a caller gives becomes a plain value, or a Misuse that says why not.

The message names the argument, its value without secrets, and the rule.

Each function takes any object there is. First it makes plain what people really have: numpy's
integers and booleans, subclasses of text, words in capitals, spaces around them. What is left is
of an exact built-in type, so that no comparison or conversion after it can raise anything else.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from itertools import islice
from numbers import Integral
from operator import attrgetter
from pathlib import Path
from typing import Any, ClassVar, Final, cast

from kalshi_ext.bases import Value
from kalshi_ext.errors import Misuse
from kalshi_ext.redact import Secret, is_a, redacted_repr

MAX_NUMBER: Final = 1_000_000_000  # of rows, pages or attempts; larger ones are mistakes
MAX_ENTRIES: Final = 10_000  # of one request; no bucket of tokens pays for more
MAX_BULK: Final = 1_000_000  # of one call that is split; longer ones have no end
LONGEST_ATTEMPT: Final = 86_400.0  # seconds; a socket takes at most 24 days
LONGEST_WAIT: Final = 1e9  # seconds; a sleep takes at most 292 years


def misuse(name: str, value: object, rule: str) -> Misuse:
    """Build the error of an argument: its name, its value without secrets, the rule."""
    return Misuse(f"{name}={redacted_repr(value)}: {rule}")


def must_be(name: str, value: object, rule: str) -> Misuse:
    """Build the same error as a sentence: the argument must be so, and is not."""
    return Misuse(f"{name} must be {rule}, not {redacted_repr(value)}")


def plain(value: object) -> Any:
    """Make numpy's numbers and booleans Python's own, and subclasses of text plain text."""
    try:
        return value if type(value) in _PLAIN else _native(value)
    except Exception:  # noqa: BLE001 - the object is the caller's, and so is what it raises
        return value


_PLAIN: Final = frozenset({str, int, bool, float, bytes, type(None), list, dict, tuple, Decimal})


def _native(value: Any) -> Any:
    if is_a(value, str):
        return str.__str__(value)
    if is_a(value, int):
        return int.__int__(value)
    if is_a(value, float):
        return float.__float__(value)
    # An array has a length, a scalar has none: one element of an array is nobody's number.
    if hasattr(cast("type[object]", type(value)), "__len__"):
        return value
    if isinstance(value, Integral):
        return int(value)
    # Of numpy's kinds only these: a date there becomes a number of nanoseconds, or None.
    if value.dtype.kind == "b" and value.shape == ():
        return bool(value)
    return value


def is_number(value: object) -> bool:
    """Say whether a value is exactly an int or a float, which compare without foreign code."""
    kind = type(value)
    return kind is int or kind is float  # `in` would ask a metaclass of the caller's


def whole_number(value: object, name: str, low: int, high: int) -> int:
    """Check a whole number from `low` to `high`. Raises Misuse."""
    number = plain(value)
    if type(number) is not int or not low <= number <= high:
        raise must_be(name, value, f"a whole number from {low} to {high}")
    return number


def at_least_one(value: object, name: str) -> int:
    """Check a whole number from 1 up. Raises Misuse."""
    number = plain(value)
    if type(number) is not int or not 1 <= number <= MAX_NUMBER:
        raise must_be(name, value, f"a whole number of at least 1 and at most {MAX_NUMBER:,}")
    return number


def flag(value: object, name: str, rule: str = "True or False") -> bool:
    """Check True or False. Raises Misuse."""
    # No truth value is taken for it: post_only="false" would be true.
    chosen = plain(value)
    if type(chosen) is not bool:
        raise must_be(name, value, rule)
    return chosen


def seconds(
    value: object, name: str, *, zero: bool = False, longest: float = LONGEST_ATTEMPT
) -> float:
    """Check a number of seconds above 0 (`zero`: from 0) and at most `longest`. Raises Misuse."""
    number = plain(value)
    valid = is_number(number) and 0 <= number <= longest
    if not valid or (number == 0 and not zero):
        lower = "from 0" if zero else "above 0"
        raise misuse(name, value, f"must be a number of seconds {lower}, at most {longest:,.0f}")
    return cast("float", number)


def text(value: object, name: str, *, max_length: int) -> str:
    """Check a text that holds something and can be written as UTF-8. Raises Misuse."""
    given = plain(value)
    if type(given) is not str or not given.strip():
        raise misuse(name, value, "must be a text that is not empty")
    if len(given) > max_length:
        raise misuse(name, value, f"must be at most {max_length} characters, not {len(given):,}")
    if not is_storable(given):
        raise misuse(name, value, "must not hold NUL or half of a surrogate pair")
    return given


def line(value: object, name: str, *, max_length: int) -> str:
    """Check a text that is one line of printable characters. Raises Misuse."""
    checked = text(value, name, max_length=max_length)
    if not checked.isprintable():
        raise must_be(name, value, "a text of printable characters")
    return checked


def is_storable(given: str) -> bool:
    """Say whether a text can be sent and stored: UTF-8 without NUL."""
    if given.isascii():  # almost all are, and this is a look at one flag
        return "\0" not in given
    return not any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in given)


def word_of(value: object) -> str | None:
    """Return a word as enums write it: lower case, without spaces around; None for no text."""
    given = plain(value)
    return given.strip().lower() if type(given) is str and len(given) <= 80 else None


def one_of(
    value: object, name: str, words: Iterable[str], short: Mapping[str, str] | None = None
) -> str:
    """Check a word of a list, in any case; `short` maps other forms to it. Raises Misuse."""
    known = list(words)
    word = word_of(value) or ""
    word = (short or {}).get(word, word)
    if word not in known:
        raise must_be(name, value, f"one of {', '.join(known)}")
    return word


def _is_no_list(value: object) -> bool:
    if is_a(value, (str, bytes, bytearray, Mapping)):
        return True
    dimensions: object = 1
    with suppress(Exception):
        dimensions = cast("Any", value).ndim
    # The entries of a table would be the names of its columns.
    return type(dimensions) is int and dimensions != 1


def entries(
    value: object,
    name: str,
    *,
    most: int = MAX_ENTRIES,
    check: Callable[[Any], Any] | None = None,
) -> list[Any]:
    """Return one or more entries of an iterable, each checked as it comes. Raises Misuse."""
    # A text is iterable too: each of its letters would become an entry.
    if _is_no_list(value):
        raise must_be(name, value, "a list")
    some = islice(_iterator(value, name), most + 1)
    listed = list(some) if check is None else [check(entry) for entry in some]
    if not listed:
        raise Misuse(f"{name} must hold at least one entry")
    if len(listed) > most:
        raise Misuse(f"{name} must hold at most {most:,} entries, and holds more")
    return listed


def _iterator(value: Any, name: str) -> Iterator[Any]:
    with suppress(Exception):
        return iter(value)
    raise must_be(name, value, "a list")


def instance(value: object, name: str, kind: type | tuple[type, ...], rule: str) -> Any:
    """Check the class of an object. Raises Misuse."""
    if not is_a(value, kind):
        raise misuse(name, value, rule)
    return value


def plain_function(value: object, name: str, rule: str) -> Any:
    """Check something to call whose call does its work. Raises Misuse.

    What a coroutine or generator function returns does nothing until somebody waits for it.
    """
    if not callable(value) or _does_nothing(value):
        raise must_be(name, value, rule)
    return value


def _does_nothing(value: object) -> bool:
    kinds = (
        inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction
    )  # fmt: skip
    try:
        called = (value, getattr(type(value), "__call__", None))  # noqa: B004
        return any(kind(each) for kind in kinds for each in called)
    except Exception:  # noqa: BLE001 - an object of the caller's
        return False


def safely(convert: Callable[[Any], Any], value: object, name: str, rule: str) -> Any:
    """Convert a value; whatever it raises is Misuse. For objects that bring code of their own."""
    # Not raised in the handler: the error would chain a foreign one, and keep its frames.
    with suppress(Exception):
        return convert(value)
    raise misuse(name, value, rule)


def optional(check: Callable[..., Any]) -> Callable[..., Any]:
    """Make a check let None pass: nothing was said."""

    def check_given(value: object, name: str) -> Any:
        return None if value is None else check(value, name)

    _GIVEN[check_given] = check
    return check_given


# What an optional check does with a value: where None was let pass before, it is asked at once.
_GIVEN: Final[dict[Callable[..., Any], Callable[..., Any]]] = {}


# How pathlib leaves a URL, and what psycopg takes besides one; either may hold a password.
_URL_AS_PATH: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}:/")
_PARAMETER: Final = re.compile(r"(?:^|\s)(?:host|hostaddr|port|dbname|user|password|service)\s?=")
_LONGEST_PLACE: Final = 4096  # characters; of a path on the systems of today


def place_fault(name: str, where: Secret[Any], expected: str) -> str | None:
    """Say why a path or URL is none. Not raised here: the frames of an error show their locals."""
    place: Any = plain(where.reveal())
    if not is_a(place, (str, Path)):
        return f"{name} must be {expected}, not {redacted_repr(place)}"
    try:
        told = str(place)
    except Exception:  # noqa: BLE001 - a Path of the caller's own, and what it raises
        return f"{name} must be {expected}, not {redacted_repr(place)}"
    if type(place) is not str and _URL_AS_PATH.match(told.strip()):
        return f"{name}: a URL is given as a text, not as a Path (value not shown)"
    if len(told) > _LONGEST_PLACE:
        return f"{name}: at most {_LONGEST_PLACE:,} characters, not {len(told):,} (value not shown)"
    if len(_PARAMETER.findall(told)) > 1:
        return f"{name}: say a connection as a postgresql:// URL (value not shown)"
    if type(place) is str and not _is_readable(place):
        return f"{name}: expected a path of printable characters, got {redacted_repr(place)}"
    return None


def _is_readable(place: str) -> bool:
    return bool(place.strip()) and (place.isprintable() or ("://" in place and is_storable(place)))


_Check = Callable[[Any, str], Any]
_Rule = tuple[str, str, _Check, bool]
_Rules = tuple[tuple[_Rule, ...], Callable[[Any], tuple[Any, ...]]]


class Checked(Value):
    """Have an attrs class check itself: what its facade refuses it cannot hold.

    `_checks` maps a field to a function of (value, name) that returns what the field holds. They
    run whenever an instance is made, by `attrs.evolve` too; then `_check_together` runs.
    """

    __slots__ = ()
    _checks: ClassVar[Mapping[str, Callable[[Any, str], Any]]] = {}
    _prefix: ClassVar[str] = ""

    def __attrs_post_init__(self) -> None:
        rules, values_of = _RULES.get(type(self)) or self._rules()
        for (name, label, check, passes_none), value in zip(rules, values_of(self), strict=False):
            if value is None and passes_none:
                continue
            checked = check(value, label)
            if checked is not value:
                object.__setattr__(self, name, checked)
        self._check_together()

    def _check_together(self) -> None:
        """Check what concerns several fields. Raises Misuse."""

    @classmethod
    def _rules(cls) -> _Rules:
        """Return of each field its name, what errors call it, its check, and if that passes None.

        Most arguments of most calls are None. Beside them what reads the fields of an instance.
        """
        rows = [(name, f"{cls._prefix}{name}", each) for name, each in cls._checks.items()]
        rules = tuple(
            (name, label, _GIVEN.get(check, check), _passes_none(check, label))
            for name, label, check in rows
        )
        # Two more names: of less than two attributes a getter makes no tuple.
        _RULES[cls] = found = rules, attrgetter(*cls._checks, "__class__", "__class__")
        return found


def _passes_none(check: _Check, label: str) -> bool:
    try:
        return check(None, label) is None
    except Misuse:
        return False


_RULES: Final[dict[type, _Rules]] = {}
