"""Compare the forms of a union: which form of one document is which of the other.

Forms have no names on the wire, so they are paired: by the tag that tells them apart, by being
the same, by the component they come from, and at last by how much they look alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from kalshi_ext.drift.difference import Difference, listed
from kalshi_ext.drift.fingerprint import fingerprint
from kalshi_ext.drift.pointers import last
from kalshi_ext.drift.schema import Schema, Union

Pairs = list[tuple[Schema, Schema]]
_ALIKE: Final = 0.3


def compare_forms(base: Schema, new: Schema) -> tuple[list[Difference], Pairs]:
    """Find the forms that came, went or changed their tag, and pair the rest."""
    if not (base.unions or new.unions):
        return [], []
    before, after = _union(base), _union(new)
    pairs = _paired(before, after)
    found = [*_kind(before, after), *_tags(base, new, pairs)]
    mine, theirs = {id(b) for b, _ in pairs}, {id(n) for _, n in pairs}
    found += [_lone("form-removed", f, f.pointer, after.pointer) for f in before.members
              if id(f) not in mine]  # fmt: skip
    found += [_lone("form-added", f, before.pointer, f.pointer) for f in after.members
              if id(f) not in theirs]  # fmt: skip
    return found, pairs


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


def _lone(rule: str, form: Schema, base: str, new: str) -> Difference:
    return Difference(rule, base, new, name=_name(form))


def _name(form: Schema) -> str:
    types = " or ".join(sorted(form.types or ["anything"]))
    return last(form.pointer) if form.pointer.startswith("/components/") else types


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
    if _name(base) == _name(new) and base.pointer.startswith("/components/"):
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
    return said if isinstance(said, dict) else {}


def _tags_of(form: Schema, discriminator: dict[str, Any]) -> list[str]:
    """List the tags of a form; without a mapping it is the component's name, on the wire."""
    mapping = discriminator.get("mapping") or {}
    name = last(form.pointer)
    tags = [tag for tag, to in mapping.items() if str(to).rpartition("/")[2] == name]
    return sorted(tags) or [name]
