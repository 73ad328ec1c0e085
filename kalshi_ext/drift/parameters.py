"""Compare the parameters of an operation: name, `in`, required, style and schema.

Parameters are paired by `in` and name. Of what is left, equal names moved (from the query to a
header, say), and one component under two names was renamed; the rest was removed or added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from attrs import evolve

from kalshi_ext.drift.bodies import OperationPair, compare_content
from kalshi_ext.drift.document import Node
from kalshi_ext.drift.finding import REQUEST, Difference, LocatedDifference, Location, value_text
from kalshi_ext.drift.schema import schema_at
from kalshi_ext.drift.twins import twins_of

ParametersByKey = dict[tuple[str, str], Node]
# OpenAPI's defaults, so that naming the default is no change.
_DEFAULT_STYLES: Final = {"query": "form", "cookie": "form", "path": "simple", "header": "simple"}


def compare_parameters(pair: OperationPair) -> Iterator[LocatedDifference]:
    """Compare the parameters of an operation."""
    before, after = dict(pair.base.parameters), _by_base_names(pair)
    for key in [key for key in before if key in after]:
        yield from _compare_pair(pair, before.pop(key), after.pop(key))
    for rule, matches in (("parameter-moved", _same_name), ("parameter-renamed", _same_component)):
        for base, new in _pop_pairs(before, after, matches):
            yield _changed(pair, rule, base, new)
            yield from _compare_pair(pair, base, new)
    names = [[name for _, name in each.parameters] for each in (pair.new, pair.base)]
    for node in before.values():
        difference, location = _lone(pair, "removed", node, node.pointer, pair.new.pointer)
        yield evolve(difference, after=twins_of(difference.name, *names)), location
    for node in after.values():
        yield _lone(pair, "added", node, pair.base.pointer, node.pointer)


def _by_base_names(pair: OperationPair) -> ParametersByKey:
    """Key the new parameters by the base's names of path variables in the same position."""
    base, new = pair.base, pair.new
    if base.route[1] != new.route[1]:
        return dict(new.parameters)
    base_names = dict(zip(new.path_variables, base.path_variables, strict=True))
    return {
        (place, base_names.get(name, name) if place == "path" else name): node
        for (place, name), node in new.parameters.items()
    }


def _pop_pairs(
    base: ParametersByKey, new: ParametersByKey, matches: Callable[[Node, Node], bool]
) -> Iterator[tuple[Node, Node]]:
    for base_key, before in list(base.items()):
        for new_key, after in list(new.items()):
            if matches(before, after):
                yield base.pop(base_key), new.pop(new_key)
                break


def _same_name(base: Node, new: Node) -> bool:
    return base.text("name") == new.text("name")


def _same_component(base: Node, new: Node) -> bool:
    shared = base.pointer == new.pointer and base.pointer.startswith("/components/")
    return shared and base.text("in") == new.text("in")


def _location(pair: OperationPair, parameter: Node) -> Location:
    return Location(pair.base, _part(parameter), parameter.text("name"))


def _part(parameter: Node) -> str:
    return f"{parameter.text('in')} parameter"


def _lone(pair: OperationPair, change: str, node: Node, base: str, new: str) -> LocatedDifference:
    rule = f"parameter-{change}-{_presence(node)}"
    return Difference(rule, base, new, node.text("name")), _location(pair, node)


def _presence(parameter: Node) -> str:
    # A path without its variable is another path: OpenAPI demands `required` there.
    required = parameter.text("in") == "path" or parameter.flag("required")
    return "required" if required else "optional"


def _changed(
    pair: OperationPair, rule: str, base: Node, new: Node, before: str = "", after: str = ""
) -> LocatedDifference:
    texts = [text or f"{_part(node)} {node.text('name')}"
             for text, node in ((before, base), (after, new))]  # fmt: skip
    difference = Difference(rule, base.pointer, new.pointer, base.text("name"), *texts)
    return difference, _location(pair, base)


def _compare_pair(pair: OperationPair, base: Node, new: Node) -> Iterator[LocatedDifference]:
    if base.text("in") == new.text("in") == "path" and base.text("name") != new.text("name"):
        yield _changed(pair, "path-parameter-renamed", base, new)
    if _presence(base) != _presence(new):
        yield _changed(pair, f"parameter-became-{_presence(new)}", base, new)
    yield from _compare_flags(pair, base, new)
    yield from _compare_style(pair, base, new)
    yield from _compare_schema(pair, base, new)


def _compare_flags(pair: OperationPair, base: Node, new: Node) -> Iterator[LocatedDifference]:
    for key, rule_on, rule_off in (
        ("deprecated", "parameter-deprecated", "parameter-undeprecated"),
        ("allowEmptyValue", "parameter-empty-allowed", "parameter-empty-refused"),
        ("allowReserved", "parameter-reserved-changed", "parameter-reserved-changed"),
    ):
        before, after = base.flag(key), new.flag(key)
        if before != after:
            texts = f"{key} {value_text(before)}", f"{key} {value_text(after)}"
            yield _changed(pair, rule_on if after else rule_off, base, new, *texts)


def _compare_style(pair: OperationPair, base: Node, new: Node) -> Iterator[LocatedDifference]:
    before, after = _style(base), _style(new)
    if before != after and base.text("in") == new.text("in"):
        # A single value is written alike in every style.
        several = _may_have_several_values(base) or _may_have_several_values(new)
        rule = "parameter-style-changed" if several else "parameter-style-moot"
        yield _changed(pair, rule, base, new, before, after)


def _style(parameter: Node) -> str:
    style = parameter.text("style") or _DEFAULT_STYLES.get(parameter.text("in"), "")
    # OpenAPI: `explode` is true by default for style form alone.
    return f"style {style}, explode {value_text(parameter.flag('explode', style == 'form'))}"


def _may_have_several_values(parameter: Node) -> bool:
    types = schema_at(parameter).types
    return types is None or bool(types & {"array", "object"})


def _compare_schema(pair: OperationPair, base: Node, new: Node) -> Iterator[LocatedDifference]:
    location = _location(pair, base)
    if ("content" in base) != ("content" in new):
        yield _changed(pair, "parameter-content-changed", base, new)
    elif "content" in base:
        yield from compare_content(base, new, REQUEST, location, pair.traversal)
    else:
        schemas = schema_at(base), schema_at(new)
        for difference, path in pair.traversal.differences(*schemas, REQUEST):
            yield difference, evolve(location, path=location.path + path)
