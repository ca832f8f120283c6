#!/bin/sh
# Prints how many user instructions, in release, a request head, a response head and a small chunked body cost to parse.
# Counts with perf, or with valgrind where the machine gives perf no counters. The difference of two counts leaves the
# start of the program out.
set -eu

cd "$(dirname "$0")/../.."
build=.build-measure
mkdir -p "$build"

flags="-O -wmo -swift-version 6 -enable-experimental-feature Lifetimes -enforce-exclusivity=unchecked"
flags="$flags -enable-upcoming-feature InternalImportsByDefault -parse-as-library -I $build"
for module in HTTP HTTP1; do
    swiftc $flags -module-name "$module" -emit-module -emit-module-path "$build/$module.swiftmodule" \
        -c -o "$build/$module.o" Sources/Protocols/$module/*.swift
done
swiftc $flags -module-name measure -static-stdlib -o "$build/measure" Tests/Fuzz/Measure.swift \
    "$build/HTTP.o" "$build/HTTP1.o"

instructions() {
    counted=$(perf stat -x, -e instructions:u "$build/measure" "$1" "$2" 2>&1 >/dev/null | cut -d, -f1) || counted=
    case $counted in
    '' | *[!0-9]*)
        valgrind --tool=callgrind --callgrind-out-file=/dev/null "$build/measure" "$1" "$2" 2>&1 >/dev/null |
            sed -n 's/.*Collected : //p'
        ;;
    *) echo "$counted" ;;
    esac
}

for kind in request response chunked; do
    few=$(instructions "$kind" 1000)
    many=$(instructions "$kind" 11000)
    echo "$kind: $(((many - few) / 10000)) instructions"
done
