"""Trade on two embedded sandbox exchanges: every operation of both contracts, one line each.

Everything happens on this machine (loopback); no byte goes to the real exchange. Exits with 1
when an operation failed or was left out.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from tour import classic, current
from tour.runner import Tour

from kalshi_ext import Kalshi
from kalshi_ext.sandbox import Sandbox

PrintLine = Callable[[str], None]


def run_tours(print_line: PrintLine) -> tuple[Tour, Tour]:
    """Start one sandbox for each contract, side by side, and run the tour of each."""
    boxes = Sandbox(contract="current"), Sandbox(contract="classic")
    with ExitStack() as stack:
        # Each sandbox is a process of its own: both start at the same time.
        with ThreadPoolExecutor(len(boxes)) as pool:
            list(pool.map(stack.enter_context, boxes))
        return run_current(boxes[0], print_line), run_classic(boxes[1], print_line)


def run_current(box: Sandbox, print_line: PrintLine) -> Tour:
    """Run the tour of the current contract, signing with the sandbox's private key."""
    print_line(f"\nCURRENT contract, sandbox at {box.url}, requests signed with an RSA key")
    with Kalshi(
        key_id=box.key_id, private_key=box.private_key, environment=box.url, pace="basic"
    ) as client:
        tour = Tour(client, box, print_line)
        tour.run(current.CHAPTERS)
    return tour


def run_classic(box: Sandbox, print_line: PrintLine) -> Tour:
    """Run the tour of the classic contract, with a bearer token as its document says."""
    print_line(f"\nCLASSIC contract (2.x), sandbox at {box.url}, with a bearer token")
    with Kalshi(
        contract="classic", bearer_token=box.token, environment=box.url, pace="basic"
    ) as client:
        tour = Tour(client, box, print_line)
        tour.run(classic.CHAPTERS)
    return tour


def find_faults(tours: Sequence[Tour]) -> list[str]:
    """List what failed, was never answered, or was answered beyond the contract."""
    faults = [f"failed: {text}" for tour in tours for text in tour.failures]
    faults += [f"never answered: {name}" for tour in tours for name in tour.not_executed()]
    for tour in tours:
        for where, count in tour.client.drift().items():
            faults.append(f"beyond the contract: {' '.join(where)}, {count} times")
    return faults


def main() -> int:
    """Run the demo."""
    began = time.monotonic()
    print("kalshi-ext demo: sandbox exchanges on loopback, NOT the exchange; no real money moves.")
    tours = run_tours(print)
    counts = ", ".join(tour.count() for tour in tours)
    print(f"\noperations run: {counts}; {time.monotonic() - began:.1f} s")
    faults = find_faults(tours)
    for line in faults:
        print(line)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
