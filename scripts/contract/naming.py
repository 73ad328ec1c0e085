"""Name what the exchange's document leaves unnamed: inline enums and inline objects.

The generator makes one class per inline enum and names it after its place, so the same yes/no
would be five types. `hoist` moves each into components/schemas and puts a $ref in its place:

    Fill.side:  {"type": "string", "enum": ["yes", "no"]}   ->  {"$ref": ".../OutcomeSide"}
    Order.side: {"type": "string", "enum": ["no", "yes"]}   ->  {"$ref": ".../OutcomeSide"}

A known enum gets its name from KNOWN_ENUMS; any other enum or object is named after its owner and
property. Equal enums share a name, different ones never do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from attrs import define, field

from contract.grammar import METHODS
from kalshi_ext.drift.limits import is_list, is_mapping

# Property names, members by which the enum is recognised, name of the component.
KNOWN_ENUMS: Final[tuple[tuple[frozenset[str], frozenset[str], str], ...]] = tuple(
    (frozenset(properties.split()), frozenset(members.split()), name)
    for properties, members, name in (
        ("side outcome_side taker_side taker_outcome_side", "yes no", "OutcomeSide"),
        ("side book_side", "bid ask", "BookSide"),
        ("action", "buy sell", "OrderAction"),
        ("type", "limit market", "OrderType"),
        ("status", "resting canceled executed", "OrderStatus"),
        ("time_in_force", "fill_or_kill good_till_canceled immediate_or_cancel", "TimeInForce"),
        ("self_trade_prevention_type", "taker_at_cross maker", "SelfTradePreventionType"),
        ("market_result", "yes no scalar", "MarketResult"),
        ("market_type", "binary scalar", "MarketType"),
        ("settlement_bounds_type", "default floor", "SettlementBoundsType"),
        (
            "strike_type",
            "greater greater_or_equal less less_or_equal between functional custom structured",
            "StrikeType",
        ),
        (
            "status",
            "initialized inactive active closed determined disputed amended finalized",
            "MarketStatus",
        ),
        ("status", "unopened open paused closed settled", "MarketStatusFilter"),
        ("mve_filter", "only exclude", "MveFilter"),
        ("status", "pending applied failed returned", "PaymentStatus"),
        ("type", "ach wire crypto debit apm", "PaymentType"),
        ("settlement_status", "unsettled settled all", "SettlementStatusFilter"),
        ("resting_margin_reservation", "none max sum", "RestingMarginReservation"),
        ("source destination exchange_instance", "event_contract margined", "ExchangeInstance"),
    )
)
_ENUM_KEYS = frozenset({"type", "enum", "format"})
# What describes the use of a schema, not the schema: it stays beside the reference.
USE_KEYS = frozenset({"nullable", "deprecated", "readOnly", "writeOnly", "default"})


def hoist(document: dict[str, Any]) -> dict[str, Any]:
    """Move every inline enum and object of the document to components/schemas."""
    components = document.get("components", {})
    schemas = components.get("schemas", {})
    hoister = _Hoister(schemas)
    # Components before paths, in the document's order: names must not depend on anything else.
    moved = {name: hoister.hoist_parts(name, name, schema) for name, schema in schemas.items()}
    parameters = {
        name: _hoist_parameter(hoister, name, parameter)
        for name, parameter in components.get("parameters", {}).items()
    }
    holders = {
        section: {name: _hoist_content(hoister, name, holder) for name, holder in named.items()}
        for section in ("responses", "requestBodies")
        if (named := components.get(section))
    }
    paths = {path: _hoist_path(hoister, item) for path, item in document.get("paths", {}).items()}
    hoisted = {"schemas": {**moved, **hoister.new}, "parameters": parameters, **holders}
    return {**document, "paths": paths, "components": {**components, **hoisted}}


def _hoist_path(hoister: _Hoister, item: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _hoist_operation(hoister, value) if key in METHODS else value
        for key, value in item.items()
    }


def _hoist_operation(hoister: _Hoister, operation: dict[str, Any]) -> dict[str, Any]:
    new = dict(operation)
    owner = pascal(str(operation.get("operationId", "operation")))
    if "parameters" in new:
        new["parameters"] = [_hoist_parameter(hoister, owner, each) for each in new["parameters"]]
    if "requestBody" in new:
        new["requestBody"] = _hoist_content(hoister, f"{owner}Request", new["requestBody"])
    new["responses"] = {
        status: _hoist_content(hoister, _response_name(owner, status), response)
        for status, response in operation.get("responses", {}).items()
    }
    return new


def _response_name(owner: str, status: str) -> str:
    return f"{owner}Response" if status.startswith("2") else f"{owner}Response{status}"


def _hoist_parameter(hoister: _Hoister, owner: str, parameter: dict[str, Any]) -> dict[str, Any]:
    if "schema" not in parameter:
        return parameter
    label = str(parameter.get("name", ""))
    schema = hoister.replace(owner, label, owner + pascal(label), parameter["schema"])
    return {**parameter, "schema": schema}


def _hoist_content(hoister: _Hoister, name: str, holder: dict[str, Any]) -> dict[str, Any]:
    if "content" not in holder:
        return holder
    content = {
        kind: {**media, "schema": hoister.replace(name, name, name, media["schema"])}
        if "schema" in media
        else media
        for kind, media in holder["content"].items()
    }
    return {**holder, "content": content}


@define
class _Hoister:
    """Collects the new components; `schemas` are those the document already has.

    Of a schema, `owner` is the component or operation it belongs to, `label` the property or
    parameter it describes, and `proposed` its name if it becomes a component.
    """

    schemas: dict[str, Any]
    new: dict[str, Any] = field(factory=dict[str, Any])

    def replace(self, owner: str, label: str, proposed: str, schema: Any) -> Any:
        """Replace an inline enum, or object with properties, by a reference."""
        if not is_mapping(schema) or "$ref" in schema:
            return schema
        if "enum" in schema:
            return self._hoist_enum(label, proposed, schema)
        if "properties" in schema:
            return self._hoist_object(proposed, schema)
        return self.hoist_parts(owner, proposed, schema, label)

    def hoist_parts(self, owner: str, proposed: str, schema: Any, label: str = "") -> Any:
        """Hoist the parts of a schema that itself stays where it is."""
        if not is_mapping(schema):
            return schema
        new = dict(schema)
        for key in ("allOf", "anyOf", "oneOf"):
            if key in new:
                parts = enumerate(new[key], 1)
                new[key] = [
                    self.replace(owner, label, f"{proposed}Type{n}", part) for n, part in parts
                ]
        if "properties" in new:
            new["properties"] = {
                name: self.replace(owner, name, owner + pascal(name), part)
                for name, part in new["properties"].items()
            }
        if "items" in new:
            new["items"] = self.replace(
                owner, label, self._item_name(owner, proposed), new["items"]
            )
        if is_mapping(new.get("additionalProperties")):
            values = new["additionalProperties"]
            new["additionalProperties"] = self.replace(owner, label, proposed + "Value", values)
        return new

    def _item_name(self, owner: str, proposed: str) -> str:
        """Name list items after the owner, those of a second list after the property."""
        return f"{proposed}Entry" if self._is_taken(f"{owner}Entry") else f"{owner}Entry"

    def _hoist_object(self, proposed: str, schema: dict[str, Any]) -> dict[str, Any]:
        siblings = {key: value for key, value in schema.items() if key in USE_KEYS}
        definition = {key: value for key, value in schema.items() if key not in USE_KEYS}
        name = self._free_name(proposed)
        self.new[name] = definition  # taken before its own parts look for free names
        self.new[name] = self.hoist_parts(name, name, definition)
        return _reference(name, siblings)

    def _hoist_enum(self, label: str, proposed: str, schema: dict[str, Any]) -> dict[str, Any]:
        # null belongs to the use: the generator makes three classes of an enum with null in it.
        members = [member for member in schema["enum"] if member is not None]
        definition = {key: schema[key] for key in schema if key in _ENUM_KEYS} | {"enum": members}
        siblings = {key: value for key, value in schema.items() if key not in _ENUM_KEYS}
        if len(members) < len(schema["enum"]):
            siblings["nullable"] = True
        name = self._enum_name(known_enum(label, members), proposed, definition)
        self.new.setdefault(name, definition)
        return _reference(name, siblings)

    def _enum_name(self, known: str | None, proposed: str, definition: dict[str, Any]) -> str:
        """Prefer the known name; an equal enum shares a name, another never does."""
        for name in (known, proposed):
            if name is not None and self._is_free_for(name, definition):
                return name
        return self._free_name(proposed)

    def _is_free_for(self, name: str, enum: dict[str, Any]) -> bool:
        return not self._is_taken(name) or _equal_enums(self._get(name), enum)

    def _is_taken(self, name: str) -> bool:
        return name in self.schemas or name in self.new

    def _get(self, name: str) -> Any:
        return self.new.get(name, self.schemas.get(name))

    def _free_name(self, proposed: str) -> str:
        names = [proposed, *(f"{proposed}{number}" for number in range(2, 1000))]
        return next(name for name in names if not self._is_taken(name))


def _equal_enums(schema: Any, enum: dict[str, Any]) -> bool:
    """Compare two enums; the order of their members has no meaning."""
    if not is_mapping(schema) or not is_list(schema.get("enum")):
        return False
    return {**schema, "enum": 0} == {**enum, "enum": 0} and sorted(
        map(str, schema["enum"])
    ) == sorted(map(str, enum["enum"]))


def _reference(name: str, siblings: dict[str, Any]) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{name}"}
    return {"allOf": [reference], **siblings} if siblings else reference


def known_enum(label: str, members: Iterable[object]) -> str | None:
    """Recognise an enum by its property and most of its members; None for a new one."""
    # Most, not all: the exchange adds members, and the name has to stay.
    present = {str(member) for member in members}
    for properties, typical, name in KNOWN_ENUMS:
        if label in properties and 2 * len(present & typical) > len(typical):
            return name
    return None


def pascal(text: str) -> str:
    """Join the words of a name: 'order_type' and 'order-type' become 'OrderType'."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^0-9A-Za-z]+", text))


def snake(text: str) -> str:
    """Write a name as the generator writes modules and attributes: 'OrderV2' as 'order_v2'."""
    parts = re.sub(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3_\2\4", text)
    return re.sub(r"[^0-9A-Za-z]+", "_", parts).strip("_").lower()
