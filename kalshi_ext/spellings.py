"""Find a known value in a text, however it is written there.

Exchanges and proxies quote what they were sent in their own way: percent-encoded, as entities of
HTML, as escapes of JSON, in capitals, broken over lines, in base64, as a list of bytes; and one
writing in another, as deep as `_DEPTH`. A text is squeezed to what all of these have in common;
only where a value is found in it, the places are mapped back.

Left by choice, as no body or log of a server was met that writes so: base64 in base64 or of UTF-16,
quoted-printable, a hexdump with offsets, parts of a value as string literals that are joined,
letters of full width or other dashes, compressed, reversed or enciphered.
"""

from __future__ import annotations

import html
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

# What may stand inside a value that was broken: white space, controls, signs without a width and
# others that no screen shows.
_GAPS: Final = dict.fromkeys(
    [*range(0x21), *range(0x7F, 0xA1), 0xAD, *range(0x200B, 0x2010), *range(0x2028, 0x2030),
     *range(0x2060, 0x2070), 0xFEFF, 0x34F, 0x61C, 0x115F, 0x1160, *range(0x180B, 0x1810), 0x3164,
     *range(0xD800, 0xE000), *range(0xFE00, 0xFE10), 0xFFA0, *range(0xE0000, 0xE01F0)]
)  # fmt: skip
# Texts: they are compiled by the first text from outside, and then kept by `re`.
_ESCAPE: Final = (
    r"%(?:25){0,8}(?P<percent>[0-9a-f]{2})"
    r"|(?:\x1b|\\{1,64}+(?:u001b|x1b|033))\[[0-9;]{0,8}m"  # a colour of a terminal
    r"|\\{1,64}+(?:(?-i:U)0000(?P<long>[0-9a-f]{4})|u(?P<unicode>[0-9a-f]{4})"
    r"|u\{(?P<braced>[0-9a-f]{1,4})\}|x(?P<hex>[0-9a-f]{2})|(?P<octal>[0-3][0-7]{2})"
    r"|[nrtbf]|(?=[^0-9a-z\\]))"
    r"|(?P<entity>&(?:\#[0-9]{1,8};?|\#x[0-9a-f]{1,8};?|[0-9a-z]{1,8};))"
    r"|</?[a-z]{1,6}(?:\s[^<>]{0,120})?/?>"
)
_NOTHING: Final = r"(?!)"
_MIN_ENCODED: Final = 12  # characters of base64, below which it may be found by chance


_DEPTH: Final = 5  # writings one in another
# Bytes as Go, Node and Python print them, and as fingerprints are written.
_BYTES: Final = (
    r"(?<![0-9a-z])(?:(?:0x)?[0-9a-f]{2}[\s:,-]{1,3}){7,}(?:0x)?[0-9a-f]{2}(?![0-9a-z])"
    r"|(?<![0-9])(?:[0-9]{1,3}[\s,]{1,3}){7,}[0-9]{1,3}(?![0-9])"
)

_LONGEST: Final = 200_000  # characters of a text of which parts are kept


def squeezed(text: str) -> str:
    """Return a text in lower case without escapes and gaps: two writings of a value become one."""
    if _may_escape(text):
        text = re.sub(_ESCAPE, _letter, text, flags=re.IGNORECASE)
    return text.translate(_GAPS).lower()


def _letter(match: re.Match[str]) -> str:
    for name in ("percent", "unicode", "hex", "long", "braced"):
        if match[name] is not None:
            return chr(int(match[name], 16))
    if match["octal"] is not None:
        return chr(int(match["octal"], 8))
    return html.unescape(match["entity"]) if match["entity"] else ""


def spellings_of(value: str) -> tuple[str, ...]:
    """List what a squeezed text holds where it quotes a value: as it is, in base64, in hex."""
    raw = value.encode("utf-8", "replace")
    # Of base64 what does not depend on the text around the value, at each of its alignments.
    encoded = (b64encode(bytes(lead) + raw).decode()[-(-4 * lead // 3) :] for lead in range(3))
    cores = (text[1 if lead else 0 :].rstrip("=")[:-1] for lead, text in enumerate(encoded))
    found = [core.lower() for core in cores if len(core) >= _MIN_ENCODED]
    found += [core.translate(_URL_SAFE) for core in found]
    # The bytes of UTF-8 one by one: how percent codes and \x escapes write what is no ASCII.
    spellings = [squeezed(value), squeezed(raw.decode("latin-1")), raw.hex(), *found]
    if " " in value:  # as forms are sent
        spellings.append(squeezed(raw.replace(b" ", b"+").decode("latin-1")))
    if _UUID.fullmatch(value):
        spellings.append(value.replace("-", "").lower())
    return tuple(dict.fromkeys(spellings))


_URL_SAFE: Final = str.maketrans("+/", "-_")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def without(text: str, values: Iterable[str], replacement: str) -> str:
    """Replace squeezed values wherever a text writes them, in any way."""
    listed = [value for value in values if value]
    # As it stands first: `%` or a backslash before a value makes an escape of its first letters.
    text = _without(text, listed, replacement, 0)
    layer = text
    for depth in range(1, _DEPTH + 1):
        if not _may_escape(layer):
            break
        layer, outer = squeezed(layer), layer
        if any(value in layer for value in listed):
            text = layer = _without(text, listed, replacement, depth)
            for _ in range(depth):
                layer = squeezed(layer)
        elif layer == outer:
            break
    return re.sub(
        _BYTES,
        lambda run: replacement if _holds(run[0], listed) else run[0],
        text,
        flags=re.IGNORECASE,
    )


def _holds(run: str, values: list[str]) -> bool:
    """Say whether a list of bytes, in hex or as decimal numbers, is that of a value."""
    words = re.findall(r"(?<![0-9a-f])[0-9a-f]{1,3}(?![0-9a-f])", run.lower().replace("0x", ""))
    for base in (16, 10):
        with suppress(ValueError):  # of the other base, or of larger numbers
            told = squeezed(bytes(int(word, base) for word in words).decode("latin-1"))
            if any(value in told for value in values):
                return True
    return False


def _may_escape(text: str) -> bool:
    return any(letter in text for letter in "%\\&<\x1b")


def _without(text: str, values: list[str], replacement: str, depth: int) -> str:
    """Replace values that stand in a text once it was squeezed `depth` times."""
    if not depth:
        plain = text.translate(_GAPS).lower()
        if not any(value in plain for value in values):
            return text
    if len(text) > _LONGEST:
        return replacement  # the way back costs a microsecond a letter, and nobody reads so much
    letters, begins, ends = _mapped(text, _ESCAPE if depth else _NOTHING)
    for _ in range(depth - 1):
        letters, inner_begins, inner_ends = _mapped(letters, _ESCAPE)
        begins, ends = [begins[i] for i in inner_begins], [ends[i - 1] for i in inner_ends]
    spans = sorted(span for value in values for span in _spans(letters, value))
    parts: list[str] = []
    at = 0
    for first, last in spans:
        if begins[first] >= at:
            parts += [text[at : begins[first]], replacement]
        at = max(at, ends[last])
    return "".join([*parts, text[at:]])


def _spans(letters: str, value: str) -> Iterator[tuple[int, int]]:
    at = letters.find(value)
    while at >= 0:
        yield at, at + len(value) - 1
        at = letters.find(value, at + len(value))


def _mapped(text: str, escape: str) -> tuple[str, list[int], list[int]]:
    """Return the squeezed text, and for each of its letters where it begins and ends."""
    letters: list[str] = []
    begins: list[int] = []
    ends: list[int] = []
    for begin, end, piece in _pieces(text, escape):
        for letter in piece.translate(_GAPS).lower():
            letters.append(letter)
            begins.append(begin)
            ends.append(end)
    return "".join(letters), begins, ends


def _pieces(text: str, escape: str) -> Iterator[tuple[int, int, str]]:
    at = 0
    for match in re.finditer(escape, text, re.IGNORECASE):
        yield from ((i, i + 1, text[i]) for i in range(at, match.start()))
        yield match.start(), match.end(), _letter(match)
        at = match.end()
    yield from ((i, i + 1, text[i]) for i in range(at, len(text)))
