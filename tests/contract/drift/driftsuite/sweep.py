"""Make every mutation of a contract: in one operation alone, and in the shared components."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any
from zlib import crc32

from attrs import define, field
from contract.references import reachable

from .crawl import Site, alone, only, operations, sites
from .editing import change, get, pointer, put
from .field_kinds import FIELD_KINDS, PARAMETER_KINDS
from .operation_kinds import OPERATION_KINDS
from .place_kinds import PATH_KINDS, document_kinds
from .value_kinds import VALUE_KINDS
from .verdicts import Mutation, worst

# An error body is shared by every operation; this many of them are looked at with each change.
MOST_USERS = 5
Open = Callable[[Any, str], Any]


@define
class Sweep:
    """All mutations of one contract; `opened` prepares a base document that is used often."""

    name: str
    document: Any
    opened: Open = field(default=lambda document, name: document)

    def in_one_operation(self, path: str, method: str) -> Iterator[Mutation]:
        """Mutate an operation written out without references, against the original."""
        base = self.opened(only(self.document, path, method), "base")
        new = alone(self.document, path, method)
        here = ("paths", path, method)
        name = new["paths"][path][method]["operationId"]
        frame = _Frame(f"{self.name} {name}", base, new, frozenset({name}))
        for site in sites(new, path, method, once=True):
            yield from frame.values(site, get(new, site.at))
            yield from frame.fields(site, get(new, site.at))
        yield from frame.parameters((*here, "parameters"))
        yield from frame.operation(here)

    def of_components(self, part: int = 0, parts: int = 1) -> Iterator[Mutation]:
        """Mutate what operations share, where it stands; both directions count at once."""
        for place, everywhere in list(_shared(self.document).items())[part::parts]:
            some = sorted({name for name, _ in everywhere}, key=_scattered)[:MOST_USERS]
            met = [(name, site) for name, site in everywhere if name in some]
            users = frozenset(some)
            strangers = self._names() - {name for name, _ in everywhere}
            document = _of(self.document, users | set(sorted(strangers)[:1]))
            base = self.opened(document, "base")
            under = frozenset(pointer(site.under) for _, site in met)
            frame = _Frame(f"{self.name} {pointer(place)}", base, document, users, under, met)
            directions = {site.direction for _, site in met}
            schema = get(self.document, place)
            site = next(site for _, site in met)
            if _alike([each for _, each in met]):
                yield from frame.values(site, schema, directions)
                yield from frame.fields(site, schema, directions)

    def _names(self) -> set[str]:
        paths = self.document["paths"]
        return {paths[path][method]["operationId"] for path, method in operations(self.document)}

    def of_paths(self) -> Iterator[Mutation]:
        """Move, remove and add operations, and change what belongs to none."""
        base = self.opened(self.document, "base")
        for path, method in operations(self.document):
            for kind in PATH_KINDS:
                if kind.name != "path variables renamed" or "{" in path:
                    new = partial(kind.edit, self.document, path, method)
                    group = f"{self.name} {method} {path}"
                    yield Mutation(group, kind.name, "", base, new, kind.verdict)
        for index, (name, new, verdict) in enumerate(document_kinds(self.document)):
            yield Mutation(self.name, name, str(index), base, partial(_same, new), verdict)


def portions(document: Any, size: int = 4) -> list[Any]:
    """Cut a document into smaller ones of so many paths each, with what they refer to.

    A rewrite is then compared with its neighbours only, in a fraction of the time.
    """
    paths = list(document["paths"].items())
    cuts = [dict(paths[start : start + size]) for start in range(0, len(paths), size)]
    return [reachable({**document, "paths": cut}) for cut in cuts]


def thinned(mutations: Iterable[Mutation], most: int) -> list[Mutation]:
    """Keep at most so many mutations of each kind in each group and direction."""
    groups: dict[Any, list[Mutation]] = {}
    for each in mutations:
        groups.setdefault((each.group, each.kind, each.sent, each.received), []).append(each)
    return [m for found in groups.values() for m in sorted(found, key=_shuffled)[:most]]


def _scattered(name: str) -> int:
    return crc32(name.encode())


def _shuffled(mutation: Mutation) -> int:
    """Order mutations in a fixed way that favours no part of the contract."""
    return _scattered(mutation.label)


def _shared(document: Any) -> dict[Any, list[tuple[str, Site]]]:
    found: dict[Any, list[tuple[str, Site]]] = {}
    for path, method in operations(document):
        name = document["paths"][path][method]["operationId"]
        for site in sites(document, path, method):
            if site.at[0] == "components":
                found.setdefault(site.at, []).append((name, site))
    return found


def _of(document: Any, names: Any) -> Any:
    """Give the document with some of its operations, its components kept."""
    kept: dict[str, dict[str, Any]] = {}
    for path, method in operations(document):
        operation = document["paths"][path][method]
        if operation["operationId"] in names:
            kept.setdefault(path, {})[method] = operation
    return {**document, "paths": kept}


def _alike(met: list[Site]) -> bool:
    """Tell whether all uses see the place the same way, so that one verdict is due."""
    return len({(s.null_above, s.default_above, s.deprecated_above, s.in_union) for s in met}) == 1


@define
class _Frame:
    label: str
    base: Any
    new: Any
    users: frozenset[str]
    under: frozenset[str] = frozenset()
    met: list[tuple[str, Site]] = field(factory=list)

    def values(self, site: Site, schema: Any, directions: Any = None) -> Iterator[Mutation]:
        for kind in VALUE_KINDS:
            if kind.applies(schema, site):
                due = _due(directions or {site.direction}, kind.sent, kind.received)
                new = partial(change, self.new, site.at, kind.edit)
                yield self._mutation(kind.name, "", site, new, due)

    def fields(self, site: Site, schema: Any, directions: Any = None) -> Iterator[Mutation]:
        for kind in FIELD_KINDS:
            for name in schema.get("properties", {}):
                if kind.applies(schema, name):
                    due = _due(directions or {site.direction}, kind.sent, kind.received)
                    edit = partial(_edited, kind.edit, name)
                    new = partial(change, self.new, site.at, edit)
                    yield self._mutation(kind.name, f" {name}", site, new, due)

    def _mutation(
        self, kind: str, name: str, site: Site, new: Any, due: dict[str, str | None]
    ) -> Mutation:
        whole = worst([severity for severity in due.values() if severity])
        around = (pointer(site.under), pointer(site.at), *self.under)
        users = self._told(due)
        return Mutation(
            self.label, kind, pointer(site.at) + name, self.base, new, whole, True, due.get("request"), due.get("response"),
            around, users,
        )  # fmt: skip

    def _told(self, due: dict[str, str | None]) -> frozenset[str]:
        """List the operations that meet the change in a direction where something is due."""
        names = {name for name, site in self.met if due.get(site.direction)}
        return frozenset(names) if self.met else self.users

    def parameters(self, here: Any) -> Iterator[Mutation]:
        if not _has(self.new, here):
            return
        for index, parameter in enumerate(get(self.new, here)):
            for kind in PARAMETER_KINDS:
                if kind.applies(parameter):
                    edit = partial(_spliced, kind.edit, index)
                    new = partial(change, self.new, here, edit)
                    yield Mutation(self.label, kind.name, parameter["name"], self.base, new,
                                   kind.sent, operations=self.users)  # fmt: skip

    def operation(self, here: Any) -> Iterator[Mutation]:
        operation = get(self.new, here)
        spare = {"type": "http", "scheme": "digest"}
        new = put(self.new, ("components", "securitySchemes", "aNewScheme"), spare)
        base = put(_raw(self.base), ("components", "securitySchemes", "aNewScheme"), spare)
        for kind in OPERATION_KINDS:
            for step in kind.steps(operation):
                made = partial(put, new, here, kind.edit(operation, step))
                yield Mutation(self.label, kind.name, str(step or ""), base, made, kind.verdict,
                               operations=self.users)  # fmt: skip


def _same(document: Any) -> Any:
    return document


def _edited(edit: Callable[[Any, str], Any], name: str, owner: Any) -> Any:
    return edit(owner, name)


def _spliced(edit: Callable[[Any], list[Any]], index: int, listed: list[Any]) -> list[Any]:
    return [*listed[:index], *edit(listed[index]), *listed[index + 1 :]]


def _raw(base: Any) -> Any:
    return getattr(base, "root", base)


def _has(document: Any, at: Any) -> bool:
    try:
        get(document, at)
    except KeyError:
        return False
    return True


def _due(directions: Any, sent: str | None, received: str | None) -> dict[str, str | None]:
    both = {"request": sent, "response": received}
    return {direction: both[direction] for direction in directions}
