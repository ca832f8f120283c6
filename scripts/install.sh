#!/usr/bin/env bash
# Installs, by name, the Debian packages that a purpose needs and this machine lacks; says which.
# usage: scripts/install.sh build|test|bench|bench-deploy
set -euo pipefail
cd "$(dirname "$0")/.."

# What each purpose needs, and why. The benchmarks know their own peers.
build_packages=(
    libssl-dev          # TLS of the edge
    libcrypt-dev        # bcrypt of rules with basic auth
    zlib1g-dev          # compression of responses, and in the control plane's HTTP client
    libsqlite3-dev      # the store
    openssl             # development certificates
)
test_packages=(
    docker.io           # a real engine, started by the tests themselves
    iptables iproute2   # what the engine needs, and the bridge it is given
    busybox-static      # the image of every test container
    curl                # a real client
    python3 python3-venv # the other real client: httpx
    nginx-light haproxy # what odd requests are compared with (Tests/Differential); a sender of PROXY headers
    postgresql mariadb-server mariadb-client redis-server redis-tools openssh-server openssh-client # behind tcp rules
    dnsmasq-base dnsperf iperf3 # what stands behind udp rules, and their clients
)
deploy_packages=(
    docker.io           # the engine whose containers are deployed, started by the benchmark itself
    docker-compose      # one of the ways to deploy
    iptables iproute2   # what the engine needs, and the bridge it is given
)
test_wheels=(httpx==0.28.1 pymysql==1.1.1 schemathesis==4.32.5)

say() { printf 'install: %s\n' "$*" >&2; }

# Installs what is missing of the packages named. Asks nothing when nothing is missing.
packages() {
    local missing=() name
    for name in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if ! command -v apt-get >/dev/null; then
        say "found no apt-get on this machine; wanted: what Debian calls ${missing[*]}"
        exit 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        say "missing Debian packages: ${missing[*]}"
        say "not root, so nothing was installed; do: sudo apt-get update && sudo apt-get install --no-install-recommends ${missing[*]}"
        exit 1
    fi
    say "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    # Daemons that come with a package must not start: tests and benchmarks start their own.
    local policy=/usr/sbin/policy-rc.d placed=
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && placed=1
    fi
    trap '[ -z "${placed:-}" ] || rm -f /usr/sbin/policy-rc.d' EXIT
    apt-get update -qq >/dev/null
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# A Python environment of its own under .build, with the wheels named; made once.
environment() {
    local folder=.build/$1 stamp=.build/$1/wheels
    shift
    [ "$(cat "$stamp" 2>/dev/null)" != "$*" ] || return 0
    say "installing into $folder: $*"
    rm -rf "$folder"
    /usr/bin/python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check "$@"
    printf '%s' "$*" >"$stamp"
}

case "${1:-}" in
build)
    packages "${build_packages[@]}"
    if ! command -v swift >/dev/null; then
        say "found no swift on PATH; wanted: the Swift 6.3 toolchain, from swift.org/install, with its folder usr/bin on PATH"
        exit 1
    fi
    ;;
test)
    packages "${build_packages[@]}" "${test_packages[@]}"
    environment test-venv "${test_wheels[@]}"
    ;;
bench)
    packages "${build_packages[@]}"
    Tests/Benchmarks/install.sh
    ;;
bench-deploy)
    packages "${build_packages[@]}" "${deploy_packages[@]}"
    Tests/Benchmarks/install.sh
    ;;
*)
    say "found purpose '${1:-}'; wanted build, test, bench or bench-deploy"
    exit 2
    ;;
esac
