"""Read YAML by the 1.2 core rules and write it so that 1.1 readers see the same values.

The parser is ruamel.yaml's; the tree is built here from its events, because aliases must be
counted before they expand and because no value may become a date or a boolean by surprise.
"""

from __future__ import annotations

import copy
import io
import re
from typing import Any, Final

from attrs import define, field

from kalshi_ext.spec.bounds import MAX_DEPTH, MAX_NODES
from kalshi_ext.spec.errors import Unreadable

_CORE: Final = "tag:yaml.org,2002:"
_INT: Final = re.compile(r"[-+]?[0-9]+")
_OCTAL_HEX: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_MISSING: Final = object()


def parse_yaml(text: str, name: str = "document") -> Any:
    """Read one YAML document into dicts, lists and scalars; raises Unreadable."""
    yaml = _library(name)
    builder = _Builder(name)
    try:
        for event in yaml.YAML(typ="safe").parse(text):
            builder.take(event)
    except yaml.error.YAMLError as error:
        raise Unreadable(f"{name}: not YAML: {_first_lines(error)}") from error
    return builder.root


def _library(name: str) -> Any:
    try:
        import ruamel.yaml
    except ImportError as error:
        raise Unreadable(
            f"{name}: reading YAML needs ruamel.yaml: pip install 'kalshi-ext[drift]'"
        ) from error
    return ruamel.yaml


def _first_lines(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


@define
class _Frame:
    value: dict[str, Any] | list[Any]
    anchor: str | None
    count: int = 1
    height: int = 1
    key: Any = _MISSING


@define
class _Anchored:
    value: Any
    count: int
    height: int


@define
class _Builder:
    name: str
    root: Any = None
    documents: int = 0
    stack: list[_Frame] = field(factory=list)
    anchors: dict[str, _Anchored] = field(factory=dict)

    def take(self, event: Any) -> None:
        """Add one parser event to the tree."""
        kind = type(event).__name__
        handler = getattr(self, f"_on_{kind}", None)
        if handler is not None:
            handler(event)

    def _on_DocumentStartEvent(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self._refuse(event, "a second document in one file")

    def _on_MappingStartEvent(self, event: Any) -> None:
        self._open(event, {}, "map")

    def _on_SequenceStartEvent(self, event: Any) -> None:
        self._open(event, [], "seq")

    def _on_MappingEndEvent(self, event: Any) -> None:
        self._close(event)

    def _on_SequenceEndEvent(self, event: Any) -> None:
        self._close(event)

    def _on_ScalarEvent(self, event: Any) -> None:
        if self._expects_key():
            self._set_key(event, event.value)
            return
        value = self._scalar(event)
        self._remember(event.anchor, value, 1, 0)
        self._put(event, value, 1, 0)

    def _on_AliasEvent(self, event: Any) -> None:
        found = self.anchors.get(event.anchor)
        if found is None:
            self._refuse(event, f"the alias *{event.anchor} has no finished anchor")
        if self._expects_key():
            self._refuse(event, "an alias is used as a key")
        # A copy, so that nobody changes two places at once; its size is checked first.
        self._weigh(event, found.count, found.height)
        self._put(event, copy.deepcopy(found.value), found.count, found.height)

    def _open(self, event: Any, value: dict[str, Any] | list[Any], kind: str) -> None:
        if self._expects_key():
            self._refuse(event, "a key that is not a scalar")
        if event.tag not in (None, "!", _CORE + kind):
            self._refuse(event, f"the tag {event.tag}")
        if len(self.stack) >= MAX_DEPTH:
            self._refuse(event, f"nesting deeper than {MAX_DEPTH} levels")
        self.stack.append(_Frame(value, event.anchor))

    def _close(self, event: Any) -> None:
        frame = self.stack.pop()
        self._remember(frame.anchor, frame.value, frame.count, frame.height)
        self._put(event, frame.value, frame.count, frame.height)

    def _put(self, event: Any, value: Any, count: int, height: int) -> None:
        if not self.stack:
            self.root = value
            return
        frame = self.stack[-1]
        self._weigh(event, count, height)
        frame.count += count
        frame.height = max(frame.height, height + 1)
        if isinstance(frame.value, list):
            frame.value.append(value)
        else:
            frame.value[frame.key] = value
            frame.key = _MISSING

    def _weigh(self, event: Any, count: int, height: int) -> None:
        if sum(frame.count for frame in self.stack) + count > MAX_NODES:
            self._refuse(event, f"more than {MAX_NODES} values")
        if len(self.stack) + height > MAX_DEPTH:
            self._refuse(event, f"nesting deeper than {MAX_DEPTH} levels")

    def _expects_key(self) -> bool:
        return (
            bool(self.stack)
            and isinstance(self.stack[-1].value, dict)
            and self.stack[-1].key is _MISSING
        )

    def _set_key(self, event: Any, key: str) -> None:
        frame = self.stack[-1]
        if key == "<<" and event.implicit[0]:
            self._refuse(event, "a merge key, which YAML 1.2 does not have")
        if key in frame.value:
            self._refuse(event, f"the key {key!r} is there twice")
        frame.key = key

    def _remember(self, anchor: str | None, value: Any, count: int, height: int) -> None:
        if anchor is not None:
            self.anchors[anchor] = _Anchored(value, count, height)

    def _scalar(self, event: Any) -> Any:
        tag = event.tag
        if tag in (None, "!"):
            return resolve(event.value) if event.implicit[0] and tag is None else event.value
        if tag == _CORE + "str":
            return event.value
        return self._refuse(event, f"the tag {tag}")

    def _refuse(self, event: Any, what: str) -> Any:
        raise Unreadable(f"{self.name}: {what}, line {event.start_mark.line + 1}")


def resolve(text: str) -> Any:
    """Give a plain scalar its YAML 1.2 core value; infinities and NaN stay text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text) if len(text) < 4000 else text
    if _OCTAL_HEX.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text


# Read as something else than text by YAML 1.1 or 1.2: quoted on writing.
_AMBIGUOUS: Final = re.compile(
    r"[-+.]?[0-9][0-9_,:.eExob+\-/ TtZ]*|0x[0-9a-fA-F_]+|[-+]?\.(inf|nan)|=|<<|~"
    r"|yes|no|on|off|y|n|true|false|null",
    re.IGNORECASE,
)


def dump_yaml(value: Any) -> str:
    """Write a tree as block YAML that 1.1 and 1.2 readers understand alike."""
    from ruamel.yaml import YAML
    from ruamel.yaml.representer import SafeRepresenter

    class Representer(SafeRepresenter):
        def represent_str(self, data: str) -> Any:
            quote = _AMBIGUOUS.fullmatch(data) is not None
            return self.represent_scalar(_CORE + "str", data, style="'" if quote else None)

        def ignore_aliases(self, data: Any) -> bool:
            return True

    Representer.add_representer(str, Representer.represent_str)
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = Representer
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False
    yaml.width = 100
    yaml.allow_unicode = True
    out = io.StringIO()
    yaml.dump(value, out)
    return out.getvalue()
