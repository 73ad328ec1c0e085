from __future__ import annotations

from collections.abc import Iterator

import pytest
from journal_samples import Clock, entry
from journal_stores import ScriptedStore

from kalshi_ext.errors import KalshiError, Misuse, NotSent
from kalshi_ext.journal import verbs
from kalshi_ext.journal.commit import GroupCommitter, JournalRequest, UnitOfWork
from kalshi_ext.journal.entry import Entry, State, Transition, changed
from kalshi_ext.journal.errors import (
    IllegalTransition,
    JournalError,
    JournalUnusable,
    JournalUnwritable,
    NotOwner,
    TransitionUnwritten,
    UnknownKey,
)
from kalshi_ext.journal.journal import Journal
from kalshi_ext.journal.memory import MemoryJournal
from kalshi_ext.journal.store import InvalidData, StoreUnavailable, TransientError


@pytest.fixture
def store() -> ScriptedStore:
    return ScriptedStore()


@pytest.fixture
def desk(store: ScriptedStore) -> GroupCommitter:
    return GroupCommitter(store, "me", Clock())


def serve(desk: GroupCommitter, *asked: JournalRequest) -> list[object]:
    desk.serve(asked)
    return [r.future.exception(0) or r.future.result(0) for r in asked]


def test_a_group_is_one_transaction(desk: GroupCommitter, store: ScriptedStore) -> None:
    serve(
        desk,
        verbs.reserve(entry("a", intent="i")),
        verbs.reserve(entry("b")),
        verbs.advance("a", State.SENT),
        verbs.get("b"),
    )
    assert store.log == ["begin", "load", "save", "commit"]


def test_requests_see_what_came_before_them_in_their_group(desk: GroupCommitter) -> None:
    first, second, same_intent, found, named, listed = serve(
        desk,
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
    assert first.entry == second.entry == same_intent.entry == found == named
    assert listed == [found]


def test_a_listing_inside_a_group_shows_changes_made_before_and_after_it(
    desk: GroupCommitter,
) -> None:
    outcomes = serve(
        desk,
        verbs.reserve(entry("a")),
        verbs.open_entries(),
        verbs.advance("a", State.REFUSED),
        verbs.open_entries(),
        verbs.page([State.REFUSED]),
    )
    assert [one.key for one in outcomes[1]] == ["a"]
    assert outcomes[3] == []
    assert [one.state for _, one in outcomes[4]] == ["refused"]


def test_one_failing_request_leaves_the_others_of_its_group_whole(desk: GroupCommitter) -> None:
    good, missing, illegal, also, after = serve(
        desk,
        verbs.reserve(entry("a")),
        verbs.advance("none", State.SENT),
        verbs.reserve(entry("z", state="sent")),
        verbs.advance_many([Transition("a", State.REFUSED), Transition("a", State.SENT)]),
        verbs.get("a"),
    )
    assert good.acquired
    assert isinstance(missing, UnknownKey)
    assert "'none'" in str(missing)
    assert isinstance(illegal, Misuse)
    assert "state: a claim starts as intent, got sent" in str(illegal)
    assert isinstance(also, IllegalTransition)
    assert after.state == "intent", "the first of the two marks left a trace"


def test_a_claim_that_failed_inside_claim_many_leaves_no_intent_behind(
    desk: GroupCommitter,
) -> None:
    bad, good = serve(
        desk,
        verbs.reserve_many([entry("a", intent="i"), entry("b", state="sent")]),
        verbs.reserve(entry("c", intent="i")),
    )
    assert isinstance(bad, Misuse)
    assert good.acquired
    assert good.entry.key == "c"


def test_claim_many_loads_its_keys_and_intents_at_once(
    desk: GroupCommitter, store: ScriptedStore
) -> None:
    (outcome,) = serve(
        desk, verbs.reserve_many([entry("a", intent="i"), entry("b", intent="j"), entry("c")])
    )
    assert [one.acquired for one in outcome] == [True] * 3
    assert store.log == ["begin", "load", "save", "commit"]


@pytest.mark.parametrize("step", ["begin", "load", "save", "commit"])
def test_a_group_that_lost_a_race_is_run_again(
    desk: GroupCommitter, store: ScriptedStore, step: str
) -> None:
    store.faults[step] = [TransientError("raced"), TransientError("raced")]
    claimed, marked = serve(desk, verbs.reserve(entry("a")), verbs.advance("a", State.SENT))
    assert claimed.acquired
    assert marked.state == "sent"
    assert store.log.count("rollback") == 2
    assert store.log.count("commit") == (3 if step == "commit" else 1)


def test_a_group_that_keeps_losing_gives_up_and_says_why(
    desk: GroupCommitter, store: ScriptedStore
) -> None:
    store.faults["commit"] = [TransientError("raced")] * 10
    (outcome,) = serve(desk, verbs.reserve(entry("a")))
    assert isinstance(outcome, JournalUnwritable)
    assert "10 attempts: raced" in str(outcome)
    assert store.log.count("begin") == 10


@pytest.mark.parametrize("step", ["begin", "load", "save", "commit"])
@pytest.mark.parametrize("fault", [StoreUnavailable("disk full"), RuntimeError("disk full")])
def test_a_broken_store_fails_everybody_with_what_they_know_then(
    desk: GroupCommitter, store: ScriptedStore, step: str, fault: Exception
) -> None:
    serve(desk, verbs.reserve(entry("old")))
    store.faults[step] = [fault]
    asked = [
        verbs.reserve(entry("a")),
        verbs.reserve_many([entry("b")]),
        verbs.reopen("old"),
        verbs.advance("old", State.SENT),
        verbs.advance_many([]),
        verbs.take_over("old", "me"),
        verbs.get("old"),
    ]
    outcomes = serve(desk, *asked)
    kinds = [JournalUnwritable] * 3 + [TransitionUnwritten] * 3 + [JournalUnusable]
    assert [type(one) for one in outcomes] == kinds
    assert all("disk full" in str(one) for one in outcomes)
    assert serve(desk, verbs.get("a")) == [None]


def test_only_a_failed_claim_may_say_that_nothing_was_sent() -> None:
    assert issubclass(JournalUnwritable, NotSent)
    for error in (TransitionUnwritten, JournalUnusable, NotOwner, UnknownKey, IllegalTransition):
        assert issubclass(error, JournalError)
        assert issubclass(error, KalshiError)
        assert not issubclass(error, NotSent)


def test_data_the_store_refuses_fail_their_own_request_alone(
    desk: GroupCommitter, store: ScriptedStore
) -> None:
    # The group fails, then each alone: the second of the three is the culprit.
    store.faults["save"] = [InvalidData("bad text"), None, InvalidData("bad text"), None]
    first, second, third = serve(desk, *(verbs.reserve(entry(key)) for key in "abc"))
    assert first.acquired
    assert third.acquired
    assert isinstance(second, JournalUnwritable)
    assert "bad text" in str(second)
    assert store.rows.load("abc", ()) == [first.entry, third.entry]


def test_of_two_whose_data_the_store_refuses_together_the_sound_one_is_kept(
    desk: GroupCommitter, store: ScriptedStore
) -> None:
    store.faults["save"] = [InvalidData("bad text"), InvalidData("bad text"), None]
    first, second = serve(desk, *(verbs.reserve(entry(key)) for key in "ab"))
    assert isinstance(first, JournalUnwritable)
    assert second.acquired


def test_of_two_claims_of_one_intent_in_one_request_the_first_stands(
    desk: GroupCommitter, store: ScriptedStore
) -> None:
    twins = [entry("a", intent="i"), entry("b", intent="i")]
    ((first, second),) = serve(desk, verbs.reserve_many(twins))
    assert (first.acquired, second.acquired, second.entry.key) == (True, False, "a")


def test_an_intent_is_found_without_having_been_loaded_before(
    desk: GroupCommitter, store: ScriptedStore
) -> None:
    serve(desk, verbs.reserve(entry("a", intent="i")))
    sheet = UnitOfWork(store, "me", Clock())
    assert [found and found.key for found in map(sheet.find_intent, ("i", "j", "i"))] == [
        *("a", None, "a")
    ]
    assert (UnitOfWork(store, "me", Clock()).find("a") or entry()).intent == "i"


def test_a_claim_whose_commit_went_through_unheard_is_withdrawn_before_the_next_group(
    desk: GroupCommitter, store: ScriptedStore
) -> None:
    store.faults["commit"] = [("after", StoreUnavailable("connection lost"))]
    (told,) = serve(desk, verbs.reserve_many([entry("a", intent="i"), entry("b")]))
    assert isinstance(told, JournalUnwritable)
    assert [one.state for one in store.rows.load("ab", ())] == ["intent", "intent"]

    again, reopened = serve(desk, verbs.reserve(entry("a")), verbs.reopen("a"))
    assert not again.acquired
    assert again.entry.state == "not_sent"
    assert reopened.acquired
    assert [one.state for one in store.rows.load("ab", ())] == ["intent", "not_sent"]


def test_a_debt_of_withdrawal_outlives_a_store_that_stays_broken(
    desk: GroupCommitter, store: ScriptedStore
) -> None:
    store.faults["commit"] = [
        ("after", StoreUnavailable("lost")),
        StoreUnavailable("still"),
        StoreUnavailable("still"),
    ]
    serve(desk, verbs.reserve(entry("a")))
    serve(desk, verbs.get("a"))
    serve(desk, verbs.get("a"))
    (found,) = serve(desk, verbs.get("a"))
    assert found.state == "not_sent"
    serve(desk, verbs.get("a"))
    assert store.log[-3:] == ["look", "load", "commit"], "the debt was paid once"


def test_an_unheard_claim_that_went_on_meanwhile_is_left_alone(
    desk: GroupCommitter, store: ScriptedStore
) -> None:
    store.faults["commit"] = [("after", StoreUnavailable("lost"))]
    serve(desk, verbs.reserve(entry("a")))
    (row,) = store.rows.load("a", ())

    store.rows.save([], [changed(row, owner="another")])
    (found,) = serve(desk, verbs.get("a"))
    assert (found.state, found.owner) == ("intent", "another")


def test_reading_costs_no_writing_transaction(desk: GroupCommitter, store: ScriptedStore) -> None:
    reads = (verbs.get("a"), verbs.by_intent("i"), verbs.open_entries("T"))
    serve(desk, *reads, verbs.page(), verbs.owner_alive("me"), verbs.verify())
    assert store.log[0] == "look"
    assert "save" not in store.log


def test_a_claim_that_was_cancelled_while_it_waited_writes_nothing(
    desk: GroupCommitter, store: ScriptedStore
) -> None:
    gone, stays = verbs.reserve(entry("a")), verbs.reserve(entry("b"))
    assert gone.future.cancel()
    desk.serve([gone, stays])
    assert stays.future.result(0).acquired
    assert [one.key for _, one in store.rows.select(verbs.Selection(), -1, 9)] == ["b"]


def test_a_mark_that_changes_nothing_saves_nothing(
    desk: GroupCommitter, store: ScriptedStore
) -> None:
    serve(desk, verbs.reserve(entry("a")), verbs.advance("a", State.REFUSED, verdict="1"))
    store.log.clear()
    serve(desk, verbs.advance("a", State.REFUSED, verdict="1"))
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
    journal._runner.desk.store.save([row], [])
    return row


def test_an_entry_of_another_owner_is_not_marked(journal: Journal) -> None:
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


def test_an_owner_that_lives_keeps_its_entries(store: ScriptedStore, desk: GroupCommitter) -> None:
    store.rows.owner = "other"
    store.rows.save([entry("a", owner="other")], [])
    taken, alive, me = serve(
        desk,
        verbs.take_over("a", "other"),
        verbs.owner_alive("other"),
        verbs.owner_alive("me"),
    )
    assert (taken, alive, me) == (False, True, False)


def test_a_person_settles_what_a_dead_owner_left(journal: Journal) -> None:
    foreign(journal)
    made = Transition("a", State.RESOLVED, order_id="o", verdict='"seen"')
    settled = journal.settle("a", made, "other")
    assert (settled.state, settled.order_id, settled.verdict) == ("resolved", "o", '"seen"')
    with pytest.raises(IllegalTransition, match="already resolved"):
        journal.settle("a", Transition("a", State.REFUSED), "other")
    with pytest.raises(UnknownKey):
        journal.settle("b", Transition("b", State.REFUSED), "other")


def test_a_person_does_not_settle_what_a_living_owner_drives(
    store: ScriptedStore, desk: GroupCommitter
) -> None:
    store.rows.owner = "other"
    store.rows.save([entry("a", owner="other")], [])
    (outcome,) = serve(desk, verbs.settle("a", Transition("a", State.REFUSED), "other"))
    assert isinstance(outcome, IllegalTransition)
    assert "driven by a living process" in str(outcome)
    assert store.rows.load("a", ())[0].state == "intent"


def test_an_unknown_verb_is_a_misuse_that_names_the_known(journal: Journal) -> None:
    with pytest.raises(Misuse, match=r"one of advance, advance_many, by_intent.*got .delete."):
        journal.submit("delete", "a")


def test_every_verb_is_a_method_or_serves_one() -> None:
    assert set(verbs.VERBS) - {"page"} <= set(dir(Journal))
