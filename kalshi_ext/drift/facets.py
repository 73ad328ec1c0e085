"""Compare what two schemas say about the value itself: type, null, format, enum, bounds.

Names carry no direction here; the caller puts "request-" or "response-" before them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from kalshi_ext.drift import bounds
from kalshi_ext.drift.difference import Difference, listed, shown
from kalshi_ext.drift.schema import MISSING, Schema
from kalshi_ext.drift.unfold import unfolded
from kalshi_ext.drift.values import Types, canonical, covers

_SIZES: Final = {"int32": 1, "int64": 2, "float": 1, "double": 2}
_UNSIZED: Final = 3
_BOUND_WORDS: Final = {
    "minimum": ("minimum", "exclusiveMinimum"),
    "maximum": ("maximum", "exclusiveMaximum"),
}


def compare_values(base: Schema, new: Schema) -> Iterator[Difference]:
    """Find every difference in what a single value may be; a new type hides all others."""
    types = list(_types(base, new))
    yield from types
    if any(found.rule == "type-changed" for found in types):
        return
    yield from _nullable(base, new)
    if not types:
        yield from _format(base, new)
    yield from _enum(base, new)
    yield from _bounds(base, new)
    yield from _default(base, new)
    yield from _deprecated(base, new)
    yield from _unjudged(base, new)


def compare_outside(base: Schema, new: Schema) -> Iterator[Difference]:
    """Find what is said beside the forms of a union, when only one side is a union."""
    yield from _nullable(base, new)
    yield from _default(base, new)
    yield from _deprecated(base, new)


def _at(rule: str, base: Schema, new: Schema, words: tuple[str, ...], **texts: str) -> Difference:
    return Difference(rule, base.where(*words), new.where(*words), **texts)


def _types(base: Schema, new: Schema) -> Iterator[Difference]:
    # Where forms are listed, the forms are compared and the types follow from them.
    if base.types != new.types and not (base.unions or new.unions):
        texts = {"before": _show_types(base.types), "after": _show_types(new.types)}
        yield _at(_type_rule(base.types, new.types), base, new, ("type",), **texts)


def _type_rule(base: Types, new: Types) -> str:
    if covers(new, base):
        return "type-widened"
    return "type-narrowed" if covers(base, new) else "type-changed"


def _show_types(types: Types) -> str:
    return "anything" if types is None else " or ".join(sorted(types)) or "nothing but null"


def _nullable(base: Schema, new: Schema) -> Iterator[Difference]:
    if base.nullable == new.nullable or None in (base.types, new.types):
        return
    rule = "nullable-added" if new.nullable else "nullable-removed"
    yield _at(rule, base, new, ("nullable", "type"))


def _format(base: Schema, new: Schema) -> Iterator[Difference]:
    before, after = base.said("format"), new.said("format")
    if before == after:
        return
    texts = {"before": _or_none(before), "after": _or_none(after)}
    yield _at(_format_rule(before, after, base.types), base, new, ("format",), **texts)


def _format_rule(before: Any, after: Any, types: Types) -> str:
    sizes = [_SIZES.get(str(each), _UNSIZED if each is MISSING else 0) for each in (before, after)]
    if types and types <= {"integer", "number"} and all(sizes):
        if set(sizes) == {2, _UNSIZED}:  # every JSON integer met in practice fits 64 bits
            return "format-size-stated" if after is not MISSING else "format-size-unstated"
        return "format-narrowed" if sizes[1] < sizes[0] else "format-widened"
    if MISSING in (before, after):
        return "format-added" if before is MISSING else "format-removed"
    return "format-changed"


def _or_none(value: Any) -> str:
    return "none" if value is MISSING else shown(value)


def _enum(base: Schema, new: Schema) -> Iterator[Difference]:
    if base.enum is None and new.enum is None:
        return
    texts = {"before": _members(base.enum), "after": _members(new.enum)}
    if base.enum is None or new.enum is None:
        rule = "enum-opened" if new.enum is None else "enum-closed"
        yield _at(rule, base, new, ("enum", "const", "oneOf", "anyOf"), **texts)
        return
    yield from _enum_part("enum-member-removed", base, new, base.enum, new.enum)
    yield from _enum_part("enum-member-added", base, new, new.enum, base.enum)


def _enum_part(
    rule: str, base: Schema, new: Schema, mine: dict[str, Any], other: dict[str, Any]
) -> Iterator[Difference]:
    name = listed(value for key, value in mine.items() if key not in other)
    if name:
        texts = {"before": _members(base.enum), "after": _members(new.enum)}
        yield _at(rule, base, new, ("enum", "const", "oneOf", "anyOf"), name=name, **texts)


def _members(enum: dict[str, Any] | None) -> str:
    return "any value" if enum is None else listed(enum.values())


def _bounds(base: Schema, new: Schema) -> Iterator[Difference]:
    for name in sorted(base.bounds.keys() | new.bounds.keys()):
        before, after = base.bounds.get(name), new.bounds.get(name)
        change = bounds.compare(name, before, after)
        if change is not None:
            words = _BOUND_WORDS.get(name, (name,))
            yield Difference(
                f"bound-{change}",
                before.beside(after) if before else base.where(*words),
                after.beside(before) if after else new.where(*words),
                name=name,
                before=before.text if before else "no bound",
                after=after.text if after else "no bound",
            )


def _default(base: Schema, new: Schema) -> Iterator[Difference]:
    before, after = base.said("default"), new.said("default")
    if _key(before) == _key(after):
        return
    rule = {(True, False): "default-added", (False, True): "default-removed"}.get(
        (before is MISSING, after is MISSING), "default-changed"
    )
    texts = {"before": _or_none(before), "after": _or_none(after)}
    yield _at(rule, base, new, ("default", "x-default"), **texts)


def _key(value: Any) -> Any:
    return MISSING if value is MISSING else canonical(value)


def _deprecated(base: Schema, new: Schema) -> Iterator[Difference]:
    before, after = base.flag("deprecated"), new.flag("deprecated")
    if before != after:
        yield _at("deprecated" if after else "undeprecated", base, new, ("deprecated",))


def _unjudged(base: Schema, new: Schema) -> Iterator[Difference]:
    for word in sorted(base.unjudged | new.unjudged):
        if _text(base, word) != _text(new, word):
            yield _at("keyword-changed", base, new, (word,), name=word)


def _text(schema: Schema, word: str) -> list[str]:
    return sorted({unfolded(leaf.node.get(word)) for leaf in schema.leaves if word in leaf.words})
