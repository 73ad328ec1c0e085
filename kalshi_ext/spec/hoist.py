"""Give inline enums and inline objects a component of their own."""

from __future__ import annotations

from typing import Any

from attrs import define, field

from kalshi_ext.spec.grammar import METHODS
from kalshi_ext.spec.naming import known_enum, pascal

_ENUM_KEYS = frozenset({"type", "enum", "format"})


@define
class _Hoister:
    schemas: dict[str, Any]
    new: dict[str, Any] = field(factory=dict)

    def name(self, wanted: str, schema: dict[str, Any]) -> str:
        """Find the wanted name or the next free one; equal schemas share it."""
        taken = {**self.schemas, **self.new}
        name, number = wanted, 2
        while name in taken and taken[name] != schema:
            name, number = f"{wanted}{number}", number + 1
        self.new.setdefault(name, schema)
        return name

    def component(self, owner: str, schema: Any) -> Any:
        """Hoist what is inside a component; the component itself has its name already."""
        if not isinstance(schema, dict):
            return schema
        return self._inside(owner, owner, schema)

    def inline(self, owner: str, place: str, wanted: str, schema: Any) -> Any:
        """Hoist an inline schema when it is an enum or an object with properties."""
        if not isinstance(schema, dict) or "$ref" in schema:
            return schema
        if "enum" in schema:
            return self._enum(place, wanted, schema)
        if "properties" in schema:
            outside = {key: schema[key] for key in ("nullable", "deprecated") if key in schema}
            bare = {key: value for key, value in schema.items() if key not in outside}
            name = self.name(wanted, {})
            self.new[name] = self._inside(name, name, bare)
            return _reference(name, outside)
        return self._inside(owner, wanted, schema, place)

    def _inside(self, owner: str, wanted: str, schema: dict[str, Any], place: str = "") -> Any:
        new = dict(schema)
        for key in ("allOf", "anyOf", "oneOf"):
            if key in new:
                new[key] = [
                    self.inline(owner, place, f"{wanted}Type{number}", part)
                    for number, part in enumerate(new[key], 1)
                ]
        if "properties" in new:
            new["properties"] = {
                name: self.inline(owner, name, owner + pascal(name), part)
                for name, part in new["properties"].items()
            }
        if "items" in new:
            new["items"] = self.inline(owner, place, self._entry(owner, wanted), new["items"])
        if isinstance(new.get("additionalProperties"), dict):
            new["additionalProperties"] = self.inline(
                owner, place, wanted + "Value", new["additionalProperties"]
            )
        return new

    def _entry(self, owner: str, wanted: str) -> str:
        return (
            f"{wanted}Entry" if f"{owner}Entry" in {**self.schemas, **self.new} else f"{owner}Entry"
        )

    def _enum(self, place: str, wanted: str, schema: dict[str, Any]) -> dict[str, Any]:
        members = [member for member in schema["enum"] if member is not None]
        bare = {key: schema[key] for key in schema if key in _ENUM_KEYS} | {"enum": members}
        outside = {key: value for key, value in schema.items() if key not in _ENUM_KEYS}
        if len(members) < len(schema["enum"]):
            outside["nullable"] = True
        known = known_enum(place, members)
        taken = {**self.schemas, **self.new}
        if known is not None and taken.get(known, bare) == bare:
            wanted = known
        return _reference(self.name(wanted, bare), outside)


def _reference(name: str, siblings: dict[str, Any]) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{name}"}
    return {"allOf": [reference], **siblings} if siblings else reference


def hoist(document: dict[str, Any]) -> dict[str, Any]:
    """Move inline enums and objects to components/schemas, everywhere in the document."""
    components = document.get("components", {})
    schemas = components.get("schemas", {})
    hoister = _Hoister(schemas)
    moved = {name: hoister.component(name, schema) for name, schema in schemas.items()}
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
