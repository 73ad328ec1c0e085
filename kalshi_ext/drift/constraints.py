"""Compare the constraints on one value: type, null, format, enum, bounds, default.

Rules carry no direction here; traversal.py puts "request-" or "response-" before them.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

from kalshi_ext.drift.document import canonical, dereferenced
from kalshi_ext.drift.finding import Difference, value_text, values_text
from kalshi_ext.drift.normal_form import Bound
from kalshi_ext.drift.schema import ABSENT, Schema, Types, covers

# Integers and floats share a scale: only the size within one type is ever compared.
_SIZES: Final = {"int32": 1, "int64": 2, "float": 1, "double": 2}
_UNSIZED: Final = 3
_LIMIT_KEYWORDS: Final = {
    "minimum": ("minimum", "exclusiveMinimum"),
    "maximum": ("maximum", "exclusiveMaximum"),
}
_ENUM_KEYWORDS: Final = ("enum", "const", "oneOf", "anyOf")


def compare_constraints(base: Schema, new: Schema) -> Iterator[Difference]:
    """Compare what a single value may be; a new type hides all other differences."""
    types = list(_types(base, new))
    yield from types
    if any(difference.rule == "type-changed" for difference in types):
        return
    yield from _nullable(base, new)
    if not types:
        yield from _format(base, new)
    yield from _enum(base, new)
    yield from _bounds(base, new)
    yield from _default(base, new)
    yield from _deprecated(base, new)
    yield from _unjudged(base, new)


def compare_beside_variants(base: Schema, new: Schema) -> Iterator[Difference]:
    """Compare what is said beside the variants of a union, when only one side is a union."""
    yield from _nullable(base, new)
    yield from _default(base, new)
    yield from _deprecated(base, new)


def _at(
    rule: str, base: Schema, new: Schema, keywords: tuple[str, ...], **texts: str
) -> Difference:
    return Difference(rule, *_pointers(base, new, keywords), **texts)


def _pointers(base: Schema, new: Schema, keywords: tuple[str, ...]) -> tuple[str, str]:
    """Point at a keyword in both documents; where one lacks it, at the same component."""
    before, after = base.pointer_to(*keywords), new.pointer_to(*keywords)
    return base.pointer_to(*keywords, beside=after), new.pointer_to(*keywords, beside=before)


def _types(base: Schema, new: Schema) -> Iterator[Difference]:
    # Where variants are values_text, they are compared, and the types follow from them.
    if base.types != new.types and not (base.unions or new.unions):
        texts = {"before": _types_text(base.types), "after": _types_text(new.types)}
        yield _at(_type_rule(base.types, new.types), base, new, ("type",), **texts)


def _type_rule(base: Types, new: Types) -> str:
    if covers(new, base):
        return "type-widened"
    return "type-narrowed" if covers(base, new) else "type-changed"


def _types_text(types: Types) -> str:
    return "anything" if types is None else " or ".join(sorted(types)) or "nothing but null"


def _nullable(base: Schema, new: Schema) -> Iterator[Difference]:
    # A schema without a type admits null already: the type that came or went is reported instead.
    if base.nullable == new.nullable or None in (base.types, new.types):
        return
    rule = "nullable-added" if new.nullable else "nullable-removed"
    yield _at(rule, base, new, ("nullable", "type"))


def _format(base: Schema, new: Schema) -> Iterator[Difference]:
    before, after = base.value_of("format"), new.value_of("format")
    if before == after:
        return
    texts = {"before": _text_or_none(before), "after": _text_or_none(after)}
    yield _at(_format_rule(before, after, base.types), base, new, ("format",), **texts)


def _format_rule(before: Any, after: Any, types: Types) -> str:
    sizes = [_SIZES.get(str(each), _UNSIZED if each is ABSENT else 0) for each in (before, after)]
    if types and types <= {"integer", "number"} and all(sizes):
        if set(sizes) == {2, _UNSIZED}:  # every JSON integer met in practice fits 64 bits
            return "format-size-stated" if after is not ABSENT else "format-size-unstated"
        return "format-narrowed" if sizes[1] < sizes[0] else "format-widened"
    if ABSENT in (before, after):
        return "format-added" if before is ABSENT else "format-removed"
    return "format-changed"


def _text_or_none(value: Any) -> str:
    return "none" if value is ABSENT else value_text(value)


def _enum(base: Schema, new: Schema) -> Iterator[Difference]:
    if base.enum is None and new.enum is None:
        return
    texts = {"before": _enum_text(base.enum), "after": _enum_text(new.enum)}
    if base.enum is None or new.enum is None:
        rule = "enum-opened" if new.enum is None else "enum-closed"
        yield _at(rule, base, new, _ENUM_KEYWORDS, **texts)
        return
    for rule, members, others in (
        ("enum-member-removed", base.enum, new.enum),
        ("enum-member-added", new.enum, base.enum),
    ):
        name = values_text(value for key, value in members.items() if key not in others)
        if name:
            yield _at(rule, base, new, _ENUM_KEYWORDS, name=name, **texts)


def _enum_text(enum: dict[str, Any] | None) -> str:
    return "any value" if enum is None else values_text(enum.values())


def _bounds(base: Schema, new: Schema) -> Iterator[Difference]:
    for keyword in sorted(base.bounds.keys() | new.bounds.keys()):
        before, after = base.bounds.get(keyword), new.bounds.get(keyword)
        change = _bound_change(keyword, before, after)
        if change is not None:
            keywords = _LIMIT_KEYWORDS.get(keyword, (keyword,))
            pointers = _pointers(base, new, keywords)
            yield Difference(
                f"bound-{change}",
                _pointer_beyond(before, after) if before else pointers[0],
                _pointer_beyond(after, before) if after else pointers[1],
                name=keyword,
                before=before.text if before else "no bound",
                after=after.text if after else "no bound",
            )


def _bound_change(keyword: str, base: Bound | None, new: Bound | None) -> str | None:
    """Tell whether a bound was tightened, loosened or changed; None when it is equal."""
    if base is None or new is None:
        return None if base is new else "tightened" if base is None else "loosened"
    if base.rank == new.rank:
        return None
    if keyword == "pattern":  # more patterns that must all match are tighter
        more, fewer = base.rank < new.rank, new.rank < base.rank
        return "tightened" if more else "loosened" if fewer else "changed"
    if keyword == "multipleOf":
        return _step_change(base.rank, new.rank)
    return "tightened" if new.rank > base.rank else "loosened"


def _step_change(base: Fraction, new: Fraction) -> str:
    # Every multiple of 10 is one of 5; multiples of 4 and of 6 only overlap.
    if base and new and (new / base).denominator == 1:
        return "tightened"
    return "loosened" if base and new and (base / new).denominator == 1 else "changed"


def _pointer_beyond(bound: Bound, other: Bound | None) -> str:
    """Point at the first pattern that the other bound does not have, or at the bound."""
    known = other.patterns if other else {}
    pointers = (at for pattern, at in bound.patterns.items() if pattern not in known)
    return next(pointers, bound.pointer)


def _default(base: Schema, new: Schema) -> Iterator[Difference]:
    before, after = base.value_of("default"), new.value_of("default")
    if _default_key(before) == _default_key(after):
        return
    rule = {(True, False): "default-added", (False, True): "default-removed"}.get(
        (before is ABSENT, after is ABSENT), "default-changed"
    )
    texts = {"before": _text_or_none(before), "after": _text_or_none(after)}
    yield _at(rule, base, new, ("default", "x-default"), **texts)


def _default_key(value: Any) -> Any:
    return ABSENT if value is ABSENT else canonical(value)


def _deprecated(base: Schema, new: Schema) -> Iterator[Difference]:
    before, after = base.flag("deprecated"), new.flag("deprecated")
    if before != after:
        yield _at("deprecated" if after else "undeprecated", base, new, ("deprecated",))


def _unjudged(base: Schema, new: Schema) -> Iterator[Difference]:
    for keyword in sorted(base.unjudged | new.unjudged):
        if _keyword_texts(base, keyword) != _keyword_texts(new, keyword):
            yield _at("keyword-changed", base, new, (keyword,), name=keyword)


def _keyword_texts(schema: Schema, keyword: str) -> list[str]:
    holders = [each.node for each in schema.assertions if keyword in each.keywords]
    return sorted({dereferenced(node.get(keyword)) for node in holders})
