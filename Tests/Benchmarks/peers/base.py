"""What every proxy under measurement is to the benchmark."""

from __future__ import annotations

import shutil
import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from harness import callgrind, place, probe
from harness.processes import Child, Fleet
from harness.scenarios import Scenario


@dataclass(frozen=True)
class Setup:
    """What a proxy is asked to do in one scenario."""

    scenario: Scenario
    port: int
    backend: int
    """Port of the upstream."""
    folder: Path
    certificate: Path
    key: Path
    log: bool
    """Whether it writes an access log (to /dev/null)."""
    descriptors: int
    counted: bool = False
    """Whether it runs inside valgrind."""

    @property
    def hosts(self) -> list[str]:
        return self.scenario.hosts


@dataclass(frozen=True)
class Running:
    child: Child
    port: int

    @property
    def pids(self) -> list[int]:
        return [self.child.pid]


class Peer(ABC):
    """One proxy. A subclass says how it is configured and started, with one worker."""

    name: str
    title: str
    logs_always = False
    """Whether the access log is on in the ordinary run too; the variant `NAME+log` switches it on for the others."""
    under_valgrind = False
    """Whether valgrind can run it."""
    variants = ("log",)
    """What may follow its name behind a plus."""

    def __init__(self, variant: str = "") -> None:
        self.variant = variant
        self.log = variant == "log" or (self.logs_always and variant != "quiet")
        self.label = f"{self.name}+{variant}" if variant else self.name

    @abstractmethod
    def program(self) -> Path | None:
        """The executable, or nothing when it is not installed."""

    @abstractmethod
    def version_arguments(self) -> list[str]: ...

    passes_connections = True
    """Whether it can pass on connections that are not its own protocol's."""

    @abstractmethod
    def configure(self, setup: Setup) -> list[str]:
        """Writes the configuration into the setup's folder and answers the command's arguments."""

    def environment(self, setup: Setup) -> dict[str, str]:
        return {}

    def countable(self, program: Path, folder: Path) -> Path:
        """The executable that valgrind is given."""
        return program

    def version(self) -> str:
        program = self.program()
        if program is None:
            return "not installed"
        done = subprocess.run(
            [str(program), *self.version_arguments()], capture_output=True, text=True, timeout=20)
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        return lines[0] if lines and done.returncode == 0 else "unknown"

    def start(
        self, fleet: Fleet, scratch: place.Scratch, scenario: Scenario, backend: int, core: int,
        counted: bool = False,
    ) -> Running:
        """Starts the proxy and waits until it answers; `counted` runs it inside valgrind."""
        program = self.program()
        assert program is not None
        folder = scratch.folder(f"{self.label}-{scenario.name}{'-counted' if counted else ''}")
        setup = Setup(
            scenario=scenario, port=place.free_port(), backend=backend, folder=folder,
            certificate=scratch.certificate, key=scratch.key, log=self.log,
            descriptors=probe.descriptor_limit(), counted=counted)
        argv = [str(program), *self.configure(setup)]
        if counted:
            argv = callgrind.prefix(folder) + [str(self.countable(program, folder)), *argv[1:]]
        child = fleet.start(self.label, argv, core, folder, self.environment(setup), silent=self.log)
        for host in {scenario.hosts[0], scenario.hosts[-1]}:
            probe.wait_for_answer(
                child, setup.port, host, scenario.path, scenario.response, scenario.tls, scenario.upload, timeout=60)
        return Running(child, setup.port)


def installed(name: str) -> Path | None:
    found = shutil.which(name)
    return Path(found) if found else None


def in_environment(pattern: str) -> Path | None:
    """An executable that a Python package brought along."""
    for path in sorted(place.PEER_ENVIRONMENT.glob(pattern)):
        if path.is_file():
            return path
    return None
