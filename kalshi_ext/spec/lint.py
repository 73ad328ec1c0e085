"""Find what the generator mishandles in silence, and what we promised of our documents.

Each trap was met by running openapi-python-client 0.29.1 on such a document: no warning, and a
client that is wrong. The rules for text look at the file before it is parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from attrs import frozen

from kalshi_ext.spec.lint_operations import OPERATION_RULES, PARAMETER_RULES, names_clash
from kalshi_ext.spec.lint_schemas import SCHEMA_RULES, extension
from kalshi_ext.spec.scalars import is_ambiguous, resolve
from kalshi_ext.spec.visit import Place, visit

Rule = Callable[[Place], Iterator[str]]
_RULES: Final[dict[str, dict[str, Rule]]] = {
    "schema": SCHEMA_RULES,
    "parameter": PARAMETER_RULES,
}


@frozen
class Finding:
    """A trap: `at` is a JSON Pointer, or a line of the text."""

    rule: str
    at: str
    message: str

    def __str__(self) -> str:
        return f"{self.at}: {self.message} [{self.rule}]"


def lint(document: dict[str, Any]) -> list[Finding]:
    """Give every finding in a parsed document, in its order; none for a good one."""
    found = [Finding("name-clash", "/", message) for message in names_clash(document)]
    for place in visit(document):
        rules = _RULES.get(place.kind, {})
        for name, rule in {**rules, "vendor-extension": extension}.items():
            found += [Finding(name, place.pointer(), message) for message in rule(place)]
        if place.kind == "operation":
            for name, check in OPERATION_RULES.items():
                messages = check(document, place)
                found += [Finding(name, place.pointer(), message) for message in messages]
    return found


def lint_text(text: str) -> list[Finding]:
    """Give the plain scalars that a reader of YAML 1.1 takes for something else."""
    from ruamel.yaml import YAML

    yaml: Any = YAML(typ="safe")
    return [
        Finding("yaml-1.1", f"line {event.start_mark.line + 1}", f"quote {event.value!r}")
        for event in yaml.parse(text)
        if type(event).__name__ == "ScalarEvent" and event.implicit[0] and _misread(event.value)
    ]


def _misread(text: str) -> bool:
    value = resolve(text)
    if isinstance(value, str):
        return is_ambiguous(text)
    # A leading zero is octal to 1.1, and 0o17 a text.
    digits = text.lstrip("+-")
    return isinstance(value, int) and len(digits) > 1 and digits[0] == "0" and digits[1] != "x"
