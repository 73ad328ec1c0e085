"""What hypothesis draws: combinations of freedoms, faults, calls, clients, journals and crashes.

Most of a scenario is friendly, so that what goes wrong in it is told apart: a draw takes the
defaults and changes a few of them.
"""

from __future__ import annotations

from random import Random
from typing import Any

from attrs import evolve
from hostile_freedoms import LIFE, PAGES, STATUSES, Fault, FaultKind, Freedoms, On
from hostile_scenario import Scenario, Step
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

CHOICES: dict[str, tuple[Any, ...]] = {
    "ids": ("kept", "forgotten", "forgotten_when_ended", "forgotten_soon"),
    "duplicate_told": ("409", "400", "409_without_code"),
    "orders_lag": (0.3,),
    "order_lag": (0.3,),
    "history_lag": (0.3,),
    "fills_lag": (0.3,),
    "watermark": ("stuck", "absent", "ahead"),
    "row_ids": ("missing", "blank"),
    "ack_ids": ("missing",),
    "empty_list": ("omitted", "null", "empty_object"),
    "page_size": (1, 2),
    "archive": ("when_ended", "while_read"),
    "order_get": ("404", "404_when_ended"),
    "error_shape": ("flat",),
    "date": ("absent", "garbled", "hour_ahead", "hour_behind"),
    "clock_ahead": (0.8, -0.8, 30.0, -30.0, 90_000.0, -90_000.0),
    "fill": ("half", "all"),
    "meanwhile": ("filled", "cancelled"),
    "shard": (2,),
    "strangers": ("other", "alike", "under_our_ids"),
    "unkeyed_lag": (0.3, 60.0),
    "transfer_keys": ("ignored",),
    "transfer_rows": ("unnamed",),
    "transfer_status": ("pending",),
}
# What matters to money and groups.
OF_MONEY = (
    *("unkeyed_lag", "transfer_keys", "transfer_rows", "transfer_status", "duplicate_told"),
    *("empty_list", "page_size", "date", "clock_ahead", "error_shape", "strangers"),
)
OF_READS: tuple[FaultKind, ...] = (
    *("lose_request", "lose_answer", "cut_answer", "late_answer", "page_before", "limited"),
    *("swap", "shift", "nothing_said", "expired"),
)
OF_WRITES: tuple[FaultKind, ...] = (
    *OF_READS,
    *("delay", "double", "copy_later", "page_after", "paused", "other_order", "page_meanwhile"),
    *("cancel_shape", "too_many", "bare", "stolen"),
)
DETAILS: dict[str, dict[str, tuple[Any, ...]]] = {
    "cut_answer": {"share": (0.0, 0.3, 0.6, 0.95)},
    "delay": {"seconds": (0.1, 0.5, 0.9)},
    "copy_later": {"seconds": (0.1, 0.5, 0.9)},
    "late_answer": {"seconds": (0.1, 0.5)},
    "page_before": {"status": STATUSES, "page": tuple(PAGES)},
    "page_after": {"status": STATUSES, "page": tuple(PAGES)},
    "page_meanwhile": {"status": STATUSES, "page": tuple(PAGES), "seconds": (0.1, 0.5, 0.9)},
}
READS: tuple[On, ...] = ("list", "history", "fills", "get", "watermark")
SCRIPTS: tuple[tuple[Step, ...], ...] = (
    (Step("place"),),
    (Step("place"), Step("place")),
    (Step("place"), Step("place", 1)),
    (Step("place"), Step("restart"), Step("place")),
    (Step("place_many"),),
    (Step("place_many"), Step("restart"), Step("place", 1)),
    (Step("place"), Step("amend")),
    (Step("place"), Step("decrease_by")),
    (Step("place"), Step("decrease_by"), Step("decrease_by")),
    (Step("place"), Step("decrease_to")),
    (Step("place"), Step("cancel")),
    (Step("place"), Step("amend"), Step("cancel")),
    (Step("place"), Step("cancel_many")),
    (Step("place"), Step("cancel_all"), Step("place", 2)),
    (Step("create_group"),),
    (Step("create_group"), Step("delete_group")),
    (Step("create_group"), Step("trigger_group")),
    (Step("place", twice=True),),
    (Step("place", twice=True), Step("place", 1), Step("place")),
    (Step("place"), Step("decrease_by", twice=True)),
    (Step("place", 2), Step("recover"), Step("place", 2)),
    (Step("place", killed_after=0.1),),
    (Step("place", killed_after=0.5), Step("place", 1)),
    (Step("place_many", killed_after=0.5),),
    (Step("place", deadline=0.7),),
    (Step("place"), Step("amend", deadline=0.7)),
    (Step("place"), Step("decrease_by", deadline=2.5)),
    (Step("place"), Step("cancel", deadline=0.7)),
    (Step("place", deadline=4.0), Step("cancel_all", deadline=0.7)),
    # groups, all their life
    (Step("create_group"), Step("create_group")),
    (Step("create_group", twice=True),),
    (Step("create_group"), Step("set_limit")),
    (Step("create_group"), Step("set_limit", deadline=0.7), Step("set_limit")),
    (Step("create_group"), Step("trigger_group"), Step("reset_group")),
    (Step("create_group"), Step("place", grouped=True), Step("delete_group")),
    (Step("create_group"), Step("trigger_group"), Step("place", grouped=True)),
    (
        *(Step("create_group"), Step("set_limit"), Step("place", grouped=True)),
        *(Step("trigger_group"), Step("reset_group"), Step("place", 1, grouped=True)),
        Step("delete_group"),
    ),
    # money
    (Step("transfer"),),
    (Step("transfer"), Step("transfer")),
    (Step("transfer"), Step("transfer", 1)),
    (Step("transfer"), Step("restart"), Step("transfer")),
    (Step("transfer", twice=True), Step("transfer", 2)),
    (Step("transfer", deadline=0.7), Step("transfer")),
    (Step("transfer_instances"),),
    (Step("transfer_instances"), Step("transfer_instances")),
    (Step("transfer_instances", twice=True),),
    (Step("transfer_instances"), Step("restart"), Step("transfer_instances", 1)),
    (Step("transfer_instances", deadline=0.7), Step("transfer_instances", 2)),
    (Step("create_subaccount"),),
    (Step("create_subaccount"), Step("create_subaccount")),
    (Step("create_subaccount", twice=True),),
    (Step("create_subaccount"), Step("restart"), Step("create_subaccount")),
    # orders that die with their deadline, and deadlines that are moments
    (Step("place", deadline=2.5, expires=True),),
    (Step("place"), Step("place", 1, deadline=2.5, expires=True), Step("cancel", 1)),
    (Step("place", deadline=3.5, expires=True, aware=True), Step("decrease_by")),
    (Step("place_many", deadline=2.5, expires=True),),
    (Step("place", 2), Step("place_many", deadline=2.5, expires=True, aware=True)),
    (Step("place", deadline=0.7, aware=True), Step("place", 1)),
    (Step("place"), Step("amend", deadline=0.7, aware=True)),
    (Step("place"), Step("decrease_by", deadline=2.5, aware=True)),
    (Step("place"), Step("cancel", deadline=0.7, aware=True)),
    (Step("transfer", deadline=0.7, aware=True), Step("transfer")),
    # a client that is closed meanwhile (when, is drawn)
    (Step("place", closed_after=0.1),),
    (Step("place"), Step("place", 1, closed_after=0.1), Step("place", 2)),
    (Step("place_many", closed_after=0.1),),
    (Step("place"), Step("amend", closed_after=0.1)),
    (Step("place"), Step("decrease_by", closed_after=0.1)),
    (Step("place"), Step("cancel", closed_after=0.1)),
    (Step("place"), Step("cancel_many", closed_after=0.1)),
    (Step("create_group", closed_after=0.1),),
    (Step("create_group"), Step("delete_group", closed_after=0.1)),
    (Step("transfer", closed_after=0.1),),
    (Step("transfer", closed_after=0.1), Step("transfer")),
    (Step("transfer_instances", closed_after=0.1),),
    (Step("create_subaccount", closed_after=0.1),),
    # a second client on the journal that does something else meanwhile
    (Step("place", beside="recover"),),
    (Step("place", beside="place"), Step("cancel")),
    (Step("place", beside="cancel_all"),),
    (Step("place_many", beside="recover"),),
    (Step("place"), Step("amend", beside="recover")),
    (Step("place"), Step("decrease_by", beside="recover")),
    (Step("create_group", beside="recover"),),
    (Step("transfer", beside="recover"), Step("transfer", 2)),
    (Step("transfer_instances", beside="recover"),),
    (Step("create_subaccount", beside="recover"),),
)
# Two or three changes of one state: a late copy of one may undo the next.
_SWITCHES = ("set_limit", "reset_group", "trigger_group")
CHAINS: tuple[tuple[Step, ...], ...] = (
    *(
        (Step("create_group"), Step(first), Step(second, state=1))
        for first in _SWITCHES
        for second in _SWITCHES
    ),
    *(
        (Step("create_group"), Step(first), Step(second), Step(third, state=1))
        for first, second, third in (
            ("trigger_group", "reset_group", "trigger_group"),
            ("reset_group", "trigger_group", "reset_group"),
            ("reset_group", "set_limit", "trigger_group"),
            ("set_limit", "trigger_group", "set_limit"),
            ("trigger_group", "reset_group", "delete_group"),
        )
    ),
    # by two clients of one journal, and by one that is closed
    (Step("create_group"), Step("set_limit", twice=True), Step("set_limit", state=1)),
    (Step("create_group"), Step("reset_group", beside="trigger_group"), Step("trigger_group")),
    (Step("create_group"), Step("trigger_group", beside="set_limit"), Step("reset_group")),
    (Step("create_group"), Step("reset_group", closed_after=0.1), Step("trigger_group")),
    (Step("set_netting", twice=True), Step("set_netting", state=1)),
    (Step("place"), Step("amend", twice=True), Step("amend", state=1)),
    (Step("place"), Step("amend", closed_after=0.1), Step("amend", state=1)),
    *(
        (Step("place"), *(Step(word, state=at % 2) for at, word in enumerate(words)))
        for words in (
            ("amend", "amend"),
            ("amend", "amend", "amend"),
            ("amend", "decrease_to"),
            ("amend", "decrease_by"),
            ("decrease_to", "amend"),
            ("decrease_to", "decrease_to"),
            ("decrease_by", "amend"),
            ("decrease_by", "decrease_to"),
            ("decrease_by", "decrease_by"),
            ("decrease_to", "amend", "decrease_to"),
            ("amend", "decrease_by", "amend"),
            ("amend", "amend", "cancel"),
            ("cancel", "amend"),
        )
    ),
    *(
        tuple(Step(word, state=at % 2) for at in range(times))
        for word in ("set_netting", "set_allocation")
        for times in (2, 3)
    ),
)
# Which kind of request a word makes.
WRITES: dict[str, On] = {
    "place": "create",
    "place_many": "create",
    "amend": "change",
    "decrease_by": "change",
    "decrease_to": "change",
    "cancel": "cancel",
    "cancel_many": "cancel",
    "cancel_all": "cancel",
    "create_group": "group",
    "delete_group": "group",
    "trigger_group": "group",
    "reset_group": "group",
    "set_limit": "group",
    "transfer": "transfer",
    "transfer_instances": "instance",
    "create_subaccount": "subaccount",
    "set_netting": "setting",
    "set_allocation": "setting",
}
CHAINED = 0.25  # the share of worlds that are chains
UNKEYED = {"group", "transfer", "instance", "subaccount", "setting"}
NOT_CLASSIC = {
    *("decrease_to", "cancel_all", "trigger_group", "set_limit"),
    *("transfer", "transfer_instances", "create_subaccount", "set_netting", "set_allocation"),
}


def _freedoms(rng: Random, script: tuple[Step, ...]) -> Freedoms:
    """Take up to four freedoms, of those that matter to a script as a rule."""
    of_money = WRITES[script[0].word] in UNKEYED and rng.random() < 0.7
    names = rng.sample(sorted(OF_MONEY if of_money else CHOICES), rng.choice((0, 1, 1, 2, 3, 4)))
    taken = {name: rng.choice(CHOICES[name]) for name in names}
    kinds = ("current", "current", "classic")
    kind = rng.choice(kinds) if _is_classic(script) else "current"
    return _survivable(Freedoms(contract=kind, **taken))  # type: ignore[arg-type]


def _survivable(free: Freedoms) -> Freedoms:
    """Take back what no client can survive together, or one of the contracts does not have."""
    lags = (free.orders_lag, free.order_lag, free.history_lag, free.fills_lag)
    if any(lags) and free.watermark == "ahead":
        free = evolve(free, watermark="true")  # that it covers the lists is all there is
    return evolve(free, shard=0, archive="never") if free.contract == "classic" else free


def _faults(rng: Random, free: Freedoms, writes: list[On], *, chain: bool) -> tuple[Fault, ...]:
    """Draw faults of the script's writes, mostly one, and up to two of its reads."""
    writes_struck = rng.choices(writes, k=rng.choice((0, 1, 1, 1, 2))) if writes else []
    reads = ("money", "watermark") if UNKEYED & {*writes} else READS
    struck = [*writes_struck, *rng.choices(reads, k=rng.choice((0, 0, 1, 2)))]
    drawn = [_fault(rng, on) for on in struck]
    if chain:
        drawn[:0] = [
            _late_copy(rng, rng.choice(writes[1:] or writes)) for _ in range(rng.choice((1, 1, 2)))
        ]
    return tuple(fault for fault in drawn if _is_survivable(fault, free))


def _fault(rng: Random, on: On) -> Fault:
    kind = rng.choice(OF_READS if on in (*READS, "money") else OF_WRITES)
    details = {name: rng.choice(of) for name, of in DETAILS.get(kind, {}).items()}
    nth, times = rng.choice((0, 0, 0, 1, 2)), rng.choice((1, 1, 2, 4))
    return Fault(on, kind, nth=nth, times=times, **details)


def _late_copy(rng: Random, on: On) -> Fault:
    """Draw a change that arrives when its client has gone on. A group costs two requests first."""
    kind: FaultKind = rng.choice(("delay", "delay", "page_meanwhile"))
    nth = rng.choice((0, 0, 0, 1, 2)) + (2 if on == "group" else 0)
    # 5 to 50 s of the minute that the exchange accepts a signature for; later, of one from a clock
    # that was ahead.
    seconds = LIFE * rng.choice((5, 20, 35, 35, 50, 50, 95)) / 60
    return Fault(on, kind, nth, rng.choice((1, 1, 2)), round(seconds, 2), status=502)


def _is_survivable(fault: Fault, free: Freedoms) -> bool:
    # An acknowledgement of a stranger that says nothing of whose it is, and could be ours.
    if fault.kind in ("stolen", "swap", "shift") and free.ack_ids == "missing":
        return False
    # A success that says nothing is all that a deletion or a cancel_all ever says.
    is_page = fault.kind in ("page_before", "page_meanwhile")
    says_nothing = is_page and (fault.status, fault.page) == (200, "object")
    return not (fault.on in ("group", "cancel", "transfer", "setting") and says_nothing)


@st.composite
def scenarios(draw: st.DrawFn, chained: float) -> Scenario:
    """Draw one scenario; `chained` is the share of those that are chains."""
    # All from one generator that hypothesis seeds: drawn one by one, most would be alike.
    rng = draw(st.randoms(use_true_random=True))
    chain = rng.random() < chained
    script = rng.choice(CHAINS if chain else SCRIPTS)
    free = _freedoms(rng, script)
    client = rng.choice(("sync", "async"))
    journal = rng.choice(("sqlite",) * 5 + ("memory",) * 3 + ("postgres",))
    steps = [_closed(rng, step, journal) for step in _possible(script, free, journal)]
    if client == "async" and rng.random() < 0.25:
        at = rng.randrange(len(steps))
        if steps[at].word != "restart" and steps[at].closed_after is None:
            after = rng.choice((0.0, 0.005, 0.02, 0.1, 0.5, 1.5))
            steps[at] = evolve(steps[at], stopped_after=after)
    if (
        chain and len(steps) > 2 and rng.random() < 0.3
    ):  # a call whose time is over before its copy comes
        steps[-2] = evolve(steps[-2], deadline=rng.choice((0.2, 0.7)))
    seconds = rng.choice((-86_400.0, -100.0, -2.0, 2.0, 100.0, 86_400.0))
    writes = [WRITES[step.word] for step in steps if step.word in WRITES]
    return Scenario(
        steps=tuple(steps),
        freedoms=free,
        faults=_faults(rng, free, writes, chain=chain),
        client=client,  # type: ignore[arg-type]
        journal=journal,  # type: ignore[arg-type]
        resend_within=rng.choice((0.5, 5.0, 5.0)),
        clock_step=None if rng.random() > 0.2 else (rng.randrange(6), seconds),
    )


def _closed(rng: Random, step: Step, journal: str) -> Step:
    """Draw when the client of a step is closed, and whether its journal is."""
    if step.closed_after is None:
        return step
    after = rng.choice((0.0, 0.005, 0.02, 0.1, 0.5, 1.5))
    journal_too = journal != "memory" and rng.random() < 0.5
    return evolve(step, closed_after=after, closes_journal=journal_too)


def _is_classic(script: tuple[Step, ...]) -> bool:
    return not all(step.word in NOT_CLASSIC or step.word == "restart" for step in script)


def _possible(script: tuple[Step, ...], free: Freedoms, journal: str) -> list[Step]:
    """Leave out what the contract cannot say, and lives after a crash that forgets everything."""
    steps = [step for step in script if not (journal == "memory" and step.word == "restart")]
    if free.contract == "current":
        return steps
    # Nothing of classic cancels everything.
    kept = [step for step in steps if step.word not in NOT_CLASSIC]
    return [
        evolve(step, killed_after=None, beside=None if step.beside in NOT_CLASSIC else step.beside)
        for step in kept
    ]


def draw_scenarios(number: int, first_seed: int, *, chained: float = CHAINED) -> list[Scenario]:
    """Return about so many different scenarios, the same for the same seed."""
    drawn: dict[Scenario, None] = {}

    @seed(first_seed)
    @settings(
        max_examples=number,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(scenarios(chained))
    def keep(scenario: Scenario) -> None:
        drawn[scenario] = None

    keep()
    return list(drawn)
