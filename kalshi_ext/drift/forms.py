"""Compare the forms of a union: which form of one document is which of the other.

Forms have no names on the wire, so they are paired: by the tag that tells them apart, by being
the same, by the component they come from, and at last by how much they look alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from kalshi_ext.drift.difference import Difference, listed
from kalshi_ext.drift.fingerprint import fingerprint
from kalshi_ext.drift.json_types import is_mapping
from kalshi_ext.drift.pointers import last, steps
from kalshi_ext.drift.schema import Schema, Union

Pairs = list[tuple[Schema, Schema]]
_ALIKE: Final = 0.3
_COMPONENT: Final = 3  # /components/schemas/Name
_SCALARS: Final = frozenset({"string", "integer", "number", "boolean"})


def compare_forms(base: Schema, new: Schema) -> tuple[list[Difference], Pairs]:
    """Find the forms that came, went or changed their tag, and pair the rest."""
    if not (base.unions or new.unions):
        return [], []
    before, after = _union(base), _union(new)
    pairs = _paired(before, after)
    found = [*_kind(before, after), *_tags(base, new, pairs)]
    mine, theirs = {id(b) for b, _ in pairs}, {id(n) for _, n in pairs}
    known = _scalars(pairs)
    gone = [form for form in before.members if id(form) not in mine]
    came = [form for form in after.members if id(form) not in theirs]
    found += [_lone("removed", form, known, form.pointer, after.pointer) for form in gone]
    found += [_lone("added", form, known, before.pointer, form.pointer) for form in came]
    return found, pairs


def _scalars(pairs: Pairs) -> frozenset[str]:
    """List the plain types that the forms of both documents may have."""
    return frozenset(
        name for pair in pairs for form in pair for name in form.types or () if name in _SCALARS
    )


def _union(schema: Schema) -> Union:
    """Take the union of a schema; a plain schema is a union of itself."""
    if schema.unions:
        members = tuple(form for union in schema.unions for form in union.members)
        return Union(schema.unions[0].kind, schema.unions[0].pointer, members)
    return Union("plain", schema.pointer, (schema,))


def _kind(base: Union, new: Union) -> Iterator[Difference]:
    if base.kind != new.kind and "plain" not in (base.kind, new.kind):
        yield Difference(
            "form-kind-changed", base.pointer, new.pointer, before=base.kind, after=new.kind
        )


def _lone(what: str, form: Schema, known: frozenset[str], base: str, new: str) -> Difference:
    """Tell a form of its own from one more way for a plain value that was there before."""
    alike = form.types is not None and form.types <= known
    return Difference(f"form-{'alike-' if alike else ''}{what}", base, new, name=_name(form))


def _name(form: Schema) -> str:
    if _is_component(form):
        return last(form.pointer)
    return " or ".join(sorted(form.types or ["anything"]))


def _is_component(form: Schema) -> bool:
    found = steps(form.pointer)
    return len(found) == _COMPONENT and found[0] == "components"


def _paired(base: Union, new: Union) -> Pairs:
    scores = [
        (_likeness(b, n), i, j)
        for i, b in enumerate(base.members)
        for j, n in enumerate(new.members)
    ]
    taken: tuple[set[int], set[int]] = (set(), set())
    found: Pairs = []
    for score, i, j in sorted(scores, key=lambda row: (-row[0], row[1] + row[2], row[1])):
        if score > _ALIKE and i not in taken[0] and j not in taken[1]:
            taken[0].add(i)
            taken[1].add(j)
            found.append((base.members[i], new.members[j]))
    return found


def _likeness(base: Schema, new: Schema) -> float:
    """Score two forms: 4 the same, 3 the same component, less than 1 by shared fields."""
    if fingerprint(base) == fingerprint(new):
        return 4.0
    if _name(base) == _name(new) and _is_component(base):
        return 3.0
    names = base.fields.keys() | new.fields.keys()
    if names:
        return len(base.fields.keys() & new.fields.keys()) / len(names)
    return 0.9 if base.types == new.types else 0.0


def _tags(base: Schema, new: Schema, pairs: Pairs) -> Iterator[Difference]:
    before, after = _discriminator(base), _discriminator(new)
    where = {"base": base.where("discriminator"), "new": new.where("discriminator")}
    if before.get("propertyName") != after.get("propertyName"):
        texts = [str(each.get("propertyName", "none")) for each in (before, after)]
        yield Difference("discriminator-changed", **where, before=texts[0], after=texts[1])
    elif before:
        for one, other in pairs:
            texts = [listed(_tags_of(one, before)), listed(_tags_of(other, after))]
            if texts[0] != texts[1]:
                yield Difference(
                    "form-tag-changed", **where, name=_name(one), before=texts[0], after=texts[1]
                )


def _discriminator(schema: Schema) -> dict[str, Any]:
    said = schema.said("discriminator")
    return said if is_mapping(said) else {}


def _tags_of(form: Schema, discriminator: dict[str, Any]) -> list[str]:
    """List the tags of a form; without a mapping it is the component's name, on the wire."""
    mapping = discriminator.get("mapping")
    name = last(form.pointer)
    named = mapping.items() if is_mapping(mapping) else ()
    tags = [tag for tag, to in named if str(to).rpartition("/")[2] == name]
    return sorted(tags) or [name]
