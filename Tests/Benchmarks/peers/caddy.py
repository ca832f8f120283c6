"""Caddy: GOMAXPROCS=1, a site for each rule."""

from __future__ import annotations

from pathlib import Path

from .base import Peer, Setup, in_environment

CONFIGURATION = """\
{{
    admin off
    auto_https off
    persist_config off
    default_bind 127.0.0.1
    grace_period 1s
    log {{
        level ERROR
    }}
    servers {{
        protocols h1
        timeouts {{
            idle 1h
        }}
    }}
}}
{sites}
"""

SITE = """\
{address} {{{tls}{log}
    reverse_proxy 127.0.0.1:{backend} {{
        transport http {{
            keepalive 1h
            keepalive_idle_conns_per_host 256
        }}
    }}
}}
"""

LOG = """
    log {
        output file /dev/null
    }"""


class Caddy(Peer):
    name = "caddy"
    # Only a build of one's own can.
    passes_connections = False
    title = "Caddy"

    def program(self) -> Path | None:
        return in_environment("bin/caddy")

    def version_arguments(self) -> list[str]:
        return ["version"]

    def environment(self, setup: Setup) -> dict[str, str]:
        home = str(setup.folder)
        return {"GOMAXPROCS": "1", "HOME": home, "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home}

    def configure(self, setup: Setup) -> list[str]:
        scheme = "https" if setup.scenario.tls else "http"
        tls = f"\n    tls {setup.certificate} {setup.key}" if setup.scenario.tls else ""
        sites = [
            SITE.format(
                address=f"{scheme}://{host}:{setup.port}", tls=tls, log=LOG if setup.log else "",
                backend=setup.backend)
            for host in setup.hosts
        ]
        path = setup.folder / "Caddyfile"
        path.write_text(CONFIGURATION.format(sites="".join(sites)))
        return ["run", "--config", str(path), "--adapter", "caddyfile"]
