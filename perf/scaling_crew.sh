#!/bin/sh
# perf/scaling_crew.sh [OUT]: how a run in one process would scale to 256 workers with a core each, as
# `train --dry-run --ranks 1` foretells it; `make scaling-crew`. OUT (build/scaling_crew) gets three files:
# OUT.jsonl, what the program said; OUT.md, tables of it; OUT.svg, a picture, drawn by gnuplot. All that
# tasks cost is measured here, in CPU time, so that others who run here hardly change it; in some minutes.
# All cores move at most 300 GB/s to and from memory, as a server of twelve channels does: $MEMORY. With
# AGAIN=1 the tables and the picture are made anew of the OUT.jsonl that is there.
set -eu
out=${1:-build/scaling_crew}
telesgd=${TELESGD:-build/release/telesgd}
mkdir -p "$(dirname "$out")"
[ -n "${AGAIN:-}" ] || rm -f "$out.jsonl"

# say SERIES OPTIONS..: a line for each number of workers
say() {
    series=$1
    shift
    case $series in ${SERIES:-*}) ;; *) return 0 ;; esac
    [ -z "${AGAIN:-}" ] || return 0
    for workers in ${WORKERS:-8 16 32 64 128 256}; do
        echo "# $series, $workers workers" >&2
        "$telesgd" train --dry-run --json --ranks 1 --threads "$workers" \
            --memory-bandwidth "${MEMORY:-300e9}" --momentum 0.9 "$@" >"$out.line"
        sed "s/^{/{\"series\":\"$series\",/" "$out.line" >>"$out.jsonl"
        rm "$out.line"
    done
}

# Images are drawn at random: only their number and shape matter. Every minibatch is full.
lenet() { echo "--model lenet --data blobs:$((32 * $1)),1x28x28,10 --nodes $1 --active $1"; }
vgg() { echo "--model vgg11 --data blobs:$((32 * $1)),3x32x32,10 --nodes $1 --active $1"; }

say "LeNet, k = 256, ring, rows" $(lenet 256) --gossip rows
say "LeNet, k = 256, ring, slices" $(lenet 256) --gossip slices
say "LeNet, k = 256, exp, rows" $(lenet 256) --topology exp --gossip rows
say "LeNet, k = 256, complete, slices" $(lenet 256) --topology complete --gossip slices
say "LeNet, k = 1024, ring, rows" $(lenet 1024) --gossip rows
say "VGG-11, k = 256, ring, rows" $(vgg 256) --gossip rows
say "VGG-11, k = 256, ring, slices" $(vgg 256) --gossip slices
say "VGG-11, k = 32, ring, rows" $(vgg 32) --gossip rows
say "VGG-11, k = 32, batch 256 in 8 parts, ring, rows" $(vgg 256) --active 32 --batch 256 \
    --step-parts 8 --gossip rows --allow-empty

if [ ! -s "$out.jsonl" ]; then
    echo "scaling_crew.sh: nothing stands in $out.jsonl; is there a series like '${SERIES:-*}'?" >&2
    exit 1
fi
awk '
function number(key,    at) {
    at = match($0, "\"" key "\":")
    return substr($0, at + length(key) + 3) + 0
}
function text(key,    at, rest) {
    at = match($0, "\"" key "\":\"")
    rest = substr($0, at + length(key) + 4)
    return substr(rest, 1, index(rest, "\"") - 1)
}
function time(s) { return s >= 1 ? sprintf("%.2f s", s) : s >= 1e-3 ? sprintf("%.2f ms", 1e3 * s) : sprintf("%.1f us", 1e6 * s) }
function without(key,    rest) {        # "gossip" is also a word of the line
    rest = substr($0, index($0, "\"round_seconds_without\":"))
    match(rest, "\"" key "\":")
    return substr(rest, RSTART + RLENGTH) + 0
}
function gain(key) { return sprintf("%.1f %%", 100 * (1 - without(key) / number("round_seconds"))) }
{
    series = text("series")
    if (!(series in rows)) {
        names[++n] = series
        one[series] = number("round_seconds_one_thread")
    }
    w = number("workers")
    rows[series] = rows[series] sprintf("| %d | %s | %.1f | %.0f %% | %s | %s | %s | %s | %s | %s | %s | %s |\n",
        w, time(number("round_seconds")), one[series] / number("round_seconds"),
        100 * number("steps_seconds_per_round") / w / number("round_seconds"), time(number("step_seconds")),
        gain("gossip"), gain("fetches"), gain("hand_overs"), gain("wakes_one_by_one"), gain("plans"), gain("memory"),
        text("largest_cause"))
}
END {
    print "Written by `make scaling-crew`, from scaling_crew.jsonl; perf/README.md says what it means. The last columns"
    print "are what a round would lose of its time if there were no gossip, no fetches of rows from other cores, and so on."
    for (i = 1; i <= n; i++) {
        printf "\n## %s\n\n", names[i]
        print "| workers | a round | times one worker | in steps | a step | gossip | fetches | hand-overs | waking one by one " \
              "| plans | memory | largest |"
        print "|---|---|---|---|---|---|---|---|---|---|---|---|"
        printf "%s", rows[names[i]]
    }
}' "$out.jsonl" >"$out.md"

# Those that are there.
series() { sed 's/^{"series":"\([^"]*\)".*/\1/' "$out.jsonl" | uniq; }

# points SERIES: workers and speed-up
points() {
    grep -F "\"series\":\"$1\"" "$out.jsonl" |
        sed 's/.*"threads":\([0-9]*\).*"round_seconds":\([-0-9.e]*\).*"round_seconds_one_thread":\([-0-9.e]*\).*/\1 \2 \3/' |
        awk 'NR == 1 { one = $3; print 1, 1 } { print $1, one / $2 }'
    echo e
}
{
    echo 'set terminal svg size 720,460 font "sans-serif,13"'
    echo "set output '$out.svg'"
    echo 'set logscale xy 2; set xlabel "workers, each with a core"; set key left top; set grid'
    echo 'set ylabel "times the speed of one worker"; set xrange [1:256]; set yrange [1:256]'
    printf '%s' 'plot x with lines dashtype 2 linecolor "gray" title "as many times"'
    series | while read -r name; do
        printf '%s' ", \"-\" with linespoints title \"$name\""
    done
    echo
    series | while read -r name; do
        points "$name"
    done
} | gnuplot
echo "# written: $out.jsonl $out.md $out.svg"
