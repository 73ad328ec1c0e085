"""How two schemas are compared: the differ's idea.

1. Both are brought to their normal form (normal_form.py, schema.py), so that notation is no
   difference: `$ref`, `allOf`, a union with null, OpenAPI 3.0 against 3.1.
2. Two schemas are compared one level deep: the constraints on the value (constraints.py), the
   fields of an object, the elements of a list, the variants of a union (variants.py). Each yields
   Differences and pairs of inner schemas.
3. The traversal compares the inner pairs in turn, each pair once, so that recursion ends. What
   differs is then named at every path that leads to it: a shared component is met at many.
4. The direction is part of the rule: the same change is judged for the sender of a request and
   for the reader of a response. A server that accepts more, or answers less, breaks nobody:

                                  request        response
       the type is narrowed       breaking       compatible
       the type is widened        compatible     breaking
       null is allowed            compatible     breaking
       an enum grows              compatible     risky: enums of this library are open
       an optional field is new   compatible     compatible: unknown fields are kept
       an optional field is gone  breaking       breaking
       a default changes          risky          note: a default in an answer is never sent

   rules/schemas.py is the whole table, with reason and advice.
5. Every rule has an opposite: what `new` widened, `base` narrowed. Comparing the documents the
   other way round gives exactly the opposite rules with the pointers swapped, and a document
   compared with itself, or with a rewrite of itself, gives nothing. Tests hold both.

An example. `Fill` is received by GetFills, and tomorrow its `side` may be null:

    base   Fill: {properties: {side: {type: string}}}
    new    Fill: {properties: {side: {anyOf: [{type: string}, {type: "null"}]}}}

The pair (Fill, Fill) has no difference itself and one inner pair, `.side`. In the normal form of
the new `side` the union is gone: one string that may be null. So types are equal and `nullable` is
not: `nullable-added`, in a response, at `fills[].side`:

    response-nullable-added   breaking   (its opposite: response-nullable-removed, compatible)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import define, evolve, field, frozen

from kalshi_ext.drift.constraints import compare_beside_variants, compare_constraints
from kalshi_ext.drift.errors import CannotCompare
from kalshi_ext.drift.finding import REQUEST, Difference
from kalshi_ext.drift.schema import Field, Schema, unconstrained
from kalshi_ext.drift.twins import twins_of
from kalshi_ext.drift.variants import compare_variants

# The exchange's full document needs a few thousand pairs. allOf over recursive schemas makes new
# conjunctions at each level, which could multiply without end.
MAX_PAIRS: Final = 200_000
# Paths that lead again to a pair already met. They double at each level of a hostile document; past
# the limit a pair is named at the first path only.
MAX_PATHS: Final = 50_000

PairKey = tuple[tuple[str, ...], tuple[str, ...], str]


@frozen(eq=False)
class InnerPair:
    """A pair of inner schemas still to compare, and the step of the path that leads to it."""

    step: str
    base: Schema
    new: Schema


@frozen(eq=False)
class LevelDiff:
    """What differs between two schemas themselves, and the pairs inside them."""

    differences: tuple[Difference, ...]
    inner: tuple[InnerPair, ...]


@define(eq=False)
class Traversal:
    """Compares schemas of two documents; each pair is compared once and remembered."""

    compared: dict[PairKey, LevelDiff] = field(factory=dict[PairKey, LevelDiff], repr=False)
    repeated_paths: int = 0

    def differences(
        self, base: Schema, new: Schema, direction: str
    ) -> Iterator[tuple[Difference, str]]:
        """List every difference below a pair of schemas, at every path of fields to it.

        A shared component is met at many paths, each of which is named; recursion is named once.
        """
        root = InnerPair("", base, new)
        levels = self._levels(root, direction)
        leading = _leading_to_differences(levels)
        # A stack of pairs and paths. None ends the pair below it, which is then no longer inside
        # itself: the same pair may follow at another path.
        pending: list[tuple[InnerPair | None, PairKey, str]] = [(root, _key(root, direction), "")]
        inside, seen = set[PairKey](), set[PairKey]()
        while pending:
            pair, key, path = pending.pop()
            if pair is None:
                inside.discard(key)
                continue
            if key not in leading or key in inside or (key in seen and self._is_spent()):
                continue
            inside.add(key)
            seen.add(key)
            yield from ((difference, path) for difference in levels[key].differences)
            pending.append((None, key, path))
            # Reversed, because a stack is read from its end: findings keep the document's order.
            pending += [
                (each, _key(each, direction), path + each.step)
                for each in reversed(levels[key].inner)
            ]

    def _is_spent(self) -> bool:
        """Count one more path to a pair that was met before; tell when there were too many."""
        self.repeated_paths += 1
        return self.repeated_paths > MAX_PATHS

    def _levels(self, root: InnerPair, direction: str) -> dict[PairKey, LevelDiff]:
        """Compare every pair that can be reached from one, each once."""
        levels: dict[PairKey, LevelDiff] = {}
        pending = [root]
        while pending:
            pair = pending.pop()
            key = _key(pair, direction)
            if key not in levels and not _has_same_text(pair.base, pair.new):
                levels[key] = self._level(key, pair.base, pair.new)
                pending += levels[key].inner
        return levels

    def _level(self, key: PairKey, base: Schema, new: Schema) -> LevelDiff:
        level = self.compared.get(key)
        if level is None:
            if len(self.compared) >= MAX_PAIRS:
                raise CannotCompare(f"more than {MAX_PAIRS} pairs of schemas: too involved")
            level = self.compared[key] = compare_level(base, new, key[2])
        return level


def _key(pair: InnerPair, direction: str) -> PairKey:
    return pair.base.key, pair.new.key, direction


def _leading_to_differences(levels: dict[PairKey, LevelDiff]) -> set[PairKey]:
    """Find the pairs that differ, and those from which one that differs can be reached."""
    outer: dict[PairKey, list[PairKey]] = {}
    for key, level in levels.items():
        for pair in level.inner:
            outer.setdefault(_key(pair, key[2]), []).append(key)
    leading: set[PairKey] = set()
    pending = [key for key, level in levels.items() if level.differences]
    while pending:
        key = pending.pop()
        if key not in leading:
            leading.add(key)
            pending += outer.get(key, ())
    return leading


def _has_same_text(base: Schema, new: Schema) -> bool:
    return base.text is not None and base.text == new.text


def compare_level(base: Schema, new: Schema, direction: str) -> LevelDiff:
    """Compare two schemas one level deep, as sent (request) or as received (response)."""
    against_union = _is_plain_against_union(base, new)
    compare = compare_beside_variants if against_union else compare_constraints
    differences = list(compare(base, new))
    if any(difference.rule == "type-changed" for difference in differences):
        # Nothing inside a value of another type is comparable.
        return LevelDiff(tuple(_directed(differences, direction)), ())
    parts = [] if against_union else list(_parts(base, new, direction))
    union_differences, pairs = compare_variants(base, new)
    parts += union_differences
    if against_union:
        pairs = [(before.as_variant, after.as_variant) for before, after in pairs]
    parts += [InnerPair("", before, after) for before, after in pairs]
    differences += [part for part in parts if isinstance(part, Difference)]
    inner = tuple(part for part in parts if isinstance(part, InnerPair))
    return LevelDiff(tuple(_directed(differences, direction)), inner)


def _is_plain_against_union(base: Schema, new: Schema) -> bool:
    """Tell whether a plain schema is to be compared with the variants of a union."""
    return (base.is_only_a_union and not new.unions) or (new.is_only_a_union and not base.unions)


def _directed(differences: list[Difference], direction: str) -> Iterator[Difference]:
    return (evolve(each, rule=f"{direction}-{each.rule}") for each in differences)


def _parts(base: Schema, new: Schema, direction: str) -> Iterator[Difference | InnerPair]:
    yield from _fields(base, new, direction)
    yield from _items(base, new)
    yield from _additional_properties(base, new)


def _fields(base: Schema, new: Schema, direction: str) -> Iterator[Difference | InnerPair]:
    base_fields, new_fields = _fields_sent(base, direction), _fields_sent(new, direction)
    for name in dict.fromkeys([*base_fields, *new_fields]):
        before, after = base_fields.get(name), new_fields.get(name)
        if before and after:
            yield from _field_pair(name, before, after)
        elif before:
            pointers = before.pointer, new.pointer_to("properties")
            twins = twins_of(name, new_fields, base_fields)
            yield Difference(f"field-removed-{_presence(before)}", *pointers, name, after=twins)
        elif after:
            pointers = base.pointer_to("properties"), after.pointer
            yield Difference(f"field-added-{_presence(after)}", *pointers, name)


def _fields_sent(schema: Schema, direction: str) -> dict[str, Field]:
    """List the fields that travel in a direction: no readOnly in requests, no writeOnly back."""
    excluded = "readOnly" if direction == REQUEST else "writeOnly"
    return {name: each for name, each in schema.fields.items() if not each.schema.flag(excluded)}


def _presence(field: Field) -> str:
    return "required" if field.required else "optional"


def _field_pair(name: str, before: Field, after: Field) -> Iterator[Difference | InnerPair]:
    if before.required != after.required:
        rule = f"field-became-{_presence(after)}"
        yield Difference(rule, before.pointer, after.pointer, name)
    yield InnerPair(f".{name}", before.schema, after.schema)


def _items(base: Schema, new: Schema) -> Iterator[InnerPair]:
    if base.items or new.items:
        before, after = base.items or unconstrained(base), new.items or unconstrained(new)
        yield InnerPair("[]", before, after)


def _additional_properties(base: Schema, new: Schema) -> Iterator[Difference | InnerPair]:
    before, after = base.additional_properties, new.additional_properties
    if isinstance(before, Schema) and isinstance(after, Schema):
        yield InnerPair("{}", before, after)
        return
    if _openness(before) != _openness(after):
        keywords = ("additionalProperties", "unevaluatedProperties")
        rule = f"extras-{_openness(before)}-{_openness(after)}"
        yield Difference(rule, base.pointer_to(*keywords), new.pointer_to(*keywords))


def _openness(additional: Schema | bool) -> str:
    return "typed" if isinstance(additional, Schema) else "open" if additional else "closed"
