from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta, timezone

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from journal_samples import START, entry

from kalshi_ext.errors import Misuse
from kalshi_ext.journal.entry import (
    FINAL,
    MOVES,
    OPEN,
    REOPENABLE,
    Entry,
    IllegalTransition,
    State,
    Transition,
    advance,
    changed,
    reopened,
)
from kalshi_ext.journal.store import COLUMNS, from_row, row_problems, to_json, to_row

LATER = START + timedelta(seconds=5)

# Written out by hand, apart from the table under test: rows are from, columns are to.
ORDER = ["intent", "sent", "unknown", "acknowledged", "refused", "not_sent", "resolved"]
LEGAL = {
    "intent": "yyyyyyy",
    "sent": "-yyyyyy",
    "unknown": "--yyyyy",
    "acknowledged": "---y---",
    "refused": "----y--",
    "not_sent": "-----y-",
    "resolved": "------y",
}


@pytest.mark.parametrize(("before", "after"), [*itertools.product(ORDER, ORDER)])
def test_each_pair_of_states_is_allowed_or_refused_as_written(before: str, after: str) -> None:
    start = entry(state=State(before))
    if LEGAL[before][ORDER.index(after)] == "y":
        assert advance(start, Transition("k", State(after)), now=LATER).state == after
    else:
        with pytest.raises(IllegalTransition, match=f"{before} does not become {after}") as caught:
            advance(start, Transition("k", State(after)), now=LATER)
        assert caught.value.entry == start


def test_every_state_has_its_moves_and_is_either_open_or_final() -> None:
    assert set(MOVES) == set(State) == {State(name) for name in ORDER}
    assert set(ORDER[:3]) == OPEN
    assert set(ORDER[3:]) == FINAL
    assert {"refused", "not_sent"} == REOPENABLE


def test_a_transition_changes_what_it_states_and_leaves_the_rest() -> None:
    start = entry(intent="i", subaccount=3, attempts=1, order_id="before")
    transition = Transition("k", State.SENT, sent_at=LATER, attempts=2, verdict='"v"')
    expected = evolve(
        start, state=State.SENT, sent_at=LATER, attempts=2, verdict='"v"', updated_at=LATER
    )
    assert advance(start, transition, now=LATER) == expected


def test_a_transition_states_each_of_its_fields() -> None:
    transition = Transition("k", "sent", order_id="o", verdict="1", sent_at=LATER, attempts=0)
    assert transition.changes() == {
        "order_id": "o",
        "verdict": "1",
        "sent_at": LATER,
        "attempts": 0,
    }
    assert Transition("k", State.SENT).changes() == {}


@pytest.mark.parametrize("final", sorted(FINAL))
@pytest.mark.parametrize(
    "differing", [{"order_id": "p"}, {"verdict": "2"}, {"attempts": 9}, {"sent_at": LATER}]
)
def test_a_verdict_is_not_changed_by_another_of_the_same_state(final: str, differing: dict) -> None:
    start = entry(state=final, order_id="o", verdict="1", attempts=1, sent_at=START)
    with pytest.raises(
        IllegalTransition, match=f"already {final} with another {next(iter(differing))}"
    ):
        advance(start, Transition("k", final, **differing), now=LATER)


@pytest.mark.parametrize("final", sorted(FINAL))
def test_a_repeated_verdict_changes_nothing_not_even_the_time(final: str) -> None:
    start = entry(state=final, order_id="o", verdict="1", attempts=1, sent_at=START)
    repeated = Transition("k", final, order_id="o", verdict="1", attempts=1, sent_at=START)
    assert advance(start, repeated, now=LATER) is start
    assert advance(start, Transition("k", final), now=LATER) is start


def test_attempts_never_go_backwards() -> None:
    start = entry(attempts=2)
    assert advance(start, Transition("k", State.SENT, attempts=2), now=LATER).attempts == 2
    with pytest.raises(IllegalTransition, match="attempts go from 2 to 1"):
        advance(start, Transition("k", State.SENT, attempts=1), now=LATER)


def test_a_clock_that_goes_backwards_does_not_take_updated_at_along() -> None:
    start = entry(updated_at=LATER)
    assert advance(start, Transition("k", State.SENT), now=START).updated_at == LATER
    assert (
        reopened(entry(state="refused", updated_at=LATER), owner="o", now=START).updated_at == LATER
    )


def test_a_reopened_entry_forgets_its_verdict_and_keeps_key_times_and_attempts() -> None:
    start = entry(state="refused", intent="i", order_id="o", verdict="1", attempts=3, owner="a")
    intent = reopened(start, owner="b", now=LATER)
    assert intent == evolve(
        start, state=State.INTENT, order_id=None, verdict=None, owner="b", updated_at=LATER
    )


def test_a_copy_with_changes_is_what_evolve_gives() -> None:
    start = entry(intent="i", subaccount=0)
    assert changed(start) == start
    assert changed(start, owner="x", sent_at=LATER) == evolve(start, owner="x", sent_at=LATER)
    assert hash(changed(start)) == hash(start)


INVALID = [
    *(("key", invalid) for invalid in ("", None, 7, "a\0b", "\ud800", "x" * 513)),
    *(("operation", invalid) for invalid in ("", None)),
    *(("fingerprint", invalid) for invalid in ("", "A" * 64, "a" * 63, "g" * 64, None)),
    *(("ticket", invalid) for invalid in ("", None, b"{}")),
    *(("ticker", invalid) for invalid in ("", 5)),
    *(("intent", invalid) for invalid in ("", "x" * 513)),
    *(("order_id", invalid) for invalid in ("", 5)),
    *(("verdict", invalid) for invalid in ("", "a\0")),
    *(("subaccount", invalid) for invalid in (-1, 1.0, True, 2**31)),
    *(("attempts", invalid) for invalid in (-1, None, "1")),
    *(("created_at", invalid) for invalid in (None, 5, datetime(2026, 1, 1))),
    ("created_at", datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1)))),
    *(("sent_at", invalid) for invalid in (5, datetime(2026, 1, 1))),
    *(("updated_at", invalid) for invalid in (None, datetime(2026, 1, 1))),
]


@pytest.mark.parametrize(("name", "invalid"), INVALID)
def test_an_entry_names_the_field_that_is_wrong(name: str, invalid: object) -> None:
    with pytest.raises(Misuse, match=f"^{name}: "):
        entry(**{name: invalid}) if name != "key" else entry("k") and evolve(entry(), key=invalid)


def test_an_unknown_state_is_refused() -> None:
    with pytest.raises(ValueError, match=r"half"):
        entry(state="half")
    with pytest.raises(ValueError, match=r"half"):
        Transition("k", "half")


@pytest.mark.parametrize(
    ("name", "invalid"),
    [("order_id", ""), ("verdict", "\0"), ("sent_at", datetime(2026, 1, 1)), ("attempts", -1)],
)
def test_a_transition_names_the_field_that_is_wrong(name: str, invalid: object) -> None:
    with pytest.raises(Misuse, match=f"^{name}: "):
        Transition("k", State.SENT, **{name: invalid})
    with pytest.raises(Misuse, match=r"^key: "):
        Transition("", State.SENT)


def test_the_longest_names_fit() -> None:
    assert entry("x" * 512, intent="ü" * 512, ticker="t" * 512).key == "x" * 512


def test_a_new_entry_is_an_intent_updated_when_created() -> None:
    new = entry()
    assert (new.state, new.attempts, new.owner) == (State.INTENT, 0, "")
    assert new.updated_at == new.created_at == START
    assert new.is_open
    assert not entry(state="refused").is_open


def test_a_repr_keeps_ticket_and_verdict_out_of_logs() -> None:
    text = repr(entry(ticket='"buy low"', verdict='"sold high"'))
    assert "buy low" not in text
    assert "sold high" not in text
    assert "CreateOrderV2" in text


TEXT = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=40
)
MOMENTS = st.datetimes(
    min_value=datetime(1970, 1, 1), max_value=datetime(9999, 1, 1), timezones=st.just(UTC)
)
ENTRIES = st.builds(
    entry,
    key=TEXT,
    operation=TEXT,
    ticket=TEXT,
    fingerprint=st.text("0123456789abcdef", min_size=64, max_size=64),
    state=st.sampled_from(State),
    created_at=MOMENTS,
    updated_at=MOMENTS,
    attempts=st.integers(0, 2**31 - 1),
    owner=TEXT,
    **{name: st.none() | TEXT for name in ("ticker", "intent", "order_id", "verdict")},
    subaccount=st.none() | st.integers(0, 63),
    sent_at=st.none() | MOMENTS,
)


@given(ENTRIES)
def test_an_entry_comes_back_from_its_row_as_it_was(written: Entry) -> None:
    row = to_row(written)
    assert list(row) == list(COLUMNS)
    assert {type(value) for value in row.values()} <= {str, int, type(None)}
    assert from_row(list(row.values())) == written


def test_a_time_is_stored_as_whole_microseconds_since_1970() -> None:
    moment = datetime(1970, 1, 1, 0, 0, 1, 2, tzinfo=UTC)
    assert to_row(entry(created_at=moment))["created_at"] == 1_000_002


def test_a_row_that_cannot_be_read_is_a_value_error() -> None:
    row = to_row(entry(owner="o"))
    for name, invalid in {"state": "half", "created_at": "x", "sent_at": 2**80, "key": ""}.items():
        with pytest.raises(ValueError):
            from_row(list((row | {name: invalid}).values()))
        assert row_problems([7, *(row | {name: invalid}).values()])[0].startswith("row 7: ")
    with pytest.raises(ValueError):
        from_row([*row.values(), 1])


def test_what_is_inconsistent_in_a_readable_row_is_named() -> None:
    row = to_row(entry(owner="o", verdict="{}"))
    assert row_problems([7, *row.values()]) == []
    invalid = row | {"ticket": "{", "verdict": "nope", "updated_at": 5, "owner": ""}
    assert row_problems([7, *invalid.values()]) == [
        "entry k: ticket is not JSON",
        "entry k: verdict is not JSON",
        "entry k: updated_at lies before created_at",
        "entry k: it has no owner",
    ]


def test_an_export_has_iso_times_and_json_inside_json() -> None:
    written = to_json(entry(verdict="broken {", sent_at=LATER))
    assert written["ticket"] == {"count": "1.00"}
    assert written["verdict"] == "broken {"
    assert written["created_at"] == "2026-11-22T12:00:00.123456+00:00"
    assert written["sent_at"] == LATER.isoformat()
    assert written["order_id"] is None
    assert list(written) == list(COLUMNS)
