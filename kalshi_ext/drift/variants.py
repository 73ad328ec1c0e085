"""Compare the variants of a union: which variant of one document is which of the other.

Variants have no names on the wire, so they are paired by likeness: equal fingerprints first, then
the same component, then shared fields. What stays unpaired was added or removed. A plain schema
counts as a union of itself, so that it can be compared with one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final

from kalshi_ext.drift.document import canonical, last_step, steps
from kalshi_ext.drift.finding import Difference, values_text
from kalshi_ext.drift.limits import is_mapping
from kalshi_ext.drift.schema import Field, Schema, Union

VariantPairs = list[tuple[Schema, Schema]]
_MIN_LIKENESS: Final = 0.3
_FINGERPRINT_DEPTH: Final = 3  # tells variants apart; what is deeper is compared after pairing
_COMPONENT_STEPS: Final = 3  # /components/schemas/Name
_SCALARS: Final = frozenset({"string", "integer", "number", "boolean"})


def compare_variants(base: Schema, new: Schema) -> tuple[list[Difference], VariantPairs]:
    """Find the variants that were added, removed or tagged anew, and pair the rest."""
    if not (base.unions or new.unions):
        return [], []
    before, after = _as_union(base), _as_union(new)
    pairs = _paired(before, after)
    differences = [*_union_kind(before, after), *_tags(base, new, pairs)]
    known = _scalar_types(pairs)
    paired = {id(variant) for pair in pairs for variant in pair}
    removed = [variant for variant in before.variants if id(variant) not in paired]
    added = [variant for variant in after.variants if id(variant) not in paired]
    differences += [_lone("removed", v, known, v.pointer, after.pointer) for v in removed]
    differences += [_lone("added", v, known, before.pointer, v.pointer) for v in added]
    return differences, pairs


def _scalar_types(pairs: VariantPairs) -> frozenset[str]:
    """List the scalar types that paired variants may have."""
    types = (name for pair in pairs for variant in pair for name in variant.types or ())
    return frozenset(name for name in types if name in _SCALARS)


def _as_union(schema: Schema) -> Union:
    if schema.unions:
        variants = tuple(variant for union in schema.unions for variant in union.variants)
        return Union(schema.unions[0].kind, schema.unions[0].pointer, variants)
    return Union("plain", schema.pointer, (schema,))


def _union_kind(base: Union, new: Union) -> Iterator[Difference]:
    if base.kind != new.kind and "plain" not in (base.kind, new.kind):
        yield Difference(
            "form-kind-changed", base.pointer, new.pointer, before=base.kind, after=new.kind
        )


def _lone(change: str, variant: Schema, known: frozenset[str], base: str, new: str) -> Difference:
    """Tell a new kind of value from one more way to write a scalar that was there before."""
    alike = variant.types is not None and variant.types <= known
    return Difference(f"form-{'alike-' if alike else ''}{change}", base, new, name=_name(variant))


def _name(variant: Schema) -> str:
    if _is_component(variant):
        return last_step(variant.pointer)
    return " or ".join(sorted(variant.types or ["anything"]))


def _is_component(variant: Schema) -> bool:
    path = steps(variant.pointer)
    return len(path) == _COMPONENT_STEPS and path[0] == "components"


def _paired(base: Union, new: Union) -> VariantPairs:
    scores = [
        (_likeness(b, n), i, j)
        for i, b in enumerate(base.variants)
        for j, n in enumerate(new.variants)
    ]
    paired: tuple[set[int], set[int]] = (set(), set())
    pairs: VariantPairs = []
    # The best score first; i + j is the same with the documents swapped.
    for score, i, j in sorted(scores, key=lambda row: (-row[0], row[1] + row[2], row[1])):
        if score > _MIN_LIKENESS and i not in paired[0] and j not in paired[1]:
            paired[0].add(i)
            paired[1].add(j)
            pairs.append((base.variants[i], new.variants[j]))
    return pairs


def _likeness(base: Schema, new: Schema) -> float:
    """Score two variants: 4 for equal ones, 3 for one component, up to 1 by shared fields."""
    if fingerprint(base) == fingerprint(new):
        return 4.0
    if _name(base) == _name(new) and _is_component(base):
        return 3.0
    names = base.fields.keys() | new.fields.keys()
    if names:
        return len(base.fields.keys() & new.fields.keys()) / len(names)
    return 0.9 if base.types == new.types else 0.0


def _tags(base: Schema, new: Schema, pairs: VariantPairs) -> Iterator[Difference]:
    before, after = _discriminator(base), _discriminator(new)
    pointers = base.pointer_to("discriminator"), new.pointer_to("discriminator")
    if before.get("propertyName") != after.get("propertyName"):
        texts = [str(each.get("propertyName", "none")) for each in (before, after)]
        yield Difference("discriminator-changed", *pointers, before=texts[0], after=texts[1])
    elif before:
        for variant, new_variant in pairs:
            tags, new_tags = _tags_of(variant, before), _tags_of(new_variant, after)
            if tags != new_tags:
                yield Difference("form-tag-changed", *pointers, _name(variant), tags, new_tags)


def _discriminator(schema: Schema) -> dict[str, Any]:
    value = schema.value_of("discriminator")
    return value if is_mapping(value) else {}


def _tags_of(variant: Schema, discriminator: dict[str, Any]) -> str:
    """List the tags of a variant; without a mapping the component's name is on the wire."""
    mapping = discriminator.get("mapping")
    name = last_step(variant.pointer)
    named = mapping.items() if is_mapping(mapping) else ()
    tags = [tag for tag, target in named if str(target).rpartition("/")[2] == name]
    return values_text(sorted(tags) or [name])


def fingerprint(schema: Schema, depth: int = _FINGERPRINT_DEPTH) -> str:
    """Hash what a schema says down to a few levels: equal schemas have equal fingerprints."""
    cache, key = schema.document.fingerprints, (schema.key, depth)
    digest = cache.get(key)
    if digest is None:
        text = canonical(_outline(schema, depth))
        # A document may hold lone surrogates, which UTF-8 cannot encode.
        digest = cache[key] = hashlib.sha256(text.encode(errors="replace")).hexdigest()
    return digest


def _outline(schema: Schema, depth: int) -> list[Any]:
    enum = None if schema.enum is None else sorted(schema.enum)
    types = None if schema.types is None else sorted(schema.types)
    bounds = sorted(bound.text for bound in schema.bounds.values())
    own = [types, schema.nullable, enum, bounds, _format(schema)]
    return own + (_inner_outline(schema, depth - 1) if depth else [])


def _inner_outline(schema: Schema, depth: int) -> list[Any]:
    fields = {name: _field_outline(field, depth) for name, field in schema.fields.items()}
    unions = [sorted(fingerprint(v, depth) for v in union.variants) for union in schema.unions]
    extras = schema.additional_properties
    rest = fingerprint(extras, depth) if isinstance(extras, Schema) else extras
    items = fingerprint(schema.items, depth) if schema.items else None
    return [fields, unions, rest, items]


def _field_outline(field: Field, depth: int) -> list[Any]:
    return [field.required, fingerprint(field.schema, depth)]


def _format(schema: Schema) -> str | None:
    formats = (a.keywords["format"] for a in schema.assertions if "format" in a.keywords)
    return next(map(str, formats), None)
