"""The frame of a program that measures: what it starts with, what ends with it, and its exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from . import place, processes


def program(edge: Path) -> Path:
    """The edge's program, where it was named; ends the run when nothing is there."""
    if not edge.is_file():
        raise SystemExit(f"found no program at {edge}, wanted the edge; build it, or name another with --edge")
    return edge.resolve()


def run(
    measure: Callable[[processes.Fleet, place.Scratch], int], certificate: bool = False,
    failures: tuple[type[Exception], ...] = (),
) -> int:
    """Measures, ends everything that was started for it whatever happens, and answers the exit code.

    `failures` are told in a line beside those of processes.
    """
    processes.end_on_signals()
    scratch = place.Scratch()
    try:
        if certificate:
            scratch.make_certificate()
        with processes.Fleet() as fleet:
            return measure(fleet, scratch)
    except KeyboardInterrupt:
        return 130
    except (processes.StartFailure, *failures) as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    finally:
        scratch.remove()
