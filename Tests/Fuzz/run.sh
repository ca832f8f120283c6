#!/bin/sh
# Builds every fuzz target and runs each for SECONDS, with AddressSanitizer. A finding stops the run; its input lies in
# .build-fuzz/, and belongs into a test once it is understood.
#
#     Tests/Fuzz/run.sh SECONDS [TARGET ...]
#
# Targets: request response chunked proxy datagram hello mysql sessions snapshot matching options.
set -eu

seconds=${1:?usage: Tests/Fuzz/run.sh SECONDS [TARGET ...]}
shift
targets=${*:-request response chunked proxy datagram hello mysql sessions snapshot matching options}

cd "$(dirname "$0")/../.."
fuzz=Tests/Fuzz
build=.build-fuzz
mkdir -p "$build"

flags="-O -swift-version 6 -strict-memory-safety -enable-experimental-feature Lifetimes -parse-as-library"
flags="$flags -enable-upcoming-feature InternalImportsByDefault -enable-upcoming-feature MemberImportVisibility"
# ld.gold warns about every symbol of the sanitizer.
flags="$flags -sanitize=fuzzer,address -use-ld=lld -I $build"

# C as the package manager would show it.
cc -O2 -I Sources/Platform/CLinux/include -c -o "$build/CLinux.o" -x c - <<C
$(for file in Sources/Platform/CLinux/*.c; do printf '#include "%s"\n' "$PWD/$file"; done)
C
printf 'module CLinux { umbrella "%s" export * }\n' "$PWD/Sources/Platform/CLinux/include" >"$build/module.modulemap"
flags="$flags -Xcc -fmodule-map-file=$build/module.modulemap -I Sources/Platform/CLinux/include"

# The modules are compiled from their sources, so that the fuzzer sees every branch of them.
for module in Platform/Bytes Platform/Kernel DataPlane/Engine Protocols/HTTP Protocols/HTTP1 Protocols/ProxyProtocol Protocols/Preface Contract \
    DataPlane/Balancing DataPlane/Routing; do
    name=${module##*/}
    swiftc $flags -wmo -enable-testing -module-name "$name" -emit-module -emit-module-path "$build/$name.swiftmodule" \
        -c -o "$build/$name.o" Sources/$module/*.swift
done

routing="$build/Bytes.o $build/Contract.o $build/Balancing.o $build/Routing.o"
for target in $targets; do
    case $target in
    proxy | datagram) reading=Tests/ProxyProtocolTests/Headers.swift modules="$build/Bytes.o $build/ProxyProtocol.o" ;;
    hello) reading=Tests/PrefaceTests/Hellos.swift modules="$build/Preface.o" ;;
    mysql) reading= modules="$build/Preface.o" ;;
    sessions)
        reading="Sources/DataPlane/Proxy/Datagrams/Session.swift Sources/DataPlane/Proxy/Datagrams/SessionBook.swift
            Sources/DataPlane/Proxy/Datagrams/SessionCredit.swift"
        modules="$routing $build/Kernel.o $build/Engine.o $build/CLinux.o"
        ;;
    snapshot | matching) reading=$fuzz/Sources/Asking.swift modules="$routing" ;;
    options) reading= modules="$routing" ;;
    *) reading=Tests/HTTP1Tests/Reading.swift modules="$build/HTTP.o $build/HTTP1.o" ;;
    esac
    swiftc $flags -wmo -module-name "fuzz_$target" -o "$build/$target" \
        "$fuzz/Sources/$target.swift" "$fuzz/Sources/Cuts.swift" $reading $modules
    mkdir -p "$build/corpus-$target"
    # With the backtracer on, Swift would end the process before libFuzzer has written the input to a file.
    SWIFT_BACKTRACE=enable=no "$build/$target" -max_total_time="$seconds" -max_len=4096 -timeout=5 -rss_limit_mb=1024 \
        -dict="$fuzz/http.dict" -artifact_prefix="$build/$target-" -print_final_stats=1 -verbosity=0 \
        "$build/corpus-$target" "$fuzz/Seeds/$target"
    echo "$target: nothing found in $seconds s"
done
