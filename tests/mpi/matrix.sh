#!/usr/bin/env bash
# The same bits over ranks: every run of `telesgd-mpi` has the log of `telesgd`, but for times, and the same
# saved file; for every method, topology, schedule, churn, clock, momentum home, teams, with messages that
# are delayed and reordered.
#     matrix.sh TELESGD TELESGD-MPI SHIM MPIRUN quick|full
# quick: each case once, with ranks and threads in turn; full: each with 1, 2, 3, 4, 7 ranks by 1, 2, 3
# threads. FIRST and STEP take only every STEP-th case, from number FIRST on.
set -u
telesgd=$(realpath "$1") mpi=$(realpath "$2") shim=$(realpath "$3") mpirun=$4 size=$5
here=$(dirname "$(realpath "$0")")
. "$here/mpirun.sh"
dir=$(mktemp -d) && cd "$dir" && trap 'rm -rf "$dir"' EXIT
small="--data digits --model mlp:16 --nodes 21 --rounds 30 --eval-every 7 --batch 16 --progress off"
quad="--model quadratic --dim 300 --nodes 21 --rounds 40 --eval-every 9 --progress off"
for i in $(seq 0 20); do echo "$i $((i % 7)) $((15 + i))"; done > away
cases=(
    "train $small --active 5"
    "train $small --active 5 --momentum 0.9"
    "train $small --active 5 --momentum 0.9 --momentum-home node"
    "train $small --active 5 --momentum 0.9 --momentum-home mixed --nesterov"
    "train $small --active 8 --topology exp --schedule cosine --warmup 5 --eval-at-start"
    "train $small --active 6 --topology base:2 --final-average"
    "train $small --active 8 --topology onepeer-exp --local-steps 3 --eval tokens"
    "train $small --active 7 --topology complete --mix-every 3 --validation 0.2"
    "train $small --active 1"
    "train $small --active 21 --topology torus"
    "train $small --active 4 --step-parts 3 --batch 48"
    "train $small --active 5 --availability 0.7"
    "train $small --active 5 --availability-trace away --momentum 0.5"
    "train $small --active 5 --link-cost preferred --bandwidth 1e6 --compute-seconds 0.01:lognormal:0.5"
    "train $small --active 5 --until train_loss<=2.1"
    "train $small --active 5 --samples 1500 --augment none --order iid"
    "train $small --method dsgd --topology ring"
    "train $small --method dsgd --topology regular:4 --place graph"
    "train $small --method dsgd --topology exp --momentum 0.9 --availability 0.8 --offline hold"
    "train $small --method dsgd --topology ring --availability 0.8 --offline isolate"
    "train $small --method dsgd --topology base:3 --link-cost slow-nodes:0.3 --port serial"
    "train $small --method allreduce --momentum 0.9"
    "train $small --method walk"
    "train $small --method d2 --topology ring --lazy --lr 0.02"
    "train $small --method gt --topology exp --lr 0.02"
    "train $small --method momentum-tracking --momentum 0.9 --lr 0.02"
    "train $small --method qg-dsgdm --momentum 0.9 --active 6"
    "train $small --method qg-dsgdm --momentum 0.9"
    "train $quad --active 5"
    "train $quad --method dsgd --topology star --sigma2 0"
    "train $quad --method dsgd --topology hypercube --nodes 16"
    "train $quad --active 5 --lr 50"
    "train --data digits --model logistic --nodes 12 --rounds 20 --active 3 --weight-decay 0.01 --optimum --progress off"
    "train --data blobs --model logistic --nodes 50 --active 11 --topology er:0.4 --rounds 25 --progress off"
    "tune $small"
    "tune $quad --nodes 13 --lr-grid 0.02,0.01"
)
# What may differ: times, and what is the machine's (src/README.md).
plain() {
    sed -E 's/"(date|revision|threads|place|gossip|memory_bytes|optimum_seconds|ranks|wall_seconds|samples_per_second|share_[a-z]+|steals|sleeps|bytes_between_ranks|time_[a-z_]+)":("[^"]*"|[^],}]*),?//g; s/"workers":\[[^]]*\],?//g; s/,}/}/' "$1" |
        if [ "$2" = tune ]; then sort; else cat; fi
}
pairs() {
    if [ "$size" = full ]; then
        for r in 1 2 3 4 7; do for p in 1 2 3; do echo "$r $p"; done; done
    else
        local r=(2 3 4 7 2 3) p=(2 1 2 1 1 3)
        echo "${r[$(($1 % 6))]} ${p[$(($1 % 6))]}"
    fi
}
# What a log of several ranks tells besides, and one of a single rank does not: in each evaluation and the
# summary what has passed between them, and for a worker of each rank at least what it has lost to messages.
tells() {
    local lines=$(grep -c '"type":"\(eval\|summary\)"' "$1") told=$(grep -c '"bytes_between_ranks":' "$1")
    local workers=$(grep -o '"messages":' "$1" | wc -l)
    if [ "$2" = 1 ]; then [ "$told$workers" = 00 ]; else
        [ "$told" = "$lines" ] && { [ "$3" = tune ] || [ "$workers" -ge "$2" ]; }
    fi
}
good=0 bad=0
for ((i = ${FIRST:-0}; i < ${#cases[@]}; i += ${STEP:-1})); do
    args=${cases[$i]} command=${cases[$i]%% *}
    rm -f want want.st
    "$telesgd" ${args% --place graph} --threads 1 --log want --save want.st > /dev/null 2> want.err
    want=$?
    if [ $want != 0 ] && [ $want != 3 ]; then   # 3: it diverges, which is alike too
        bad=$((bad + 1))
        echo "does not train at all: $args"
        head -3 want.err
        continue
    fi
    while read -r r p; do
        rm -f got got.st
        over "$r" env LD_PRELOAD="$shim" SHIM_DELAY=$((i + r * 100 + p)) "$mpi" $args --threads "$p" --log got \
            --save got.st > out 2> err
        got=$?
        if [ $got = $want ] && cmp -s <(plain want "$command") <(plain got "$command") && { [ ! -e want.st ] || cmp -s want.st got.st; } &&
            tells got "$r" "$command"; then
            good=$((good + 1))
        else
            bad=$((bad + 1))
            echo "differs: $r ranks, $p threads: $args (code $got, want $want)"
            diff <(plain want "$command") <(plain got "$command") | cut -c 1-600 | head -6
            head -5 err
        fi
    done < <(pairs "$i")
done
echo "matrix: $good runs over ranks as in one process, $bad not"
[ $bad = 0 ]
