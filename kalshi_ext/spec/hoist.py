"""Give inline enums and inline objects a component of their own."""

from __future__ import annotations

from typing import Any

from attrs import define, field

from kalshi_ext.spec.grammar import METHODS
from kalshi_ext.spec.naming import known_enum, pascal
from kalshi_ext.spec.tree import is_list, is_mapping

_ENUM_KEYS = frozenset({"type", "enum", "format"})
# What is said of the place, not of the thing.
_OUTSIDE = frozenset({"nullable", "deprecated", "readOnly", "writeOnly", "default"})


def _nothing() -> dict[str, Any]:
    return {}


@define
class _Hoister:
    """Collects new components while it walks; `schemas` are those the document has."""

    schemas: dict[str, Any]
    new: dict[str, Any] = field(factory=_nothing)

    def inline(self, owner: str, place: str, wanted: str, schema: Any) -> Any:
        """Replace an inline enum, or object with properties, by a reference."""
        if not is_mapping(schema) or "$ref" in schema:
            return schema
        if "enum" in schema:
            return self._enum(place, wanted, schema)
        if "properties" in schema:
            return self._object(wanted, schema)
        return self.inside(owner, wanted, schema, place)

    def inside(self, owner: str, wanted: str, schema: Any, place: str = "") -> Any:
        """Hoist what is inside a schema that stays where it is."""
        if not is_mapping(schema):
            return schema
        new = dict(schema)
        for key in ("allOf", "anyOf", "oneOf"):
            if key in new:
                parts = enumerate(new[key], 1)
                new[key] = [
                    self.inline(owner, place, f"{wanted}Type{n}", part) for n, part in parts
                ]
        if "properties" in new:
            new["properties"] = {
                name: self.inline(owner, name, owner + pascal(name), part)
                for name, part in new["properties"].items()
            }
        if "items" in new:
            new["items"] = self.inline(owner, place, self._entry(owner, wanted), new["items"])
        if is_mapping(new.get("additionalProperties")):
            values = new["additionalProperties"]
            new["additionalProperties"] = self.inline(owner, place, wanted + "Value", values)
        return new

    def _entry(self, owner: str, wanted: str) -> str:
        """Name the items of a list after the owner, of its second list after the place."""
        return f"{wanted}Entry" if self._taken(f"{owner}Entry") else f"{owner}Entry"

    def _object(self, wanted: str, schema: dict[str, Any]) -> dict[str, Any]:
        outside = {key: value for key, value in schema.items() if key in _OUTSIDE}
        bare = {key: value for key, value in schema.items() if key not in _OUTSIDE}
        name = self._free(wanted)
        self.new[name] = bare  # reserved before its inside looks for names
        self.new[name] = self.inside(name, name, bare)
        return _reference(name, outside)

    def _enum(self, place: str, wanted: str, schema: dict[str, Any]) -> dict[str, Any]:
        members = [member for member in schema["enum"] if member is not None]
        bare = {key: schema[key] for key in schema if key in _ENUM_KEYS} | {"enum": members}
        outside = {key: value for key, value in schema.items() if key not in _ENUM_KEYS}
        if len(members) < len(schema["enum"]):
            outside["nullable"] = True
        name = self._enum_name(known_enum(place, members), wanted, bare)
        self.new.setdefault(name, bare)
        return _reference(name, outside)

    def _enum_name(self, known: str | None, wanted: str, bare: dict[str, Any]) -> str:
        """Prefer the known name; equal enums share one, different ones never do."""
        for name in (known, wanted):
            if name is not None and (not self._taken(name) or _same(self._get(name), bare)):
                return name
        return self._free(wanted)

    def _taken(self, name: str) -> bool:
        return name in self.schemas or name in self.new

    def _get(self, name: str) -> Any:
        return self.new.get(name, self.schemas.get(name))

    def _free(self, wanted: str) -> str:
        names = [wanted, *(f"{wanted}{number}" for number in range(2, 1000))]
        return next(name for name in names if not self._taken(name))


def _same(schema: Any, other: dict[str, Any]) -> bool:
    """Compare two enums; the order of members says nothing."""
    if not is_mapping(schema) or not is_list(schema.get("enum")):
        return False
    return {**schema, "enum": 0} == {**other, "enum": 0} and sorted(
        map(str, schema["enum"])
    ) == sorted(map(str, other["enum"]))


def _reference(name: str, siblings: dict[str, Any]) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{name}"}
    return {"allOf": [reference], **siblings} if siblings else reference


def hoist(document: dict[str, Any]) -> dict[str, Any]:
    """Move inline enums and objects to components/schemas, everywhere in the document."""
    components = document.get("components", {})
    schemas = components.get("schemas", {})
    hoister = _Hoister(schemas)
    moved = {name: hoister.inside(name, name, schema) for name, schema in schemas.items()}
    parameters = {
        name: _in_parameter(hoister, name, parameter)
        for name, parameter in components.get("parameters", {}).items()
    }
    paths = {path: _in_path(hoister, item) for path, item in document.get("paths", {}).items()}
    found = {"schemas": {**moved, **hoister.new}, "parameters": parameters}
    return {**document, "paths": paths, "components": {**components, **found}}


def _in_path(hoister: _Hoister, item: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _in_operation(hoister, value) if key in METHODS else value
        for key, value in item.items()
    }


def _in_operation(hoister: _Hoister, operation: dict[str, Any]) -> dict[str, Any]:
    new = dict(operation)
    owner = pascal(str(operation.get("operationId", "operation")))
    if "parameters" in new:
        new["parameters"] = [_in_parameter(hoister, owner, each) for each in new["parameters"]]
    if "requestBody" in new:
        new["requestBody"] = _in_content(hoister, f"{owner}Request", new["requestBody"])
    new["responses"] = {
        status: _in_content(hoister, _response_name(owner, status), response)
        for status, response in operation.get("responses", {}).items()
    }
    return new


def _response_name(owner: str, status: str) -> str:
    return f"{owner}Response" if status.startswith("2") else f"{owner}Response{status}"


def _in_parameter(hoister: _Hoister, owner: str, parameter: dict[str, Any]) -> dict[str, Any]:
    if "schema" not in parameter:
        return parameter
    place = str(parameter.get("name", ""))
    schema = hoister.inline(owner, place, owner + pascal(place), parameter["schema"])
    return {**parameter, "schema": schema}


def _in_content(hoister: _Hoister, name: str, holder: dict[str, Any]) -> dict[str, Any]:
    if "content" not in holder:
        return holder
    content = {
        kind: {**media, "schema": hoister.inline(name, name, name, media["schema"])}
        if "schema" in media
        else media
        for kind, media in holder["content"].items()
    }
    return {**holder, "content": content}
