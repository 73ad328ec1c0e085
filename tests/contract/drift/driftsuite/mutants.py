"""Make every mutation of a contract: in one operation alone, and in the shared components."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any
from zlib import crc32

from attrs import define, field
from contract.references import reachable

from .document_mutations import PATH_MUTATIONS, document_mutations
from .editing import change, get, pointer, put
from .field_mutations import FIELD_MUTATIONS, PARAMETER_MUTATIONS
from .operation_mutations import OPERATION_MUTATIONS
from .oracle import Mutant, worst
from .schema_mutations import SCHEMA_MUTATIONS
from .sites import Site, operations, sites, with_one_operation, with_written_out_operation

# Every operation shares the error body. More users would only take more time.
MAX_USERS = 5
Open = Callable[[Any, str], Any]


@define
class MutantGenerator:
    """Makes all mutants of one contract; `prepare` opens a base document that is used often."""

    name: str
    document: Any
    prepare: Open = field(default=lambda document, name: document)

    def in_one_operation(self, path: str, method: str) -> Iterator[Mutant]:
        """Mutate an operation written out without references, against the original."""
        base = self.prepare(with_one_operation(self.document, path, method), "base")
        new = with_written_out_operation(self.document, path, method)
        here = ("paths", path, method)
        name = new["paths"][path][method]["operationId"]
        mutator = _Mutator(f"{self.name} {name}", base, new, frozenset({name}))
        for site in sites(new, path, method, once=True):
            yield from mutator.values(site, get(new, site.at))
            yield from mutator.fields(site, get(new, site.at))
        yield from mutator.parameters((*here, "parameters"))
        yield from mutator.operation(here)

    def of_components(self, part: int = 0, parts: int = 1) -> Iterator[Mutant]:
        """Mutate what operations share, where it stands; both directions count at once."""
        for place, sites_by_operation in list(_shared_sites(self.document).items())[part::parts]:
            chosen = sorted({name for name, _ in sites_by_operation}, key=_text_order)[:MAX_USERS]
            uses = [(name, site) for name, site in sites_by_operation if name in chosen]
            users = frozenset(chosen)
            other_operations = self._operation_ids() - {name for name, _ in sites_by_operation}
            document = _with_operations(self.document, users | set(sorted(other_operations)[:1]))
            base = self.prepare(document, "base")
            enclosing = frozenset(pointer(site.enclosing) for _, site in uses)
            mutator = _Mutator(
                f"{self.name} {pointer(place)}", base, document, users, enclosing, uses
            )
            directions = {site.direction for _, site in uses}
            schema = get(self.document, place)
            site = next(site for _, site in uses)
            if _same_context([each for _, each in uses]):
                yield from mutator.values(site, schema, directions)
                yield from mutator.fields(site, schema, directions)

    def _operation_ids(self) -> set[str]:
        paths = self.document["paths"]
        return {paths[path][method]["operationId"] for path, method in operations(self.document)}

    def of_paths(self) -> Iterator[Mutant]:
        """Move, remove and add operations, and change what belongs to none."""
        base = self.prepare(self.document, "base")
        for path, method in operations(self.document):
            for kind in PATH_MUTATIONS:
                # Without a variable the path would be the same.
                if kind.name != "path variables renamed" or "{" in path:
                    new = partial(kind.edit, self.document, path, method)
                    group = f"{self.name} {method} {path}"
                    yield Mutant(group, kind.name, "", base, new, kind.verdict)
        for index, (name, new, verdict) in enumerate(document_mutations(self.document)):
            yield Mutant(self.name, name, str(index), base, partial(_unchanged, new), verdict)


def partitions(document: Any, size: int = 4) -> list[Any]:
    """Cut a document into smaller ones of so many paths each, with what they refer to.

    A rewrite is then compared with its neighbours only, in a fraction of the time.
    """
    paths = list(document["paths"].items())
    cuts = [dict(paths[start : start + size]) for start in range(0, len(paths), size)]
    return [reachable({**document, "paths": cut}) for cut in cuts]


def sampled(mutants: Iterable[Mutant], max_each: int) -> list[Mutant]:
    """Keep at most `max_each` mutants of each kind in each group and direction."""
    groups: dict[Any, list[Mutant]] = {}
    for each in mutants:
        groups.setdefault((each.group, each.kind, each.sent, each.received), []).append(each)
    kept = (sorted(group, key=_mutant_order)[:max_each] for group in groups.values())
    return [mutant for group in kept for mutant in group]


def _text_order(name: str) -> int:
    """Order texts in a fixed way that favours no part of the contract."""
    return crc32(name.encode())


def _mutant_order(mutant: Mutant) -> int:
    return _text_order(mutant.label)


def _shared_sites(document: Any) -> dict[Any, list[tuple[str, Site]]]:
    by_place: dict[Any, list[tuple[str, Site]]] = {}
    for path, method in operations(document):
        name = document["paths"][path][method]["operationId"]
        for site in sites(document, path, method):
            if site.at[0] == "components":
                by_place.setdefault(site.at, []).append((name, site))
    return by_place


def _with_operations(document: Any, names: Any) -> Any:
    """Give the document with some of its operations, its components kept."""
    kept: dict[str, dict[str, Any]] = {}
    for path, method in operations(document):
        operation = document["paths"][path][method]
        if operation["operationId"] in names:
            kept.setdefault(path, {})[method] = operation
    return {**document, "paths": kept}


def _same_context(uses: list[Site]) -> bool:
    """Tell whether all sites have the same wrappers above, so that one verdict is expected."""
    contexts = {(s.null_above, s.default_above, s.deprecated_above, s.in_union) for s in uses}
    return len(contexts) == 1


@define
class _Mutator:
    label: str
    base: Any
    new: Any
    users: frozenset[str]
    enclosing: frozenset[str] = frozenset()
    uses: list[tuple[str, Site]] = field(factory=list)

    def values(self, site: Site, schema: Any, directions: Any = None) -> Iterator[Mutant]:
        for kind in SCHEMA_MUTATIONS:
            if kind.applies(schema, site):
                expected = _expected(directions or {site.direction}, kind.sent, kind.received)
                new = partial(change, self.new, site.at, kind.edit)
                yield self._mutant(kind.name, "", site, new, expected)

    def fields(self, site: Site, schema: Any, directions: Any = None) -> Iterator[Mutant]:
        for kind in FIELD_MUTATIONS:
            for name in schema.get("properties", {}):
                if kind.applies(schema, name):
                    expected = _expected(directions or {site.direction}, kind.sent, kind.received)
                    edit = partial(_edited, kind.edit, name)
                    new = partial(change, self.new, site.at, edit)
                    yield self._mutant(kind.name, f" {name}", site, new, expected)

    def _mutant(
        self, kind: str, name: str, site: Site, new: Any, expected: dict[str, str | None]
    ) -> Mutant:
        overall = worst([severity for severity in expected.values() if severity])
        pointers = (pointer(site.enclosing), pointer(site.at), *self.enclosing)
        users = self._affected_operations(expected)
        return Mutant(
            self.label, kind, pointer(site.at) + name, self.base, new, overall, True,
            expected.get("request"), expected.get("response"), pointers, users,
        )  # fmt: skip

    def _affected_operations(self, expected: dict[str, str | None]) -> frozenset[str]:
        """List the operations that meet the change in a direction where a finding is expected."""
        names = {name for name, site in self.uses if expected.get(site.direction)}
        return frozenset(names) if self.uses else self.users

    def parameters(self, here: Any) -> Iterator[Mutant]:
        if not _has(self.new, here):
            return
        for index, parameter in enumerate(get(self.new, here)):
            for kind in PARAMETER_MUTATIONS:
                if kind.applies(parameter):
                    edit = partial(_spliced, kind.edit, index)
                    new = partial(change, self.new, here, edit)
                    yield Mutant(self.label, kind.name, parameter["name"], self.base, new,
                                   kind.sent, operations=self.users)  # fmt: skip

    def operation(self, here: Any) -> Iterator[Mutant]:
        operation = get(self.new, here)
        spare = {"type": "http", "scheme": "digest"}
        new = put(self.new, ("components", "securitySchemes", "aNewScheme"), spare)
        base = put(_loaded(self.base), ("components", "securitySchemes", "aNewScheme"), spare)
        for kind in OPERATION_MUTATIONS:
            for step in kind.steps(operation):
                edited = partial(put, new, here, kind.edit(operation, step))
                yield Mutant(self.label, kind.name, str(step or ""), base, edited, kind.verdict,
                               operations=self.users)  # fmt: skip


def _unchanged(document: Any) -> Any:
    return document


def _edited(edit: Callable[[Any, str], Any], name: str, owner: Any) -> Any:
    return edit(owner, name)


def _spliced(edit: Callable[[Any], list[Any]], index: int, items: list[Any]) -> list[Any]:
    return [*items[:index], *edit(items[index]), *items[index + 1 :]]


def _loaded(base: Any) -> Any:
    return getattr(base, "root", base)


def _has(document: Any, at: Any) -> bool:
    try:
        get(document, at)
    except KeyError:
        return False
    return True


def _expected(directions: Any, sent: str | None, received: str | None) -> dict[str, str | None]:
    both = {"request": sent, "response": received}
    return {direction: both[direction] for direction in directions}
