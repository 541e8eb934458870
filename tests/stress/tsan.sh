#!/bin/sh
# The program itself under ThreadSanitizer: small trainings over methods, gossip and threads, steps that workers share,
# nodes that come and go, verdicts, checkpoints, traces, the watchdog, the search and sweeps. Each must end without a
# report, and with the state_hash of the same training by the ordinary program with two threads, gossip by rows.
#     tests/stress/tsan.sh TSAN-PROGRAM PROGRAM quick|full
set -u
tsan=$1 plain=$2 size=$3
work=$(mktemp -d "${TMPDIR:-/tmp}/telesgd-tsan-XXXXXX")
trap 'rm -rf "$work"' EXIT
export TSAN_OPTIONS='halt_on_error=1 exitcode=66'
runs=0
bad=0

# The hashes of all evaluations in logs, in order.
hashes() { cat "$@" | sed -n 's/.*"type":"eval".*"round":\([0-9]*\).*"state_hash":"\([0-9a-f]*\)".*/\1 \2/p'; }

# wrong WHAT WHY LOG
wrong() {
    echo "FAIL $1: $2"
    tail -25 "$3"
    bad=$((bad + 1))
}

# want NAME ARGUMENT..: what the ordinary program makes of these arguments.
want() {
    name=$1
    shift
    arguments=$*
    # shellcheck disable=SC2086
    if ! "$plain" train $arguments --threads 2 --gossip rows --progress off --log "$work/want.jsonl" --force > "$work/out" 2>&1; then
        wrong "$name" "the ordinary program does not take: $arguments" "$work/out"
    fi
    hashes "$work/want.jsonl" > "$work/want"
    [ -s "$work/want" ] || wrong "$name" "no evaluation" "$work/out"
}

# got ARGUMENT..: the same under ThreadSanitizer, with these arguments too.
got() {
    runs=$((runs + 1))
    # shellcheck disable=SC2086
    "$tsan" train $arguments "$@" --progress off --log "$work/got.jsonl" --force > "$work/out" 2>&1
    code=$?
    hashes "$work/got.jsonl" > "$work/got"
    if [ $code -ne 0 ]; then
        wrong "$name $*" "exit code $code" "$work/out"
    elif ! cmp -s "$work/want" "$work/got"; then
        wrong "$name $*" "other hashes" "$work/got"
    fi
}

# all NAME ARGUMENT..: both ways of gossip, several numbers of threads.
all() {
    want "$@"
    if [ "$size" = quick ]; then
        got --gossip rows --threads 5
        got --gossip slices --threads 3
        return
    fi
    for gossip in rows slices; do
        for threads in 1 2 3 6; do got --gossip $gossip --threads $threads; done
    done
}

# rows NAME ARGUMENT..: what can gossip by rows alone.
rows() {
    want "$@"
    got --gossip rows --threads 5
    [ "$size" = quick ] || got --gossip rows --threads 3
}

digits="--data digits --subset 240 --partition dirichlet-even:0.5 --model logistic --rounds 12 --eval-every 3 --batch 4"
tokens="--nodes 9 --active 5"

all teleport $digits $tokens --topology exp
all dsgd $digits --method dsgd --nodes 6
all allreduce $digits --method allreduce --nodes 5
all walk $digits --method walk $tokens
all d2 $digits --method d2 --nodes 6 --lazy
all gt $digits --method gt --nodes 6
all qg-dsgdm $digits --method qg-dsgdm $tokens --momentum 0.5
all momentum-tracking $digits --method momentum-tracking --nodes 6 --momentum 0.5
all 'momentum at nodes' $digits $tokens --momentum 0.5 --momentum-home node --topology onepeer-exp
all 'thinned, mixed momentum' $digits $tokens --momentum 0.5 --momentum-home mixed --mix-every 3
all 'shared steps' $digits --batch 48 $tokens --model mlp:16 --step-parts 3 --local-steps 2
all 'nodes come and go' $digits $tokens --availability 0.6
all 'nodes that isolate' $digits --method dsgd --nodes 6 --availability 0.6 --offline isolate
all 'every round evaluated, each token' $digits $tokens --eval-every 1 --eval-at-start --eval tokens
all verdict $digits $tokens --until 'test_loss<=2.25' --eval-every 2
all 'final average, validation' $digits $tokens --validation 0.2 --final-average
all quadratic --model quadratic --rounds 30 --eval-every 7 $tokens --topology onepeer-exp
if [ "$size" = full ]; then
    for graph in ring line torus hypercube exp onepeer-exp base:2 complete star regular:3 er:0.6; do
        all "$graph" $digits --nodes 12 --active 8 --topology $graph
    done
    all 'nodes hold' $digits $tokens --availability 0.6 --offline hold --momentum 0.5 --momentum-home node
    all 'simulated clock' $digits $tokens --link-seconds 0.1 --bandwidth 1e5 --compute-seconds 0.5
fi

# What is written while tokens go on; read back, and gone on with.
want 'trace and watchdog' $digits $tokens
got --threads 4 --trace "$work/trace.json" --stall-seconds 1
want 'checkpoints' $digits $tokens --momentum 0.5 --momentum-home node --rounds 20
for gossip in rows slices; do
    got --threads 4 --gossip $gossip --checkpoint "$work/$gossip.ck" --checkpoint-every 3
    got --threads 3 --gossip $gossip --resume "$work/$gossip.ck"    # the log is gone on with
done

# The search, and a sweep of several runs at a time: all their logs.
few='--data digits --subset 240 --model logistic --nodes 9 --rounds 6 --eval-every 2 --batch 4 --progress off'
for program in "$plain" "$tsan"; do
    runs=$((runs + 1))
    # shellcheck disable=SC2086
    "$program" tune $few --threads 4 --lr-grid 0.1,0.2 --log "$work/tune.jsonl" --force > "$work/out" 2>&1 ||
        wrong tune "exit code $?" "$work/out"
    hashes "$work/tune.jsonl" | sort > "$work/tune.$runs"
    printf '%s\n' 'data = digits' 'subset = 240' 'model = logistic' 'nodes = 9' 'rounds = 6' 'batch = 4' 'eval-every = 2' \
        'active = 2, 4' 'gossip = rows, slices' 'seed = 0..1' > "$work/grid.ini"
    "$program" sweep "$work/grid.ini" -o "$work/sweep.$runs" --jobs 3 --progress off > "$work/out" 2>&1 ||
        wrong sweep "exit code $?" "$work/out"
    hashes "$work/sweep.$runs"/*.jsonl > "$work/hashes.$runs"
    [ -s "$work/tune.$runs" ] || wrong tune 'no evaluation' "$work/out"
    [ -s "$work/hashes.$runs" ] || wrong sweep 'no evaluation' "$work/out"
done
cmp -s "$work/tune.$((runs - 1))" "$work/tune.$runs" || wrong tune 'other hashes' "$work/tune.$runs"
cmp -s "$work/hashes.$((runs - 1))" "$work/hashes.$runs" || wrong sweep 'other hashes' "$work/hashes.$runs"

echo "tsan: $runs runs, $bad failed"
[ $bad -eq 0 ]
