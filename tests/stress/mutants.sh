#!/bin/sh
# Breaks the hand-off protocol on purpose, one rule at a time, in a copy, and sees whether the race
# programs notice: by a wrong bit, by a hang, or by a data race that ThreadSanitizer reports. A mutant that
# nothing catches fails this script. One rule has no mutant here: the read-modify-write on `sleepers` before the last
# look; leaving it out shows only when two stores wait in store buffers longer than a whole look takes. tests/model/sleep.pml
# has store buffers, and shows it.
# Run from the project's root: tests/stress/mutants.sh
set -u
work=$(mktemp -d "${TMPDIR:-/tmp}/telesgd-mutants-XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/tree"
cp -r Makefile datasets include src tests perf "$work/tree"
mutated=Makefile
caught=0
missed=0

# mutant NAME FILE SED-EXPRESSION PROGRAM ARGUMENTS VARIANT..: built and run in each variant until one fails.
mutant() {
    name=$1 file=$2 expression=$3 program=$4 arguments=$5
    shift 5
    cp "$mutated" "$work/tree/$mutated"     # the one before is undone; only what it touched is rebuilt
    mutated=$file
    sed -E -i "$expression" "$work/tree/$file"
    if cmp -s "$file" "$work/tree/$file"; then
        echo "mutant $name: the expression changes nothing in $file"
        missed=$((missed + 1))
        return
    fi
    for variant in "$@"; do
        if ! make -s -C "$work/tree" "VARIANT=$variant" "build/$variant/$program" > "$work/log" 2>&1; then
            echo "mutant $name: does not build"
            tail -3 "$work/log"
            missed=$((missed + 1))
            return
        fi
        # shellcheck disable=SC2086
        TSAN_OPTIONS=halt_on_error=1 timeout 90 "$work/tree/build/$variant/$program" $arguments > "$work/log" 2>&1
        code=$?
        [ $code -eq 0 ] && continue
        how="wrong bits ($(grep -c '^FAIL' "$work/log") runs)"
        [ $code -ge 124 ] && how="a hang"
        grep -q 'SUMMARY: ThreadSanitizer' "$work/log" &&
            how="$(sed -n 's/^SUMMARY: \(ThreadSanitizer: [a-z ]*\).* in \(.*\)$/\1 in \2/p' "$work/log" | head -1)"
        echo "mutant $name: caught by $variant $program: $how"
        caught=$((caught + 1))
        return
    done
    echo "mutant $name: NOT CAUGHT"
    missed=$((missed + 1))
}

if [ "${1:-}" = "" ]; then
    mutant control-unbroken src/engine/seq.h '$ a /* nothing changed */' stress_handoff '20 1' tsan > "$work/control"
    grep -q 'NOT CAUGHT' "$work/control" || { cat "$work/control"; echo "the unbroken program fails"; exit 1; }
    caught=0 missed=0
fi
mutant release-to-relaxed src/engine/seq.h 's/memory_order_release/memory_order_relaxed/' stress_handoff '20 1' tsan
mutant acquire-to-relaxed src/engine/seq.h 's/s->word, memory_order_acquire/s->word, memory_order_relaxed/' stress_handoff '20 1' tsan
mutant claim-without-acquire src/engine/seq.h 's/free \+ 1, memory_order_acquire/free + 1, memory_order_relaxed/; s/s->word, memory_order_acquire/s->word, memory_order_relaxed/' stress_handoff '20 1' tsan
mutant without-R1 src/engine/tokens.c 's/2 \* t - 1\)\)$/0))/' stress_handoff '100 1' stress tsan
mutant without-R2 src/engine/tokens.c 's/if \(turns < 1\)$/if (t > 0)/' stress_handoff '100 1' stress tsan
mutant without-R3 src/engine/evaluation.h 's/if \(!tsgd_seq_reached\(\&p->folded, index/if (0 \&\& !tsgd_seq_reached(\&p->folded, index/' stress_handoff '100 1' stress tsan
mutant without-verdict src/engine/evaluation.h 's/return !e->s->c.awaits_verdict/return true || !e->s->c.awaits_verdict/' stress_handoff '100 1' stress tsan
mutant without-R4 src/engine/tokens.c 's/return before == NOBODY/return 1 || before == NOBODY/' stress_handoff '100 1' stress tsan
mutant without-R5 src/engine/planner.c 's/if \(t - s->first_round < SLOTS\)$/if (1)/' stress_handoff '100 1' stress tsan
mutant R5-before-the-mix src/engine/planner.c 's/2 \* \(t - SLOTS\) \+ 2/2 * (t - SLOTS) + 1/' stress_handoff '100 1' stress tsan
mutant without-R6 src/engine/slices.c 's/tsgd_seq_load\(&seq\[b\]\) != 2 \* stepped/0/' stress_handoff '100 1' stress tsan
mutant R6-asks-one src/engine/slices.c 's/i < k; i\+\+\) \{  /i < 1; i++) {  /' stress_handoff '100 1' stress tsan
mutant first-slice-publishes src/engine/slices.c 's/acq_rel\) \+ 1 < p->slices/acq_rel) + 1 > p->slices/' stress_handoff '100 1' stress tsan
mutant slices-unordered src/engine/slices.c 's/1, memory_order_acq_rel/1, memory_order_relaxed/' stress_handoff '20 1' tsan
mutant slice-twice src/engine/slices.c 's/next_slice, \&slice, slice \+ 1,/next_slice, \&slice, slice,/' stress_handoff '100 1' stress tsan
mutant mixed-alone-too src/engine/tokens.c 's/if \(s->sliced\) /if (0) /' stress_handoff '100 1' stress tsan
mutant mean-buffers src/engine/evaluation.c 's/b == 0 \&\& i >= 2 \&\&/0 \&\& i >= 2 \&\&/' stress_handoff '100 1' stress tsan
mutant records-reused src/engine/evaluation.h 's/evals < RECORDS \? 0 :/evals < (1u << 30) ? 0 :/' stress_handoff '100 1' stress tsan
mutant blocks-unordered src/engine/evaluation.c 's/1, memory_order_acq_rel/1, memory_order_relaxed/' stress_handoff '20 1' tsan
mutant stage-opened-relaxed src/engine/teams.c 's/word, memory_order_release/word, memory_order_relaxed/' stress_handoff '20 1' tsan
mutant part-claimed-relaxed src/engine/teams.c 's/memory_order_acquire, memory_order_relaxed/memory_order_relaxed, memory_order_relaxed/' stress_handoff '20 1' tsan
mutant parts-counted-relaxed src/engine/teams.c 's/1, memory_order_acq_rel/1, memory_order_relaxed/' stress_handoff '20 1' tsan
mutant stage-before-it-is-done src/engine/teams.c 's/acq_rel\) \+ 1 == tasks\(m, word\) \&\&$/acq_rel) + 1 + (tasks(m, word) > 1) == tasks(m, word) \&\&/' stress_handoff '100 1' tsan stress
mutant no-last-look src/engine/loop.c 's/bool got = take\(w, out, true\);/bool got = false;/' stress_sleep 10 stress release
mutant end-wakes-nobody src/engine/sleep.c 's/\{ wake\(s, INT_MAX\); \}/{ (void)s, (void)INT_MAX; }/' stress_sleep 10 stress
echo "mutants: $caught passed, $missed failed"
[ $missed -eq 0 ]
