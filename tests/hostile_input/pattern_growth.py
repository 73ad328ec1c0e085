"""Measure how the time of every regular expression of the package grows with its input."""

from __future__ import annotations

import ast
import importlib
import itertools
import pkgutil
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

import kalshi_ext
import kalshi_ext.redact

Pattern = re.Pattern[Any]

# Repeated, they are what quadratic patterns dislike: nearly a match at every place.
PIECES = (
    *(
        "a",
        "A",
        "0",
        " ",
        "-",
        "_",
        ".",
        ",",
        ":",
        ";",
        "=",
        "@",
        "/",
        "\\",
        '"',
        "'",
        "\n",
        "\r\n",
    ),
    *("a-", "a_", "a.", "a,", "a ", "a:", "a@", "://", "a://", "a:b@", "://a:", "user_", "member_"),
    *(
        "user_id",
        "token: ",
        "token=",
        'token":"',
        "token: [",
        "authorization:",
        "Bearer ",
        "Basic ",
    ),
    *("eyJ", "eyJaaaaaaaa.", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "MIIB", "A1 "),
    *(
        "<td>",
        "<b>token",
        "token</b><i>",
        "&quot;",
        "%22",
        "%2F",
        "\\n",
        "\\\\",
        '\\"',
        "{a}",
        "[",
        "(",
    ),
    *("a/", "/a", "~/", "./", "1.", "1,", "-1", "chunked", "content-length: 1\r\n", "value=", "é"),
)
PREFIXES = ("", "-----BEGIN ", "token: ", 'token":"', "://", "user_", "http://")
SUFFIXES = ("", "!")
FAST = 1e-6  # seconds of CPU for a character, below which an input of this size is no danger
RATIO = 3.2  # of the time for twice the input: linear is 2, quadratic 4


@frozen
class Growth:
    """The worst input of one pattern: its pieces, and by what the time grew when it doubled."""

    pattern: str
    attack: str
    ratio: float

    @property
    def is_linear(self) -> bool:
        return self.ratio < RATIO


def patterns() -> dict[str, Pattern]:
    """Find every compiled pattern of the package, and every one written where it is used."""
    found: dict[str, Pattern] = {}
    for module in pkgutil.walk_packages(kalshi_ext.__path__, "kalshi_ext."):
        if module.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            several = value if isinstance(value, tuple | list | frozenset) else [value]
            found |= {
                f"{module.name}.{name} {number}": each
                for number, each in enumerate(several)
                if isinstance(each, re.Pattern) and each not in found.values()
            }
    late = enumerate(kalshi_ext.redact.patterns())  # compiled by the first use
    found |= {f"kalshi_ext.redact.patterns {number}": each for number, each in late}
    known = {each.pattern for each in found.values()}
    written = {text: re.compile(text) for text in _written() if text not in known}
    return found | {f"inline {text!r:.60}": each for text, each in written.items()}


def _written() -> Iterator[str | bytes]:
    for path in Path(kalshi_ext.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(ast.Attribute(ast.Name("re")), [ast.Constant(text), *_]):
                    yield text


def _cpu(pattern: Pattern, text: Any) -> float:
    begin = time.process_time()
    pattern.sub("", text) if isinstance(text, str) else pattern.sub(b"", text)
    pattern.fullmatch(text)
    return time.process_time() - begin


def growth(pattern: Pattern, size: int, prefixes: Sequence[str] = PREFIXES) -> Growth:
    """Try every piece; return the one by which the time of this pattern grows most."""
    worst = Growth(str(pattern.pattern), "", 2.0)
    for attack in itertools.product(prefixes, PIECES, SUFFIXES):
        ratio = _ratio(pattern, attack, size)
        if ratio > worst.ratio:
            worst = Growth(str(pattern.pattern), "{!r} + n * {!r} + {!r}".format(*attack), ratio)
        if not worst.is_linear:
            break
    return worst


def _ratio(pattern: Pattern, attack: tuple[str, str, str], size: int) -> float:
    small, large = (_input(pattern, attack, length) for length in (size, 2 * size))
    if _cpu(pattern, large) < FAST * 2 * size:
        return 2.0
    # The least of some: a machine that does other work makes times longer, never shorter.
    times = [(_cpu(pattern, small), _cpu(pattern, large)) for _ in range(4)]
    return min(each[1] for each in times) / max(min(each[0] for each in times), 1e-6)


def _input(pattern: Pattern, attack: tuple[str, str, str], length: int) -> Any:
    prefix, piece, suffix = attack
    text = prefix + piece * (length // len(piece)) + suffix
    return text if isinstance(pattern.pattern, str) else text.encode()
