#!/usr/bin/env python3
"""Tests of the benchmark's own arithmetic: what it reads from its tools, and how it judges.

    python3 Tests/Benchmarks/selftest.py
"""

from __future__ import annotations

import contextlib
import io
import os
import socket
import threading
import time
import unittest

import bench
import deploy
from harness import callgrind, counters, deploys, link, load, memory, place, report, sampling, scenarios, steady
from harness.measure import Found
from harness.witness import Outcome, Witness, compile_program
from peers import KINDS, Peer, choose


def judge(*arguments) -> int:
    with contextlib.redirect_stdout(io.StringIO()):
        return bench.judge(*arguments)


def found(name: str, **numbers: float) -> Found:
    one = Found(choose([name])[0])
    one.rounds.append({"wrong": 0.0, "requests": 1000.0, **numbers})
    return one


class Tools(unittest.TestCase):
    def test_perf_counts(self) -> None:
        text = (
            "# started on Mon\n\n14000,,instructions:u,1000,100.00,0.5,insn per cycle\n"
            "<not supported>,,cycles:u,0,100.00,,\n<not counted>,,cycles:k,0,0.00,,\n"
            "25,,raw_syscalls:sys_enter,9,100.00,,\n")
        self.assertEqual(counters.parse_perf(text), {"instructions:u": 14000.0, "raw_syscalls:sys_enter": 25.0})

    def test_costs_become_cycles_only_when_both_parts_were_counted(self) -> None:
        counts = {"instructions:u": 300.0, "instructions:k": 400.0, "cycles:u": 100.0, "cycles:k": 200.0}
        self.assertEqual(
            counters.per_request(1000, counts, 10),
            {
                "cpu_ns": 100, "user_instructions": 30, "kernel_instructions": 40, "user_cycles": 10,
                "kernel_cycles": 20, "cycles": 30,
            })
        self.assertEqual(counters.per_request(1000, {"cycles:u": 100.0}, 10), {"cpu_ns": 100, "user_cycles": 10})

    def test_strace_total(self) -> None:
        text = "% time     seconds  usecs/call     calls    errors syscall\n" \
            " 60.00    0.001         1       900           recvfrom\n" \
            "100.00    0.002         1      1234        12 total\n"
        self.assertEqual(counters.parse_strace(text), 1234)
        self.assertEqual(counters.parse_strace("nothing"), 0)

    def test_samples_by_half_of_the_address_space(self) -> None:
        self.assertEqual(sampling.count_modes(" ffffffff81000000\n 7f00aa\n 5555\nnoise!\n"), (1, 3))

    def test_wrk_report(self) -> None:
        line = 'REPORT {"requests": 20, "microseconds": 2000000, "bytes": 9, "p50": 1, "p99": 2.5, '
        line += '"failed": 1, "refused": 2}'
        outcome = load.parse(f"Running\n{line}\n")
        self.assertEqual((outcome.rate, outcome.wrong, outcome.p99), (10.0, 3, 2.5))

    def test_callgrind_costs_leave_callees_out(self) -> None:
        text = "fn=(1) outer\n10 100\ncfn=(2) inner\ncalls=3 0\n11 5000\n+2 20\nfn=(2)\n* 5000\ntotals: 5120\n"
        self.assertEqual(callgrind.self_costs(text), {"outer": 120, "inner": 5000})

    def test_callgrind_costs_with_callees_and_calls(self) -> None:
        text = "fn=(1) outer\n10 100\ncfn=(2) inner\ncalls=3 0\n11 5000\n+2 20\nfn=(2)\n* 5000\ntotals: 5120\n"
        self.assertEqual(callgrind.inclusive_cost(text, "inner"), (5000, 3))
        self.assertEqual(callgrind.inclusive_cost(text, "outer"), (5120, 0))


class Framing(unittest.TestCase):
    def test_any_cut_gives_the_same_messages(self) -> None:
        messages = [link.welcome(), link.delta("e", 4, [{"name": "r"}], [])]
        stream = b"".join(link.encode(message) for message in messages)
        for cut in range(len(stream) + 1):
            reader, got = link.FrameReader(), []
            for part in (stream[:cut], stream[cut:]):
                reader.append(part)
                while (message := reader.next()) is not None:
                    got.append(message)
            self.assertEqual(got, messages, f"cut at {cut}")

    def test_the_version_is_the_one_that_the_edge_speaks(self) -> None:
        source = (place.REPOSITORY / "Sources/Contract/Link.swift").read_text()
        self.assertIn(f"static let current = {link.VERSION}\n", source)

    def test_a_frame_beyond_the_limit_is_refused(self) -> None:
        reader = link.FrameReader()
        reader.append((link.PAYLOAD_LIMIT + 1).to_bytes(4, "big"))
        with self.assertRaises(link.LinkFailure):
            reader.next()


class Judging(unittest.TestCase):
    def test_the_best_peer_is_another_product_without_its_log(self) -> None:
        rows = [
            found("kontainers", cpu_ns=1.0), found("nginx", cpu_ns=20.0), found("envoy", cpu_ns=40.0),
            found("haproxy28+log", cpu_ns=5.0),
        ]
        self.assertEqual(report.best_peer(rows, "cpu_ns"), 20.0)
        _, table = report.rows(scenarios.SCENARIOS[0], rows)
        self.assertEqual([row[1] for row in table], ["0.05", "1.00", "2.00", "0.25"])

    def test_cycles_are_compared_only_when_all_have_them(self) -> None:
        both = [found("kontainers", cycles=1.0, cpu_ns=1.0), found("nginx", cycles=1.0, cpu_ns=1.0)]
        self.assertEqual(report.cost_key(both), "cycles")
        self.assertEqual(report.cost_key([*both, found("envoy", cpu_ns=1.0)]), "cpu_ns")

    def test_a_peer_that_failed_is_shown(self) -> None:
        failed = Found(choose(["caddy"])[0], failure="did not start")
        _, table = report.rows(scenarios.SCENARIOS[0], [failed, found("nginx", cpu_ns=1.0)])
        self.assertEqual(table[0][:2], ["caddy", "failed"])

    def test_budgets_at_and_over(self) -> None:
        at = found("kontainers", user_instructions=15_000.0, system_calls=4.2)
        self.assertEqual(judge([at], 15_000, 4.2), 0)
        for over in ({"user_instructions": 15_000.1, "system_calls": 4.0},
                     {"user_instructions": 1.0, "system_calls": 4.21}, {"wrong": 1.0}):
            self.assertEqual(judge([found("kontainers", **over)], 15_000, 4.2), 1, str(over))
        self.assertEqual(judge([Found(choose(["kontainers"])[0], failure="no")], 15_000, 4.2), 1)
        self.assertEqual(judge([found("kontainers")], 15_000, 4.2), 0, "what cannot be measured is said, not failed")


def row(name: str, in_flight: int = 0, **numbers: int) -> deploy.Row:
    found = deploy.Row(next(one for one in deploys.DEPLOYS if one.name == name), "kontainers", in_flight=in_flight)
    found.outcomes = {"kept": Outcome(sent=100, ok=90), "fresh": Outcome(sent=100, ok=100, **numbers)}
    return found


class Deploying(unittest.TestCase):
    def test_what_is_lost_and_what_nobody_can_keep(self) -> None:
        self.assertTrue(row("compose").is_lossless)
        self.assertFalse(row("compose", lost=1).is_lossless)
        self.assertFalse(row("compose", lost_posts=1).is_lossless)
        # A POST in flight on what was killed is lost with it; what may be sent again is not, and nothing beyond.
        self.assertTrue(row("killed", in_flight=2, lost_posts=2).is_lossless)
        self.assertFalse(row("killed", in_flight=2, lost_posts=3).is_lossless)
        self.assertFalse(row("killed", in_flight=2, lost=1).is_lossless)

    def test_loads_are_added_and_the_worst_wait_counts(self) -> None:
        both = Outcome(ok=1, statuses={"502": 1}, p99=5, gap=1) + Outcome(ok=2, statuses={"502": 2, "404": 1}, p99=3)
        self.assertEqual((both.ok, both.statuses, both.p99, both.gap), (3, {"502": 3, "404": 1}, 5, 1))

    def test_names_are_unique(self) -> None:
        self.assertEqual(len({one.name for one in deploys.DEPLOYS}), len(deploys.DEPLOYS))
        self.assertTrue(set(deploy.SHORT) <= {one.name for one in deploys.DEPLOYS})


def answer_in_every_way(server: socket.socket, ways: list[bytes]) -> None:
    for way in ways:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(way)
            if way == b"":  # with what was received read, closing is an end; this makes it a reset
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def answer_with_a_pause(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        received, count = b"", 0
        while data := connection.recv(65536):
            received += data
            while (end := received.find(b"\r\n\r\n")) >= 0:
                received, count = received[end + 4:], count + 1
                if count == 100:
                    time.sleep(0.2)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


class Here(unittest.TestCase):
    def test_own_memory_and_time(self) -> None:
        self.assertGreater(memory.memory([os.getpid()]).private, 1 << 20)
        before = counters.cpu_time([os.getpid()])
        sum(range(100_000))
        self.assertGreater(counters.cpu_time([os.getpid()]), before)

    def test_ports_are_free_and_differ(self) -> None:
        ports = {place.free_port() for _ in range(20)}
        self.assertEqual(len(ports), 20)

    def test_variants(self) -> None:
        self.assertTrue(choose(["kontainers"])[0].log)
        self.assertFalse(choose(["kontainers+quiet"])[0].log)
        self.assertEqual(choose(["nginx+log"])[0].label, "nginx+log")
        for wrong in ("nginx+rules", "kontainers+log", "apache"):
            with self.assertRaises(SystemExit):
                choose([wrong])

    def test_load_at_a_constant_rate_counts_from_when_it_was_due(self) -> None:
        """A server that rests for 200 ms in the middle makes all that is due meanwhile late."""
        with socket.create_server(("127.0.0.1", 0)) as server, contextlib.ExitStack() as after:
            thread = threading.Thread(target=answer_with_a_pause, args=(server,), daemon=True)
            thread.start()
            scratch = place.Scratch()
            after.callback(scratch.remove)
            scenario = scenarios.Scenario("one", "one", connections=1)
            found = steady.run(steady.build(scratch), scenario, server.getsockname()[1], 200, 1, core=None)
        self.assertEqual((found.requests, found.wrong), (200, 0))
        self.assertGreater(found.longest, 190_000)
        # A fifth of the second's requests were due in the pause: the tenth that is latest is far from the median.
        self.assertGreater(found.p99, 150_000)
        self.assertLess(found.p50, 50_000)

    def test_a_witness_tells_outcomes_apart(self) -> None:
        """One request each: the upstream's answer, another's with 200, an error, half a head, a reset."""
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
        ways = [
            head + b"X-Upstream: a\r\n\r\nok", head + b"\r\nok",
            b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", head, b"",
        ]
        with socket.create_server(("127.0.0.1", 0)) as server, contextlib.ExitStack() as after:
            threading.Thread(target=answer_in_every_way, args=(server, ways), daemon=True).start()
            scratch = place.Scratch()
            after.callback(scratch.remove)
            program = compile_program("witness.c", scratch)
            witness = Witness(program, server.getsockname()[1], "a.test", 50, "fresh", post_every=5, seconds=0.1)
            found = witness.outcome()
        self.assertEqual((found.sent, found.ok, found.lost, found.lost_posts), (5, 1, 3, 1))
        self.assertEqual((found.statuses, found.resets, found.refused), ({"200": 1, "502": 1}, 2, 0))
        self.assertEqual(found.upstreams, {"a": 1})

    def test_a_witness_of_nobody_counts_refusals(self) -> None:
        with contextlib.ExitStack() as after:
            scratch = place.Scratch()
            after.callback(scratch.remove)
            program = compile_program("witness.c", scratch)
            found = Witness(program, place.free_port(), "a.test", 50, "kept", post_every=0, seconds=0.1).outcome()
        self.assertEqual((found.ok, found.refused, found.lost), (0, 5, 5))

    def test_names_are_unique(self) -> None:
        self.assertEqual(len({kind.name for kind in KINDS}), len(KINDS))
        self.assertEqual(len({one.name for one in scenarios.SCENARIOS}), len(scenarios.SCENARIOS))
        self.assertTrue(all(issubclass(kind, Peer) for kind in KINDS))


if __name__ == "__main__":
    unittest.main()
