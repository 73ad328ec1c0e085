"""Bounds of a schema, and which of two is the tighter.

The forms of OpenAPI 3.0 (`exclusiveMinimum: true`) and 3.1 (`exclusiveMinimum: 0`) are read as
one, and an exclusive bound of a whole number as the inclusive one beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

from attrs import field, frozen

from kalshi_ext.drift.leaves import Leaf
from kalshi_ext.drift.pointers import join

TIGHTER, LOOSER, OTHER = "tightened", "loosened", "changed"
_LENGTHS: Final = ("minLength", "maxLength", "minItems", "maxItems", "minProperties",
                   "maxProperties")  # fmt: skip
_SIDES: Final = (("minimum", "exclusiveMinimum", 1), ("maximum", "exclusiveMaximum", -1))
_WORDS: Final = frozenset(
    {*_LENGTHS, *(word for side in _SIDES for word in side[:2]), "multipleOf", "pattern",
     "uniqueItems"})  # fmt: skip


@frozen
class Bound:
    """One bound: how tight it is, how it reads and where it stands.

    `patterns` tells where each of several patterns stands that all hold.
    """

    rank: Any
    text: str
    pointer: str
    patterns: dict[str, str] = field(factory=dict[str, str], eq=False)

    def beside(self, other: Bound | None) -> str:
        """Tell where the part stands that the other does not have."""
        known = other.patterns if other else {}
        return next((at for each, at in self.patterns.items() if each not in known), self.pointer)


def bounds_of(leaves: Sequence[Leaf], *, whole: bool) -> dict[str, Bound]:
    """Collect the bounds of a schema, the tightest where several hold."""
    found: dict[str, Bound] = {}
    for leaf in leaves:
        for name, bound in _all_of(leaf, whole):
            found[name] = _both(name, found[name], bound) if name in found else bound
    return found


def _both(name: str, one: Bound, other: Bound) -> Bound:
    """Take two bounds that both hold as one."""
    if name == "pattern":
        return _patterns({**other.patterns, **one.patterns})
    if name == "multipleOf":
        step = _common_multiple(one.rank, other.rank)
        return Bound(step, f"a multiple of {_show(step)}", one.pointer)
    return other if other.rank > one.rank else one


def _common_multiple(one: Fraction, other: Fraction) -> Fraction:
    top = math.lcm(one.numerator, other.numerator)
    return Fraction(top, math.gcd(one.denominator, other.denominator))


def compare(name: str, base: Bound | None, new: Bound | None) -> str | None:
    """Tell what happened to a bound: tightened, loosened, changed, or None for nothing."""
    if base is None or new is None:
        return (TIGHTER if base is None else LOOSER) if base is not new else None
    if base.rank == new.rank:
        return None
    if name == "pattern":
        return TIGHTER if base.rank < new.rank else LOOSER if new.rank < base.rank else OTHER
    if name == "multipleOf":
        return _compare_steps(base.rank, new.rank)
    return TIGHTER if new.rank > base.rank else LOOSER


def _compare_steps(base: Fraction, new: Fraction) -> str:
    if base and new and (new / base).denominator == 1:
        return TIGHTER
    return LOOSER if base and new and (base / new).denominator == 1 else OTHER


def _all_of(leaf: Leaf, whole: bool) -> list[tuple[str, Bound]]:
    if _WORDS.isdisjoint(leaf.words):
        return []
    found = [(side[0], _side(leaf, *side, whole=whole)) for side in _SIDES]
    found += [(name, _length(leaf, name)) for name in _LENGTHS]
    found += [("multipleOf", _step(leaf)), ("pattern", _pattern(leaf))]
    found += [("uniqueItems", _unique(leaf))]
    return [(name, bound) for name, bound in found if bound is not None]


def _side(leaf: Leaf, plain: str, strict: str, sign: int, *, whole: bool) -> Bound | None:
    """Read a lower (sign 1) or upper (-1) bound; rank grows with tightness."""
    limit, flag = _number(leaf, plain), leaf.words.get(strict)
    exclusive = flag is True
    if strict in leaf.words and not isinstance(flag, bool):
        other = _number(leaf, strict)
        if limit is None or (other is not None and sign * other >= sign * limit):
            limit, exclusive = other, True
    if limit is None:
        return None
    return _ranked(leaf, plain if plain in leaf.words else strict, (limit, exclusive), sign, whole)


def _ranked(leaf: Leaf, word: str, at: tuple[Fraction, bool], sign: int, whole: bool) -> Bound:
    limit, exclusive = at
    if whole:
        step = math.floor(limit) + 1 if exclusive else math.ceil(limit)
        down = math.ceil(limit) - 1 if exclusive else math.floor(limit)
        limit, exclusive = Fraction(step if sign > 0 else down), False
    sense = {(1, False): "at least", (1, True): "more than",
             (-1, False): "at most", (-1, True): "less than"}[sign, exclusive]  # fmt: skip
    return Bound((sign * limit, exclusive), f"{sense} {_show(limit)}", join(leaf.pointer, word))


def _length(leaf: Leaf, name: str) -> Bound | None:
    limit = _number(leaf, name)
    if limit is None or (name.startswith("min") and limit <= 0):
        return None  # "at least none" says nothing
    rank = limit if name.startswith("min") else -limit
    return Bound(rank, f"{name} {_show(limit)}", join(leaf.pointer, name))


def _step(leaf: Leaf) -> Bound | None:
    step = _number(leaf, "multipleOf")
    if step is None:
        return None
    return Bound(step, f"a multiple of {_show(step)}", join(leaf.pointer, "multipleOf"))


def _pattern(leaf: Leaf) -> Bound | None:
    if "pattern" not in leaf.words:
        return None
    return _patterns({leaf.node.text("pattern"): join(leaf.pointer, "pattern")})


def _patterns(places: dict[str, str]) -> Bound:
    text = "matching " + " and ".join(sorted(places))
    return Bound(frozenset(places), text, next(iter(places.values())), places)


def _unique(leaf: Leaf) -> Bound | None:
    if leaf.words.get("uniqueItems") is not True:
        return None
    return Bound(1, "no element twice", join(leaf.pointer, "uniqueItems"))


def _number(leaf: Leaf, word: str) -> Fraction | None:
    value = leaf.words.get(word)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise leaf.node.refuse(f"{word} must be a number, not {str(value)[:40]!r}")
    return Fraction(str(value))


def _show(number: Fraction) -> str:
    return str(number) if number.denominator == 1 else str(float(number))
