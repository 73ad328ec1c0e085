"""Condense a schema into a text that equal schemas share, to find one among several."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from kalshi_ext.drift.schema import Field, Schema
from kalshi_ext.drift.values import canonical

_DEPTH: Final = 3  # enough to tell forms apart; what is deeper is compared after pairing


def fingerprint(schema: Schema, depth: int = _DEPTH) -> str:
    """Condense what a schema says, down to a few levels."""
    memo, key = schema.document.prints, (schema.key, depth)
    found = memo.get(key)
    if found is None:
        text = canonical(_outline(schema, depth))
        found = memo[key] = hashlib.sha256(text.encode(errors="replace")).hexdigest()
    return found


def _outline(schema: Schema, depth: int) -> list[Any]:
    enum = None if schema.enum is None else sorted(schema.enum)
    types = None if schema.types is None else sorted(schema.types)
    bounds = sorted(bound.text for bound in schema.bounds.values())
    own = [types, schema.nullable, enum, bounds, _format(schema)]
    return own + (_inner(schema, depth - 1) if depth else [])


def _inner(schema: Schema, depth: int) -> list[Any]:
    fields = {name: _of_field(field, depth) for name, field in schema.fields.items()}
    forms = [sorted(fingerprint(form, depth) for form in u.members) for u in schema.unions]
    extras = schema.extras
    rest = fingerprint(extras, depth) if isinstance(extras, Schema) else extras
    items = fingerprint(schema.items, depth) if schema.items else None
    return [fields, forms, rest, items]


def _of_field(field: Field, depth: int) -> list[Any]:
    return [field.required, fingerprint(field.schema, depth)]


def _format(schema: Schema) -> str | None:
    return next(
        (str(leaf.words["format"]) for leaf in schema.leaves if "format" in leaf.words), None
    )
