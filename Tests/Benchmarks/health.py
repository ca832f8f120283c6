#!/usr/bin/env python3
"""What active health checks cost: the edge's CPU with many endpoints checked every few seconds.

The endpoints are addresses of 127.0.0.0/8, all answered by one nginx worker. They are asked over HTTP, on connections
that are kept, unless `--kind` says otherwise: `tcp` makes a connection for each check, which costs the kernel three
times as much, both ends of it in our name. The edge has no other work. With `--appliance` the whole appliance runs, and
what control and the supervisor take is told beside what the edge takes; the budget is for all of them together.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from harness import backend, counters, frame, network, place, probe, processes

BUDGET = 5.0
"""Percent of one core that checks may take, 10,000 endpoints each 5 s."""
PER_RULE = 100
"""Endpoints in one pool."""

CONFIGURATION = """\
daemon off;
master_process off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/nginx.error.log crit;
worker_rlimit_nofile {files};
events {{ worker_connections {connections}; multi_accept on; }}
http {{
    access_log off;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    {scratch}
    server {{
        listen 0.0.0.0:{port} backlog=4096;
        location / {{ return 200 "well\\n"; }}
    }}
}}
"""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edge", type=Path, default=place.DEFAULT_EDGE, help="the edge's program")
    parser.add_argument("--endpoints", type=int, default=10_000)
    parser.add_argument("--interval", type=int, default=5_000, help="milliseconds")
    parser.add_argument("--kind", choices=("http", "tcp", "mixed"), default="http")
    parser.add_argument("--seconds", type=int, default=20, help="of each of three windows")
    parser.add_argument("--appliance", action="store_true", help="edge and control, as an operator starts them")
    parser.add_argument("--machine-network", action="store_true", help="leave the machine's packet filter in")
    return parser.parse_args()


def address(number: int) -> str:
    return f"127.{1 + number // 62_500}.{number // 250 % 250}.{1 + number % 250}"


def snapshot(options: argparse.Namespace, port: int, listener: int) -> dict[str, object]:
    def rule(number: int) -> dict[str, object]:
        kind = options.kind if options.kind != "mixed" else ("http", "tcp")[number % 2]
        first = number * PER_RULE
        return {
            "name": f"r{number}", "hosts": [f"r{number}.test"],
            "endpoints": [
                {"address": f"{address(place)}:{port}"}
                for place in range(first, min(first + PER_RULE, options.endpoints))
            ],
            "pool": {"healthCheck": {"kind": kind, "path": "/health", "interval": options.interval}},
        }

    return {
        "revision": 1, "settings": {"accessLog": {"output": "off"}},
        "listeners": [{"name": "web", "address": f"127.0.0.1:{listener}", "protocol": "http"}],
        "rules": [rule(number) for number in range(-(-options.endpoints // PER_RULE))],
    }


def appliance_file(options: argparse.Namespace, port: int, listener: int, folder: Path) -> Path:
    """The same as a file for `kontainers serve`."""
    state = snapshot(options, port, listener)
    for rule in state["rules"]:
        rule["host"] = rule.pop("hosts")[0]
        rule["endpoints"] = [one["address"] for one in rule["endpoints"]]
        check = rule.pop("pool")["healthCheck"]
        rule["health"] = {"kind": check["kind"], "interval": f"{options.interval}ms"}
        if check["kind"] == "http":
            rule["health"]["path"] = check["path"]
    path = folder / "kontainers.yaml"
    # JSON is YAML, too.
    path.write_text(json.dumps({
        "data": "./data", "workers": 1, "listeners": state["listeners"], "rules": state["rules"],
        "management": {"address": f"127.0.0.1:{place.free_port()}"},
    }))
    return path


def processes_of(pid: int) -> dict[int, str]:
    """A process and its descendants, each by what it is."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    name = "edge" if "edge" in Path(words[0]).name else "control" if "control" in words[1:2] else "supervisor"
    found = {pid: name}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found.update(processes_of(int(child)))
    return found


def measure(options: argparse.Namespace, fleet: processes.Fleet, scratch: place.Scratch) -> int:
    cores = place.Cores.choose()
    folder = scratch.folder("endpoints")
    port, listener = place.free_port(), place.free_port()
    configuration = folder / "nginx.conf"
    limit = probe.descriptor_limit()
    configuration.write_text(CONFIGURATION.format(
        folder=folder, port=port, user=backend.nginx_user(), files=limit, connections=limit - 100,
        scratch=backend.nginx_scratch(folder)))
    server = fleet.start(
        "endpoints", ["nginx", "-e", f"{folder}/start.log", "-c", str(configuration)], cores.load, folder)
    probe.wait_for_answer(server, port, "localhost", "/", 5, tls=False)
    path = scratch.folder("edge") / "snapshot.json"
    path.write_text(json.dumps(snapshot(options, port, listener)))
    if options.appliance:
        path_of_all = appliance_file(options, port, place.free_port(), scratch.folder("appliance"))
        program = frame.program(options.edge).with_name("kontainers")
        edge = fleet.start(
            "appliance", [str(program), "serve", "--config", str(path_of_all)], cores.proxy, path_of_all.parent)
    else:
        edge = fleet.start(
            "edge", [str(frame.program(options.edge)), "--snapshot", str(path), "--workers", "1"]
            + (["--user", "root"] if os.geteuid() == 0 else []), cores.proxy, path.parent)
    idle = fleet.start(
        "idle", [str(frame.program(options.edge)), "--snapshot", str(unchecked(path)), "--workers", "1"],
        cores.proxy, path.parent)
    # Two intervals: every endpoint has been asked, and connections that are kept are there.
    time.sleep(2 * options.interval / 1_000 + 2)
    print(
        f"{options.endpoints:,} endpoints, {options.kind}, each {options.interval / 1_000:g} s:"
        f" {options.endpoints * 1_000 / options.interval:,.0f} checks/s; on cores {cores.proxy} and {cores.load}")
    shares = []
    parts = processes_of(edge.pid)
    for _ in range(3):
        edge.check()
        before = {pid: counters.cpu_time([pid]) for pid in parts}
        start, busy, rest = time.monotonic(), sum(before.values()), counters.cpu_time([idle.pid])
        time.sleep(options.seconds)
        seconds = time.monotonic() - start
        spent = (counters.cpu_time(list(parts)) - busy) / 1e9
        without = (counters.cpu_time([idle.pid]) - rest) / 1e9
        checks = seconds * options.endpoints * 1_000 / options.interval
        shares.append(100 * spent / seconds)
        each = ", ".join(
            f"{name} {(counters.cpu_time([pid]) - before[pid]) / seconds / 1e7:.2f} %" for pid, name in parts.items())
        print(
            f"  {each} of a core, an edge without checks {100 * without / seconds:.2f} %;"
            f" {(spent - without) / checks * 1e6:.1f} µs a check", flush=True)
    if (downs := edge.output.read_text(errors="replace").count(" is down")):
        print(f"FAILED: {downs} endpoints were found down, wanted none; {processes.tail(edge.output, 3)}")
        return 1
    middle = sorted(shares)[1]
    print(f"{'appliance' if options.appliance else 'edge'}: {middle:.2f} % of a core, budget {BUDGET:g} %: {'ok' if middle < BUDGET else 'EXCEEDED'}")
    return 0 if middle < BUDGET else 1


def unchecked(path: Path) -> Path:
    """The same configuration without a check, on another port."""
    state = json.loads(path.read_text())
    state["listeners"][0]["address"] = f"127.0.0.1:{place.free_port()}"
    for rule in state["rules"]:
        rule["pool"] = {}
    other = path.with_name("unchecked.json")
    other.write_text(json.dumps(state))
    return other


def main() -> int:
    options = arguments()
    if not options.machine_network and (reason := network.leave()):
        print(f"in the machine's network: {reason}", file=sys.stderr)
    return frame.run(lambda fleet, scratch: measure(options, fleet, scratch))


if __name__ == "__main__":
    sys.exit(main())
