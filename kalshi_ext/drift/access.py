"""Compare where and as whom a client calls: servers, and alternatives of credentials.

A security scheme is what it puts on the wire (`scheme_identity`); its name does not count. An
operation's alternatives are sets of needs: a client with the base's credentials is still admitted
when some alternative needs the same or less. A scheme that changed on the wire is reported
once, with all operations that name it; the alternatives are then compared as if it had not changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from kalshi_ext.drift.document import Document, Node, dereferenced, join, last_step
from kalshi_ext.drift.finding import Difference, LocatedDifference, Location
from kalshi_ext.drift.limits import is_mapping
from kalshi_ext.drift.operations import (
    SCHEMES,
    Alternative,
    DocumentedOperation,
    scheme_identity,
)

Needs = frozenset[tuple[str, str]]


def compare_servers(base: Document, new: Document) -> Iterator[LocatedDifference]:
    """Compare the servers of the whole document."""
    location = Location(None, "servers")
    return ((each, location) for each in _compare_servers(base.at(""), new.at("")))


def compare_own_servers(
    base: DocumentedOperation, new: DocumentedOperation
) -> Iterator[LocatedDifference]:
    """Compare the servers of an operation that has its own in either document."""
    before, after = base.servers, new.servers
    if before.pointer or after.pointer:  # the empty pointer is the document itself
        location = Location(base, "servers")
        yield from ((each, location) for each in _compare_servers(before, after))


def _compare_servers(base: Node, new: Node) -> Iterator[Difference]:
    base_servers, new_servers = _servers(base), _servers(new)
    lists = join(base.pointer, "servers"), join(new.pointer, "servers")
    for url in dict.fromkeys([*base_servers, *new_servers]):
        before, after = base_servers.get(url), new_servers.get(url)
        if before and after:
            if _variables(before) != _variables(after):
                yield Difference("server-variables-changed", before.pointer, after.pointer, url)
        elif before:
            yield Difference("server-removed", before.pointer, lists[1], url)
        elif after:
            yield Difference("server-added", lists[0], after.pointer, url)


def _variables(server: Node) -> str:
    left = fixed_url(server.value)[1]
    return dereferenced(Node(left, join(server.pointer, "variables"), server.document))


def fixed_url(server: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Write the variables that have one value into a server's URL; give it, and the others.

    The slash at its end says nothing.
    """
    url: str = server.get("url", "")
    variables = server.get("variables")
    left: dict[str, Any] = {}
    for name, variable in (variables if is_mapping(variables) else {}).items():
        value = variable.get("default") if is_mapping(variable) else None
        members = variable.get("enum") if is_mapping(variable) else None
        if isinstance(value, str) and f"{{{name}}}" in url and members in (None, [value]):
            url = url.replace(f"{{{name}}}", value)
        else:
            left[name] = variable
    return url.rstrip("/") or url, left


def _servers(holder: Node) -> dict[str, Node]:
    """List servers by URL; a document that names none is served from its own root."""
    servers: dict[str, Node] = {}
    for each in holder.members("servers"):
        each.mapping().text("url")
        servers[fixed_url(each.value)[0].rstrip("/")] = each
    return servers or {"": Node({}, join(holder.pointer, "servers"), holder.document)}


def compare_security(
    base: tuple[Alternative, ...], new: tuple[Alternative, ...], renamed: dict[str, str]
) -> Iterator[Difference]:
    """Compare the alternatives of one operation.

    `renamed` maps the identity of a scheme that changed to its new identity.
    """
    base_needs = [_renamed(each, renamed) for each in base]
    new_needs = [each.needs for each in new]
    removed = [(each, needs) for each, needs in zip(base, base_needs, strict=True)
               if needs not in new_needs]  # fmt: skip
    added = [each for each in new if each.needs not in base_needs]
    for alternative, needs in removed:
        yield from _compare_removed(alternative, needs, added or list(new))
    for alternative in added:
        # One that needs more or less than a removed alternative was reported with it.
        if not any(n < alternative.needs or alternative.needs < n for _, n in removed):
            pointers = base[0].pointer, alternative.pointer
            yield Difference("security-way-added", *pointers, alternative.text)


def _renamed(alternative: Alternative, renamed: dict[str, str]) -> Needs:
    return frozenset((renamed.get(scheme, scheme), scope) for scheme, scope in alternative.needs)


def _compare_removed(
    alternative: Alternative, needs: Needs, candidates: list[Alternative]
) -> Iterator[Difference]:
    """Judge an alternative that is not there as it was: it needs less, or more, or is gone."""
    less = [each for each in candidates if each.needs < needs]
    # Who is admitted with less does not care what else needs more.
    more = [] if less else [each for each in candidates if needs < each.needs]
    for each in less + more:
        rule = _rule_of_less(each) if less else _rule_of_more(needs)
        texts = {"before": alternative.text, "after": each.text}
        yield Difference(rule, alternative.pointer, each.pointer, **texts)
    if not less and not more:
        pointers = alternative.pointer, candidates[0].pointer
        yield Difference("security-way-removed", *pointers, alternative.text)


def _rule_of_less(new: Alternative) -> str:
    return "security-way-loosened" if new.needs else "security-dropped"


def _rule_of_more(base_needs: Needs) -> str:
    return "security-way-tightened" if base_needs else "security-required"


def renamed_schemes(base: Document, new: Document) -> dict[str, str]:
    """Map the identities of schemes that keep their name and changed on the wire."""
    pairs = _changed_schemes(base, new)
    return {scheme_identity(before): scheme_identity(after) for before, after in pairs}


def compare_schemes(
    base: Document, new: Document, operations: Iterable[DocumentedOperation]
) -> Iterator[LocatedDifference]:
    """Compare the security schemes on the wire, located at the base's operations that name them."""
    named_by = list(operations)
    for before, after in _changed_schemes(base, new):
        identities = scheme_identity(before), scheme_identity(after)
        pointers = before.pointer, after.pointer
        name = last_step(before.pointer)
        difference = Difference("security-scheme-changed", *pointers, name, *identities)
        users = [each for each in named_by if identities[0] in each.schemes]
        yield from ((difference, Location(user, "security")) for user in users)
        if not users:
            yield difference, Location(None, "security")


def compare_unused_schemes(
    base: Document, new: Document, used: frozenset[str]
) -> Iterator[LocatedDifference]:
    """Find schemes that came or went and are not `used`: no operation, no changed scheme."""
    location = Location(None, "security")
    before, after = _schemes_by_identity(base), _schemes_by_identity(new)
    for identity in before.keys() - after.keys() - used:
        pointers = before[identity].pointer, SCHEMES
        yield Difference("security-scheme-removed", *pointers, last_step(pointers[0])), location
    for identity in after.keys() - before.keys() - used:
        pointers = SCHEMES, after[identity].pointer
        yield Difference("security-scheme-added", *pointers, last_step(pointers[1])), location


def _changed_schemes(base: Document, new: Document) -> Iterator[tuple[Node, Node]]:
    """Pair the schemes that keep their name and put something else on the wire."""
    before, after = _schemes(base), _schemes(new)
    known = {scheme_identity(scheme) for scheme in after.values()}
    for name in before.keys() & after.keys():
        identity = scheme_identity(before[name])
        # One whose identity another name has now was renamed, not changed.
        if identity != scheme_identity(after[name]) and identity not in known:
            yield before[name], after[name]


def _schemes_by_identity(document: Document) -> dict[str, Node]:
    return {scheme_identity(scheme): scheme for scheme in _schemes(document).values()}


def _schemes(document: Document) -> dict[str, Node]:
    components = document.at("").get("components")
    if components is None:
        return {}
    return {name: s.resolved() for name, s in components.entries("securitySchemes").items()}
