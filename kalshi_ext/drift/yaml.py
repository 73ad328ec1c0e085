"""Read YAML by the 1.2 core rules, within the limits.

The parser is ruamel.yaml's; the tree is built here from its events, for two reasons. An alias must
be counted before it expands: nine lines of YAML can stand for a billion values. And no value may
become a date or a boolean by surprise: YAML 1.1 reads `no` as false and 2026-11-22 as a date, the
1.2 core rules read both as text.
"""

from __future__ import annotations

import copy
import re
from typing import Any, Final, NoReturn

from attrs import define, field

from kalshi_ext.drift.limits import MAX_DEPTH, MAX_NODES, Unreadable, is_list
from kalshi_ext.errors import INSTALL

_CORE: Final = "tag:yaml.org,2002:"
# The lengths are bounded because Python refuses to convert a number of more than 4,300 digits.
_INT: Final = re.compile(r"[-+]?[0-9]{1,4000}")
_OCTAL_HEX: Final = re.compile(r"0o[0-7]{1,4000}|0x[0-9a-fA-F]{1,4000}")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_CONSTANTS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# ruamel.yaml uses its C parser where ruamel.yaml.clib is installed: 40 times as fast.
PURE = False


def resolve_scalar(text: str) -> str | int | float | bool | None:
    """Give a plain scalar its value; dates, yes and no, infinities and NaN stay text."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _OCTAL_HEX.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text) and abs(float(text)) != float("inf"):
        return float(text)
    return text


def parse_yaml(text: str, name: str = "document") -> Any:
    """Read one YAML document into dicts, lists and scalars; raises Unreadable."""
    library = _library(name)
    builder = _Builder(name)
    try:
        for event in library.YAML(typ="safe", pure=PURE).parse(text):
            builder.handle(event)
    except library.error.YAMLError as error:
        reason = " ".join(str(error).split())
        raise Unreadable(f"{name}: not YAML: {reason[:300]}") from error
    return builder.root


def _library(name: str) -> Any:
    try:
        import ruamel.yaml
    except ImportError as error:
        raise Unreadable(
            f"{name}: reading YAML needs ruamel.yaml; {INSTALL.format(extra='drift')}"
        ) from error
    return ruamel.yaml


@define
class _Node:
    """A finished value, how many values it holds with itself and how many levels."""

    value: Any
    count: int = 1
    height: int = 0


@define
class _Frame:
    """A mapping or list whose end has not come yet."""

    value: Any
    anchor: str | None
    count: int = 1
    height: int = 1
    key: str | None = None

    def wants_key(self) -> bool:
        return isinstance(self.value, dict) and self.key is None

    def add(self, node: _Node) -> None:
        self.count += node.count
        self.height = max(self.height, node.height + 1)
        if is_list(self.value):
            self.value.append(node.value)
        else:
            self.value[self.key] = node.value
            self.key = None


@define
class _Builder:
    """Builds the tree from parser events; `stack` holds the open mappings and lists."""

    name: str
    root: Any = None
    documents: int = 0
    total: int = 0
    stack: list[_Frame] = field(factory=list[_Frame])
    anchors: dict[str, _Node] = field(factory=dict[str, _Node])

    def handle(self, event: Any) -> None:
        """Add one parser event to the tree."""
        match type(event).__name__:
            case "ScalarEvent":
                self._scalar_event(event)
            case "AliasEvent":
                self._alias_event(event)
            case "MappingStartEvent":
                self._open(event, {}, "map")
            case "SequenceStartEvent":
                self._open(event, [], "seq")
            case "MappingEndEvent" | "SequenceEndEvent":
                self._close()
            case "DocumentStartEvent":
                self._begin_document(event)
            case _:
                pass

    def _begin_document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self._refuse(event, "a second document in one file")

    def _scalar_event(self, event: Any) -> None:
        if self.stack and self.stack[-1].wants_key():
            self._set_key(event, self.stack[-1])
            return
        node = _Node(self._scalar_value(event))
        self._count(event, node)
        self._attach(node, event.anchor)

    def _alias_event(self, event: Any) -> None:
        if self.stack and self.stack[-1].wants_key():
            self._refuse(event, "an alias is used as a key")
        # An anchor is known when its value is finished: an alias inside its own value has no end.
        if event.anchor not in self.anchors:
            self._refuse(event, f"the alias *{event.anchor} has no finished anchor")
        node = self.anchors[event.anchor]
        # Counted before it is copied: the copy is what a nest of aliases would blow up.
        self._count(event, node)
        # A copy, so that a change of one place does not change the other.
        self._attach(_Node(copy.deepcopy(node.value), node.count, node.height), None)

    def _open(self, event: Any, value: Any, kind: str) -> None:
        if self.stack and self.stack[-1].wants_key():
            self._refuse(event, "a key that is not a scalar")
        if event.tag not in (None, "!", _CORE + kind):
            self._refuse(event, f"the tag {event.tag}")
        self._count(event, _Node(value, height=1))
        self.stack.append(_Frame(value, event.anchor))

    def _close(self) -> None:
        frame = self.stack.pop()
        self._attach(_Node(frame.value, frame.count, frame.height), frame.anchor)

    def _attach(self, node: _Node, anchor: str | None) -> None:
        if anchor is not None:
            self.anchors[anchor] = node
        if self.stack:
            self.stack[-1].add(node)
        else:
            self.root = node.value

    def _count(self, event: Any, node: _Node) -> None:
        self.total += node.count
        if self.total > MAX_NODES:
            self._refuse(event, f"more than {MAX_NODES} values")
        if len(self.stack) + node.height > MAX_DEPTH:
            self._refuse(event, f"nesting deeper than {MAX_DEPTH} levels")

    def _set_key(self, event: Any, frame: _Frame) -> None:
        key = str(event.value)
        if key == "<<" and event.implicit[0]:
            self._refuse(event, "a merge key, which YAML 1.2 does not have")
        if key in frame.value:
            self._refuse(event, f"the key {key!r} is there twice")
        frame.key = key

    def _scalar_value(self, event: Any) -> Any:
        # Only text may be tagged: other tags ask a reader to build dates, bytes or Python objects.
        tag: str | None = event.tag
        if tag not in (None, "!", _CORE + "str"):
            self._refuse(event, f"the tag {tag}")
        plain = tag is None and event.implicit[0]
        return resolve_scalar(event.value) if plain else event.value

    def _refuse(self, event: Any, what: str) -> NoReturn:
        raise Unreadable(f"{self.name}: {what}, line {event.start_mark.line + 1}")
