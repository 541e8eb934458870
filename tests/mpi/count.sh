#!/usr/bin/env bash
# What crosses between ranks, counted by MPI's profiling interface, is what the rules say (count.py).
#     count.sh TELESGD TELESGD-MPI SHIM MPIRUN
set -u
telesgd=$(realpath "$1") mpi=$(realpath "$2") shim=$(realpath "$3") mpirun=$4
here=$(dirname "$(realpath "$0")")
. "$here/mpirun.sh"
dir=$(mktemp -d) && cd "$dir" && trap 'rm -rf "$dir"' EXIT
bad=0 good=0
# RANKS NODES TOKENS TOPOLOGY EXCHANGED PRIVATE MIX-EVERY OPTION..
while read -r r n k topology exchanged private m options; do
    args="train --model quadratic --dim 50 --nodes $n --topology $topology --rounds 60 --eval-every 13 --mix-every $m $options --progress off"
    "$telesgd" $args --threads 1 --trace trace > /dev/null &&
        "$telesgd" topology "$topology" --active "$k" --matrix > matrix &&
        over "$r" env LD_PRELOAD="$shim" SHIM_COUNT=counted "$mpi" $args > out 2> err &&
        python3 "$here/count.py" trace matrix "$r" "$n" 50 "$exchanged" "$private" 60 13 "$m" counted
    if [ $? = 0 ]; then
        good=$((good + 1))
    else
        bad=$((bad + 1))
        echo "differs: $r ranks: $args"
        head -3 err
    fi
    rm -f trace matrix counted
done << 'CASES'
2 20 6 ring 1 0 1 --active 6
3 20 6 exp 1 1 1 --active 6 --momentum 0.9
4 20 8 onepeer-exp 1 1 2 --active 8 --momentum 0.9
3 20 5 star 2 0 1 --active 5 --momentum 0.9 --momentum-home mixed
4 18 18 ring 1 0 1 --method dsgd
3 16 16 exp 2 1 1 --method gt --lr 0.001
CASES
echo "count: $good runs send what the rules say, $bad do not"
[ $bad = 0 ]
