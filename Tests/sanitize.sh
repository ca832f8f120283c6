#!/bin/sh
# Builds the data plane's tests with a sanitizer and runs them; whatever it reports makes this fail.
#
#     Tests/sanitize.sh [address] [thread]        both when none is named
set -eu

cd "$(dirname "$0")/.."
export KONTAINERS_PLANE=data
# Leaks are the tests' own business, which count slots and buffers: a worker that ends keeps two buffers it had for life.
export ASAN_OPTIONS=detect_leaks=0
export TSAN_OPTIONS=suppressions=$PWD/Tests/thread-sanitizer.txt
for sanitizer in ${*:-address thread}; do
    scratch=.build-$sanitizer
    swift build --build-tests --sanitize="$sanitizer" --scratch-path "$scratch"
    # TidyTests read text: nothing for a sanitizer in there.
    swift test --skip-build --sanitize="$sanitizer" --scratch-path "$scratch" --skip TidyTests
    echo "$sanitizer: nothing found"
done
