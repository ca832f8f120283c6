"""The upstream of every proxy: one nginx worker that answers as cheaply as it can."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from . import place, probe
from .processes import Child, Fleet, pin

BODY_128 = "k" * 127 + "\n"

CONFIGURATION = """\
daemon off;
master_process off;
{user}
pid {folder}/backend.pid;
error_log {folder}/backend.error.log warn;
worker_rlimit_nofile {files};
events {{ worker_connections {connections}; multi_accept on; }}
http {{
    access_log off;
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=16 inactive=1h;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    {scratch}
    server {{
        listen {address}:{port} backlog=4096;
        root {folder}/www;
        location = / {{ return 200 "{body}"; }}
    }}
}}
"""


def nginx_scratch(folder: Path) -> str:
    """nginx wants writable folders for bodies, even when it never uses them."""
    kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    return " ".join(f"{kind}_temp_path {folder}/tmp_{kind};" for kind in kinds)


def nginx_user() -> str:
    return "user root;" if os.geteuid() == 0 else ""


@dataclass
class Backend:
    port: int
    child: Child

    @staticmethod
    def start(
        fleet: Fleet, scratch: place.Scratch, core: int | None, name: str = "backend", address: str = place.LOOPBACK
    ) -> "Backend":
        folder = scratch.folder(name)
        files = folder / "www"
        files.mkdir()
        (files / "10k").write_bytes(b"k" * (10 * 1024))
        (files / "1m").write_bytes(b"k" * (1 << 20))
        port = place.free_port()
        text = CONFIGURATION.format(
            folder=folder, address=address, port=port, body=BODY_128.replace("\n", "\\n"), user=nginx_user(),
            files=probe.descriptor_limit(), connections=probe.descriptor_limit() - 100,
            scratch=nginx_scratch(folder))
        configuration = folder / "backend.conf"
        configuration.write_text(text)
        child = fleet.start(
            name, ["nginx", "-e", f"{folder}/start.log", "-c", str(configuration)], core, folder)
        probe.wait_for_answer(child, port, "localhost", "/", 128, tls=False)
        return Backend(port, child)

    def move(self, core: int) -> None:
        pin(self.child.pid, core)
