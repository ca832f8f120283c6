"""Where things are: the repository, the cores, the ports, the scratch folder."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parent.parent
REPOSITORY = BENCHMARKS.parent.parent
RESULTS = BENCHMARKS / "Results"
DEFAULT_EDGE = REPOSITORY / ".build" / "release" / "kontainers-edge"
PEER_ENVIRONMENT = REPOSITORY / ".build" / "bench-venv"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Cores:
    """The proxy's core, and the core of load and backend when rates are measured."""

    proxy: int
    load: int

    @staticmethod
    def choose() -> "Cores":
        allowed = sorted(os.sched_getaffinity(0))
        return Cores(proxy=allowed[0], load=allowed[1] if len(allowed) > 1 else allowed[0])

    @property
    def two(self) -> bool:
        return self.proxy != self.load


_given: set[int] = set()


def free_port() -> int:
    """A loopback port nobody listens on, below the range that the kernel gives to outgoing connections."""
    for _ in range(1000):
        port = random.randint(20_000, 31_999)
        if port in _given:
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise RuntimeError("found no free loopback port between 20000 and 31999; wanted one; see `ss -ltn`")


class Scratch:
    """A folder of this run in memory (tmpfs) where there is one, gone at its end."""

    def __init__(self) -> None:
        memory = Path("/dev/shm")
        parent = memory if os.access(memory, os.W_OK) else None
        self.path = Path(tempfile.mkdtemp(prefix="kontainers-bench-", dir=parent))
        # Programs that drop their privileges must still reach their files.
        self.path.chmod(0o755)

    def folder(self, name: str) -> Path:
        path = self.path / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def certificate(self) -> Path:
        return self.path / "bench.pem"

    @property
    def key(self) -> Path:
        return self.path / "bench.key"

    def make_certificate(self) -> None:
        """A self-signed P-256 certificate for the hosts of the scenarios, valid for two days."""
        subprocess.run(
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,DNS:*.bench.test",
                "-keyout", str(self.key), "-out", str(self.certificate),
            ],
            check=True, capture_output=True, timeout=20)
        # Programs that drop their privileges read it too; it is worth nothing.
        self.key.chmod(0o644)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
