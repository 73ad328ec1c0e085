"""The steps of an adoption on their own: what stops them, and that nothing is half-written."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from adopt_steps import changelog, overlay
from adopt_steps.adoption import Options, adopt
from adopt_steps.client_checks import outdated_cassettes
from adopt_steps.coverage import coverage
from adopt_steps.sent_values import AT_BOUNDS, calls_at_bounds
from adopt_steps.workspace import AdoptionStopped, WorkingCopy
from documents_for_spec import ROOT
from historical import CHANGES, Change
from rehearsing import copy_repository, published

from kalshi_ext.contract.operations import OPERATIONS
from kalshi_ext.drift import check as check_module
from kalshi_ext.drift.check import check
from kalshi_ext.drift.documents import document
from kalshi_ext.drift.load import load

OVERLAY = """\
overlay: 1.0.0
info: {title: t, version: '1'}
actions:
# The first part
- target: $.paths['/a'].get
  description: words
  update:
    summary: A
- target: $.paths['/gone'].get
  update:
    summary: Gone
    description: Nothing is here any more.
# The second part
- target: $.paths['/gone'].get.responses
  x-reason: seen on the wire
  update:
    '410': {description: gone}
- target: $.paths['/a'].get.tags
  remove: true
"""
SMALL: dict[str, Any] = {"paths": {"/a": {"get": {"tags": ["t"]}}}}


# The two documents of every comparison are read once: it takes most of a test's time.
READ_ONCE = functools.lru_cache(maxsize=4)(check_module._load)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_the_differ_gives_each_change_its_verdict(
    change: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_module, "_load", READ_ONCE)
    new = published(ROOT, [change], tmp_path / "new.json")
    report = check(str(ROOT / "openapi" / "upstream.yaml"), str(new))
    rules = {finding.rule.id: finding.severity.value for finding in report.findings}
    if not change.rule:
        assert rules == {}
    else:
        assert (rules.get(change.rule) == "breaking") is change.is_breaking
        assert change.rule in rules


def test_every_action_that_no_longer_fits_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "overlay.yaml"
    file.write_text(OVERLAY)
    found = overlay.misfits(SMALL, file)
    assert [(misfit.number, misfit.line, misfit.only_prose) for misfit in found] == [
        (2, 9, True),
        (3, 14, False),
    ]
    with pytest.raises(
        AdoptionStopped, match=r"2 of its actions no longer fit:\s+openapi/overlay.yaml:9"
    ):
        overlay.fit_overlay(SMALL, file, drop_words=False)
    assert file.read_text() == OVERLAY


def test_dropping_words_takes_whole_actions_and_leaves_corrections(tmp_path: Path) -> None:
    file = tmp_path / "overlay.yaml"
    file.write_text(OVERLAY)
    with pytest.raises(AdoptionStopped, match="1 of its actions no longer fit"):
        overlay.fit_overlay(SMALL, file, drop_words=True)
    remaining = OVERLAY.splitlines(keepends=True)
    del remaining[8:12]
    assert file.read_text() == "".join(remaining)
    overlay.drop_actions(file, overlay.misfits(SMALL, file))
    assert len(load(file)["actions"]) == 2
    assert overlay.fit_overlay(SMALL, file, drop_words=False) == []


TARGETS = """\
overlay: 1.0.0
info: {title: t, version: '1'}
actions:
- target: $.schemas['One','Two','Three'].properties.p
  update: {maximum: 63}
- target: $.schemas[*].properties.q
  x-standing: true
  update: {maximum: 5}
"""


def with_schemas(**bounds: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": {name: {"properties": {"p": bound}} for name, bound in bounds.items()}}


def test_an_action_of_several_targets_that_lost_one_is_named(tmp_path: Path) -> None:
    file = tmp_path / "overlay.yaml"
    file.write_text(TARGETS)
    before = with_schemas(One={}, Two={}, Three={})
    before["schemas"]["One"]["properties"]["q"] = {}
    after = with_schemas(One={}, Three={})
    assert overlay.misfits(after, file) == []
    (line,) = overlay.lost_targets(before, after, file)
    assert line.startswith("openapi/overlay.yaml:4: $.schemas['One','Two','Three'].properties.p ")
    assert "lost $['schemas']['Two']['properties']['p']" in line
    assert overlay.lost_targets(before, before, file) == []


def test_an_action_that_would_loosen_a_published_bound_no_longer_fits(tmp_path: Path) -> None:
    file = tmp_path / "overlay.yaml"
    file.write_text(TARGETS)
    (misfit,) = overlay.misfits(with_schemas(One={"maximum": 32}, Two={}), file)
    assert (misfit.reason, misfit.only_prose) == ("would loosen maximum from 32 to 63", False)
    assert overlay.misfits(with_schemas(One={"maximum": 100}, Two={}), file) == []


def test_make_adopt_drops_words_about_what_is_gone() -> None:
    words = ["make", "--dry-run", "--no-print-directory", "adopt", "UPSTREAM=new.yaml"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert 'scripts/adopt.py --drop-words --upstream "new.yaml"' in done.stdout


LOG = "# Changelog\n\n## Unreleased\n\n### Added\n- a\n\n### Exchange\n- old\n\n## 0.1.0\n- first\n"


def test_a_second_draft_takes_the_place_of_the_first() -> None:
    once = changelog.with_draft(LOG, "- Contract 1 → 2: 1 difference.\n")
    twice = changelog.with_draft(once, "- Contract 1 → 3: 2 differences.\n")
    assert "1 → 2" not in twice
    assert "### Exchange\n<!-- draft by make adopt: edit -->\n- Contract 1 → 3" in twice
    assert twice.endswith("- old\n\n## 0.1.0\n- first\n")
    assert once.replace("1 → 2: 1 difference.", "1 → 3: 2 differences.") == twice


def test_a_changelog_without_the_section_gets_it_under_unreleased() -> None:
    text = changelog.with_draft(LOG.replace("### Exchange\n- old\n\n", ""), "- x\n")
    unreleased = text.partition("## Unreleased")[2].partition("## 0.1.0")[0]
    assert "### Exchange\n<!-- draft by make adopt: edit -->\n- x\n" in unreleased
    assert text.endswith("## 0.1.0\n- first\n")


def test_a_swap_that_fails_half_way_puts_everything_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, fresh = tmp_path / "home", tmp_path / "fresh"
    for root, text in ((home, "old"), (fresh, "new")):
        for name in ("openapi", "generated/kalshi_portfolio", "kalshi_ext/contract"):
            (root / name).mkdir(parents=True)
        for name in ("openapi/upstream.yaml", "openapi/upstream.lock", "openapi/overlay.yaml"):
            (root / name).write_text(text)
        for name in (
            "openapi/portfolio.yaml",
            "kalshi_ext/contract/types.py",
            "kalshi_ext/contract/fields.py",
        ):
            (root / name).write_text(text)
        (root / "generated" / "kalshi_portfolio" / f"{text}.py").write_text(text)
        (root / "CHANGELOG.md").write_text(text)
    before = sorted(path.relative_to(home) for path in home.rglob("*"))
    rename, count = Path.rename, 0

    for fails_at in range(1, 17):
        count = 0

        def breaking(path: Path, to: Path, fails_at: int = fails_at) -> Path:
            nonlocal count
            count += 1
            if count == fails_at:
                raise OSError("the disk is full")
            return rename(path, to)

        monkeypatch.setattr(Path, "rename", breaking)
        with pytest.raises(OSError, match="disk is full"):
            WorkingCopy(home, fresh).swap_in()
        monkeypatch.setattr(Path, "rename", rename)
        assert sorted(path.relative_to(home) for path in home.rglob("*")) == before
        assert (home / "openapi" / "upstream.yaml").read_text() == "old"

    assert len(WorkingCopy(home, fresh).swap_in()) == 8
    assert (home / "generated" / "kalshi_portfolio" / "new.py").read_text() == "new"
    assert not (home / "generated" / "kalshi_portfolio" / "old.py").exists()
    assert WorkingCopy(home, fresh).swap_in() == []


NO_CONTRACTS = {
    "<html>maintenance</html>\n": "the document is a str, not a mapping",
    "openapi: 3.0.0\npaths: {}\n": "no operation|nothing|operations",
    "openapi: 2.0\npaths: {}\n": "must say an OpenAPI version 3",
    "a: &a [*a]\n": "alias|recursive|nested|anchor",
}


def test_a_document_that_is_no_contract_stops_and_changes_nothing(tmp_path: Path) -> None:
    copy = copy_repository(ROOT, tmp_path / "copy")
    before = {path: path.read_bytes() for path in (copy / "openapi").iterdir()}
    page = tmp_path / "page.yaml"
    for text, words in NO_CONTRACTS.items():
        page.write_text(text)
        with pytest.raises(AdoptionStopped, match=words) as stopped:
            adopt(Options(home=copy, upstream=str(page)), output=lambda _: None)
        assert stopped.value.step in ("drift", "spec", "overlay")
        assert {path: path.read_bytes() for path in (copy / "openapi").iterdir()} == before


def test_without_a_document_the_command_says_which_word_is_missing() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "adopt.py"), "--upstream", ""]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "make adopt UPSTREAM=" in done.stderr


@pytest.mark.parametrize("name", ["current", "classic"])
def test_the_facade_covers_the_committed_contracts(name: Any) -> None:
    assert coverage(name, document(name), document(name)) == []


def test_recordings_fit_the_committed_contracts_and_strangers_are_named(tmp_path: Path) -> None:
    recorded = ROOT / "tests" / "recorded" / "cassettes"
    assert (
        outdated_cassettes(
            recorded, {"current": document("current"), "classic": document("classic")}
        )
        == {}
    )
    new = load(published(ROOT, CHANGES, tmp_path / "new.json"))
    named = outdated_cassettes(recorded, {"current": new})
    assert {"current/GetFills", "current/DecreaseOrderV2", "current/UpdateOrderGroupLimit"} <= {
        *named
    }


def test_every_call_at_the_bounds_is_one_the_client_makes() -> None:
    facades = {row.facade: row.id for row in OPERATIONS.values() if row.contract == "current"}
    for word in AT_BOUNDS:
        assert list(calls_at_bounds("current", word, facades[word])), word


def edited(name: Any, edit: Any) -> dict[str, Any]:
    tree = document(name)
    edit(tree["components"]["schemas"], tree["components"]["parameters"])
    return tree


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (
            lambda s, _: s["CreateOrderV2Request"]["properties"]["client_order_id"].update(
                maxLength=32
            ),
            "CreateOrderV2 (orders.place): sent, and refused by the contract: body "
            "$.client_order_id: ",
        ),
        (
            lambda s, _: s["TimeInForce"]["enum"].remove("fill_or_kill"),
            "CreateOrderV2 (orders.place): sent, and refused by the contract: body "
            "$.time_in_force: 'fill_or_kill' is not one of",
        ),
        (
            lambda s, _: s["CreateOrderGroupRequest"]["properties"]["subaccount"].update(maximum=9),
            "CreateOrderGroup (order_groups.create): sent, and refused by the contract: body "
            "$.subaccount: 63 is greater than the maximum of 9",
        ),
        (
            lambda _, p: p["SubaccountQuery"]["schema"].update(maximum=9),
            "GetFills (portfolio.fills): sent, and refused by the contract: query parameter "
            "subaccount: 63 is greater than the maximum of 9",
        ),
        (
            lambda s, _: s["CreateOrderV2Request"]["properties"]["price"].update(
                pattern="^0[.][0-9]{2}$"
            ),
            "CreateOrderV2 (orders.place): sent, and refused by the contract: body $.price: ",
        ),
    ],
)
def test_every_value_that_the_client_sends_is_checked_against_a_new_contract(
    edit: Any, words: str
) -> None:
    gaps = "\n".join(map(str, coverage("current", edited("current", edit), document("current"))))
    assert words in gaps


def test_a_tighter_bound_that_no_value_meets_is_no_gap() -> None:
    def edit(schemas: Any, parameters: Any) -> None:
        schemas["CreateOrderV2Request"]["properties"]["client_order_id"]["maxLength"] = 64
        parameters["LimitQuery"]["schema"]["maximum"] = 200

    assert coverage("current", edited("current", edit), document("current")) == []
