#!/bin/sh
# Builds every fuzz target and runs each for SECONDS, with AddressSanitizer. A finding stops the run; its input lies in
# .build-fuzz/, and belongs into a test once it is understood.
#
#     Tests/Fuzz/run.sh SECONDS [TARGET ...]        targets: request response chunked
set -eu

seconds=${1:?usage: Tests/Fuzz/run.sh SECONDS [TARGET ...]}
shift
targets=${*:-request response chunked}

cd "$(dirname "$0")/../.."
fuzz=Tests/Fuzz
build=.build-fuzz
mkdir -p "$build"

flags="-O -swift-version 6 -strict-memory-safety -enable-experimental-feature Lifetimes -parse-as-library"
flags="$flags -enable-upcoming-feature InternalImportsByDefault -enable-upcoming-feature MemberImportVisibility"
# ld.gold warns about every symbol of the sanitizer.
flags="$flags -sanitize=fuzzer,address -use-ld=lld -I $build"

# The modules are compiled from their sources, so that the fuzzer sees every branch of them.
for module in HTTP HTTP1; do
    swiftc $flags -wmo -module-name "$module" -emit-module -emit-module-path "$build/$module.swiftmodule" \
        -c -o "$build/$module.o" Sources/Protocols/$module/*.swift
done

for target in $targets; do
    swiftc $flags -wmo -module-name "fuzz_$target" -o "$build/$target" \
        "$fuzz/Sources/$target.swift" "$fuzz/Sources/Cuts.swift" Tests/HTTP1Tests/Reading.swift \
        "$build/HTTP.o" "$build/HTTP1.o"
    mkdir -p "$build/corpus-$target"
    # With the backtracer on, Swift would end the process before libFuzzer has written the input to a file.
    SWIFT_BACKTRACE=enable=no "$build/$target" -max_total_time="$seconds" -max_len=4096 -timeout=5 -rss_limit_mb=1024 \
        -dict="$fuzz/http.dict" -artifact_prefix="$build/$target-" -print_final_stats=1 -verbosity=0 \
        "$build/corpus-$target" "$fuzz/Seeds/$target"
    echo "$target: nothing found in $seconds s"
done
