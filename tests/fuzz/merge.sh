#!/usr/bin/env bash
# Makes tests/fuzz/corpus anew: the fewest and smallest of its inputs, of those in BUILD/corpus, and of
# those in BUILD/seeds (seed.sh), that reach every branch that any of them reaches: merge.sh BUILD.
# What is larger than 2,000 bytes and no seed is left out.
# Inputs in which a defect was found, found-*, and those at the ends of buffers, bound-*, stay.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$1
TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
for name in $(sed -n 's/^TARGET(\(.*\))$/\1/p' tests/fuzz/list.h); do
    kept=tests/fuzz/corpus/$name
    mkdir -p "$kept" "$build/corpus/$name" "$build/seeds/$name" "$TMPDIR/$name"
    cp "$kept"/found-* "$build/seeds/$name"/bound-* "$TMPDIR/$name" 2>/dev/null || true
    mkdir "$TMPDIR/small"
    for from in "$build/corpus/$name" "$kept"; do
        find "$from" -type f -size -2001c -exec cp -t "$TMPDIR/small" {} +
    done
    "$build/fuzz_$name" -merge=1 -use_counters=0 -rss_limit_mb=512 -close_fd_mask=3 \
        "$TMPDIR/$name" "$build/seeds/$name" "$TMPDIR/small" > "$build/$name.merge" 2>&1
    rm -r "$TMPDIR/small"
    rm -r "$kept"
    mv "$TMPDIR/$name" "$kept"
    echo "$name: $(find "$kept" -type f | wc -l) inputs, $(cat "$kept"/* | wc -c) bytes"
done
