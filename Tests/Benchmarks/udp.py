#!/usr/bin/env python3
"""What does a datagram cost the proxy? CPU time by datagram, each proxy on one core with one worker: questions of DNS's
size from a thousand clients with their answers, and datagrams of 1,200 bytes that go one way; beside nginx's `stream`
and Envoy's `udp_proxy`, in one run.

<<<<<<< HEAD
Questions come in two ways: each client has one under way at all times, which is judged; and at a rate well below what
the proxies can do, where what counts is that none of ours is lost. The slower they come, the more of the time is what it
costs to wake whoever waits for a datagram, which is the same for all.
=======
Questions come in two ways: a number of them is under way at all times, from one client after the other, which is
judged; and at a rate well below what the proxies can do, where what counts is that none of ours is lost. The slower
they come, the more of the time is what it costs to wake whoever waits for a datagram, which is the same for all.
>>>>>>> 14c0e21 (udp: a session's answer is asked for with the plainest call, and endpoints that pour with the one for many)
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness import counters, frame, place, processes
from harness.witness import compile_program

TYPES = "type.googleapis.com/envoy.extensions"
NGINX = """\
load_module {module};
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.error.log warn;
worker_rlimit_nofile 65536;
events {{ worker_connections 8192; }}
stream {{
    access_log off;
    server {{ listen 127.0.0.1:{port} udp; proxy_timeout 60s; proxy_pass 127.0.0.1:{backend}; }}
}}
"""


@dataclass(frozen=True)
class Load:
    title: str
    backend: str
    words: list[str]
    """Behind host and port: clients, rate, seconds, bytes."""
    budget: float | None
    """The most that our time may be of the best other's."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edge", type=Path, default=place.DEFAULT_EDGE, help="the edge's program")
    parser.add_argument("--proxies", default="kontainers,nginx,envoy")
    parser.add_argument("--clients", type=int, default=1_000)
    parser.add_argument("--asked", type=int, default=200, help="questions under way at a time")
    parser.add_argument("--rate", type=int, default=20_000, help="questions a second")
    parser.add_argument("--bulk", type=int, default=40_000, help="datagrams of 1,200 bytes a second")
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts")
    return parser.parse_args()


def kontainers(folder: Path, port: int, backend: int, options: argparse.Namespace) -> list[str]:
    path = folder / "snapshot.json"
    path.write_text(json.dumps({
        "revision": 1, "settings": {"accessLog": {"output": "off"}},
        "listeners": [{"name": "dns", "address": f"127.0.0.1:{port}", "protocol": "udp"}],
        "rules": [{
            "name": "names", "kind": "udp", "listeners": ["dns"],
            "endpoints": [{"address": f"127.0.0.1:{backend}"}],
        }],
    }))
    return [str(options.edge), "--snapshot", str(path), "--workers", "1"]


def nginx(folder: Path, port: int, backend: int, options: argparse.Namespace) -> list[str]:
    modules = sorted(Path("/usr/lib/nginx/modules").glob("ngx_stream_module.so"))
    if not modules:
        raise processes.StartFailure("nginx has no stream module; install libnginx-mod-stream")
    path = folder / "nginx.conf"
    path.write_text(NGINX.format(module=modules[0], folder=folder, port=port, backend=backend))
    return ["nginx", "-c", str(path), "-p", str(folder)]


def envoy(folder: Path, port: int, backend: int, options: argparse.Namespace) -> list[str]:
    found = sorted(place.PEER_ENVIRONMENT.glob("lib/python*/site-packages/envoy/_bin/envoy"))
    if not found:
        raise processes.StartFailure(f"no Envoy in {place.PEER_ENVIRONMENT}; run Tests/Benchmarks/install.sh")

    def address(number: int) -> dict[str, object]:
        return {"socket_address": {"protocol": "UDP", "address": "127.0.0.1", "port_value": number}}

    proxy = {
        "@type": f"{TYPES}.filters.udp.udp_proxy.v3.UdpProxyConfig", "stat_prefix": "names",
        "matcher": {"on_no_match": {"action": {"name": "route", "typed_config": {
            "@type": f"{TYPES}.filters.udp.udp_proxy.v3.Route", "cluster": "names"}}}},
    }
    path = folder / "envoy.json"
    path.write_text(json.dumps({"static_resources": {
        "listeners": [{
            "name": "dns", "address": address(port), "udp_listener_config": {},
            "listener_filters": [{"name": "udp", "typed_config": proxy}],
        }],
        "clusters": [{
            "name": "names", "type": "STATIC",
            "circuit_breakers": {"thresholds": [{"max_connections": 100_000}]},
            "load_assignment": {
                "cluster_name": "names",
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(backend)}}]}],
            },
        }],
    }}))
    return [str(found[0]), "-c", str(path), "--concurrency", "1", "--disable-hot-restart", "-l", "error"]


PROXIES: dict[str, Callable[[Path, int, int, argparse.Namespace], list[str]]] = {
    "kontainers": kontainers, "nginx": nginx, "envoy": envoy,
}


@dataclass(frozen=True)
class Found:
    """Of one measurement."""

    microseconds: float
    """CPU time of the proxy by datagram that it passed on."""
    lost: float
    """Of those that were sent, in percent."""
    detail: str


def measure(name: str, load: Load, program: Path, options: argparse.Namespace, scratch: place.Scratch) -> Found:
    cores = place.Cores.choose()
    folder = scratch.folder(f"{name}-{load.backend}")
    port, backend = place.free_port(), place.free_port()
    with processes.Fleet() as fleet:
        sink = fleet.start("backend", [str(program), load.backend, str(backend)], cores.load, folder)
        proxy = fleet.start(name, PROXIES[name](folder, port, backend, options), cores.proxy, folder)
        words = [str(program), load.words[0], "127.0.0.1", str(port)]
        # Until it serves, and every client has a session.
        warm = [load.words[1], "2000", "1", load.words[4]]
        first = [*words[:1], "ask" if load.backend == "echo" else "pour", *words[2:]]

        def serves() -> bool:
            done = processes.run([*first[:4], "1", "20", "0.2", load.words[4]], timeout=20, core=cores.load)
            return load.backend == "sink" or not done.stdout.split()[3] == "0"

        processes.wait_until("an answer", proxy, serves, timeout=20)
        processes.run([*words, *warm], timeout=30, core=cores.load)
        before = counters.cpu_time([proxy.pid])
        done = processes.run([*words, *load.words[1:]], timeout=120, core=cores.load)
        spent = counters.cpu_time([proxy.pid]) - before
        told = {word: float(value) for word, value in re.findall(r"(\w+) ([\d.]+)", done.stdout)}
        sent = told["sent"]
        if load.backend == "echo":
            passed = told["answered"]
            rate = passed / float(load.words[3])
            return Found(
                spent / 1e3 / (passed * 2), 100 * (1 - passed / sent),
                f"{rate:,.0f} answers a second, p99 {told['p99_us'] / 1e3:.0f} ms")
        fleet.stop(proxy)
        sink.stop()
        passed = float(re.findall(r"datagrams (\d+)", sink.output.read_text())[0])
        warmed = float(warm[1]) * float(warm[2])
        passed = min(sent, max(0.0, passed - warmed))
        return Found(spent / 1e3 / max(passed, 1), 100 * (1 - passed / sent), "")


def compare(options: argparse.Namespace, scratch: place.Scratch) -> int:
    seconds = str(options.seconds)
    loads = [
<<<<<<< HEAD
        Load(f"{options.clients:,} clients ask 40 bytes", "echo",
             ["ask", str(options.clients), "0", seconds, "40"], 0.70),
=======
        Load(f"{options.clients:,} clients, {options.asked} questions", "echo",
             ["ask", str(options.clients), str(-options.asked), seconds, "40"], 0.70),
>>>>>>> 14c0e21 (udp: a session's answer is asked for with the plainest call, and endpoints that pour with the one for many)
        Load(f"the same, {options.rate:,} a second", "echo",
             ["ask", str(options.clients), str(options.rate), seconds, "40"], None),
        Load("8 clients pour 1,200 bytes", "sink", ["pour", "8", str(options.bulk), seconds, "1200"], 0.80),
    ]
    over = False
    program = compile_program("datagrams.c", scratch)
    names = options.proxies.split(",")
    for load in loads:
        print(f"{load.title:34} {'CPU us by datagram':>20} {'lost %':>8}")
        results: dict[str, list[Found]] = {name: [] for name in names}
        for _ in range(options.rounds):
            for name in names:
                results[name].append(measure(name, load, program, options, scratch))
        medians = {name: statistics.median(one.microseconds for one in found) for name, found in results.items()}
        for name, found in results.items():
            lost = max(one.lost for one in found)
            print(f"  {name:32} {medians[name]:20.2f} {lost:8.3f}   {found[-1].detail}")
        others = [value for name, value in medians.items() if name != "kontainers"]
        if "kontainers" in medians and others:
            ratio = medians["kontainers"] / min(others)
            over = over or load.budget is not None and ratio > load.budget
            wanted = "" if load.budget is None else f", wanted {load.budget:.2f} at most"
            print(f"  beside the best of them: {ratio:.2f}{wanted}")
            if any(one.lost > 0 for one in results["kontainers"]) and load.backend == "echo":
                print("  ours lost some")
    return 1 if over else 0


def main() -> int:
    options = arguments()
    options.edge = frame.program(options.edge)
    return frame.run(lambda fleet, scratch: compare(options, scratch))


if __name__ == "__main__":
    sys.exit(main())
