#!/bin/sh
# perf/bench.sh OUT.json PROGRAM..: runs the benchmarks, shows their lines, and writes them as an
# array of objects. Exit code 1: one of them failed, or got a wrong result. REV says what is measured.
set -u
json=$1
shift
lines=${json%.json}.txt
failed=$lines.failed
: >"$lines" || exit 1
rm -f "$failed"
for program; do
    { "$program" || echo "$program" >>"$failed"; } | tee -a "$lines"
done
awk -v date="$(date -u +%Y-%m-%dT%H:%M:%SZ)" -f perf/json.awk "$lines" >"$json.new" &&
    mv "$json.new" "$json" || exit 1
if [ -e "$failed" ]; then
    echo "failed: $(tr '\n' ' ' <"$failed")" >&2
    rm -f "$failed"
    exit 1
fi
echo "# written: $json"
