"""Say what a document says the plain way: no default in so many words, no wrapping, no splitting.

    {"type": "string", "nullable": False}            {"type": "string"}
    {"minimum": 0.0}                                 {"minimum": 0}
    {"anyOf": [{"$ref": X}]}                         {"$ref": X}
    {"allOf": [{"properties": {a}}, {"$ref": B}]}    {"properties": {a, the fields of B}}
    {"url": "https://x/{v}/", "variables": {v: 2}}   {"url": "https://x/2"}
    content: {"application/json; charset=utf-8"}     content: {"application/json"}

Only what means the same for certain is rewritten; anything else stays as it was published.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from contract.grammar import rewrite
from contract.references import dereference
from kalshi_ext.drift.access import fixed_url
from kalshi_ext.drift.limits import SpecError, children, is_list, is_mapping

Node = dict[str, Any]
_FLAGS: Final = frozenset({"nullable", "deprecated", "readOnly", "writeOnly", "uniqueItems"})
# What each keyword says where it is left out.
_UNSAID: Final[dict[str, dict[str, Any]]] = {
    "schema": {
        **dict.fromkeys(_FLAGS | {"exclusiveMinimum", "exclusiveMaximum"}, False),
        "minLength": 0,
        "minItems": 0,
        "minProperties": 0,
    },
    "parameter": dict.fromkeys(("deprecated", "allowEmptyValue", "allowReserved"), False),
    "operation": {"deprecated": False},
}
_STYLES: Final = {"query": "form", "cookie": "form", "path": "simple", "header": "simple"}
_NUMBERS: Final = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
     "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"}
)  # fmt: skip
# What the parts of an allOf may hold for them to be the parts of one object.
_OBJECT: Final = frozenset({"type", "properties", "required"})


def plain(document: Node) -> Node:
    """Rewrite a document without prose the plain way; the argument is not changed."""
    result: Node = rewrite(document, "document", _plain)
    return result


def _plain(kind: str, node: Node) -> Node:
    unsaid = _UNSAID.get(kind, {})
    # `in` takes 0 for False.
    node = {k: v for k, v in node.items() if k not in unsaid or _differs(v, unsaid[k])}
    if kind == "schema":
        return _schema(node)
    if kind == "parameter":
        node = _without_style(node)
    if kind == "server":
        return _server(node)
    if is_mapping(node.get("content")):
        node = {**node, "content": _plain_types(node["content"])}
    return node


def _differs(value: Any, default: Any) -> bool:
    return type(value) is not type(default) or value != default


def _schema(node: Node) -> Node:
    new = {key: _whole(value) if key in _NUMBERS else value for key, value in node.items()}
    if new.get("additionalProperties") is True:
        del new["additionalProperties"]
    for key in ("anyOf", "oneOf"):
        # A choice of one is no choice. A discriminator tells forms apart, and would have none.
        if _is_one(new.get(key)) and "allOf" not in new and "discriminator" not in new:
            new["allOf"] = new.pop(key)
    return new


def _is_one(parts: Any) -> bool:
    return is_list(parts) and len(parts) == 1


def _whole(number: Any) -> Any:
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _without_style(node: Node) -> Node:
    """Drop the style that the place of a parameter has by itself, and its explode."""
    style = _STYLES.get(str(node.get("in")))
    if node.get("style", style) != style:
        return node
    by_itself = {"style": style, "explode": style == "form"}
    return {k: v for k, v in node.items() if k not in by_itself or v != by_itself[k]}


def _server(node: Node) -> Node:
    """Write variables of one value into the URL; the slash at its end says nothing."""
    if not isinstance(node.get("url"), str):
        return node
    url, variables = fixed_url(node)
    rest = {key: value for key, value in node.items() if key not in ("url", "variables")}
    return {"url": url, **rest, **({"variables": variables} if variables else {})}


def _plain_types(content: Node) -> Node:
    """Name media types without parameters, unless two would get one name."""
    named = {str(name).partition(";")[0].strip().lower(): each for name, each in content.items()}
    return named if len(named) == len(content) else content


def merged(document: Node) -> Node:
    """Write an allOf of objects as the one object that it describes."""
    while True:
        # An object inside a merged one may be merged next. Ends: no round copies an open allOf.
        new: Node = rewrite(document, "document", _merger(document))
        if new == document:
            return document
        document = new


def _merger(document: Node) -> Callable[[str, Node], Node]:
    def merge(kind: str, node: Node) -> Node:
        if kind != "schema" or len(node.get("allOf", ())) < 2:
            return node
        rest = {key: value for key, value in node.items() if key != "allOf"}
        own = {key: rest.pop(key) for key in _OBJECT & rest.keys()}
        whole = _one_object(document, [*node["allOf"], own], frozenset())
        return node if whole is None else {**whole, **rest}

    return merge


def _one_object(document: Node, parts: list[Any], seen: frozenset[str]) -> Node | None:
    """Join objects that say no field in two ways; None for anything else."""
    properties: Node = {}
    required: set[str] = set()
    for part in parts:
        found = _object(document, part, seen)
        fields: Node = {} if found is None else found.get("properties", {})
        if found is None or any(
            properties.get(name, each) != each for name, each in fields.items()
        ):
            return None
        properties |= fields
        required |= set(found.get("required", []))
    whole: Node = {"type": "object", "properties": properties}
    if not properties:
        return None
    return whole | ({"required": sorted(required)} if required else {})


def _object(document: Node, part: Any, seen: frozenset[str]) -> Node | None:
    """Give an object that is described by its fields alone, wherever it stands."""
    if not is_mapping(part):
        return None
    if set(part) == {"$ref"}:
        found = None if part["$ref"] in seen else _target(document, part["$ref"])
        return _object(document, found, seen | {part["$ref"]})
    if set(part) == {"allOf"}:
        return _one_object(document, part["allOf"], seen)
    is_plain = part.get("type", "object") == "object" and set(part) <= _OBJECT
    is_plain = is_plain and is_list(part.get("required", []))
    return part if is_plain and not (seen and _is_open(part)) else None


def _target(document: Node, reference: str) -> Any:
    try:
        return dereference(document, reference)
    except SpecError:
        return None  # who reads the document next names it with its place


def _is_open(node: Any) -> bool:
    """Whether an allOf of several parts stands somewhere inside."""
    if is_mapping(node) and is_list(node.get("allOf")) and len(node["allOf"]) > 1:
        return True
    return any(_is_open(each) for each in children(node))
