"""Equivalent rewrites of the contracts give no finding: a sample; `make drift-mutations` runs all."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any
from zlib import crc32

import pytest
from driftsuite import rewrites
from driftsuite.contracts import contract
from driftsuite.mutants import partitions

from kalshi_ext.drift.compare import compare
from kalshi_ext.drift.opening import open_document

CONTRACTS = ("current", "classic", "synthetic")
Rewrite = Callable[[Any], rewrites.Rewrites]


@functools.cache
def whole(name: str) -> Any:
    return contract(name)


def alarms(base: Any, rewritten: Any) -> list[tuple[str, str]]:
    opened = open_document(base, "base")
    found = ((what, compare(opened, new).findings) for what, new in rewritten)
    return [(what, each.rule.id) for what, findings in found for each in findings]


@pytest.mark.parametrize("name", CONTRACTS)
def test_the_document_in_other_words_gives_no_finding(name: str) -> None:
    part = partitions(whole(name), size=6)[0]
    made = list(rewrites.whole_document(part))
    assert len(made) >= 13
    assert alarms(part, made) == []


@pytest.mark.parametrize("rewrite", rewrites.REWRITES[1:], ids=lambda each: each.__name__)
@pytest.mark.parametrize("name", CONTRACTS)
def test_a_part_in_other_words_gives_no_finding(name: str, rewrite: Rewrite) -> None:
    parts = partitions(whole(name), size=2)
    start = crc32(f"{name}{rewrite.__name__}".encode()) % len(parts)
    tried = 0
    for part in (parts[start:] + parts[:start])[:2]:
        made = list(rewrite(part))
        some = list(itertools.islice(made, 0, None, max(1, len(made) // 5)))
        tried += len(some)
        assert alarms(part, some) == []
    assert tried
