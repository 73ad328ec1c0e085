"""Write a new document the way the committed one is written.

A document can say the same in many ways: a schema in place or by name, under one name or another,
a parameter shared or repeated. The exchange changes these at will, and nothing changes on the
wire. Overlay, generated code and derived types go by names, so the committed way is kept:

    committed   fills: {items: {$ref: Fill}}        Fill: {...}
    published   fills: {items: {properties: ...}}   or {$ref: FillV2}
    arranged    fills: {items: {$ref: Fill}}        Fill: what was published

Both documents are walked side by side, from each operation down to the fields:

    equal meaning        the committed text, with the components it refers to
    another meaning      the committed name, with the published content, and on inside it
    no counterpart       as published

A component is chosen by name and meaning. Where two meanings want one name, the one that the
exchange calls so has it, else the one with more uses; the other is called what the exchange calls
it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from attrs import define, field, frozen

from contract.grammar import GRAMMAR, METHODS
from contract.naming import USE_KEYS
from contract.normalise import ordered, with_reason_phrases
from contract.references import dereference, prune, split_reference
from kalshi_ext.drift.limits import is_list, is_mapping

Node = dict[str, Any]
_PLACEHOLDER: Final = re.compile(r"\{([^}/]*)\}")
_KINDS: Final = {
    "schemas": "schema",
    "parameters": "parameter",
    "responses": "response",
    "requestBodies": "body",
    "headers": "header",
}
# False, or an empty list, says of these what their absence says.
_DEFAULTS: Final = USE_KEYS - {"default"} | {"required", "parameters", "tags"}


def arranged_like(new: Node, committed: Node) -> Node:
    """Arrange a document in normal form like another one; what both say alike is equal text."""
    new = _with_known_schemes(_with_known_paths(new, committed), committed)
    sides = _Side(new), _Side(committed)
    first = _Arranger(*sides)
    first.paths()
    # Once more, with every renaming known: a new field may speak of a schema met later.
    arranger = _Arranger(*sides, first.renamings)
    document = {**new, **_notation(new, committed), "paths": arranger.paths()}
    if "servers" in new:
        document["servers"] = _sorted_like(new["servers"], committed.get("servers", []))
    return ordered(with_reason_phrases(prune(arranger.with_names(document))))


def _with_known_paths(new: Node, committed: Node) -> Node:
    """Give the placeholders of a path their committed names."""
    known = {_shape(path): path for path in committed["paths"]}
    paths: Node = {}
    for path, item in new["paths"].items():
        name = known.get(_shape(path), path)
        names = dict(zip(_PLACEHOLDER.findall(path), _PLACEHOLDER.findall(name), strict=True))
        paths[name] = item if name == path else _with_parameter_names(_Side(new), item, names)
    return {**new, "paths": paths}


def _notation(new: Node, committed: Node) -> Node:
    """Give what names the document and its notation, which says nothing of the exchange."""
    known = {"openapi": committed["openapi"]}
    if "title" in committed.get("info", {}) and "info" in new:
        known["info"] = {**new["info"], "title": committed["info"]["title"]}
    return known


def _with_known_schemes(new: Node, committed: Node) -> Node:
    """Give the security schemes that mean the same their committed names."""
    known = committed.get("components", {}).get("securitySchemes", {})
    published = new.get("components", {}).get("securitySchemes", {})
    called = {_text(scheme): name for name, scheme in known.items() if name not in published}
    names = {
        name: called[_text(scheme)]
        for name, scheme in published.items()
        if name not in known and _text(scheme) in called
    }
    if not names:
        return new
    schemes = {names.get(name, name): scheme for name, scheme in published.items()}
    components = {**new["components"], "securitySchemes": schemes}
    paths = {
        path: {method: _with_scheme_names(each, names) for method, each in item.items()}
        for path, item in new["paths"].items()
    }
    return {**new, "paths": paths, "components": components}


def _with_scheme_names(operation: Node, names: dict[str, str]) -> Node:
    if "security" not in operation:
        return operation
    renamed = [
        {names.get(name, name): each[name] for name in each} for each in operation["security"]
    ]
    return {**operation, "security": renamed}


def _shape(path: str) -> str:
    return _PLACEHOLDER.sub("{}", path)


def _with_parameter_names(side: _Side, item: Node, names: dict[str, str]) -> Node:
    return {
        method: operation
        | {"parameters": [_named(side, each, names) for each in operation.get("parameters", [])]}
        for method, operation in item.items()
    }


def _named(side: _Side, parameter: Node, names: dict[str, str]) -> Node:
    content = side.content("parameter", parameter)
    name = names.get(content["name"]) if content.get("in") == "path" else None
    return {**content, "name": name} if name else parameter


def _text(tree: Any) -> str:
    return json.dumps(tree, sort_keys=True, default=str)


def _sorted_like(new: list[Any], committed: list[Any]) -> list[Any]:
    """Put what the committed list has first, in its order."""
    rank = {_text(each): place for place, each in enumerate(committed)}
    return sorted(new, key=lambda each: rank.get(_text(each), len(rank)))


def _reference(node: Any) -> str | None:
    """Return the $ref of a node, also one wrapped in allOf to stand beside other keywords."""
    if not is_mapping(node):
        return None
    parts = node.get("allOf", [])
    wrapped = len(parts) == 1 and set(node) <= USE_KEYS | {"allOf"}
    found = parts[0].get("$ref") if wrapped else node.get("$ref")
    return found if isinstance(found, str) else None


@define
class _Side:
    """One of the two documents."""

    document: Node
    _meanings: dict[str, Any] = field(factory=dict[str, Any])
    _names: dict[str, str] | None = None

    def has(self, reference: str) -> bool:
        section, name = split_reference(reference)
        return name in self.components(section)

    def components(self, section: str) -> Node:
        found: Node = self.document.get("components", {}).get(section, {})
        return found

    def named(self, meaning: str) -> str | None:
        """Find the enum or object of this meaning, whatever it is called."""
        if self._names is None:
            self._names = {
                self.meaning("schema", schema): f"#/components/schemas/{name}"
                for name, schema in reversed(self.components("schemas").items())
                if _needs_name(schema)
            }
        return self._names.get(meaning)

    def content(self, kind: str, node: Node) -> Node:
        """Give what a node says, wherever it says it, without the keywords of its use."""
        reference = _reference(node)
        if reference:
            found: Node = dereference(self.document, reference)
            return found
        return {k: v for k, v in node.items() if kind != "schema" or k not in USE_KEYS}

    def meaning(self, kind: str, node: Any) -> str:
        """Give a text that is equal for nodes that say the same."""
        return _text(self._tree(kind, node))

    def _tree(self, kind: str, node: Any) -> Any:
        if not is_mapping(node):
            return node
        if "$ref" in node:
            return self._component(kind, node["$ref"])
        tree = {key: self._child(kind, key, value) for key, value in node.items()}
        if len(tree.get("allOf", [])) == 1 and is_mapping(tree["allOf"][0]):
            tree = {**tree.pop("allOf")[0], **tree}
        # The description of a response is its reason phrase, which depends on who shares it.
        tree.pop("description", None)
        return {k: v for k, v in tree.items() if not (k in _DEFAULTS and v in (False, []))}

    def _child(self, kind: str, key: str, value: Any) -> Any:
        child = GRAMMAR[kind].get(key)
        if child is None:
            return value
        shape, inner = child
        if shape == "one":
            return self._tree(inner, value)
        if shape == "map":
            return {name: self._tree(inner, item) for name, item in value.items()}
        items = [self._tree(inner, item) for item in value]
        return sorted(items, key=_text) if inner == "parameter" else items

    def _component(self, kind: str, reference: str) -> Any:
        if reference not in self._meanings:
            self._meanings[reference] = "itself"  # a schema may contain itself
            self._meanings[reference] = self._tree(kind, dereference(self.document, reference))
        return self._meanings[reference]


@frozen
class _Target:
    """A component of the arranged document: the name it should have, and its meaning.

    Stands in the tree in place of a reference until every target is known.
    """

    section: str
    name: str
    meaning: str


@define
class _Arranger:
    new: _Side
    committed: _Side
    renamings: dict[str, str] = field(factory=dict[str, str])
    _contents: dict[_Target, Node] = field(factory=dict[_Target, Node])
    _published_names: dict[_Target, str] = field(factory=dict[_Target, str])
    _uses: Counter[_Target] = field(factory=Counter[_Target])

    def paths(self) -> dict[str, Any]:
        known = self.committed.document["paths"]
        return {
            path: {
                method: self._operation(operation, known.get(path, {}).get(method))
                for method, operation in item.items()
                if method in METHODS
            }
            for path, item in self.new.document["paths"].items()
        }

    def _operation(self, new: Node, old: Node | None) -> Node:
        if old is None:
            kept: Node = self._copy(self.new, new)
            return kept
        arranged = self._parts("operation", new, old)
        if "tags" in old:
            arranged["tags"] = old["tags"]
        if "security" in new:
            arranged["security"] = _sorted_like(new["security"], old.get("security", []))
        return arranged

    def _place(self, kind: str, new: Any, old: Any) -> Any:
        """Arrange the node of one place, where the committed document has `old`."""
        if not (is_mapping(new) and is_mapping(old)):
            return self._copy(self.new, new)
        if self.new.meaning(kind, new) == self.committed.meaning(kind, old):
            return self._copy(self.committed, old)
        name, known_as = _reference(new), _reference(old)
        if name and known_as != name and self.committed.has(name):
            return self._place(kind, new, {"$ref": name})
        use = {key: new[key] for key in new if kind == "schema" and key in USE_KEYS}
        content = self.new.content(kind, new)
        if known_as and (name or kind != "schema" or _needs_name(content)):
            return _with_use(self._renamed(kind, known_as, new, content), use)
        if _needs_name(content):
            return self._copy(self.new, new)
        return {**self._parts(kind, content, self.committed.content(kind, old)), **use}

    def _renamed(self, kind: str, known_as: str, new: Node, content: Node) -> Any:
        """Give the content of a place the name that the committed document has there."""
        old: Node = {"$ref": known_as}
        meaning = self.new.meaning(kind, content)
        if meaning == self.committed.meaning(kind, self.committed.content(kind, old)):
            return self._copy(self.committed, old)
        target = self._target(known_as, meaning)
        published = _reference(new) or known_as
        self._published_names.setdefault(target, split_reference(published)[1])
        self.renamings.setdefault(published, known_as)
        if target not in self._contents:
            self._contents[target] = {}  # known before its parts: it may contain itself
            parts = self._parts(kind, content, self.committed.content(kind, old))
            self._contents[target] = parts
        return target

    def _parts(self, kind: str, new: Node, old: Node) -> Node:
        return {
            key: self._part(kind, key, value, old.get(key))
            for key, value in new.items()
            # A default in so many words stays unsaid where it was.
            if key in old or key not in _DEFAULTS or value not in (False, [])
        }

    def _part(self, kind: str, key: str, new: Any, old: Any) -> Any:
        child = GRAMMAR[kind].get(key)
        if child is None or not new:
            return new
        shape, inner = child
        if shape == "one":
            return self._place(inner, new, old)
        if shape == "map":
            known: Node = old or {}
            return {name: self._place(inner, each, known.get(name)) for name, each in new.items()}
        return [self._place(inner, *pair) for pair in self._pairs(inner, new, old or [])]

    def _pairs(self, kind: str, new: list[Any], old: list[Any]) -> Iterable[tuple[Any, Any]]:
        if kind != "parameter":
            return zip(new, old if len(old) == len(new) else [None] * len(new), strict=True)
        known = {_parameter_key(self.committed, each): each for each in old}
        return [(each, known.get(_parameter_key(self.new, each))) for each in new]

    def _copy(self, side: _Side, node: Any) -> Any:
        """Copy a node of one document, with the components it refers to."""
        if is_list(node):
            return [self._copy(side, each) for each in node]
        if not is_mapping(node):
            return node
        if "$ref" in node:
            return self._component(side, node["$ref"])
        return {key: self._copy(side, value) for key, value in node.items()}

    def _component(self, side: _Side, reference: str) -> Any:
        kind = _KINDS[split_reference(reference)[0]]
        meaning = side.meaning(kind, {"$ref": reference})
        if side is self.new:
            known = self._committed_name(reference, meaning)
            if known:
                return self._place(kind, {"$ref": reference}, {"$ref": known})
        target = self._target(reference, meaning)
        if target not in self._contents:
            self._contents[target] = {}
            self._contents[target] = self._copy(side, dereference(side.document, reference))
        return target

    def _committed_name(self, reference: str, meaning: str) -> str | None:
        if self.committed.has(reference):
            return reference
        return self.committed.named(meaning) or self.renamings.get(reference)

    def _target(self, reference: str, meaning: str) -> _Target:
        target = _Target(*split_reference(reference), meaning)
        self._uses[target] += 1
        return target

    def with_names(self, document: Node) -> Node:
        """Write every target as a component, and a reference where it stands."""
        names = self._names()
        components: Node = {"securitySchemes": document["components"].get("securitySchemes", {})}
        for target, name in names.items():
            content = _written(self._contents[target], names)
            components.setdefault(target.section, {})[name] = content
        return {**_written(document, names), "components": components}

    def _names(self) -> dict[_Target, str]:
        names: dict[_Target, str] = {}
        taken: set[tuple[str, str]] = set()
        for target in sorted(self._uses, key=self._rank):
            published = self._published_names.get(target, target.name)
            numbered = [f"{published}{number}" for number in range(2, 1000)]
            wanted = (target.name, published, *numbered)
            names[target] = next(x for x in wanted if (target.section, x) not in taken)
            taken.add((target.section, names[target]))
        return names

    def _rank(self, target: _Target) -> tuple[bool, int]:
        """Rank those that want one name: whom the exchange calls so, then the one most used."""
        published = self._published_names.get(target, target.name)
        return published != target.name, -self._uses[target]


def _needs_name(schema: Node) -> bool:
    """Tell whether a schema never stands in place: see naming.hoist."""
    return "properties" in schema or "enum" in schema


def _with_use(target: Any, use: Node) -> Any:
    return {"allOf": [target], **use} if use else target


def _parameter_key(side: _Side, node: Node) -> tuple[Any, Any]:
    parameter = side.content("parameter", node)
    return parameter.get("in"), parameter.get("name")


def _written(node: Any, names: dict[_Target, str]) -> Any:
    if isinstance(node, _Target):
        return {"$ref": f"#/components/{node.section}/{names[node]}"}
    if is_mapping(node):
        return {key: _written(value, names) for key, value in node.items()}
    return [_written(each, names) for each in node] if is_list(node) else node
