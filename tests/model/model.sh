#!/bin/sh
# The protocol's models, checked by spin: each as it is, which must hold, and with each rule left out, which must fail.
# A rule that another one implies for some graphs must hold there without it: that too is a row.
#     tests/model/model.sh BUILD quick|full
# quick: the smallest sizes that show every rule. full: also larger ones, in minutes.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
work=$(cd "$1" && pwd)
size=$2
total=0
bad=0
built=

# build MODEL SIZES [FLAGS]: makes the checker, $work/pan, unless it is there. Sizes go to spin and to the compiler.
build() {
    [ "$built" = "$*" ] && return
    built="$*"
    defines=$(for s in $2; do printf ' -D%s' "$s"; done)
    rm -f "$work"/pan*
    # shellcheck disable=SC2086
    (cd "$work" && cp "$here"/*.h "$here"/*.pml . && spin -a $defines "$1.pml" > spin.log) ||
        { cat "$work/spin.log"; exit 1; }
    # Functions in C may look at any variable, so no order of steps is left out (NOREDUCE).
    # shellcheck disable=SC2086
    (cd "$work" && ${CC:-gcc} -O1 -w -DNOREDUCE -DVECTORSZ=1024 -DMEMLIM=8000 ${3:--DSAFETY} $defines pan.c -o pan)
}

# row WANT MODEL SIZES TOPOLOGY RULE FLAG: one search, one line of the table. TOPOLOGY/HOLDERS: with these holders' ranks.
row() {
    code=0
    holders=${4#*/}
    (cd "$work" && OMIT=$5 TOPOLOGY=${4%%/*} HOLDERS=${holders%"$4"} ./pan -w22 -m200000 ${6:+"$6"} > pan.log 2>&1) || code=$?
    states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$work/pan.log")
    found=$(sed -n 's/^pan:1: \(.*\) (at depth .*/\1/p' "$work/pan.log" | head -1)
    got=fails
    if grep -q 'errors: 0' "$work/pan.log" && ! grep -Eq 'too small|out of memory|truncated|aborting' "$work/pan.log"; then
        got=holds
    elif [ -z "$found" ]; then
        got="breaks off (exit code $code)"
    fi
    verdict=ok
    [ "$got" = "$1" ] || verdict=WRONG
    [ "$got" = "$1" ] || bad=$((bad + 1))
    total=$((total + ${states%%.*}))
    printf '%-5s %-9s %-13s %-8s %9s  %s  %s\n' "$verdict" "$5" "$4" "$got" "$states" "$3" "${found:+($found)}"
}

# check MODEL SIZES TOPOLOGIES RULES-THAT-MUST-FAIL [RULES-THAT-ARE-IMPLIED]
check() {
    build "$1" "$2"
    for t in $3; do
        row holds "$1" "$2" "$t" -
        for r in $4; do row fails "$1" "$2" "$t" "$r"; done
        for r in ${5:-}; do row holds "$1" "$2" "$t" "$r"; done
    done
}

# In the graph of states no way leads back: every run ends, so every token progresses.
progress() {
    build "$1" "$2" -DNP
    row holds "$1" "$2" "$3" - -l
}

printf '%-5s %-9s %-13s %-8s %9s  %s\n' '' 'left out' graph result states 'sizes  (what spin found)'

# Tokens, plans, evaluations. A ring's W is symmetric and always the same, so R1 implies R2. Where all read all, as three
# tokens on a ring, or nearly all, as four on the exponential graph, tokens are never so far apart that a node or one of
# two slots is asked for twice, so R4 and R5 follow.
check protocol "K=3 WORKERS=2 ROUNDS=2 EVAL_EVERY=1 RECORDS=4 BLOCKS=2" "ring onepeer" "S1 R1 R3 FILL MEAN BLOCKS"
check protocol "K=3 WORKERS=2 ROUNDS=3 EVAL_EVERY=1 RECORDS=2" ring RECORDS
check protocol "K=2 WORKERS=2 ROUNDS=2 EVAL_EVERY=1 AWAITS=1 STOP=1" ring VERDICT
check protocol "K=4 WORKERS=2 ROUNDS=2" ring "R1 R5 R5mix" R2
check protocol "K=4 WORKERS=2 ROUNDS=2" onepeer "R1 R2 R5 R5mix"
check protocol "K=4 WORKERS=2 ROUNDS=2" exp "R1 R2" R5
check protocol "K=3 WORKERS=2 ROUNDS=3 EVERY=2 EVAL_EVERY=2" onepeer "R1 R3 R5"
check protocol "K=3 WORKERS=2 ROUNDS=2 NODES=3" onepeer R4
check protocol "K=3 WORKERS=2 ROUNDS=2 NODES=3" ring "" R4
progress protocol "K=3 WORKERS=2 ROUNDS=2 EVAL_EVERY=2" onepeer
# Gossip by slices.
check protocol "K=3 WORKERS=2 ROUNDS=2 SLICED=1 PIECES=2 EVAL_EVERY=2" onepeer "R3 R6 L1 L2 L3 L4"
# Steps that workers share.
check protocol "K=2 WORKERS=2 ROUNDS=1 TEAMS=1 PIECES=2 PARTS=2" ring "T1 T2 T3"
# Checkpoints.
check protocol "K=2 WORKERS=2 ROUNDS=3 COPIES=1 EVAL_EVERY=1 RECORDS=4" ring "C1 C2 C3 C5"
check protocol "K=2 WORKERS=2 ROUNDS=2 COPIES=1 NODES=2 STOP=1" ring C4
# Sleeping.
check sleep "K=2 WORKERS=2 ROUNDS=1 BUFFER=2" - "RMW LOOK EPOCH END" ANOTHER
check listen "WORKERS=2 ROUNDS=2" - "LISTEN EPOCH END" HANDON
# Ranks: all holders, and some that show a rule; messages eager, or by rendezvous. Two plan slots hide what M3 is for.
# That planners wait for verdicts (M2 asks for one plan more) makes steps wait for them too.
check ranks "K=2 RANKS=2 ROUNDS=3" ring "R1 M2 M6 LATE NEXT"
check ranks "K=2 RANKS=2 ROUNDS=3 SLOTS=4 EAGER=1" ring/110010 "M4queue"
check ranks "K=2 RANKS=2 ROUNDS=3 SLOTS=4 EAGER=1" ring/001011 "COUNT"
check ranks "K=2 RANKS=2 ROUNDS=4 SLOTS=6 SLOW=1 PRIVATE=1" ring/00101101 "M3send M3post M4order M4word M5 USES M3set"
check ranks "K=2 RANKS=2 ROUNDS=4 SLOTS=6 SLOW=1 PRIVATE=1" ring/00010010 M4busy
check ranks "K=2 RANKS=2 ROUNDS=4 SLOTS=6 EVERY=2" ring/00101101 "M3send M3post M4word"
check ranks "K=3 RANKS=2 ROUNDS=3 SLOTS=6" directed/001011110 M3mix
check ranks "K=2 RANKS=3 ROUNDS=3 SLOTS=4" ring/012021 "M4word"
check ranks "K=2 RANKS=2 ROUNDS=2 SLOTS=4 GATE=1 STOP=1" ring/0110 "M7 ALIKE LEFT OVER"
check ranks "K=2 RANKS=2 ROUNDS=1 EVAL_EVERY=1" ring/11 "ARRIVED WINDOW TALLY"
check ranks "K=1 RANKS=2 ROUNDS=3 SLOTS=6 EVAL_EVERY=1 RECORDS=1" ring/111 SUMS
check ranks "K=1 RANKS=2 ROUNDS=3 SLOTS=6 EVAL_EVERY=1 RECORDS=3" ring/111 "R3 MEAN MEANSENT PART"
check ranks "K=2 RANKS=2 ROUNDS=2 EVAL_EVERY=1 AWAITS=1" ring/1101 "" VERDICT
progress ranks "K=2 RANKS=2 ROUNDS=3" ring/011010

if [ "$size" = full ]; then
    check protocol "K=3 WORKERS=2 ROUNDS=3 EVERY=2 EVAL_EVERY=2" ring "R1 R3 R5" R2
    check protocol "K=3 WORKERS=2 ROUNDS=4 EVAL_EVERY=2 STOP=1" "ring onepeer" "R1 R3"
    check protocol "K=4 WORKERS=2 ROUNDS=4" "ring" "R1 R5" R2
    check protocol "K=4 WORKERS=2 ROUNDS=4" "onepeer" "R1 R2 R5"
    check protocol "K=4 WORKERS=2 ROUNDS=4" "exp" "R1 R2" R5
    check protocol "K=2 WORKERS=3 ROUNDS=2 EVAL_EVERY=2" ring "S1 R1 R3"
    check protocol "K=4 WORKERS=2 ROUNDS=2 NODES=4 SHIFTS=3" ring R4
    check protocol "K=3 WORKERS=2 ROUNDS=3 NODES=3 SHIFTS=2 SLOW=1" onepeer R5
    check protocol "K=2 WORKERS=3 ROUNDS=2 SLICED=1 PIECES=3 EVAL_EVERY=2" "ring" "R6 L1 L2 L3 L4"
    check protocol "K=3 WORKERS=2 ROUNDS=4 SLICED=1 PIECES=2 EVERY=2 AWAITS=1 EVAL_EVERY=2" "ring" "R6 VERDICT"
    check protocol "K=2 WORKERS=2 ROUNDS=2 TEAMS=1 PIECES=2 PARTS=2 LOCAL=2 EVAL_EVERY=2" ring "T1 T2 T3 R1 R3"
    check protocol "K=1 WORKERS=3 ROUNDS=1 TEAMS=1 PIECES=2 PARTS=2" ring "T1 T2"
    check protocol "K=3 WORKERS=2 ROUNDS=3 COPIES=1" onepeer "C1 C2 C3"
    check protocol "K=2 WORKERS=2 ROUNDS=3 COPIES=1 NODES=3 SHIFTS=2" ring C4
    check protocol "K=2 WORKERS=2 ROUNDS=3 COPIES=1 SLICED=1 PIECES=2" ring "C1 C2 C3 L1"
    progress protocol "K=3 WORKERS=2 ROUNDS=3 SLICED=1 PIECES=2" onepeer
    progress protocol "K=2 WORKERS=2 ROUNDS=2 TEAMS=1 PIECES=2 PARTS=2" onepeer
    progress protocol "K=2 WORKERS=2 ROUNDS=3 COPIES=1" onepeer
    check ranks "K=2 RANKS=2 ROUNDS=3 EAGER=1" ring "R1 M2 M6 LATE NEXT"
    check listen "WORKERS=3 ROUNDS=2" - "LISTEN EPOCH END" HANDON
    check ranks "K=2 RANKS=2 ROUNDS=3 SLOTS=4 FINE=1 EAGER=1" ring R1
    check ranks "K=2 RANKS=2 ROUNDS=3 FINE=1" ring/001011 "M6 LATE"
    check ranks "K=2 RANKS=2 ROUNDS=4 SLOTS=6 PRIVATE=1 EAGER=1" "ring/00101101 ring/01101001" "M3send M3post M4word M5"
    check ranks "K=3 RANKS=2 ROUNDS=4 SLOTS=5" "onepeer/001011110010 directed/001011110010" "R1 M3mix"
    check ranks "K=3 RANKS=2 ROUNDS=3 SLOTS=4 EAGER=1" "ring/001011110 exp/010101011" "R1 M4word"
    check ranks "K=3 RANKS=3 ROUNDS=3" "onepeer/012120201 directed/001122210" "R1 M6"
    check ranks "K=2 RANKS=2 ROUNDS=4 SLOTS=6 EVERY=2 PRIVATE=1" ring/01101001 "M3post M4word USES"
    check ranks "K=2 RANKS=2 ROUNDS=4 SLOTS=4 GATE=2 STOP=1" ring/01101001 "M7 ALIKE OVER"
    check ranks "K=2 RANKS=2 ROUNDS=2 SLOTS=4 EVAL_EVERY=1 RECORDS=2 EAGER=1" ring/1101 "R3 TALLY ARRIVED"
    check ranks "K=3 RANKS=2 ROUNDS=1 EVAL_EVERY=1 WINDOW=2" ring/111 "WINDOW ARRIVED"
    check ranks "K=1 RANKS=3 ROUNDS=1 EVAL_EVERY=1" ring/1 TALLY
    progress ranks "K=2 RANKS=2 ROUNDS=1 EVAL_EVERY=1" ring/11
fi
echo "model: $total states, $bad rows wrong"
[ $bad -eq 0 ]
