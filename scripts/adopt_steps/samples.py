"""Make up full answers of a contract that remember which of their properties were looked at."""

from __future__ import annotations

import collections
from typing import Any


def resolved(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """Follow references to what they name."""
    while "$ref" in node:
        found: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


class Seen(dict[str, Any]):
    """An object of JSON that remembers which of its properties were looked at."""

    looked: set[str]
    missed: set[str]

    def __getitem__(self, name: str) -> Any:
        self.looked.add(name)
        return super().__getitem__(name)

    def __missing__(self, name: str) -> str:
        """Note it and give something, so that the reader goes on and the rest is seen too."""
        self.missed.add(name)
        return "0.50"

    def get(self, name: str, default: Any = None) -> Any:
        """Read a property that may be absent."""
        self.looked.add(name)
        return super().get(name, default)


class Sampler:
    """Makes answers: every property is there, and has the first type its schema allows.

    By schema: `known` holds the properties, `looked` those that were read, `missed` those that
    were needed and are not there. `met` are the schemas of the latest answer.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.looked: dict[str, set[str]] = collections.defaultdict(set)
        self.missed: dict[str, set[str]] = collections.defaultdict(set)
        self.known: dict[str, set[str]] = {}
        self.met: set[str] = set()

    def of(self, schema: dict[str, Any], *, without: str | None = None) -> Any:
        """Make one answer; `without` names a property to leave out of the rows."""
        self.met = set()
        sample = self._value(schema, "", "")
        for rows in sample.values() if without and isinstance(sample, dict) else ():
            for row in rows if isinstance(rows, list) else ():
                if isinstance(row, dict):
                    row.pop(without, None)
        return sample

    def _value(self, schema: dict[str, Any], name: str, key: str) -> Any:
        if "$ref" in schema:
            named = schema["$ref"].rsplit("/", 1)[1]
            return self._value(resolved(self.document, schema), named, key)
        for word in ("allOf", "anyOf", "oneOf"):
            if schema.get(word):
                return self._value(schema[word][0], name, key)
        if "enum" in schema:
            return schema["enum"][0]
        if schema.get("type") == "array":
            return [self._value(schema["items"], "", key)]
        if schema.get("type") == "object" or "properties" in schema:
            return self._object(schema, name)
        return _scalar(schema, key)

    def _object(self, schema: dict[str, Any], name: str) -> Seen:
        made = Seen()
        made.looked, made.missed = self.looked[name], self.missed[name]
        self.met.add(name)
        self.known[name] = set(schema.get("properties", {}))
        for key, inner in schema.get("properties", {}).items():
            made[key] = self._value(inner, "", key)
        values = schema.get("additionalProperties")
        if isinstance(values, dict):
            made["o1"] = self._value(values, "", "")
        return made


def _scalar(schema: dict[str, Any], key: str) -> Any:
    kind = schema.get("type")
    if kind == "boolean":
        return True
    if kind in ("integer", "number"):
        return 1
    if schema.get("format") == "date-time" or key.endswith(("_time", "_ts", "_datetime")):
        return "2026-11-22T12:00:00Z"
    return "0.50"
