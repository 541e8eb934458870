#!/bin/sh
# perf/crew.sh [REPEATS [CASES]]: rounds in one process as they are with one worker and with two, beside what
# `train --dry-run --ranks 1` foretells of them; `make bench-crew`. A line a case; ratio is foretold over
# measured, the median of REPEATS (3) turns, each of which foretells and runs anew; CASES is a pattern of
# their names. The last line has the ratios' range. Wants two cores for itself, for two minutes a turn.
set -eu
telesgd=${TELESGD:-build/release/telesgd}
repeats=${1:-3} cases=${2:-*}
case $repeats in
*[!0-9]* | 0* | '') echo "crew.sh: REPEATS: found '$repeats', want a whole number from 1 up" >&2; exit 1 ;;
esac
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# number KEY: of a line of JSON, wherever it stands in it
number() { sed -n "s/.*\"$1\":\([-0-9.e]*\).*/\1/p" | tail -1; }

# once ROUNDS OPTIONS..: foretold seconds of a round, measured ones, and the cause
once() {
    rounds=$1
    shift
    "$telesgd" train --dry-run --json --ranks 1 --rounds "$rounds" "$@" >"$folder/foretold"
    "$telesgd" train --rounds "$rounds" --eval-every "$rounds" --progress off --log "$folder/log" \
        --force "$@" >/dev/null
    foretold=$(number round_seconds <"$folder/foretold")
    rate=$(grep '"type":"summary"' "$folder/log" | number samples_per_second)
    cause=$(sed 's/.*"largest_cause":"\([a-z_]*\)".*/\1/' "$folder/foretold")
    echo "$foretold $rate $cause"
}

# compare NAME SAMPLES-A-ROUND ROUNDS OPTIONS..
compare() {
    name=$1 samples=$2
    shift 2
    case $name in $cases) ;; *) return 0 ;; esac
    for turn in $(seq "$repeats"); do once "$@"; done >"$folder/turns"     # a run that fails ends it all
    awk -v samples="$samples" '{ printf "%.9g %.9g %.9g %s\n", $1 / (samples / $2), $1, samples / $2, $3 }' \
        "$folder/turns" | sort -n | awk -v name="$name" '
            { ratio[NR] = $1; foretold[NR] = $2; measured[NR] = $3; cause[NR] = $4 }
            END {
                m = int((NR + 1) / 2)
                printf "bench=crew case=%s ms=%.4f foretold_ms=%.4f ratio=%.3f least=%.3f most=%.3f cause=%s\n",
                    name, 1e3 * measured[m], 1e3 * foretold[m], ratio[m], ratio[1], ratio[NR], cause[m]
            }' | tee -a "$folder/lines"
}

# Every minibatch is full: each node has a whole number of them.
lenet() { echo "--model lenet --momentum 0.9 --data blobs:$((64 * 2 * $1)),1x28x28,10 --nodes $((2 * $1)) --active $1"; }
vgg() { echo "--model vgg11 --momentum 0.9 --data blobs:$((64 * $1)),3x32x32,10 --nodes $1 --active $1"; }

for threads in 1 2; do
    for gossip in rows slices; do
        compare "lenet-ring-8-$gossip-$threads" 256 250 $(lenet 8) --gossip $gossip --threads $threads
    done
done
for topology in exp complete; do
    compare "lenet-$topology-16-rows-2" 512 120 $(lenet 16) --topology $topology --gossip rows --threads 2
    compare "lenet-$topology-16-slices-2" 512 120 $(lenet 16) --topology $topology --gossip slices --threads 2
done
compare lenet-ring-3-rows-2 96 600 $(lenet 3) --gossip rows --threads 2
compare lenet-ring-64-slices-2 2048 30 $(lenet 64) --gossip slices --threads 2
compare vgg11-ring-2-rows-1 64 16 $(vgg 2) --gossip rows --threads 1
compare vgg11-ring-2-rows-2 64 24 $(vgg 2) --gossip rows --threads 2
compare vgg11-team-1-2 32 32 $(vgg 1) --step-parts 2 --threads 2
[ -e "$folder/lines" ] || { echo "crew.sh: CASES: no case has a name like '$cases'" >&2; exit 1; }
awk '{ for (i = 1; i <= NF; i++) if ($i ~ /^ratio=/) { r = substr($i, 7); if (!n++) least = most = r
    least = r < least ? r : least; most = r > most ? r : most } }
    END { printf "# ratios from %.3f to %.3f\n", least, most }' "$folder/lines"
