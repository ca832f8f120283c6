#!/bin/sh
# Builds the data plane's tests with a sanitizer and runs them; whatever it reports makes this fail.
#
#     Tests/sanitize.sh [address] [thread]        both when none is named
set -eu

cd "$(dirname "$0")/.."
export KONTAINERS_PLANE=data
export ASAN_OPTIONS=detect_leaks=1
export LSAN_OPTIONS=suppressions=$PWD/Tests/leak-sanitizer.txt
export TSAN_OPTIONS=suppressions=$PWD/Tests/thread-sanitizer.txt
for sanitizer in ${*:-address thread}; do
    scratch=.build-$sanitizer
    swift build --build-tests --sanitize="$sanitizer" --scratch-path "$scratch"
    # One at a time: side by side they run into their own time limits. TidyTests read text: nothing to find there.
    swift test --skip-build --sanitize="$sanitizer" --scratch-path "$scratch" --no-parallel --skip TidyTests
    echo "$sanitizer: nothing found"
done
