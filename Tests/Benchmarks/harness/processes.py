"""Processes of a run: each is started by us, pinned, bounded, and ended by its own id whatever happens."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType, TracebackType

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


class StartFailure(Exception):
    """A program did not come up, or ended by itself."""


def prepare(core: int | None) -> Callable[[], None]:
    """What a child does before it becomes its program: pin itself, and die with us even if we are killed."""

    def run() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if core is not None:
            os.sched_setaffinity(0, {core})

    return run


def tail(path: Path, lines: int = 12) -> str:
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


class Child:
    """One long-running program in a session of its own, its output (`silent`: its errors only) in a file."""

    def __init__(
        self, name: str, argv: list[str], core: int | None, folder: Path, environment: dict[str, str] | None = None,
        silent: bool = False,
    ) -> None:
        self.name = name
        self.output = folder / f"{name}.output"
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL if silent else out, stderr=out, cwd=folder,
                env={**os.environ, **(environment or {})}, start_new_session=True, preexec_fn=prepare(core))

    @property
    def pid(self) -> int:
        return self.process.pid

    def check(self) -> None:
        """Raises when the program has ended although nobody asked it to."""
        code = self.process.poll()
        if code is not None:
            raise StartFailure(f"{self.name} ended with code {code}; its last words:\n{tail(self.output)}")

    def stop(self, patience: float = 3.0) -> None:
        for wish in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                self._signal(wish)
                try:
                    self.process.wait(patience)
                except subprocess.TimeoutExpired:
                    continue
        # Whatever the program left behind in its session (workers whose master died).
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self.process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass


class Fleet:
    """Everything that runs; leaving the `with` block ends all of it, the last started first."""

    def __init__(self) -> None:
        self._children: list[Child] = []

    def __enter__(self) -> "Fleet":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in reversed(self._children):
            child.stop()
        self._children.clear()

    def start(
        self, name: str, argv: list[str], core: int | None, folder: Path, environment: dict[str, str] | None = None,
        silent: bool = False,
    ) -> Child:
        try:
            child = Child(name, argv, core, folder, environment, silent)
        except OSError as failure:
            raise StartFailure(f"{name}: {failure}") from failure
        self._children.append(child)
        return child

    def stop(self, child: Child) -> None:
        if child in self._children:
            self._children.remove(child)
        child.stop()


def run(argv: Iterable[str], timeout: float, core: int | None = None) -> subprocess.CompletedProcess[str]:
    """A program that ends by itself within `timeout` seconds. Its output is returned; a failure raises."""
    done = subprocess.run(
        list(argv), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
        preexec_fn=prepare(core))
    if done.returncode != 0:
        raise StartFailure(f"{' '.join(done.args)[:200]} ended with code {done.returncode}: {done.stderr[-800:]}")
    return done


def pin(pid: int, core: int) -> None:
    """Moves every thread of a running process to a core."""
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            os.sched_setaffinity(int(task), {core})
        except ProcessLookupError:
            continue


def end_on_signals() -> None:
    """SIGINT (even where a shell had it ignored), SIGTERM and SIGHUP end the run through every `finally`."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


def wait_until(what: str, child: Child, ready: Callable[[], bool], timeout: float) -> None:
    """Polls `ready` until it is true, the child ends, or `timeout` seconds have passed."""
    deadline = time.monotonic() + timeout
    while True:
        child.check()
        if ready():
            return
        if time.monotonic() > deadline:
            raise StartFailure(f"{child.name}: {what} within {timeout:.0f} s did not happen; {tail(child.output)}")
        time.sleep(0.02)
