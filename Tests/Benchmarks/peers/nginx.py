"""nginx: one process, upstream connections kept alive, bodies streamed as Kontainers does."""

from __future__ import annotations

from pathlib import Path

from harness.backend import nginx_scratch, nginx_user

from .base import Peer, Setup, installed

CONFIGURATION = """\
daemon off;
master_process off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/nginx.error.log warn;
worker_rlimit_nofile {files};
events {{ worker_connections {connections}; }}
http {{
    access_log {log};
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    server_names_hash_max_size 16384;
    server_names_hash_bucket_size 128;
    {scratch}
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_request_buffering off;
    proxy_max_temp_file_size 0;
    upstream backend {{
        server 127.0.0.1:{backend};
        keepalive 256;
        keepalive_requests 1000000000;
        keepalive_timeout 1h;
    }}
    {tls}
    {servers}
}}
"""

STREAM = """\
load_module {module};
daemon off;
master_process off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/nginx.error.log warn;
worker_rlimit_nofile {files};
events {{ worker_connections {connections}; }}
stream {{
    {log}
    upstream backend {{ server 127.0.0.1:{backend}; }}
    server {{ listen 127.0.0.1:{port} backlog=4096; proxy_pass backend; proxy_timeout 1h; }}
}}
"""
"""For connections that are passed on."""
MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")

SERVER = (
    "server {{ listen 127.0.0.1:{port}{options}; server_name {host};"
    " location / {{ proxy_pass http://backend; }} }}")
TLS = "ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;"


class Nginx(Peer):
    name = "nginx"
    title = "nginx (Debian)"
    under_valgrind = True

    def program(self) -> Path | None:
        return installed("nginx")

    def version_arguments(self) -> list[str]:
        return ["-v"]

    def configure(self, setup: Setup) -> list[str]:
        path = setup.folder / "nginx.conf"
        path.write_text(self._stream(setup) if setup.scenario.tcp else self._http(setup))
        return ["-e", f"{setup.folder}/start.log", "-c", str(path)]

    def _stream(self, setup: Setup) -> str:
        log = "log_format one '$remote_addr $bytes_sent $session_time'; access_log /dev/null one;"
        return STREAM.format(
            module=MODULE, user=nginx_user(), folder=setup.folder, files=setup.descriptors,
            connections=setup.descriptors - 100, log=log if setup.log else "", backend=setup.backend, port=setup.port)

    def _http(self, setup: Setup) -> str:
        listening = " ssl" if setup.scenario.tls else ""
        servers = [
            SERVER.format(
                port=setup.port, host=host, options=listening + (" backlog=4096" if number == 0 else ""))
            for number, host in enumerate(setup.hosts)
        ]
        return CONFIGURATION.format(
            user=nginx_user(), folder=setup.folder, files=setup.descriptors, connections=setup.descriptors - 100,
            log="/dev/null" if setup.log else "off", scratch=nginx_scratch(setup.folder), backend=setup.backend,
            tls=TLS.format(certificate=setup.certificate, key=setup.key) if setup.scenario.tls else "",
            servers="\n    ".join(servers))
