"""What holds for every pair of documents: nothing against itself, the opposite when swapped."""

from __future__ import annotations

import copy
import functools
from collections import Counter
from typing import Any

import pytest
from contract.normalise import normalise
from driftsuite.contracts import contract, full_size_document
from driftsuite.mutants import MutantGenerator
from driftsuite.sites import operations, with_one_operation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kalshi_ext.drift.compare import compare, our_paths
from kalshi_ext.drift.documents import document
from kalshi_ext.drift.opening import open_document
from kalshi_ext.drift.rules import RULES

OURS = ("current", "classic", "upstream")
MUTATED = ("classic", "synthetic")


@functools.cache
def mutants(name: str) -> list[Any]:
    """List one of each kind of mutation of a contract, from operations spread over it."""
    whole = contract(name)
    sweep = MutantGenerator(name, whole, open_document)
    places = list(operations(whole))
    found = {each.kind: each for path, method in places[::5] + places[:1]
             for each in sweep.in_one_operation(path, method)}  # fmt: skip
    return list(found.values())


def swapped_counts(base: Any, new: Any) -> Counter[tuple[str, str, str]]:
    """Count the findings, each as it should look with the documents swapped."""
    found = compare(base, new).findings
    return Counter((each.rule.opposite, each.new, each.base) for each in found)


def finding_counts(base: Any, new: Any) -> Counter[tuple[str, str, str]]:
    found = compare(base, new).findings
    return Counter((each.rule.id, each.base, each.new) for each in found)


@pytest.mark.parametrize("name", OURS)
def test_a_document_against_itself_gives_nothing(name: Any) -> None:
    base = document(name)
    assert compare(base, copy.deepcopy(base)).findings == ()


@pytest.mark.parametrize("name", OURS)
def test_a_document_against_its_normal_form_gives_nothing(name: Any) -> None:
    base = document(name)
    for before, after in ((base, normalise(base)), (normalise(base), base)):
        assert compare(before, after).findings == ()


def test_a_full_document_against_its_normal_form_gives_nothing() -> None:
    base = full_size_document()
    new = normalise(base)
    for before, after in ((base, new), (new, base)):
        assert compare(before, after, is_ours=our_paths(before, after)).findings == ()


def test_every_rule_has_an_opposite_that_has_it_as_its_own() -> None:
    assert {rule.id: RULES[rule.opposite].opposite for rule in RULES.values()} == {
        rule: rule for rule in RULES
    }


def test_two_generations_of_the_contract_flip_when_swapped() -> None:
    base, new = document("classic"), document("current")
    found = finding_counts(new, base)
    assert found.total() > 100
    assert found == swapped_counts(base, new)


@pytest.mark.parametrize("name", MUTATED)
@given(data=st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_mutation_flips_when_the_documents_are_swapped(name: str, data: Any) -> None:
    mutation = data.draw(st.sampled_from(mutants(name)), label="mutation")
    base, new = mutation.base, mutation.new()
    assert finding_counts(new, base) == swapped_counts(base, new)


@pytest.mark.parametrize("name", MUTATED)
@given(data=st.data())
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_found_does_not_depend_on_the_order_of_keys(name: str, data: Any) -> None:
    mutation = data.draw(st.sampled_from(mutants(name)), label="mutation")
    dice = data.draw(st.randoms(use_true_random=False), label="order")
    new = mutation.new()
    assert finding_counts(mutation.base, shuffled(new, dice)) == finding_counts(mutation.base, new)


def shuffled(value: Any, dice: Any) -> Any:
    """Give the document with the keys of every mapping in another order."""
    if isinstance(value, dict):
        keys = list(value)
        dice.shuffle(keys)
        return {key: shuffled(value[key], dice) for key in keys}
    return [shuffled(each, dice) for each in value] if isinstance(value, list) else value


@given(data=st.data())
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_changes_in_two_operations_are_both_found(data: Any) -> None:
    whole = contract("synthetic")
    sweep = MutantGenerator("synthetic", whole)
    first, second = (
        data.draw(st.sampled_from(list(sweep.in_one_operation(*place))))
        for place in operations(whole)
    )
    both = {**whole, "paths": {**first.new()["paths"], **second.new()["paths"]}}
    # A change may add a component of its own, as a security scheme: both keep theirs.
    parts = [change.new()["components"] for change in (first, second)]
    kinds = dict.fromkeys([*parts[0], *parts[1]])
    merged = {kind: {**parts[0].get(kind, {}), **parts[1].get(kind, {})} for kind in kinds}
    both["components"] = {**merged, "schemas": whole["components"]["schemas"]}
    base = {**whole, "components": both["components"]}
    alone = [
        finding_counts(_within(base, place), _within(both, place)) for place in operations(whole)
    ]
    together = finding_counts(base, both)
    assert {rule for rule, _, _ in together} == {rule for one in alone for rule, _, _ in one}


def _within(whole: Any, place: tuple[str, str]) -> Any:
    return with_one_operation(whole, *place)
