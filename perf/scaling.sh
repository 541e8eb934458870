#!/bin/sh
# perf/scaling.sh [OUT]: how runs would scale to 1,024 ranks of 32 cores, as `train --dry-run --ranks`
# foretells it; `make scaling`. OUT (build/scaling) gets three files: OUT.jsonl, what the program said;
# OUT.md, tables of it; OUT.svg, a picture, drawn by gnuplot. Steps are given, not measured, so that the
# result does not depend on who else uses this machine: LeNet 0.3 ms for 32 samples, VGG-11 150 ms for
# 32, as perf/README.md has them for one core; mixes, copies and plans are measured here, which takes
# some minutes in all.
set -eu
out=${1:-build/scaling}
telesgd=${TELESGD:-build/release/telesgd}
mkdir -p "$(dirname "$out")"
rm -f "$out.jsonl"

# say SERIES RANKS OPTIONS..: one more line
say() {
    series=$1 ranks=$2
    shift 2
    echo "# $series, $ranks ranks" >&2
    "$telesgd" train --dry-run --json --ranks "$ranks" --threads 32 --bandwidth 12.5e9 \
        --link-seconds 5e-6 --gossip rows "$@" >"$out.line"
    sed "s/^{/{\"series\":\"$series\",/" "$out.line" >>"$out.jsonl"
    rm "$out.line"
}

# Images are drawn at random: only their number and shape matter.
lenet() { echo "--model lenet --compute-seconds 0.3e-3 --data blobs:$1,1x28x28,10"; }
vgg() {
    echo "--model vgg11 --batch 512 --step-parts 32 --compute-seconds 2.4" \
        "--data blobs:$1,3x32x32,10 --allow-empty"
}

for r in ${RANKS:-1 4 16 64 256 1024}; do
    say "LeNet, fixed holders" "$r" $(lenet $((64 * r))) --method dsgd --nodes $((64 * r))
    say "LeNet, random holders" "$r" $(lenet $((256 * r))) --nodes $((256 * r)) --active $((64 * r))
    say "VGG-11, fixed holders" "$r" $(vgg $((4 * r))) --method dsgd --nodes $((4 * r))
    say "VGG-11, random holders" "$r" $(vgg $((16 * r))) --nodes $((16 * r)) --active $((4 * r))
done
for tokens in ${TOKENS:-1 2 4 8 16}; do
    k=$((64 * 32 * tokens))
    say "LeNet, random holders, $tokens a core" 64 $(lenet $((4 * k))) --nodes $((4 * k)) --active $k
done

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
function human(bytes) {
    if (bytes >= 1e9)
        return sprintf("%.1f GB", bytes / 1e9)
    return bytes >= 1e6 ? sprintf("%.1f MB", bytes / 1e6) : sprintf("%.0f kB", bytes / 1e3)
}
function time(s) { return s >= 1 ? sprintf("%.2f s", s) : sprintf("%.2f ms", 1e3 * s) }
function percent(x) { return sprintf("%.0f %%", x > 0 ? 100 * x : 0) }      # no "-0"
{
    series = text("series")
    group = series
    sub(/, [0-9]+ a core$/, "", group)
    if (group != series)
        group = group ", 64 ranks"
    if (!(group in rows))
        names[++n] = group
    rows[group] = rows[group] sprintf("| %s | %d | %s | %.1f | %s | %s | %s | %s | %s | %s | %s |\n",
        number("ranks"), number("tokens"), time(number("round_seconds")),
        number("round_seconds_one_rank") / number("round_seconds"), percent(number("share_work")),
        percent(number("share_uneven_load")), percent(number("share_messages")),
        human(number("bytes_per_rank")), human(number("memory_bytes")), time(number("plan_seconds")),
        time(number("evaluation_seconds")))
}
END {
    print "Written by `make scaling`, from scaling.jsonl; perf/README.md says what it means."
    for (i = 1; i <= n; i++) {
        printf "\n## %s\n\n", names[i]
        print "| ranks | tokens | a round | times one rank | steps and mixes | lost to uneven load " \
              "| lost to messages | a rank sends a round | memory a rank | plan | evaluation |"
        print "|---|---|---|---|---|---|---|---|---|---|---|"
        printf "%s", rows[names[i]]
    }
}' "$out.jsonl" >"$out.md"

# points SERIES: ranks and speed-up
points() {
    grep "\"series\":\"$1\"" "$out.jsonl" |
        sed 's/.*"ranks":\([0-9]*\).*"round_seconds":\([-0-9.e]*\).*"round_seconds_one_rank":\([-0-9.e]*\).*/\1 \3 \2/' |
        awk '{ print $1, $2 / $3 }'
    echo e
}
{
    echo 'set terminal svg size 720,420 font "sans-serif,13"'
    echo "set output '$out.svg'"
    echo 'set logscale xy 2; set xlabel "ranks of 32 cores"; set key left top; set grid'
    echo 'set ylabel "times the speed of one rank"; set xrange [1:1024]; set yrange [1:1024]'
    echo 'plot x with lines dashtype 2 linecolor "gray" title "as many times",' \
        '"-" with linespoints title "VGG-11, fixed holders",' \
        '"-" with linespoints title "VGG-11, random holders",' \
        '"-" with linespoints title "LeNet, fixed holders",' \
        '"-" with linespoints title "LeNet, random holders"'
    for series in "VGG-11, fixed" "VGG-11, random" "LeNet, fixed" "LeNet, random"; do
        points "$series holders"
    done
} | gnuplot
echo "# written: $out.jsonl $out.md $out.svg"
