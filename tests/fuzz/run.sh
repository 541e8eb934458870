#!/usr/bin/env bash
# Fuzzes each target for some seconds: run.sh BUILD SECONDS JOBS [TARGET..], with libFuzzer's programs
# from BUILD; with 0 seconds it reads the corpus alone. What is found lies in BUILD/found, named after
# its target; then the status is 1. New inputs gather in BUILD/corpus.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$1 seconds=$2 jobs=$3
shift 3
targets=${*:-$(sed -n 's/^TARGET(\(.*\))$/\1/p' tests/fuzz/list.h)}
mkdir -p "$build/found" "$build/dict"
rm -f "$build"/found/*
TMPDIR=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)" telesgd-fuzz-XXXXXX)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

one() {
    local name=$1 build=$2 seconds=$3 dict=$2/dict/$1 words=()
    mkdir -p "$build/corpus/$name"
    cat "tests/fuzz/$name.dict" > "$dict"
    case $name in           # these know the settings by name
    settings|sweep|cli|train)
        sed -n 's/^SETTING([a-z_0-9]*, "\([^"]*\)".*/"\1"/p' src/run/settings_list.h >> "$dict" ;;
    esac
    # An input may ask for 128 MiB at once; a reader must not ask for more than its file is good for.
    if ASAN_OPTIONS=quarantine_size_mb=16 "$build/fuzz_$name" \
        $([ "$seconds" -gt 0 ] && echo -max_total_time="$seconds" || echo -runs=0) -timeout=10 -rss_limit_mb=512 -malloc_limit_mb=128 \
        -close_fd_mask=3 -print_final_stats=1 -dict="$dict" -artifact_prefix="$build/found/$name-" \
        "$build/corpus/$name" "tests/fuzz/corpus/$name" > "$build/$name.log" 2>&1
    then how=ok; else how=FAILED; fi
    printf '%-13s %-6s %s executions, %s\n' "$name" "$how" \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$name.log")" \
        "$(grep -o 'cov: [0-9]* ft: [0-9]*' "$build/$name.log" | tail -n 1)"
    [ "$how" = ok ] || tail -n 40 "$build/$name.log"
}
export -f one
printf '%s\n' $targets | xargs -P "$jobs" -I{} bash -c 'one "$@"' one {} "$build" "$seconds"
if [ -n "$(ls "$build/found")" ]; then
    echo "found: $(ls "$build"/found/*)"
    exit 1
fi
