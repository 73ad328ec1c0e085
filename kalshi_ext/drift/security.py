"""Who may call: alternatives of credentials, known by what they put on the wire.

A scheme is its kind, place and header name; the name a document gives it does not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from attrs import field, frozen

from kalshi_ext.drift.difference import Difference
from kalshi_ext.drift.document import Document, Node
from kalshi_ext.drift.pointers import join
from kalshi_ext.drift.values import canonical

SCHEMES: Final = "/components/securitySchemes"


@frozen
class Alternative:
    """Credentials that let a caller in when all of them are given."""

    pointer: str
    needs: frozenset[tuple[str, str]]
    names: tuple[str, ...] = field(eq=False)

    @property
    def text(self) -> str:
        """Name the credentials for people."""
        return " and ".join(self.names) or "no credentials"


def alternatives_of(holder: Node) -> tuple[Alternative, ...]:
    """List the alternatives; a document that lists none lets anybody in."""
    listed = holder.members("security")
    return tuple(map(_alternative, listed)) or (
        Alternative(join(holder.pointer, "security"), frozenset(), ()),
    )


def _alternative(node: Node) -> Alternative:
    schemes = node.mapping().children()
    needs = {need for name, scopes in schemes.items() for need in _needs(node, name, scopes)}
    return Alternative(node.pointer, frozenset(needs), tuple(schemes))


def _needs(node: Node, name: str, scopes: Node) -> Iterator[tuple[str, str]]:
    pointer = join(SCHEMES, name)
    identity = scheme_identity(node.document.at(pointer, wanted_by=node.pointer).resolved())
    yield identity, ""
    yield from ((identity, str(scope.value)) for scope in scopes.children().values())


def scheme_identity(scheme: Node) -> str:
    """Write what a scheme puts on the wire, as text that equal schemes share."""
    return canonical({key: _wire_value(key, scheme.value[key]) for key in _wire_keys(scheme)})


def _wire_keys(scheme: Node) -> list[str]:
    words = {"apiKey": ["in", "name"], "http": ["scheme"], "oauth2": ["flows"],
             "openIdConnect": ["openIdConnectUrl"]}  # fmt: skip
    return [k for k in ["type", *words.get(scheme.text("type"), [])] if k in scheme]


def _wire_value(key: str, value: Any) -> Any:
    # HTTP header names and authentication schemes are written in any case.
    return value.lower() if key in ("name", "scheme") and isinstance(value, str) else value


def compare_security(
    base: tuple[Alternative, ...], new: tuple[Alternative, ...], renamed: dict[str, str]
) -> Iterator[Difference]:
    """Find the ways in that came, went, or ask for more or less than before.

    `renamed` maps the identity of a scheme that changed (and is reported by itself) to its
    new identity, so that one change of a scheme is not told again for each operation.
    """
    before = [(each, _translated(each, renamed)) for each in base]
    mine = [row for row in before if row[1] not in [each.needs for each in new]]
    theirs = [each for each in new if each.needs not in [needs for _, needs in before]]
    for one, needs in mine:
        yield from _of_one(one, needs, theirs or list(new))
    for other in theirs:
        if not any(needs < other.needs or other.needs < needs for _, needs in mine):
            yield Difference("security-way-added", base[0].pointer, other.pointer, other.text)


def _translated(each: Alternative, renamed: dict[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((renamed.get(identity, identity), scope) for identity, scope in each.needs)


def _of_one(
    one: Alternative, needs: frozenset[tuple[str, str]], others: list[Alternative]
) -> Iterator[Difference]:
    """Judge a way in that is not there as it was: less is asked, or more, or it is gone."""
    less = [other for other in others if other.needs < needs]
    more = [] if less else [other for other in others if needs < other.needs]
    for other in less + more:
        rule = _less(other) if less else _more(needs)
        yield Difference(rule, one.pointer, other.pointer, before=one.text, after=other.text)
    if not less and not more:
        yield Difference("security-way-removed", one.pointer, others[0].pointer, one.text)


def _less(other: Alternative) -> str:
    return "security-way-loosened" if other.needs else "security-dropped"


def _more(needs: frozenset[tuple[str, str]]) -> str:
    return "security-way-tightened" if needs else "security-required"


def changed_schemes(base: Document, new: Document) -> Iterator[tuple[Node, Node]]:
    """Pair the schemes that keep their name but put something else on the wire."""
    before, after = _schemes(base), _schemes(new)
    known = {scheme_identity(scheme) for scheme in after.values()}
    for name in before.keys() & after.keys():
        identity = scheme_identity(before[name])
        if identity != scheme_identity(after[name]) and identity not in known:
            yield before[name], after[name]


def known_schemes(document: Document) -> dict[str, Node]:
    """List the schemes of a document by what they put on the wire."""
    return {scheme_identity(scheme): scheme for scheme in _schemes(document).values()}


def _schemes(document: Document) -> dict[str, Node]:
    components = document.at("").get("components")
    if components is None:
        return {}
    return {n: s.resolved() for n, s in components.entries("securitySchemes").items()}
