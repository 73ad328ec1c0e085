"""The journals against a naive model of them: same results, same errors, same entries."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from attrs import evolve
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from journal_samples import START, entry
from test_journal_entry import LEGAL, ORDER

from kalshi_ext.journal.entry import (
    Entry,
    IllegalTransition,
    NotOwner,
    Reservation,
    State,
    Transition,
    UnknownKey,
)
from kalshi_ext.journal.journal import Journal
from kalshi_ext.journal.memory import EntryTable, MemoryJournal
from kalshi_ext.journal.sqlite import SqliteJournal
from kalshi_ext.journal.verbs import VERBS

KEYS = st.sampled_from("abcd")
INTENTS = st.none() | st.sampled_from(["i", "j"])
TICKERS = st.sampled_from(["T", "U"])
OPEN_NAMES = ("intent", "sent", "unknown")


class Model:
    """What a journal should do, in the plainest code. Owners are instance numbers."""

    def __init__(self) -> None:
        self.rows: dict[str, Entry] = {}
        self.instance = 0
        self.now = START

    def reserve(self, new: Entry) -> tuple[Entry, bool]:
        for key, row in self.rows.items():
            if key == new.key:
                return row, False
        for row in self.rows.values():
            if new.intent is not None and row.intent == new.intent:
                return row, False
        self.rows[new.key] = evolve(new, owner=str(self.instance))
        return self.rows[new.key], True

    def advance(self, transition: Transition) -> Entry:
        row = self.rows.get(transition.key)
        if row is None:
            raise UnknownKey("")
        if row.owner != str(self.instance):
            raise NotOwner("")
        changes = {
            name: getattr(transition, name)
            for name in ("order_id", "verdict", "attempts", "sent_at")
            if getattr(transition, name) is not None
        }
        final = row.state not in OPEN_NAMES
        wrong = LEGAL[row.state][ORDER.index(transition.state)] != "y"
        if wrong or changes.get("attempts", 99) < row.attempts:
            raise IllegalTransition("")
        if final:
            if any(getattr(row, name) != value for name, value in changes.items()):
                raise IllegalTransition("")
            return row
        advanced = evolve(row, state=transition.state, updated_at=self.now, **changes)
        self.rows[transition.key] = advanced
        return advanced

    def reopen(self, key: str) -> tuple[Entry, bool]:
        if key not in self.rows:
            raise UnknownKey("")
        row = self.rows[key]
        if row.state not in ("refused", "not_sent"):
            return row, False
        self.rows[key] = evolve(
            row,
            state="intent",
            order_id=None,
            verdict=None,
            owner=str(self.instance),
            updated_at=self.now,
        )
        return self.rows[key], True

    def take_over(self, key: str, owner: str) -> bool:
        row = self.rows.get(key)
        if row is None or row.state not in OPEN_NAMES:
            return False
        if row.owner == str(self.instance):
            return True
        if row.owner != owner or owner == str(self.instance):
            return False
        self.rows[key] = evolve(row, owner=str(self.instance), updated_at=self.now)
        return True

    def settle(self, transition: Transition, owner: str) -> Entry:
        def work() -> Entry:
            if not self.take_over(transition.key, owner):
                raise IllegalTransition("") if transition.key in self.rows else UnknownKey("")
            return self.advance(transition)

        return self.all_or_none(work)

    def all_or_none(self, work: Any) -> Any:
        before = dict(self.rows)
        try:
            return work()
        except Exception:
            self.rows = before
            raise


TRANSITIONS = st.builds(
    Transition,
    KEYS,
    st.sampled_from(State),
    order_id=st.none() | st.sampled_from(["o", "p"]),
    verdict=st.none() | st.sampled_from(['"v"', '"w"']),
    attempts=st.none() | st.integers(0, 2),
    sent_at=st.none() | st.just(START + timedelta(seconds=1)),
)
NEW = st.builds(entry, KEYS, intent=INTENTS, ticker=TICKERS)


class Submitting:
    """A journal whose verbs are all submitted, as an async driver does."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    def __getattr__(self, name: str) -> Any:
        if name not in VERBS:
            return getattr(self.journal, name)
        return lambda *args, **options: self.journal.submit(name, *args, **options).result(20)


def in_memory(table: EntryTable, now: Any) -> MemoryJournal:
    """Open a journal over the entries of an earlier one, as no user can."""
    journal = MemoryJournal(now=now)
    journal._memory.table = table
    return journal


class Journals(RuleBasedStateMachine):
    """Do everything to the model, to a file and to memory, and compare.

    Memory is asked in both ways: by its methods and by `submit`.
    """

    @initialize()
    def start(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.model = Model()
        self.owners: dict[str, str] = {}  # instance number of each owner's name
        self.names: dict[tuple[str, str], str] = {}  # and back, for each kind of journal
        self.tables = {"memory": EntryTable(), "submitted": EntryTable()}
        self.journals: dict[str, Any] = {}
        self.reopen_all()

    def reopen_all(self) -> None:
        now = lambda: self.model.now  # noqa: E731
        if self.journals:
            self.journals["file"].close()
        self.journals = {
            "file": SqliteJournal(Path(self.directory.name) / "o.db", now=now),
            "memory": in_memory(self.tables["memory"], now),
            "submitted": Submitting(in_memory(self.tables["submitted"], now)),
        }
        for kind, journal in self.journals.items():
            self.owners[journal.owner] = str(self.model.instance)
            self.names[kind, str(self.model.instance)] = journal.owner

    def plain(self, value: Any) -> Any:
        if isinstance(value, Entry):
            return evolve(value, owner=self.owners.get(value.owner, value.owner))
        if isinstance(value, list | tuple):
            return [self.plain(item) for item in value]
        if isinstance(value, Reservation):
            return [self.plain(value.entry), value.acquired]
        return value

    def compare(self, call: Any, expect: Any) -> None:
        self.model.now += timedelta(seconds=1)
        wanted = _outcome(expect)
        for journal in self.journals.values():
            assert self.plain(_outcome(lambda j=journal: call(j))) == self.plain(wanted)

    @rule(new=NEW)
    def reserve(self, new: Entry) -> None:
        self.compare(lambda j: j.reserve(new), lambda: self.model.reserve(new))

    @rule(new=st.lists(NEW, max_size=4))
    def reserve_many(self, new: list[Entry]) -> None:
        self.compare(
            lambda j: j.reserve_many(new), lambda: [self.model.reserve(row) for row in new]
        )

    @rule(transition=TRANSITIONS)
    def advance(self, transition: Transition) -> None:
        changes = {"order_id": transition.order_id, "verdict": transition.verdict}
        changes |= {"attempts": transition.attempts, "sent_at": transition.sent_at}
        self.compare(
            lambda j: j.advance(transition.key, transition.state, **changes),
            lambda: self.model.advance(transition),
        )

    @rule(transitions=st.lists(TRANSITIONS, max_size=4))
    def advance_many(self, transitions: list[Transition]) -> None:
        def expect() -> Any:
            return self.model.all_or_none(
                lambda: [self.model.advance(each) for each in transitions]
            )

        self.compare(lambda j: j.advance_many(transitions), expect)

    @rule(transitions=st.lists(TRANSITIONS, max_size=3))
    def conclude(self, transitions: list[Transition]) -> None:
        def call(journal: Any) -> None:
            journal.conclude(transitions)
            journal.get("a")  # whatever is read next shows it

        def expect() -> None:
            self.model.all_or_none(lambda: [self.model.advance(each) for each in transitions])

        self.compare(call, expect)

    @rule(key=KEYS)
    def reopen(self, key: str) -> None:
        self.compare(lambda j: j.reopen(key), lambda: self.model.reopen(key))

    @rule(key=KEYS, back=st.integers(0, 2))
    def take_over(self, key: str, back: int) -> None:
        instance = str(max(0, self.model.instance - back))

        def call(journal: Any) -> Any:
            (kind,) = [kind for kind, other in self.journals.items() if other is journal]
            return journal.take_over(key, self.names[kind, instance])

        self.compare(call, lambda: self.model.take_over(key, instance))

    @rule(transition=TRANSITIONS, back=st.integers(0, 2))
    def settle(self, transition: Transition, back: int) -> None:
        instance = str(max(0, self.model.instance - back))

        def call(journal: Any) -> Any:
            (kind,) = [kind for kind, other in self.journals.items() if other is journal]
            return journal.settle(transition.key, transition, self.names[kind, instance])

        self.compare(call, lambda: self.model.settle(transition, instance))

    @rule(back=st.integers(0, 2))
    def owner_alive(self, back: int) -> None:
        instance = str(max(0, self.model.instance - back))
        for kind, journal in self.journals.items():
            alive = journal.owner_alive(self.names[kind, instance])
            assert alive == (instance == str(self.model.instance))

    @rule()
    def restart(self) -> None:
        self.model.instance += 1
        self.reopen_all()

    @invariant()
    def the_same_entries_are_listed(self) -> None:
        rows = list(self.model.rows.values())
        open_rows = [row for row in rows if row.state in OPEN_NAMES]
        for journal in self.journals.values():
            assert self.plain(list(journal.entries())) == rows
            assert self.plain(journal.open_entries()) == open_rows
            for ticker in ("T", "U"):
                wanted = [row for row in open_rows if row.ticker == ticker]
                assert self.plain(journal.open_entries(ticker)) == wanted
                assert self.plain(list(journal.entries(states=["refused"], ticker=ticker))) == [
                    row for row in rows if row.ticker == ticker and row.state == "refused"
                ]
            for intent in ("i", "j"):
                named = [row for row in rows if row.intent == intent]
                assert self.plain(journal.by_intent(intent)) == (named[0] if named else None)
            assert self.plain(journal.get("a")) == self.model.rows.get("a")

    def teardown(self) -> None:
        if getattr(self, "journals", None):
            assert self.journals["file"].verify() == []
            self.journals["file"].close()
            self.directory.cleanup()


def _outcome(work: Any) -> Any:
    try:
        return work()
    except (IllegalTransition, NotOwner, UnknownKey) as error:
        return type(error)


TestJournals = Journals.TestCase
TestJournals.settings = settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
