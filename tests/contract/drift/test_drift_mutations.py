"""A sample of the mutation suite: every kind of change, and every operation of both contracts.

`make drift-mutations` runs the whole of it. driftsuite reasons the expected verdicts.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any
from zlib import crc32

import pytest
from case_samples import EVERY_CASE
from driftsuite.contracts import contract
from driftsuite.document_mutations import PATH_MUTATIONS, document_mutations
from driftsuite.field_mutations import FIELD_MUTATIONS, PARAMETER_MUTATIONS
from driftsuite.mutants import MutantGenerator
from driftsuite.operation_mutations import OPERATION_MUTATIONS
from driftsuite.oracle import Mutant, faults_of
from driftsuite.schema_mutations import SCHEMA_MUTATIONS
from driftsuite.sites import operations

from kalshi_ext.drift.opening import open_document

CONTRACTS = ("current", "classic", "synthetic")
WHOLE = {name: contract(name) for name in CONTRACTS}
PLACES = [(name, *place) for name in CONTRACTS for place in operations(WHOLE[name])]
INSIDE = (*SCHEMA_MUTATIONS, *FIELD_MUTATIONS, *PARAMETER_MUTATIONS, *OPERATION_MUTATIONS)


@functools.cache
def sweep(name: str) -> MutantGenerator:
    return MutantGenerator(name, WHOLE[name], open_document)


@functools.cache
def inside(place: tuple[str, str, str]) -> list[Mutant]:
    """List every mutation inside one operation, in a fixed order that favours no part of it."""
    name, path, method = place
    found = sweep(name).in_one_operation(path, method)
    return sorted(found, key=lambda mutation: crc32(mutation.label.encode()))


def some_of(kind: str, most: int) -> list[Mutant]:
    """Take mutations of a kind from operations spread over both contracts."""
    start = crc32(kind.encode()) % len(PLACES)
    found: list[Mutant] = []
    for place in PLACES[start:] + PLACES[:start]:
        found += itertools.islice((each for each in inside(place) if each.kind == kind), 1)
        if len(found) == most:
            break
    return found


def faults(mutations: list[Mutant]) -> list[str]:
    return [fault for each in mutations for fault in faults_of(each)]


@pytest.mark.parametrize("kind", [kind.name for kind in INSIDE])
def test_a_change_of_this_kind_is_found_and_judged(kind: str) -> None:
    chosen = some_of(kind, 2 if EVERY_CASE else 1)
    assert chosen, "no place of any contract admits it"
    assert faults(chosen) == []


@pytest.mark.parametrize("place", PLACES, ids=lambda place: "-".join(place))
def test_changes_of_this_operation_are_found_and_judged(place: tuple[str, str, str]) -> None:
    most = 3 if EVERY_CASE else 2
    chosen = inside(place)[:most]
    assert len(chosen) == most
    assert faults(chosen) == []


@pytest.mark.parametrize("kind", PATH_MUTATIONS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("name", CONTRACTS)
def test_an_operation_that_moves_comes_or_goes_is_judged(name: str, kind: Any) -> None:
    listed = [m for m in sweep(name).of_paths() if m.kind == kind.name]
    assert faults(sorted(listed, key=lambda m: crc32(m.label.encode()))[:1]) == []


@pytest.mark.parametrize("name", CONTRACTS)
def test_what_belongs_to_no_operation_is_judged(name: str) -> None:
    kinds = {kind.name for kind in PATH_MUTATIONS}
    chosen = [each for each in sweep(name).of_paths() if each.kind not in kinds]
    assert len(chosen) == len(list(document_mutations(WHOLE[name])))
    once = {each.kind: each for each in chosen}
    assert faults(list(once.values())) == []


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_shared_component_names_every_operation_that_uses_it(name: str) -> None:
    every = list(sweep(name).of_components(part=1, parts=4))
    chosen = sorted(every, key=lambda mutation: crc32(mutation.label.encode()))[:12]
    assert len(chosen) == 12
    assert faults(chosen) == []
