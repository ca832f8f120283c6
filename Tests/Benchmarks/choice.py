#!/usr/bin/env python3
"""What does choosing an endpoint cost? User instructions of the choice itself, and of all that a request in a pool with
a plan has more than one in a pool without, by policy, for a small pool and a large one. Counted inside valgrind.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from harness import callgrind, frame, place, probe, processes
from harness.backend import Backend
from harness.load import Load
from harness.scenarios import SINGLE_HOST, Scenario

POLICIES = ["round-robin", "random", "least-connections", "two-choices", "least-time", "hash"]
CHOICE = "9Balancing4PoolV4next"
"""`Pool.next` as the compiler names it."""
BUDGETS = {3: 300, 1000: 600}
"""Instructions of a choice, by the number of endpoints."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edge", type=Path, default=place.DEFAULT_EDGE, help="the edge's program")
    parser.add_argument("--policies", default=",".join(POLICIES))
    parser.add_argument("--sizes", default="3,1000", help="endpoints of the pool")
    parser.add_argument("--seconds", type=int, default=5, help="of load for each count, after as many to warm up")
    return parser.parse_args()


def snapshot(port: int, backend: int, size: int, pool: dict[str, Any] | None) -> dict[str, Any]:
    """One rule. Its endpoints are addresses of the loopback network, all of them one backend's."""
    endpoints = [{"address": f"127.1.{number // 250}.{number % 250 + 1}:{backend}"} for number in range(size)]
    return {
        "revision": 1, "settings": {"accessLog": {"output": "/dev/null"}}, "certificates": [],
        "listeners": [{"name": "web", "address": f"{place.LOOPBACK}:{port}", "protocol": "http"}],
        "rules": [{
            "name": "pool", "hosts": [SINGLE_HOST], "path": "/", "endpoints": endpoints,
            **({"pool": pool} if pool else {}),
        }],
    }


def counted(
    policy: str | None, size: int, options: argparse.Namespace, backend: Backend, fleet: processes.Fleet,
    scratch: place.Scratch, cores: place.Cores,
) -> tuple[float, float]:
    """Instructions of a request, and of its choice."""
    folder = scratch.folder(f"{policy}-{size}")
    port, path = place.free_port(), folder / "snapshot.json"
    path.write_text(json.dumps(snapshot(port, backend.port, size, {"policy": policy} if policy else None)))
    program = callgrind.stripped(options.edge, folder)
    # Valgrind takes its orders over pipes that only the user who started it may open.
    edge = fleet.start(
        f"edge-{policy}-{size}",
        [*callgrind.prefix(folder), str(program), "--snapshot", str(path), "--workers", "1", "--user", "root"],
        cores.proxy, folder)
    probe.wait_for_answer(edge, port, SINGLE_HOST, "/", 128, tls=False)
    load = Load(Scenario("choice", "", connections=64), port, folder)
    load.run(options.seconds, cores.load)
    total, requests, text = callgrind.dumped(edge.pid, folder, load, options.seconds, cores.load)
    fleet.stop(edge)
    cost, calls = callgrind.inclusive_cost(text, CHOICE)
    return total / requests, cost / max(calls, 1)


def measure(options: argparse.Namespace, fleet: processes.Fleet, scratch: place.Scratch) -> int:
    if not callgrind.available():
        print("NOT MEASURED: there is no valgrind")
        return 0
    probe.descriptor_limit()
    cores, is_within = place.Cores.choose(), True
    backend = Backend.start(fleet, scratch, cores.load, address="0.0.0.0")
    print(f"{'policy':18} {'endpoints':>9} {'choice':>8} {'request':>9} {'more than without a plan':>25}")
    for size in map(int, options.sizes.split(",")):
        plain, _ = counted(None, size, options, backend, fleet, scratch, cores)
        print(f"{'(no plan)':18} {size:9} {'':8} {plain:9,.0f}", flush=True)
        for policy in options.policies.split(","):
            request, choice = counted(policy, size, options, backend, fleet, scratch, cores)
            is_within = is_within and choice <= BUDGETS.get(size, max(BUDGETS.values()))
            print(f"{policy:18} {size:9} {choice:8,.0f} {request:9,.0f} {request - plain:25,.0f}", flush=True)
    print("ok" if is_within else f"OVER BUDGET: a choice takes at most {BUDGETS}")
    return 0 if is_within else 1


def main() -> int:
    options = arguments()
    options.edge = frame.program(options.edge)
    return frame.run(lambda fleet, scratch: measure(options, fleet, scratch))


if __name__ == "__main__":
    sys.exit(main())
