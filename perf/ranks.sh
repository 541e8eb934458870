#!/bin/sh
# perf/ranks.sh [REPEATS]: what ranks cost on this machine, and what `train --dry-run --ranks` says of
# it, in turns; `make bench-ranks` builds what it needs. LeNet on generated images, k = 8, minibatches
# of 32. It prints a line for each case, medians over the repeats with their least and most:
#   bench=round      milliseconds of a round as it was (ms), as it was foretold just before with the
#                    steps of that moment (foretold_ms), their ratio, the rate against one process
#                    of two threads in the same turn (of_threads), and, of its workers' time but for
#                    evaluations, the share outside gradient steps (outside); then CPU time of a round
#                    of all ranks (cpu_ms), as foretold, and their ratio, which hardly depend on who
#                    else uses the machine
#   bench=idle       one token, which is with one of two ranks at a time: of the time in which ranks
#                    wait for it, or take it in, the part in which they run all the same
#   bench=round-of-sleeps  the same of steps that sleep, which need no core (perf/mpi/rounds.c)
#   bench=rows-..    rows between two ranks, by the engine and by a bare loop (perf/mpi/rows.c)
# Other programs on the machine disturb all of it; the load average is printed at either end.
# KEEP=1 adds to the turns of the time before, so that REPEATS=1 can be run whenever the machine is quiet.
set -eu
repeats=${1:-5}
case $repeats in
'' | *[!0-9]* | 0*)
    echo "REPEATS: '$repeats' is not a whole number from 1 up" >&2
    exit 2
    ;;
esac
b=${BUILD:-build/release}
mpi=${MPI:-$b/mpi/mpicc}
run=${MPIRUN:-mpirun}
rounds=${ROUNDS:-1000}
out=build/ranks
[ -n "${KEEP:-}" ] || rm -rf "$out"
mkdir -p "$out"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
case $($run --version) in
*HYDRA*) ranks="$run -n" ;;
*) ranks="$run --oversubscribe --bind-to none -n" ;;
esac
cores=$(nproc)
wrong=

# Every node has a whole number of minibatches.
common="train --data blobs:25600,1x28x28,10 --model lenet --rounds $rounds --eval-every $rounds"
fixed="--method dsgd --nodes 8"
teleports="--nodes 100 --active 8"

# number FILE KEY: of the last JSON line that has it
number() { sed -n "s/.*\"$2\":[ ]*\([-0-9.e+]*\).*/\1/p" "$1" | tail -n 1; }

# CPU seconds of a command and its children.
cpu() { ( "$@" >/dev/null; times ) | tail -n 1 | awk '{
    n = split($0, part, " ")
    for (i = 1; i <= n; i++) { split(part[i], t, "m"); s += 60 * t[1] + t[2] }
    print s }'; }

# once CASE MOVES RANKS THREADS: appends ms, as foretold, the share outside steps, CPU ms and as foretold.
# What it takes to start is in a short run as in a long one.
once() {
    set -- "$1" "$2" "$3" "$4" $common $(eval echo "\$$2")
    name=$1 r=$3 p=$4
    shift 4
    $ranks "$(( r > 1 ? 2 : 1 ))" "$mpi/telesgd-mpi" "$@" --threads "$p" --dry-run --json \
        --ranks "$r" --cores "$cores" >"$out/plan"
    short=$(cpu $ranks "$r" "$mpi/telesgd-mpi" "$@" --threads "$p" --progress off \
        --rounds $((rounds / 5)))
    long=$(cpu $ranks "$r" "$mpi/telesgd-mpi" "$@" --threads "$p" --progress off --log "$out/log")
    awk -v short="$short" -v long="$long" -v rounds="$((rounds - rounds / 5))" \
        -v work="$(number "$out/plan" share_work)" -v cores="$(number "$out/plan" cores)" \
        -v ranks="$r" -v messages="$(number "$out/plan" messages_per_rank)" \
        -v worker="$(number "$out/plan" message_worker_seconds)" -v rate="$(number "$out/log" samples_per_second)" -v step="$(number "$out/log" share_step)" \
        -v eval="$(number "$out/log" share_eval)" -v plan="$(number "$out/plan" round_seconds)" \
        'BEGIN { print 8 * 32 / rate * 1e3, plan * 1e3, (1 - step - eval) / (1 - eval),
                 (long - short) / rounds * 1e3,
                 (work * cores * plan + 2 * messages * ranks * worker) * 1e3 }' \
        >>"$out/$name"
}

# line CASE: medians of what `once` has appended
line() {
    paste -d ' ' "$out/$1" "$out/${1%%-*}-1x2" | awk -v name="$1" '
        function median(x, n,    i, j, t) {
            for (i = 2; i <= n; i++)
                for (j = i; j > 1 && x[j] < x[j - 1]; j--) { t = x[j]; x[j] = x[j - 1]; x[j - 1] = t }
            return n % 2 ? x[(n + 1) / 2] : (x[n / 2] + x[n / 2 + 1]) / 2
        }
        { ms[NR] = $1; told[NR] = $2; ratio[NR] = $2 / $1; outside[NR] = $3
          cpu[NR] = $4; cpu_told[NR] = $5; cpu_ratio[NR] = $5 / $4; speed[NR] = $6 / $1 }
        END {
            split(name, part, "-")
            split(part[2], size, "x")
            m = median(ms, NR); t = median(told, NR); r = median(ratio, NR)
            s = median(speed, NR); o = median(outside, NR)
            printf "bench=round moves=%s ranks=%d threads=%d ms=%.3f foretold_ms=%.3f ratio=%.2f " \
                   "ratio_least=%.2f ratio_most=%.2f of_threads=%.2f of_threads_least=%.2f " \
                   "of_threads_most=%.2f outside=%.3f cpu_ms=%.2f cpu_foretold_ms=%.2f " \
                   "cpu_ratio=%.2f turns=%d\n", part[1], size[1], size[2], m, t, r, ratio[1],
                   ratio[NR], s, speed[1], speed[NR], o, median(cpu, NR), median(cpu_told, NR),
                   median(cpu_ratio, NR), NR
        }'
}

idle() {
    $ranks 2 "$mpi/telesgd-mpi" train --data blobs:2000,1x28x28,10 --model lenet --nodes 2 \
        --active 1 --topology alone --threads 1 --progress off --rounds 2000 --eval-every 2000 \
        --log "$out/log" >/dev/null
    awk -v wait="$(number "$out/log" share_wait)" -v messages="$(number "$out/log" share_messages)" \
        -v slept="$(number "$out/log" share_slept)" \
        'BEGIN { print (wait + messages - slept) / (wait + messages) }' >>"$out/idle"
}

echo "# $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $cores cores, load" \
    "$(cut -d ' ' -f 1 /proc/loadavg)"
turn=1
while [ "$turn" -le "$repeats" ]; do
    echo "# turn $turn of $repeats" >&2
    for moves in fixed teleports; do
        for size in 1x2 2x1 3x1 4x1; do
            once "$moves-$size" "$moves" "${size%x*}" "${size#*x}"
        done
    done
    idle
    turn=$((turn + 1))
done
for moves in fixed teleports; do
    for size in 1x2 2x1 3x1 4x1; do
        line "$moves-$size"
    done
done
sort -n "$out/idle" | awk '{ x[NR] = $1 } END {
    printf "bench=idle runs=%.3f least=%.3f most=%.3f turns=%d\n", x[int((NR + 1) / 2)], x[1],
           x[NR], NR }'
for r in 2 3 4; do
    $ranks "$r" "$mpi/rounds" || wrong=1
done
$ranks 2 "$mpi/rows" || wrong=1
echo "# load $(cut -d ' ' -f 1 /proc/loadavg)"
[ -z "$wrong" ]
