#!/bin/sh
# perf/shared.sh [REPEATS]: two workers on two CPUs of which none, one or each is kept busy by a loop of the
# same priority, beside one worker on the same two CPUs and beside the same loops; LeNet, 8 of 100 nodes;
# `make bench-shared`. A line for each number of loops, of threads and each kind of gossip; of_one is
# samples a second over those of one thread, the median of REPEATS (3) turns, each of which measures all.
# threads=auto says nothing of threads: two, each kept on its CPU. Takes half a minute a turn.
set -eu
telesgd=${TELESGD:-build/release/telesgd}
repeats=${1:-3}
case $repeats in
*[!0-9]* | 0* | '') echo "shared.sh: REPEATS: found '$repeats', want a whole number from 1 up" >&2; exit 1 ;;
esac
cpus=$(taskset -pc $$ | sed 's/.*: //' | tr , '\n' |
    awk -F - '{ for (i = $1; i <= ($2 == "" ? $1 : $2) && n < 2; i++) { print i; n++ } }')
[ "$(echo "$cpus" | wc -l)" = 2 ] || { echo "shared.sh: wants two CPUs" >&2; exit 1; }
folder=$(mktemp -d)
loops=
stop() {
    [ -z "$loops" ] || kill $loops
    [ -z "$loops" ] || wait $loops 2>/dev/null || true
    loops=
}
trap 'stop; rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM

# start N: loops, on the first N of the two CPUs; they end by themselves if this script is killed
start() {
    for cpu in $(echo "$cpus" | head -n "$1"); do
        taskset -c "$cpu" sh -c 'while kill -0 "$0"; do n=0; while [ $n -lt 100000 ]; do n=$((n + 1)); done; done' $$ &
        loops="$loops $!"
    done
}

# speed NAME OPTIONS..: one more turn of a case
speed() {
    name=$1
    shift
    taskset -c "$(echo $cpus | tr ' ' ,)" "$telesgd" train --data blobs:51200,1x28x28,10 --model lenet \
        --nodes 100 --active 8 --rounds 1000 --eval-every 1000 --progress off --log "$folder/log" --force \
        "$@" >/dev/null
    sed -n '/"type":"summary"/s/.*"samples_per_second":\([-0-9.e]*\).*/\1/p' "$folder/log" >>"$folder/$name"
}

for turn in $(seq "$repeats"); do
    for n in 0 1 2; do
        start $n
        speed $n-1-auto --threads 1
        speed $n-auto-auto
        speed $n-auto-slices --gossip slices
        speed $n-16-auto --threads 16
        stop
    done
done
for n in 0 1 2; do
    for case in 1-auto auto-auto auto-slices 16-auto; do
        paste "$folder/$n-1-auto" "$folder/$n-$case" | awk '{ print $2 / $1, $2 }' | sort -n |
            awk -v loops=$n -v threads="${case%-*}" -v gossip="${case#*-}" '
                { ratio[NR] = $1; speed[NR] = $2 }
                END {
                    m = int((NR + 1) / 2)
                    printf "bench=shared loops=%d threads=%s gossip=%s samples_per_second=%.0f", loops, threads,
                        gossip, speed[m]
                    printf " of_one=%.2f least=%.2f most=%.2f\n", ratio[m], ratio[1], ratio[NR]
                }'
    done
done
