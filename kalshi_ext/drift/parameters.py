"""Compare the parameters of an operation: name, place, required, style and schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from attrs import frozen

from kalshi_ext.drift.contract import Operation
from kalshi_ext.drift.difference import REQUEST, Difference, shown
from kalshi_ext.drift.document import Node
from kalshi_ext.drift.finding import Met, Use
from kalshi_ext.drift.media import compare_content
from kalshi_ext.drift.pointers import join
from kalshi_ext.drift.schema import Schema, schema_of
from kalshi_ext.drift.walk import Walker

Named = dict[tuple[str, str], Node]
_STYLES: Final = {"query": "form", "cookie": "form", "path": "simple", "header": "simple"}


@frozen(eq=False)
class _Place:
    """What every comparison of one operation's parameters needs to know."""

    base: Operation
    new: Operation
    walker: Walker

    def use(self, parameter: Node) -> Use:
        return Use(self.base, f"{parameter.text('in')} parameter", parameter.text("name"))


def compare_parameters(base: Operation, new: Operation, walker: Walker) -> Iterator[Met]:
    """Find every difference between the parameters of two operations."""
    place = _Place(base, new, walker)
    mine, theirs = dict(base.parameters), _by_base_names(base, new)
    for key in [key for key in mine if key in theirs]:
        yield from _pair(place, mine.pop(key), theirs.pop(key))
    for rule, same in (("parameter-moved", _same_name), ("parameter-renamed", _same_component)):
        for before, after in _pairs(mine, theirs, same):
            yield _met(place, rule, before, after)
            yield from _pair(place, before, after)
    yield from (_alone(place, "removed", node, node.pointer, new.pointer) for node in mine.values())
    yield from (
        _alone(place, "added", node, base.pointer, node.pointer) for node in theirs.values()
    )


def _by_base_names(base: Operation, new: Operation) -> Named:
    """Key the new parameters by the old names of path variables in the same position."""
    if base.wire[1] != new.wire[1]:
        return dict(new.parameters)
    names = dict(zip(new.variables, base.variables, strict=True))
    return {(p, names.get(n, n) if p == "path" else n): node
            for (p, n), node in new.parameters.items()}  # fmt: skip


def _pairs(
    mine: Named, theirs: Named, same: Callable[[Node, Node], bool]
) -> Iterator[tuple[Node, Node]]:
    for key, before in list(mine.items()):
        for other, after in list(theirs.items()):
            if same(before, after):
                yield mine.pop(key), theirs.pop(other)
                break


def _same_name(base: Node, new: Node) -> bool:
    return base.text("name") == new.text("name")


def _same_component(base: Node, new: Node) -> bool:
    shared = base.pointer == new.pointer and base.pointer.startswith("/components/")
    return shared and base.text("in") == new.text("in")


def _alone(place: _Place, what: str, node: Node, base: str, new: str) -> Met:
    kind = "required" if _required(node) else "optional"
    rule = f"parameter-{what}-{kind}"
    return Difference(rule, base, new, node.text("name")), place.use(node)


def _required(parameter: Node) -> bool:
    return parameter.text("in") == "path" or parameter.flag("required")


def _met(
    place: _Place, rule: str, base: Node, new: Node, *, before: str = "", after: str = ""
) -> Met:
    texts = (before or _place_and_name(base), after or _place_and_name(new))
    difference = Difference(rule, base.pointer, new.pointer, base.text("name"), *texts)
    return difference, place.use(base)


def _place_and_name(parameter: Node) -> str:
    return f"{parameter.text('in')} parameter {parameter.text('name')}"


def _pair(place: _Place, base: Node, new: Node) -> Iterator[Met]:
    if base.text("in") == new.text("in") == "path" and base.text("name") != new.text("name"):
        yield _met(place, "path-parameter-renamed", base, new)
    yield from _required_pair(place, base, new)
    yield from _flags(place, base, new)
    yield from _style(place, base, new)
    yield from _content(place, base, new)


def _required_pair(place: _Place, base: Node, new: Node) -> Iterator[Met]:
    before, after = _required(base), _required(new)
    if before != after:
        yield _met(place, f"parameter-became-{'required' if after else 'optional'}", base, new)


def _flags(place: _Place, base: Node, new: Node) -> Iterator[Met]:
    for word, on, off in (
        ("deprecated", "parameter-deprecated", "parameter-undeprecated"),
        ("allowEmptyValue", "parameter-empty-allowed", "parameter-empty-refused"),
        ("allowReserved", "parameter-reserved-changed", "parameter-reserved-changed"),
    ):
        before, after = base.flag(word), new.flag(word)
        if before != after:
            texts = {"before": f"{word} {shown(before)}", "after": f"{word} {shown(after)}"}
            yield _met(place, on if after else off, base, new, **texts)


def _style(place: _Place, base: Node, new: Node) -> Iterator[Met]:
    before, after = _written(base), _written(new)
    if before != after and base.text("in") == new.text("in"):
        several = _is_several(base) or _is_several(new)
        rule = "parameter-style-changed" if several else "parameter-style-moot"
        yield _met(place, rule, base, new, before=before, after=after)


def _written(parameter: Node) -> str:
    style = parameter.text("style") or _STYLES.get(parameter.text("in"), "")
    return f"style {style}, explode {shown(parameter.flag('explode', style == 'form'))}"


def _is_several(parameter: Node) -> bool:
    types = _schema(parameter).types
    return types is None or bool(types & {"array", "object"})


def _schema(parameter: Node) -> Schema:
    return schema_of(parameter.get("schema") or _nothing_said(parameter))


def _nothing_said(parameter: Node) -> Node:
    return Node({}, join(parameter.pointer, "schema"), parameter.document)


def _content(place: _Place, base: Node, new: Node) -> Iterator[Met]:
    if ("content" in base) != ("content" in new):
        yield _met(place, "parameter-content-changed", base, new)
    elif "content" in base:
        yield from compare_content(base, new, REQUEST, place.use(base), place.walker)
    else:
        found = place.walker.differences(_schema(base), _schema(new), REQUEST)
        use = place.use(base)
        yield from ((each, Use(use.operation, use.part, use.path + path)) for each, path in found)
