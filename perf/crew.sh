#!/bin/sh
# perf/crew.sh [REPEATS [CASES]]: rounds in one process as they are with one worker and with two, beside what
# `train --dry-run --ranks 1` foretells of them; `make bench-crew`. A line a case; ratio is foretold over
# measured, the median of REPEATS (3) turns, each of which foretells and runs anew; CASES is a pattern of
# their names. The last line has the ratios' range. Wants two cores for itself, for two minutes a turn. A
# turn in which they were restless is made again, four times at most; `restless` says how many there were.
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

# measure ROUNDS OPTIONS..: seconds of a round, and the share of the run's time that others took. A round ends
# with its last step, in a trace; the first quarter is not counted, as in the forecast. What a run takes to
# begin and to evaluate so is no part of it.
measure() {
    rounds=$1
    shift
    "$telesgd" train --rounds "$rounds" --eval-every "$rounds" --progress off --log "$folder/log" \
        --trace "$folder/trace" --force "$@" >/dev/null
    taken=$(grep '"type":"summary"' "$folder/log" | number share_taken)
    grep '"cat":"step","pid":1,' "$folder/trace" |
        sed 's/.*"ts":\([0-9.]*\),"dur":\([0-9.]*\),.*"round":\([0-9]*\).*/\1 \2 \3/' |
        awk -v n="$rounds" -v taken="$taken" '
            { end[$3] = $1 + $2 > end[$3] ? $1 + $2 : end[$3] }
            END { first = int(n / 4); printf "%.9g %g\n", 1e-6 * (end[n - 1] - end[first]) / (n - 1 - first), taken }'
}

# foretell ROUNDS OPTIONS..: seconds of a round, and of handing a token over; leaves the cause
foretell() {
    rounds=$1
    shift
    "$telesgd" train --dry-run --json --ranks 1 --rounds "$rounds" "$@" >"$folder/foretold"
    echo "$(number round_seconds <"$folder/foretold") $(number hand_over_seconds <"$folder/foretold")"
}

# turn ROUNDS OPTIONS..: "foretold measured cause restless" of a round. It is foretold before and after it is
# measured, and the mean taken. restless is 1 where the machine was another one before than after (a hand-over
# took half as much again, or a round is foretold 3 % longer), or others took 3 % of the run's time.
turn() {
    before=$(foretell "$@")             # a run that fails ends it all
    round=$(measure "$@")
    after=$(foretell "$@")
    cause=$(sed 's/.*"largest_cause":"\([a-z_]*\)".*/\1/' "$folder/foretold")
    echo "$before $after $round $cause" | awk '{
        moved = $2 > 1.5 * $4 || $4 > 1.5 * $2 || $1 > 1.03 * $3 || $3 > 1.03 * $1
        printf "%.9g %.9g %s %d\n", ($1 + $3) / 2, $5, $7, (moved || $6 > 0.03)
    }'
}

# quiet_turn ROUNDS OPTIONS..: the first that is not restless, of five; and how many were
quiet_turn() {
    restless=1 again=0
    while [ "$restless" = 1 ] && [ $again -lt 5 ]; do
        result=$(turn "$@")
        restless=${result##* }
        again=$((again + restless))
    done
    echo "${result% *} $again"
}

# compare NAME ROUNDS OPTIONS..
compare() {
    name=$1
    shift
    case $name in $cases) ;; *) return 0 ;; esac
    for turn in $(seq "$repeats"); do quiet_turn "$@"; done >"$folder/turns"
    awk '{ printf "%.9g %.9g %.9g %s %d\n", $1 / $2, $1, $2, $3, $4 }' "$folder/turns" | sort -n |
        awk -v name="$name" '
            { ratio[NR] = $1; foretold[NR] = $2; measured[NR] = $3; cause[NR] = $4; restless += $5 }
            END {
                m = int((NR + 1) / 2)
                printf "bench=crew case=%s ms=%.4f foretold_ms=%.4f ratio=%.3f least=%.3f most=%.3f",
                    name, 1e3 * measured[m], 1e3 * foretold[m], ratio[m], ratio[1], ratio[NR]
                printf " cause=%s restless=%d\n", cause[m], restless
            }' | tee -a "$folder/lines"
}

# Every minibatch is full: each node has a whole number of them.
lenet() { echo "--model lenet --momentum 0.9 --data blobs:$((64 * 2 * $1)),1x28x28,10 --nodes $((2 * $1)) --active $1"; }
vgg() { echo "--model vgg11 --momentum 0.9 --data blobs:$((64 * $1)),3x32x32,10 --nodes $1 --active $1"; }

for threads in 1 2; do
    for gossip in rows slices; do
        compare "lenet-ring-8-$gossip-$threads" 250 $(lenet 8) --gossip $gossip --threads $threads
    done
done
for topology in exp complete; do
    compare "lenet-$topology-16-rows-2" 120 $(lenet 16) --topology $topology --gossip rows --threads 2
    compare "lenet-$topology-16-slices-2" 120 $(lenet 16) --topology $topology --gossip slices --threads 2
done
compare lenet-ring-3-rows-2 600 $(lenet 3) --gossip rows --threads 2
compare lenet-ring-64-slices-2 30 $(lenet 64) --gossip slices --threads 2
compare vgg11-ring-2-rows-1 16 $(vgg 2) --gossip rows --threads 1
compare vgg11-ring-2-rows-2 24 $(vgg 2) --gossip rows --threads 2
compare vgg11-team-1-2 32 $(vgg 1) --step-parts 2 --threads 2
[ -e "$folder/lines" ] || { echo "crew.sh: CASES: no case has a name like '$cases'" >&2; exit 1; }
awk '{ for (i = 1; i <= NF; i++) if ($i ~ /^ratio=/) { r = substr($i, 7); if (!n++) least = most = r
    least = r < least ? r : least; most = r > most ? r : most } }
    END { printf "# ratios from %.3f to %.3f\n", least, most }' "$folder/lines"
