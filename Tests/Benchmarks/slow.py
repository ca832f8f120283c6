#!/usr/bin/env python3
"""What does one slow endpoint of three cost the others' clients? By policy: the latency of the pool while all three are
well, and from a second after one begins to take ten times as long; and how many requests it gets in that second and
later.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from harness import frame, place, probe, processes
from harness.witness import Outcome, Witness, compile_program

POLICIES = ["round-robin", "least-connections", "two-choices", "least-time"]
JUDGED = "least-time"
BUDGET = 1.5
HOST = "slow.test"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edge", type=Path, default=place.DEFAULT_EDGE, help="the edge's program")
    parser.add_argument("--policies", default=",".join(POLICIES))
    parser.add_argument("--rate", type=float, default=1000, help="requests a second")
    parser.add_argument("--seconds", type=float, default=8, help="of each measurement")
    parser.add_argument("--work", type=int, default=20, help="milliseconds that a response takes while all are well")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--budget", type=float, default=BUDGET, help=f"the most that p99 of {JUDGED} may grow by")
    return parser.parse_args()


def start(
    policy: str, options: argparse.Namespace, app: Path, fleet: processes.Fleet, scratch: place.Scratch
) -> tuple[processes.Child, list[processes.Child], int]:
    """The edge, its three endpoints, and the edge's port."""
    folder = scratch.folder(policy)
    port, endpoints, apps = place.free_port(), [], []
    for number in range(3):
        endpoints.append(place.free_port())
        environment = {"NAME": f"app{number}", "PORT": str(endpoints[-1]), "WORK_MS": str(options.work)}
        apps.append(fleet.start(f"app{number}", [str(app)], None, folder, environment))
    path = folder / "snapshot.json"
    path.write_text(json.dumps({
        "revision": 1, "settings": {"accessLog": {"output": "/dev/null"}}, "certificates": [],
        "listeners": [{"name": "web", "address": f"127.0.0.1:{port}", "protocol": "http"}],
        "rules": [{
            "name": "slow", "hosts": [HOST], "path": "/", "pool": {"policy": policy},
            "endpoints": [{"address": f"127.0.0.1:{one}"} for one in endpoints],
        }],
    }))
    edge = fleet.start(
        f"edge-{policy}", [str(options.edge), "--snapshot", str(path), "--workers", str(options.workers)], None, folder)
    processes.wait_until(
        "an answer", edge, lambda: probe.upstream(port, HOST).startswith("app"), timeout=20)
    return edge, apps, port


def measure(options: argparse.Namespace, fleet: processes.Fleet, scratch: place.Scratch) -> int:
    probe.descriptor_limit()
    app, load = compile_program("app.c", scratch, "-static"), compile_program("witness.c", scratch)
    worst = 0.0
    print(f"{'policy':18} {'p50 ms':>8} {'p99 ms':>8} {'one slow: p50':>14} {'p99 ms':>8} {'growth':>7} {'share at first':>13}"
          f" {'later':>10}")
    for policy in options.policies.split(","):
        edge, apps, port = start(policy, options, app, fleet, scratch)

        def run(seconds: float) -> Outcome:
            found = Witness(load, port, HOST, options.rate, "kept", post_every=0, seconds=seconds).outcome()
            if found.wrong or not found.ok:
                raise processes.StartFailure(f"{found.wrong} of {found.sent} requests were answered wrongly")
            return found

        run(1)
        well = run(options.seconds)
        apps[0].process.send_signal(signal.SIGUSR1)
        # What it has by then, and gets until its first late answer, is late whatever the policy.
        first = run(1)
        ill = run(options.seconds)
        growth = ill.p99 / well.p99
        at_first, later = (one.upstreams.get("app0", 0) / one.ok * 100 for one in (first, ill))
        print(f"{policy:18} {well.p50 / 1000:8.1f} {well.p99 / 1000:8.1f} {ill.p50 / 1000:14.1f} {ill.p99 / 1000:8.1f}"
              f" {growth:7.2f} {at_first:12.2f}% {later:9.2f}%", flush=True)
        if policy == JUDGED:
            worst = growth
        for child in [edge, *apps]:
            fleet.stop(child)
    if JUDGED not in options.policies:
        return 0
    within = worst <= options.budget
    print(f"{'ok' if within else 'OVER BUDGET'}: with {JUDGED} p99 grows by {worst:.2f}, at most {options.budget:g}")
    return 0 if within else 1


def main() -> int:
    options = arguments()
    options.edge = frame.program(options.edge)
    return frame.run(lambda fleet, scratch: measure(options, fleet, scratch))


if __name__ == "__main__":
    sys.exit(main())
