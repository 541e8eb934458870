#!/usr/bin/env bash
# How runs over ranks begin and end: a rank that differs or fails is named once and nothing is written; the
# first rank alone tells and writes; a rank that is killed ends the run with a sentence that says how to go
# on; SIGINT and SIGTERM to mpirun keep log and result.
#     ends.sh TELESGD-MPI SHIM MPIRUN
# QUICK=1: less of it.
set -u
mpi=$(realpath "$1") shim=$(realpath "$2") mpirun=$3
. "$(dirname "$(realpath "$0")")/mpirun.sh"
dir=$(mktemp -d) && cd "$dir" && trap 'rm -rf "$dir"' EXIT
run="train --data digits --model mlp:64 --nodes 20 --active 4 --progress off --threads 1"
bad=0
complain() {
    bad=$((bad + 1))
    echo "ends: $1"
    head -5 out err 2> /dev/null
}
# expect CODE SENTENCE-OR-"" FILES: of what has just ended.
expect() {
    [ "$code" = "$1" ] || complain "code $code, want $1: $what"
    [ -z "$2" ] || [ "$(grep -c -e "$2" err)" = 1 ] || complain "not said once, '$2': $what"
    [ "$(ls | grep -v -x -e out -e err | tr '\n' ' ')" = "$3" ] || complain "left $(ls | tr '\n' ' '), want $3: $what"
}
try() {
    what=$*
    over "$@" > out 2> err
    code=$?
}
long="--rounds 100000000 --eval-every 20 --log log --save save"

try 1 "$mpi" $run --rounds 9 --log log : -n 2 "$mpi" $run --rounds 9 --log log --lr 0.05
expect 2 "rank 1 on $(hostname): --lr: found 0.05, want 0.1, as rank 0 has it" ""
if [ "$(uname -m)" = x86_64 ]; then
    try 1 "$mpi" $run --rounds 9 --isa portable : -n 1 "$mpi" $run --rounds 9 --isa sse4
    expect 2 "rank 1 on $(hostname): the bits of --isa: found sse4, want common, as rank 0 has it" ""
fi
try 2 "$mpi" $run --rounds 9 --log log : -n 1 "$mpi" $run --rounds 9 --log log --split-seed 7
expect 2 "rank 2 on $(hostname): --split-seed: found 7" ""
try 1 "$mpi" $run --rounds 9 --log log : -n 1 "$mpi" $run --rounds 9 --log log --init /nowhere/a
expect 2 "rank 1 on $(hostname): .*/nowhere/a" ""
# The first rank alone writes, so an output that only another one was given would be nowhere.
try 1 "$mpi" $run --rounds 9 : -n 2 "$mpi" $run --rounds 9 --log log
expect 2 "rank 1 on $(hostname): --log: found log, want none, as rank 0 has it" ""
try 1 "$mpi" $run --rounds 9 --save save : -n 1 "$mpi" $run --rounds 9 --save other
expect 2 "rank 1 on $(hostname): --save: found other, want save, as rank 0 has it" ""
try 1 "$mpi" $run --rounds 9 --log log --save save : -n 1 "$mpi" $run --rounds 9 --save save
expect 0 "" "log save "
rm -f log save
# The same name is another file in each one's folder.
csv="train --model logistic --nodes 2 --active 2 --rounds 3 --progress off --data csv:data --log $dir/log"
other=$(mktemp -d) && mkdir "$other/a" "$other/b"
printf '1,2,a\n3,4,b\n5,6,a\n2,2,b\n7,1,a\n1,9,b\n' > "$other/a/data" && sed 's/9/8/' "$other/a/data" > "$other/b/data"
try 1 sh -c "cd '$other/a' && exec '$mpi' $csv" : -n 1 sh -c "cd '$other/b' && exec '$mpi' $csv"
rm -rf "$other"
expect 2 "rank 1 on $(hostname): --data: its files: found one with the hash" ""
try 3 "$mpi" $run --rounds 9 --save /nowhere/save --log log
expect 2 "rank 0 on $(hostname): --save: cannot write '/nowhere/save'" ""
try 3 "$mpi" trian
expect 2 "command: unknown 'trian'; did you mean 'train'?" ""
try 1 "$mpi" --version : -n 1 "$mpi" $run --rounds 9 --log log
expect 2 "rank 1 on $(hostname): the command: found train, want --version, as rank 0 has it" ""
try 1 "$mpi" $run --rounds 9 --log log : -n 2 "$mpi"
expect 2 "rank 1 on $(hostname): the command: found none, want train, as rank 0 has it" ""
try 2 "$mpi" $run --lr fast
expect 2 "telesgd: --lr: 'fast' is not a number" ""
try 2 "$mpi" sweep x -o y
expect 2 "sweep: found 2 ranks" ""
if [ -z "${QUICK:-}" ]; then
    try 30 "$mpi" $run --rounds 9
    expect 2 "telesgd: --nodes: found 20, fewer than the 30 ranks" ""
fi
try 3 "$mpi" list methods
expect 0 "" ""
[ "$(grep -c '^  teleport ' out)" = 1 ] || complain "not printed once: $what"
try 3 "$mpi" $run --rounds 9 --dry-run --log log
expect 0 "" ""
[ "$(grep -c '^rounds = 9$' out)" = 1 ] || complain "not printed once: $what"
try 3 "$mpi" $run --rounds 9 --log log --save save
expect 0 "" "log save "
[ "$(grep -c '^trained ' out)" = 1 ] || complain "not told once: $what"
grep -q '^ranks  *3' out || complain "ranks are not told: $what"
[ "$(grep -c '"type":"config"' log)" = 1 ] && grep -q '"ranks":3' log || complain "the log lacks ranks: $what"
rm -f log save
try 3 "$mpi" $run --rounds 9 --lr 1e30 --log log --save save
expect 3 "telesgd: the training diverged" "log "
rm -f log save

# Starts a long run, awaits an evaluation, and sends a signal to mpirun or to a rank. Where there is a
# shim to preload, what rank 0 sends has failed a moment before.
#     send SIGNAL mpirun|RANK OPTION..
send() {
    local signal=$1 whom=$2 started child pid p one
    shift 2
    what="$signal to $whom"
    over 3 env ${preload:+LD_PRELOAD="$preload" SHIM_FAIL="$dir/fail"} "$mpi" $run $long "$@" > out 2> err &
    started=$!
    await log || complain "no evaluation in a minute: $what"
    [ -z "${preload:-}" ] || { touch fail && sleep 0.2; }
    pid=$(pgrep -P "$started" | head -1)                    # timeout
    child=$(pgrep -P "$pid" | head -1)                      # mpirun
    [ -n "$child" ] || child=$pid
    if [ "$whom" = mpirun ]; then
        kill -"$signal" "$child"
    else
        for p in $child $(pgrep -P "$child"); do
            for one in $(pgrep -P "$p" -x telesgd-mpi); do
                tr '\0' '\n' < "/proc/$one/environ" | grep -q -x -e "OMPI_COMM_WORLD_RANK=$whom" -e "PMI_RANK=$whom" &&
                    kill -"$signal" "$one" && break 2
            done
        done
    fi
    wait "$started"
    code=$?
}
export OMPI_MCA_odls_base_sigkill_timeout=10    # the box may be busy
signals="INT TERM"
[ -z "${QUICK:-}" ] || signals=INT
for signal in $signals; do
    send $signal mpirun
    # Open MPI's mpirun ends with 1 after a signal, whatever the ranks return; MPICH's now and then with 0.
    [ $kind = mpich ] && [ "$code" = 0 ] && code=130
    expect "$([ $kind = openmpi ] && echo 1 || echo 130)" "" "log save "
    [ "$(grep -c '"interrupted":true' log)" = 1 ] || complain "the log does not say so: $what"
    rm -f log save
done
unset OMPI_MCA_odls_base_sigkill_timeout
for rank in 0 1 2; do
    send KILL $rank
    [ $code != 0 ] && [ $code != 124 ] || complain "code $code: $what"
    [ "$(grep -c "telesgd: rank $rank on $(hostname) has died" err)" = 1 ] || complain "not said once but $(grep -c "has died" err) times: $what"
    rm -f log save
done
# A rank to which a message cannot be sent leaves it to the other's witness to say why; alone it speaks.
preload=$shim
send KILL 1
[ "$(grep -c "telesgd: rank 1 on $(hostname) has died" err)" = 1 ] && ! grep -q MPI_Isend err ||
    complain "a send fails: $what"
rm -f log save fail
send CONT 0
[ $code != 0 ] && [ $code != 124 ] && [ "$(grep -c "^telesgd: rank 0: MPI_Isend: " err)" = 1 ] ||
    complain "code $code: a send fails, and nobody has died"
rm -f log save fail
preload=
# A checkpoint of another training is none to go on from.
over 1 "$mpi" $run --rounds 9 --checkpoint old > out 2> err
send KILL 1 --checkpoint old --checkpoint-every never --seed 7 --force
grep -q "there is no checkpoint yet to go on from in 'old'" err || complain "another's checkpoint: $what"
rm -f log save old
if [ $kind = openmpi ] && [ "$(nproc)" -gt 1 ]; then
    what="bound to one CPU"
    timeout -k 5 60 "$mpirun" ${flags/--bind-to none/} --bind-to core -n 1 "$mpi" $run --rounds 2 --threads 2 > out 2> err
    grep -q "rank 0 on .* may use 1 of .* CPUs, and trains with 2 threads.*--bind-to none" err || complain "no warning: $what"
    what="bound to one CPU, as asked"
    timeout -k 5 60 "$mpirun" ${flags/--bind-to none/} --bind-to core -n 1 "$mpi" $run --rounds 2 > out 2> err
    grep -q "may use 1 of" err && complain "a warning: $what"
    timeout -k 5 60 "$mpirun" ${flags/--bind-to none/} --bind-to core -n 1 "$mpi" ${run/--threads 1/} --rounds 2 > out 2> err
    grep -q "may use 1 of .*--bind-to none" err || complain "no warning: $what, but for the threads"
fi
[ $bad = 0 ] && echo "ends: as they should be"
