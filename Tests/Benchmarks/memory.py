#!/usr/bin/env python3
"""Whether a worker grows: 1,000,000 requests through it, private memory before and after, all connections closed.

Kept-alive and fresh connections, small and large answers and uploads take turns, over 1,000 rules.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

from harness import frame, place, processes
from harness.backend import Backend
from harness.load import Load
from harness.memory import Memory, memory
from harness.scenarios import Scenario
from peers import Peer, Running, watched

ALLOWED = 1 << 20
"""Bytes that private memory may differ: pages of a heap that move about, one byte for each request."""
SETTLE = 2.0

BASE = Scenario("grow", "Memory over a million requests", rules=1000)
TURNS = [
    BASE,
    replace(BASE, name="grow-fresh", fresh=True),
    replace(BASE, name="grow-10k", response=10 * 1024),
    replace(BASE, name="grow-upload", upload=16 * 1024),
]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edge", type=Path, default=place.DEFAULT_EDGE, help="the edge's program")
    parser.add_argument("--peer", default="kontainers", help="the proxy to watch")
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--turn", type=int, default=5, help="seconds of each kind of load")
    parser.add_argument("--limit", type=int, default=1800, help="seconds after which the run ends as failed")
    return parser.parse_args()


def turn(load: Load, seconds: int, core: int) -> int:
    outcome = load.run(seconds, core)
    if outcome.wrong or outcome.requests == 0:
        raise processes.StartFailure(f"{outcome.wrong} of {outcome.requests} requests were answered wrongly")
    return outcome.requests


def settled(proxy: Running) -> Memory:
    time.sleep(SETTLE)
    proxy.child.check()
    return memory(proxy.pids)


def watch(options: argparse.Namespace, peer: Peer, fleet: processes.Fleet, scratch: place.Scratch) -> int:
    cores = place.Cores.choose()
    backend = Backend.start(fleet, scratch, cores.load)
    kinds = [replace(kind, tls=options.tls) for kind in TURNS]
    proxy = peer.start(fleet, scratch, kinds[0], backend.port, cores.proxy)
    loads = [Load(kind, proxy.port, scratch.folder("work")) for kind in kinds]
    # One turn of everything fills pools, buffers and tables; what comes after must not add to them.
    warm = sum(turn(load, options.turn, cores.load) for load in loads)
    before = settled(proxy)
    print(f"{warm:>10,} requests of warm-up: private {before.private / 1024:,.0f} KiB,"
          f" resident {before.resident / 1024:,.0f} KiB", flush=True)
    done, at, deadline = 0, 0, time.monotonic() + options.limit
    after = before
    while done < options.requests:
        if time.monotonic() > deadline:
            raise processes.StartFailure(f"{done:,} requests in {options.limit} s, wanted {options.requests:,}")
        done += turn(loads[at % len(loads)], options.turn, cores.load)
        at += 1
        if at % len(loads) == 0 or done >= options.requests:
            after = settled(proxy)
            print(f"{done:>10,} requests: private {after.private / 1024:,.0f} KiB,"
                  f" resident {after.resident / 1024:,.0f} KiB", flush=True)
    grown = after.private - before.private
    within = grown <= ALLOWED
    print(f"{'ok' if within else 'GROWN'}: {grown / 1024:+,.0f} KiB private memory over {done:,} requests,"
          f" at most {ALLOWED // 1024:,} KiB")
    return 0 if within else 1


def main() -> int:
    options = arguments()
    peer = watched(options.peer, options.edge)
    return frame.run(lambda fleet, scratch: watch(options, peer, fleet, scratch), certificate=True)


if __name__ == "__main__":
    sys.exit(main())
