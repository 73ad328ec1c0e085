"""A list over a long time, read in windows side by side. Pure: it says what to ask for next.

A page names the next one, so pages of one list come one after another, a round trip each. But a
list of a time can be cut: rows from 9:00 on and rows up to 9:00 are two lists. So

    first page, full:  rows 1000, the last of 11:40   ->  the rest, up to 11:40, is cut into
                                                          windows of about a page, newest first
    window, not full:  done                           ->  the next is cut from the rest
    window, full:      more rows than thought         ->  its own rest is cut again
    window, sparse:    fewer rows than thought        ->  the rest is asked for as it is, and the
                                                          page that comes tells the new density

Rows come out newest first, as page by page. At most `width` pages are asked for or wait for their
turn, which bounds the memory and what a list takes of the read budget.

Nothing is lost and nothing doubled at the edges of windows. `min_ts` and `max_ts` are whole seconds
and whether they include their own second is not documented: so neighbours overlap by a second on
either side, and a row of those seconds that was returned is skipped once. What cannot be cut is
read by the cursor: pages out of order or without times, more than a page in a second or two, and
everything from then on where the exchange does not keep to a window.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from itertools import islice
from operator import ge
from typing import Final, Generic, TypeVar, cast

from attrs import define, field, frozen

from kalshi_ext.bases import Printed, Value
from kalshi_ext.errors import KalshiError
from kalshi_ext.protocol.flow import Context, Flow
from kalshi_ext.protocol.messages import Call, InvalidRow, Page
from kalshi_ext.protocol.pagination import Paginator, unreadable_rows
from kalshi_ext.protocol.time_keys import TimeKey

T = TypeVar("T")

# Pages; one of 1000 fills takes about 1 MB. So many that some are on their way while others are
# decoded: six answers that come together keep one core for longer than the next ones take.
MAX_WIDTH: Final = 12
PACED_SECONDS: Final = 0.3  # of the read budget that one list may have under way
FILL: Final = 0.95  # of a page: what a window is to hold, so that most need no second page
SPARSE: Final = 0.25  # of a page: a window with less tells nothing about the next
MORE: Final = "more"  # the cursor of a page that ends its window, but not the list


@frozen(eq=False, repr=False)
class Windowing(Value, Generic[T]):
    """How a list is cut: the call for a window of Unix seconds, and its rows' key.

    `since` and `until` bound the whole list; None is no bound.
    """

    call: Callable[[int | None, int | None], Call[Page[T]]]
    since: int | None
    until: int | None
    key: TimeKey[T]


@define(eq=False, repr=False)
class Window(Printed, Generic[T]):
    """Rows of `since` to `until`, whole seconds, as one list that is read by cursor.

    `chain` reads on by cursor from above the cut, for a window that was cut. `repeats` counts the
    rows given before that it may repeat, once its first page is due; `below` is the time above
    which all were given, for a chain that is gone back to.
    """

    paginator: Paginator[T]
    since: int | None
    until: int | None
    chain: Paginator[T] | None = None
    repeats: Counter[Hashable] | None = None
    resumed: bool = False
    below: datetime | None = None


@define(eq=False, repr=False)
class Piece(Printed, Generic[T]):
    """One page of a window, with rows of up to the second `top`; `uncut` is a rest still to cut."""

    window: Window[T]
    top: int | None
    uncut: bool = False
    running: bool = False
    page: Page[T] | None = None
    error: Exception | None = None

    @property
    def busy(self) -> bool:
        """Whether its page was asked for."""
        return self.running or self.arrived

    @property
    def arrived(self) -> bool:
        """Whether its page is there, or an error instead."""
        return self.page is not None or self.error is not None


@define(eq=False, repr=False)
class Windows(Printed, Generic[T]):
    """Say which pages to request, take them in any order, give them in the list's order.

    `start` gives a piece and the flow that reads it, to run beside the others, until it gives None;
    `take` or `fail` hands in what became of it; `ready` gives the next page in order, None where
    that is still on its way. Raises, in its place, what a page-by-page read of the list raises.
    """

    windowing: Windowing[T]
    context: Context
    invalid_rows: list[InvalidRow] = field(factory=list[InvalidRow], init=False)
    done: bool = field(default=False, init=False)  # every page was given
    _pieces: deque[Piece[T]] = field(init=False)
    _may_cut: bool = field(default=True, init=False)
    _span: float = field(default=0.0, init=False)  # seconds that hold about a page
    _full: int = field(default=0, init=False)  # rows of a full page
    _sparse: bool = field(default=False, init=False)
    _edge: list[T] = field(factory=list[T], init=False)  # given, and may come again
    _edge_invalid: tuple[InvalidRow, ...] = field(default=(), init=False)
    _lowest: datetime | None = field(default=None, init=False)  # of all rows given
    _unread: int = field(default=0, init=False)  # rows that no readable one came after
    _readable: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        whole = self.windowing
        paginator = Paginator(whole.call(whole.since, whole.until), self.context)
        window = Window(paginator, whole.since, whole.until)
        self._pieces = deque([Piece(window, whole.until)])

    # What to ask for.

    def start(self) -> tuple[Piece[T], Flow[Page[T]]] | None:
        """Give the next page to request, None where no further one may be under way."""
        while (piece := self._next()) is not None:
            if piece.uncut:
                piece = self._cut(piece)
            try:
                flow = piece.window.paginator.next_page()
            except KalshiError as error:  # raised in its turn
                piece.error = error
                continue
            assert flow is not None  # noqa: S101 - a piece follows only a page that names another
            piece.running = True
            return piece, flow
        return None

    def _next(self) -> Piece[T] | None:
        waiting = next((piece for piece in self._pieces if not piece.busy), None)
        if waiting is None or waiting is self._pieces[0]:  # the others wait for the first
            return waiting
        return waiting if sum(piece.busy for piece in self._pieces) < self._width() else None

    def _width(self) -> int:
        """Return how many pages may be under way: one after a 429, few on a small budget.

        The pacer lets through what the budget holds; this bounds how long other reads queue.
        """
        if self.context.throttle.interval:
            return 1
        if self.context.pacer is None:
            return MAX_WIDTH
        bucket, costs = self.context.pacer.read, self.context.pacer.costs
        reads = bucket.rate * bucket.share / costs.default
        return max(1, min(MAX_WIDTH, int(reads * PACED_SECONDS)))

    def _cut(self, rest: Piece[T]) -> Piece[T]:
        """Cut a window from the top of a rest, or make all of it one; return that."""
        since, top, chain = rest.window.since, rest.top, rest.window.chain
        assert top is not None  # noqa: S101 - a rest lies below a row
        edge = top - 1 - max(1, int(self._span))
        short = since is not None and top - since <= 1.5 * self._span
        if self._sparse or short or edge <= (since or 0):
            rest.window, rest.uncut = self._window(since, top, chain), False
            return rest
        piece = Piece(self._window(edge, top, chain), top)
        rest.top = edge + 1
        self._pieces.insert(self._pieces.index(rest), piece)
        return piece

    def _window(self, since: int | None, top: int, chain: Paginator[T] | None) -> Window[T]:
        # How many rows a window has is our doing: `_check_readable` judges what cannot be read.
        pages = Paginator(self.windowing.call(since, top), self.context, invalid="allowed")
        return Window(pages, since, top, chain)

    # What came.

    def fail(self, piece: Piece[T], error: Exception) -> None:
        """Take in that a page could not be read."""
        piece.running, piece.error = False, error

    def take(self, piece: Piece[T], page: Page[T]) -> None:
        """Take in a page."""
        piece.running = False
        if piece not in self._pieces:
            return
        window = piece.window
        try:
            window.paginator.take(page)
        except KalshiError as error:
            piece.error = error
            return
        piece.page = page
        bounds = _bounds(list(map(self.windowing.key.time, page.items)))
        if window.chain is not None and page.items and not _is_within(bounds, window):
            self._resume_by_cursor()
        elif page.cursor:
            self._full = max(self._full, len(page.items))
            self._pieces.insert(self._pieces.index(piece) + 1, self._rest(piece, bounds))
        elif window.since is not None and window.until is not None:
            self._learn(len(page.items), window.until - window.since)

    def _rest(self, piece: Piece[T], bounds: tuple[float, float] | None) -> Piece[T]:
        """Return what follows a page that is not the last of its window."""
        window = piece.window
        if bounds is None:
            return Piece(window, piece.top)
        first, last = bounds
        top, since = int(last) + 1, window.since
        lower = piece.top is None or top < piece.top
        if not lower or first - last < 2 or (since is not None and last - since < 2):
            return Piece(window, min(top, piece.top or top))
        if not self._may_cut or self._width() == 1:
            return Piece(window, top)
        self._span, self._sparse = (first - last) * FILL, False
        return Piece(Window(window.paginator, since, top, window.paginator), top, uncut=True)

    def _learn(self, rows: int, seconds: int) -> None:
        """Take in how many rows a whole window had."""
        self._sparse = rows < SPARSE * self._full
        if rows and self._span:
            wanted = FILL * self._full * seconds / rows
            self._span = min(max(wanted, self._span / 4), self._span * 4)

    def _resume_by_cursor(self) -> None:
        """Read on by cursor from above the first cut: the exchange does not keep to windows."""
        self._may_cut = False
        kept = deque[Piece[T]]()
        for piece in self._pieces:
            window = piece.window
            if window.chain is not None:
                chain = Window(window.chain, window.since, None, resumed=True)
                kept.append(Piece(chain, None))
                break
            kept.append(piece)
        self._pieces = kept

    # What to give.

    def ready(self) -> Page[T] | None:
        """Give the next page of the list, which may be empty."""
        if not self._pieces or not self._pieces[0].arrived:
            return None
        piece = self._pieces.popleft()
        self.done = not self._pieces or piece.error is not None
        if piece.error is not None:
            raise piece.error
        assert piece.page is not None  # noqa: S101 - it has arrived
        page = piece.page
        rows, invalid = self._new_rows(piece.window, page), self._new_invalid(page)
        self._check_readable(piece.window, invalid)
        cursor = None if self.done else page.cursor or MORE
        return Page(rows, cursor, invalid, keyed=page.keyed)

    def _new_rows(self, window: Window[T], page: Page[T]) -> tuple[T, ...]:
        """Return the rows of a page that were not given before."""
        time, identity = self.windowing.key.time, self.windowing.key.identity
        rows: Sequence[T] = page.items
        if window.repeats is None:
            window.repeats = Counter(map(identity, self._edge))
            window.below = self._lowest if window.resumed else None
        if (below := window.below) is not None:
            rows = [row for row in rows if (at := time(row)) is None or at <= below]
        if window.repeats:
            rows = _without(rows, window.repeats, identity)
        self._keep_edge(rows)
        return tuple(rows)

    def _keep_edge(self, rows: Sequence[T]) -> None:
        """Keep the rows given that a window below may repeat."""
        time = self.windowing.key.time
        top = self._pieces[0].top if self._pieces else None
        self._edge = [row for row in self._edge if _reaches(time(row), top)]
        for row in reversed(rows):
            at = time(row)
            if at is not None and (self._lowest is None or at < self._lowest):
                self._lowest = at
            if not _reaches(at, top):
                break
            self._edge.append(row)
        if rows:
            self._unread, self._readable = 0, True

    def _new_invalid(self, page: Page[T]) -> tuple[InvalidRow, ...]:
        # They have no time and no id; one that the next window repeats is known by its content.
        new = tuple(row for row in page.invalid_rows if row not in self._edge_invalid)
        self._edge_invalid = page.invalid_rows or self._edge_invalid
        self.invalid_rows.extend(new)
        return new

    def _check_readable(self, window: Window[T], invalid: Sequence[InvalidRow]) -> None:
        """Raise Unintelligible where a page's worth of rows, or all there are, cannot be read."""
        self._unread += len(invalid)
        nothing = self.done and not self._readable
        if self._unread and (nothing or self._unread > self._full > 0):
            operation = window.paginator.call.operation
            raise unreadable_rows(operation, self.invalid_rows[-self._unread :], self._unread)


def _bounds(times: Sequence[datetime | None]) -> tuple[float, float] | None:
    """Return the times of the first and the last row, None where they are not newest first."""
    if not times or not newest_first(times):
        return None
    known = cast("Sequence[datetime]", times)
    return known[0].timestamp(), known[-1].timestamp()


def newest_first(times: Sequence[datetime | None]) -> bool:
    """Say whether times are all there, and in order."""
    known = cast("Sequence[datetime]", times)
    try:
        return None not in (times[0], times[-1]) and all(map(ge, known, islice(known, 1, None)))
    except TypeError:  # one is None
        return False


def _is_within(bounds: tuple[float, float] | None, window: Window[T]) -> bool:
    """Say whether the rows of a page are of its window, whichever way its ends are meant."""
    if bounds is None or window.until is None:
        return False
    first, last = bounds
    return first < window.until + 2 and (window.since is None or last >= window.since - 1)


def _reaches(at: datetime | None, top: int | None) -> bool:
    return at is None or top is None or at.timestamp() < top + 1


def _without(
    rows: Sequence[T], repeats: Counter[Hashable], identity: Callable[[T], Hashable]
) -> list[T]:
    """Leave out each of the rows that repeat, as often as it was given."""
    new: list[T] = []
    left = repeats.total()
    for index, row in enumerate(rows):
        if not left:
            new += rows[index:]  # they stand at the top of a window, and the others are many
            break
        if repeats[(key := identity(row))] > 0:
            repeats[key] -= 1
            left -= 1
        else:
            new.append(row)
    return new
