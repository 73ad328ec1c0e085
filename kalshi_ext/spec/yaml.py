"""Read YAML by the 1.2 core rules, within bounds.

The parser is ruamel.yaml's; the tree is built here from its events, because aliases must be
counted before they expand and because no value may become a date or a boolean by surprise.
"""

from __future__ import annotations

import copy
from typing import Any, Final, NoReturn

from attrs import define, field

from kalshi_ext.spec.bounds import MAX_DEPTH, MAX_NODES
from kalshi_ext.spec.errors import Unreadable
from kalshi_ext.spec.scalars import resolve
from kalshi_ext.spec.tree import is_list

_CORE: Final = "tag:yaml.org,2002:"
# ruamel.yaml uses its C parser where ruamel.yaml.clib is installed: 40 times as fast.
PURE = False


def parse_yaml(text: str, name: str = "document") -> Any:
    """Read one YAML document into dicts, lists and scalars; raises Unreadable."""
    library = _library(name)
    builder = _Builder(name)
    try:
        for event in library.YAML(typ="safe", pure=PURE).parse(text):
            builder.take(event)
    except library.error.YAMLError as error:
        words = " ".join(str(error).split())
        raise Unreadable(f"{name}: not YAML: {words[:300]}") from error
    return builder.root


def _library(name: str) -> Any:
    try:
        import ruamel.yaml
    except ImportError as error:
        raise Unreadable(
            f"{name}: reading YAML needs ruamel.yaml: pip install 'kalshi-ext[drift]'"
        ) from error
    return ruamel.yaml


@define
class _Node:
    """A finished value, how many values it holds and how deep it is."""

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


def _frames() -> list[_Frame]:
    return []


def _anchors() -> dict[str, _Node]:
    return {}


@define
class _Builder:
    name: str
    root: Any = None
    documents: int = 0
    total: int = 0
    stack: list[_Frame] = field(factory=_frames)
    anchors: dict[str, _Node] = field(factory=_anchors)

    def take(self, event: Any) -> None:
        """Add one parser event to the tree."""
        match type(event).__name__:
            case "ScalarEvent":
                self._take_scalar(event)
            case "AliasEvent":
                self._take_alias(event)
            case "MappingStartEvent":
                self._open(event, {}, "map")
            case "SequenceStartEvent":
                self._open(event, [], "seq")
            case "MappingEndEvent" | "SequenceEndEvent":
                self._close()
            case "DocumentStartEvent":
                self._begin(event)
            case _:
                pass

    def _begin(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self._refuse(event, "a second document in one file")

    def _take_scalar(self, event: Any) -> None:
        if self.stack and self.stack[-1].wants_key():
            self._set_key(event, self.stack[-1])
            return
        node = _Node(self._scalar(event))
        self._count(event, node)
        self._put(node, event.anchor)

    def _take_alias(self, event: Any) -> None:
        if self.stack and self.stack[-1].wants_key():
            self._refuse(event, "an alias is used as a key")
        if event.anchor not in self.anchors:
            self._refuse(event, f"the alias *{event.anchor} has no finished anchor")
        node = self.anchors[event.anchor]
        self._count(event, node)
        # A copy, so that nobody changes two places at once.
        self._put(_Node(copy.deepcopy(node.value), node.count, node.height), None)

    def _open(self, event: Any, value: Any, kind: str) -> None:
        if self.stack and self.stack[-1].wants_key():
            self._refuse(event, "a key that is not a scalar")
        if event.tag not in (None, "!", _CORE + kind):
            self._refuse(event, f"the tag {event.tag}")
        self._count(event, _Node(value, height=1))
        self.stack.append(_Frame(value, event.anchor))

    def _close(self) -> None:
        frame = self.stack.pop()
        self._put(_Node(frame.value, frame.count, frame.height), frame.anchor)

    def _put(self, node: _Node, anchor: str | None) -> None:
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

    def _scalar(self, event: Any) -> Any:
        tag: str | None = event.tag
        if tag not in (None, "!", _CORE + "str"):
            self._refuse(event, f"the tag {tag}")
        plain = tag is None and event.implicit[0]
        return resolve(event.value) if plain else event.value

    def _refuse(self, event: Any, what: str) -> NoReturn:
        raise Unreadable(f"{self.name}: {what}, line {event.start_mark.line + 1}")
