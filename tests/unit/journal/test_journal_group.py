from __future__ import annotations

from collections.abc import Iterator

import pytest
from journal_samples import Clock, entry
from journal_stores import ScriptedStore

from kalshi_ext.errors import KalshiError, Misuse, NotSent
from kalshi_ext.journal import verbs
from kalshi_ext.journal.commit import GroupCommitter, JournalRequest, UnitOfWork
from kalshi_ext.journal.entry import (
    Entry,
    IllegalTransition,
    JournalError,
    JournalUnusable,
    JournalUnwritable,
    NotOwner,
    State,
    Transition,
    TransitionUnwritten,
    UnknownKey,
    changed,
)
from kalshi_ext.journal.journal import Journal
from kalshi_ext.journal.memory import MemoryJournal
from kalshi_ext.journal.store import InvalidData, StoreUnavailable, TransientError


@pytest.fixture
def store() -> ScriptedStore:
    return ScriptedStore()


@pytest.fixture
def committer(store: ScriptedStore) -> GroupCommitter:
    return GroupCommitter(store, "me", Clock())


def serve(committer: GroupCommitter, *requests: JournalRequest) -> list[object]:
    committer.serve(requests)
    return [request.future.exception(0) or request.future.result(0) for request in requests]


def test_a_group_is_one_transaction(committer: GroupCommitter, store: ScriptedStore) -> None:
    serve(
        committer,
        verbs.reserve(entry("a", intent="i")),
        verbs.reserve(entry("b")),
        verbs.advance("a", State.SENT),
        verbs.get("b"),
    )
    assert store.log == ["begin", "load", "save", "commit"]


def test_requests_see_what_came_before_them_in_their_group(committer: GroupCommitter) -> None:
    first, second, same_intent, by_key, by_intent, listed = serve(
        committer,
        verbs.reserve(entry("a", intent="i")),
        verbs.reserve(entry("a")),
        verbs.reserve(entry("b", intent="i")),
        verbs.get("a"),
        verbs.by_intent("i"),
        verbs.open_entries(),
    )
    assert first.acquired
    assert not second.acquired
    assert not same_intent.acquired
    assert first.entry == second.entry == same_intent.entry == by_key == by_intent
    assert listed == [by_key]


def test_a_listing_inside_a_group_shows_changes_made_before_and_after_it(
    committer: GroupCommitter,
) -> None:
    outcomes = serve(
        committer,
        verbs.reserve(entry("a")),
        verbs.open_entries(),
        verbs.advance("a", State.REFUSED),
        verbs.open_entries(),
        verbs.page([State.REFUSED]),
    )
    assert [row.key for row in outcomes[1]] == ["a"]
    assert outcomes[3] == []
    assert [row.state for _, row in outcomes[4]] == ["refused"]


def test_one_failing_request_leaves_the_others_of_its_group_whole(
    committer: GroupCommitter,
) -> None:
    reserved, missing, misuse, illegal, after = serve(
        committer,
        verbs.reserve(entry("a")),
        verbs.advance("none", State.SENT),
        verbs.reserve(entry("z", state="sent")),
        verbs.advance_many([Transition("a", State.REFUSED), Transition("a", State.SENT)]),
        verbs.get("a"),
    )
    assert reserved.acquired
    assert isinstance(missing, UnknownKey)
    assert "'none'" in str(missing)
    assert isinstance(misuse, Misuse)
    assert "state: a claim starts as intent, got sent" in str(misuse)
    assert isinstance(illegal, IllegalTransition)
    assert after.state == "intent", "the first of the two transitions left a trace"


def test_a_reservation_that_failed_inside_reserve_many_leaves_no_intent_behind(
    committer: GroupCommitter,
) -> None:
    misuse, reserved = serve(
        committer,
        verbs.reserve_many([entry("a", intent="i"), entry("b", state="sent")]),
        verbs.reserve(entry("c", intent="i")),
    )
    assert isinstance(misuse, Misuse)
    assert reserved.acquired
    assert reserved.entry.key == "c"


def test_reserve_many_loads_its_keys_and_intents_at_once(
    committer: GroupCommitter, store: ScriptedStore
) -> None:
    (reservations,) = serve(
        committer, verbs.reserve_many([entry("a", intent="i"), entry("b", intent="j"), entry("c")])
    )
    assert [reservation.acquired for reservation in reservations] == [True] * 3
    assert store.log == ["begin", "load", "save", "commit"]


@pytest.mark.parametrize("step", ["begin", "load", "save", "commit"])
def test_a_group_that_lost_a_race_is_run_again(
    committer: GroupCommitter, store: ScriptedStore, step: str
) -> None:
    store.faults[step] = [TransientError("raced"), TransientError("raced")]
    reservation, advanced = serve(
        committer, verbs.reserve(entry("a")), verbs.advance("a", State.SENT)
    )
    assert reservation.acquired
    assert advanced.state == "sent"
    assert store.log.count("rollback") == 2
    assert store.log.count("commit") == (3 if step == "commit" else 1)


def test_a_group_that_keeps_losing_gives_up_and_says_why(
    committer: GroupCommitter, store: ScriptedStore
) -> None:
    store.faults["commit"] = [TransientError("raced")] * 10
    (outcome,) = serve(committer, verbs.reserve(entry("a")))
    assert isinstance(outcome, JournalUnwritable)
    assert "10 attempts: raced" in str(outcome)
    assert store.log.count("begin") == 10


@pytest.mark.parametrize("step", ["begin", "load", "save", "commit"])
@pytest.mark.parametrize("fault", [StoreUnavailable("disk full"), RuntimeError("disk full")])
def test_a_broken_store_fails_everybody_with_what_they_know_then(
    committer: GroupCommitter, store: ScriptedStore, step: str, fault: Exception
) -> None:
    serve(committer, verbs.reserve(entry("old")))
    store.faults[step] = [fault]
    requests = [
        verbs.reserve(entry("a")),
        verbs.reserve_many([entry("b")]),
        verbs.reopen("old"),
        verbs.advance("old", State.SENT),
        verbs.advance_many([]),
        verbs.take_over("old", "me"),
        verbs.get("old"),
    ]
    outcomes = serve(committer, *requests)
    kinds = [JournalUnwritable] * 3 + [TransitionUnwritten] * 3 + [JournalUnusable]
    assert [type(outcome) for outcome in outcomes] == kinds
    assert all("disk full" in str(outcome) for outcome in outcomes)
    assert serve(committer, verbs.get("a")) == [None]


def test_only_a_failed_reservation_may_say_that_nothing_was_sent() -> None:
    assert issubclass(JournalUnwritable, NotSent)
    for error in (TransitionUnwritten, JournalUnusable, NotOwner, UnknownKey, IllegalTransition):
        assert issubclass(error, JournalError)
        assert issubclass(error, KalshiError)
        assert not issubclass(error, NotSent)


def test_data_the_store_refuses_fail_their_own_request_alone(
    committer: GroupCommitter, store: ScriptedStore
) -> None:
    # The group fails, then each alone: the second of the three is the culprit.
    store.faults["save"] = [InvalidData("bad text"), None, InvalidData("bad text"), None]
    first, second, third = serve(committer, *(verbs.reserve(entry(key)) for key in "abc"))
    assert first.acquired
    assert third.acquired
    assert isinstance(second, JournalUnwritable)
    assert "bad text" in str(second)
    assert store.rows.load("abc", ()) == [first.entry, third.entry]


def test_of_two_whose_data_the_store_refuses_together_the_sound_one_is_kept(
    committer: GroupCommitter, store: ScriptedStore
) -> None:
    store.faults["save"] = [InvalidData("bad text"), InvalidData("bad text"), None]
    first, second = serve(committer, *(verbs.reserve(entry(key)) for key in "ab"))
    assert isinstance(first, JournalUnwritable)
    assert second.acquired


def test_of_two_reservations_of_one_intent_in_one_request_the_first_stands(
    committer: GroupCommitter, store: ScriptedStore
) -> None:
    twins = [entry("a", intent="i"), entry("b", intent="i")]
    ((first, second),) = serve(committer, verbs.reserve_many(twins))
    assert (first.acquired, second.acquired, second.entry.key) == (True, False, "a")


def test_an_intent_is_found_without_having_been_loaded_before(
    committer: GroupCommitter, store: ScriptedStore
) -> None:
    serve(committer, verbs.reserve(entry("a", intent="i")))
    unit = UnitOfWork(store, "me", Clock())
    assert [row and row.key for row in map(unit.find_intent, ("i", "j", "i"))] == [
        *("a", None, "a")
    ]
    assert (UnitOfWork(store, "me", Clock()).find("a") or entry()).intent == "i"


def test_a_reservation_whose_commit_was_durable_and_reported_lost_is_rolled_back_first(
    committer: GroupCommitter, store: ScriptedStore
) -> None:
    store.faults["commit"] = [("after", StoreUnavailable("connection lost"))]
    (error,) = serve(committer, verbs.reserve_many([entry("a", intent="i"), entry("b")]))
    assert isinstance(error, JournalUnwritable)
    assert [row.state for row in store.rows.load("ab", ())] == ["intent", "intent"]

    second, reopened = serve(committer, verbs.reserve(entry("a")), verbs.reopen("a"))
    assert not second.acquired
    assert second.entry.state == "not_sent"
    assert reopened.acquired
    assert [row.state for row in store.rows.load("ab", ())] == ["intent", "not_sent"]


def test_a_pending_rollback_outlives_a_store_that_stays_unavailable(
    committer: GroupCommitter, store: ScriptedStore
) -> None:
    store.faults["commit"] = [
        ("after", StoreUnavailable("lost")),
        StoreUnavailable("still"),
        StoreUnavailable("still"),
    ]
    serve(committer, verbs.reserve(entry("a")))
    serve(committer, verbs.get("a"))
    serve(committer, verbs.get("a"))
    (stored,) = serve(committer, verbs.get("a"))
    assert stored.state == "not_sent"
    serve(committer, verbs.get("a"))
    assert store.log[-3:] == ["look", "load", "commit"], "it was rolled back once"


def test_a_reservation_that_went_on_meanwhile_is_not_rolled_back(
    committer: GroupCommitter, store: ScriptedStore
) -> None:
    store.faults["commit"] = [("after", StoreUnavailable("lost"))]
    serve(committer, verbs.reserve(entry("a")))
    (row,) = store.rows.load("a", ())

    store.rows.save([], [changed(row, owner="another")])
    (stored,) = serve(committer, verbs.get("a"))
    assert (stored.state, stored.owner) == ("intent", "another")


def test_reading_costs_no_writing_transaction(
    committer: GroupCommitter, store: ScriptedStore
) -> None:
    reads = (verbs.get("a"), verbs.by_intent("i"), verbs.open_entries("T"))
    serve(committer, *reads, verbs.page(), verbs.owner_alive("me"), verbs.verify())
    assert store.log[0] == "look"
    assert "save" not in store.log


def test_a_reservation_that_was_cancelled_while_it_waited_writes_nothing(
    committer: GroupCommitter, store: ScriptedStore
) -> None:
    cancelled, waiting = verbs.reserve(entry("a")), verbs.reserve(entry("b"))
    assert cancelled.future.cancel()
    committer.serve([cancelled, waiting])
    assert waiting.future.result(0).acquired
    assert [row.key for _, row in store.rows.select(verbs.Selection(), -1, 9)] == ["b"]


def test_a_transition_that_changes_nothing_saves_nothing(
    committer: GroupCommitter, store: ScriptedStore
) -> None:
    serve(committer, verbs.reserve(entry("a")), verbs.advance("a", State.REFUSED, verdict="1"))
    store.log.clear()
    serve(committer, verbs.advance("a", State.REFUSED, verdict="1"))
    assert "save" not in store.log


@pytest.fixture
def journal() -> Iterator[Journal]:
    with MemoryJournal(now=Clock()) as opened:
        yield opened


def test_a_key_wins_over_an_intent_when_both_are_taken(journal: Journal) -> None:
    journal.reserve_many([entry("a", intent="i"), entry("b", intent="j")])
    assert journal.reserve(entry("a", intent="j")).entry.key == "a"
    assert journal.reserve(entry("new", intent="j")).entry.key == "b"


def test_a_taken_key_gives_the_entry_that_stands_whatever_the_new_one_says(
    journal: Journal,
) -> None:
    first = journal.reserve(entry("a", ticket="1"))
    second = journal.reserve(entry("a", ticket="2", fingerprint="0" * 64, intent="new"))
    assert first.acquired
    assert (second.acquired, second.entry) == (False, first.entry)
    assert first.entry.owner == journal.owner
    assert journal.by_intent("new") is None


@pytest.mark.parametrize("state", ["refused", "not_sent"])
def test_of_two_callers_that_reopen_one_gets_it(journal: Journal, state: str) -> None:
    journal.reserve(entry("a"))
    journal.advance("a", State(state), verdict="1")
    first, second = journal.reopen("a"), journal.reopen("a")
    assert (first.acquired, second.acquired) == (True, False)
    assert first.entry.state == "intent"
    assert second.entry == first.entry


@pytest.mark.parametrize("state", ["intent", "sent", "unknown", "acknowledged", "resolved"])
def test_what_may_stand_at_the_exchange_is_not_reopened(journal: Journal, state: str) -> None:
    journal.reserve(entry("a"))
    journal.advance("a", State(state))
    reopened = journal.reopen("a")
    assert not reopened.acquired
    assert reopened.entry.state == state


def test_reopening_what_is_not_there_is_an_unknown_key(journal: Journal) -> None:
    with pytest.raises(UnknownKey, match="'a'"):
        journal.reopen("a")


def foreign(journal: Journal, state: str = "sent") -> Entry:
    """Plant an entry of another owner in a memory journal."""
    row = entry("a", owner="other", state=state)
    journal._memory.table.write([row])
    return row


def test_an_entry_of_another_owner_is_not_advanced(journal: Journal) -> None:
    row = foreign(journal)
    with pytest.raises(NotOwner, match="driven by other") as caught:
        journal.advance("a", State.REFUSED)
    assert caught.value.owner == "other"
    assert journal.get("a") == row


def test_an_open_entry_of_a_dead_owner_is_taken_over(journal: Journal) -> None:
    row = foreign(journal)
    assert journal.take_over("a", "somebody else") is False
    assert journal.take_over("a", "other") is True
    assert journal.take_over("a", "other") is True, "asking again is harmless"
    taken = journal.get("a")
    assert taken is not None
    assert taken.owner == journal.owner
    assert taken.updated_at > row.updated_at
    assert journal.take_over("none", "other") is False


def test_a_verdict_is_not_taken_over(journal: Journal) -> None:
    row = foreign(journal, "refused")
    assert journal.take_over("a", "other") is False
    assert journal.get("a") == row


def test_an_owner_that_lives_keeps_its_entries(
    store: ScriptedStore, committer: GroupCommitter
) -> None:
    store.rows.owner = "other"
    store.rows.save([entry("a", owner="other")], [])
    taken, other_alive, me_alive = serve(
        committer,
        verbs.take_over("a", "other"),
        verbs.owner_alive("other"),
        verbs.owner_alive("me"),
    )
    assert (taken, other_alive, me_alive) == (False, True, False)


def test_a_person_settles_what_a_dead_owner_left(journal: Journal) -> None:
    foreign(journal)
    transition = Transition("a", State.RESOLVED, order_id="o", verdict='"seen"')
    settled = journal.settle("a", transition, "other")
    assert (settled.state, settled.order_id, settled.verdict) == ("resolved", "o", '"seen"')
    with pytest.raises(IllegalTransition, match="already resolved"):
        journal.settle("a", Transition("a", State.REFUSED), "other")
    with pytest.raises(UnknownKey):
        journal.settle("b", Transition("b", State.REFUSED), "other")


def test_a_person_does_not_settle_what_a_living_owner_drives(
    store: ScriptedStore, committer: GroupCommitter
) -> None:
    store.rows.owner = "other"
    store.rows.save([entry("a", owner="other")], [])
    (outcome,) = serve(committer, verbs.settle("a", Transition("a", State.REFUSED), "other"))
    assert isinstance(outcome, IllegalTransition)
    assert "driven by a living process" in str(outcome)
    assert store.rows.load("a", ())[0].state == "intent"


def test_an_unknown_verb_is_a_misuse_that_names_the_known(journal: Journal) -> None:
    with pytest.raises(Misuse, match=r"expected one of .*advance, .*by_intent, .*got 'delete'"):
        journal.submit("delete", "a")


def test_every_verb_is_a_method_or_serves_one() -> None:
    assert set(verbs.VERBS) - {"page"} <= set(dir(Journal))
