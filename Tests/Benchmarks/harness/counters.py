"""What requests cost a proxy: hardware counters and system calls (perf), and CPU time (the kernel's own clocks)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from functools import cache
from pathlib import Path

from .processes import StartFailure, prepare

HARDWARE = ["instructions:u", "instructions:k", "cycles:u", "cycles:k"]
SYSTEM_CALLS = "raw_syscalls:sys_enter"


def parse_perf(text: str) -> dict[str, float]:
    """Counts by event from `perf stat -x,`; events that were not counted are absent.

    A line is `value,unit,event,time running,percentage,…`, where the value may be `<not supported>`.
    Events that shared a counter were scaled by perf already.
    """
    counts: dict[str, float] = {}
    for line in text.splitlines():
        fields = line.split(",")
        if line.startswith("#") or len(fields) < 3:
            continue
        try:
            counts[fields[2]] = float(fields[0])
        except ValueError:
            continue
    return counts


class Perf:
    """`perf stat` on running processes, over exactly the time between `start` and `stop`.

    perf attaches with its counters off and is told over a pair of pipes when to count, so its own start-up is not in
    the window.
    """

    def __init__(self, pids: list[int], events: list[str], folder: Path) -> None:
        self._output = folder / f"perf.{os.getpid()}.{time.monotonic_ns()}"
        self._argv = [
            "perf", "stat", "-x,", "-D", "-1", "-o", str(self._output),
            "-e", ",".join(events), "-p", ",".join(map(str, pids)),
        ]

    def start(self) -> None:
        order_read, self._order = os.pipe()
        self._done, done_write = os.pipe()
        control = f"fd:{order_read},{done_write}"
        self._process = subprocess.Popen(
            self._argv + ["--control", control], pass_fds=(order_read, done_write), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=prepare(None))
        os.close(order_read)
        os.close(done_write)
        self._say("enable")

    def stop(self) -> dict[str, float]:
        try:
            self._say("disable")
        finally:
            self._end()
        text = self._output.read_text()
        self._output.unlink()
        return parse_perf(text)

    def _say(self, word: str) -> None:
        try:
            os.write(self._order, f"{word}\n".encode())
            answer = os.read(self._done, 64)
        except OSError as failure:
            answer = str(failure).encode()
        if not answer.startswith(b"ack"):
            self._end()
            raise StartFailure(f"perf does not count: {self._words}")

    def _end(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            _, self._words = self._process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            _, self._words = self._process.communicate()
        for descriptor in (self._order, self._done):
            try:
                os.close(descriptor)
            except OSError:
                pass


@cache
def _counted(events: tuple[str, ...]) -> bool:
    """Whether perf can count all these events on a process of ours."""
    if shutil.which("perf") is None:
        return False
    done = subprocess.run(
        ["perf", "stat", "-x,", "-e", ",".join(events), "--", "true"], capture_output=True, text=True, timeout=20)
    return done.returncode == 0 and set(events) <= set(parse_perf(done.stderr))


def hardware_counters() -> bool:
    return _counted(tuple(HARDWARE))


def system_call_method() -> str | None:
    if _counted((SYSTEM_CALLS,)):
        return "perf"
    return "strace" if shutil.which("strace") else None


def cpu_time(pids: list[int]) -> int:
    """CPU time of these processes with all their threads, in nanoseconds, exact."""
    # The clock of another process (clock_getcpuclockid): its id inverted, shifted, marked as scheduler time.
    return sum(time.clock_gettime_ns((~pid << 3) | 2) for pid in pids)


def per_request(cpu: int, counts: dict[str, float], requests: int) -> dict[str, float]:
    """Counts of a window by their names in the report, divided by its requests."""
    costs: dict[str, float] = {"cpu_ns": cpu}
    for event, name in zip(HARDWARE, ["user_instructions", "kernel_instructions", "user_cycles", "kernel_cycles"]):
        if event in counts:
            costs[name] = counts[event]
    if "user_cycles" in costs and "kernel_cycles" in costs:
        costs["cycles"] = costs["user_cycles"] + costs["kernel_cycles"]
    return {name: value / max(requests, 1) for name, value in costs.items()}


class Costs:
    """Counts over a window: hardware counters where the machine has them, CPU time everywhere."""

    def __init__(self, pids: list[int], folder: Path) -> None:
        self._pids = pids
        self._perf = Perf(pids, HARDWARE, folder) if hardware_counters() else None

    def start(self) -> None:
        if self._perf:
            self._perf.start()
        self._before = cpu_time(self._pids)

    def stop(self, requests: int) -> dict[str, float]:
        """Costs per request, given the requests of the window."""
        spent = cpu_time(self._pids) - self._before
        return per_request(spent, self._perf.stop() if self._perf else {}, requests)


class SystemCalls:
    """System calls of a set of processes over a window, by perf's tracepoint or by strace."""

    def __init__(self, pids: list[int], folder: Path) -> None:
        self._pids = pids
        self._folder = folder
        self.method = system_call_method()

    def start(self) -> None:
        if self.method == "perf":
            self._perf = Perf(self._pids, [SYSTEM_CALLS], self._folder)
            self._perf.start()
        elif self.method == "strace":
            self._output = self._folder / "strace"
            argv = ["strace", "-f", "-c", "-qq", "-o", str(self._output)]
            for pid in self._pids:
                argv += ["-p", str(pid)]
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                preexec_fn=prepare(None))
            time.sleep(0.5)

    def stop(self, requests: int) -> float | None:
        """System calls per request, or nothing when no tool could count them."""
        if self.method == "perf":
            found = self._perf.stop().get(SYSTEM_CALLS)
            return None if found is None else found / max(requests, 1)
        if self.method == "strace":
            self._process.send_signal(signal.SIGINT)
            self._process.wait(10)
            return parse_strace(self._output.read_text()) / max(requests, 1)
        return None


def parse_strace(text: str) -> int:
    """The total of `strace -c`: `100.00  seconds  usecs/call  calls  [errors]  total`."""
    for line in text.splitlines():
        fields = line.split()
        if fields and fields[-1] == "total":
            return int(fields[3])
    return 0
