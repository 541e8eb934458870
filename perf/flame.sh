#!/bin/sh
# perf/flame.sh PROGRAM FOLDER: profiles short trainings as perf/README.md says, by frame pointers and by unwind
# information, on every instruction set that the processor has; draws FOLDER/MODEL-SET-WAY.svg of each, and counts
# orphans: stacks that do not begin where a thread does. Exit code 1: too many.
# By unwind information at most 1 of 100 may be one: gcc does not say that a function's last instruction, its return,
# finds the caller's frame pointer restored. By frame pointers none of this program's functions may be in one; the C
# library and BLIS's stock kernels keep no frame pointers, and are counted apart.
set -u
program=$1
folder=$2
failed=0
ran=0
command -v perf >/dev/null || { echo "flame.sh: there is no perf; want Debian's package linux-perf" >&2; exit 1; }
mkdir -p "$folder" || exit 1

# profile MODEL SET WAY HOW.. -- OPTIONS..
profile() {
    name=$1-$2-$3
    isa=$2
    way=$3
    shift 3
    how=
    while [ "$1" != -- ]; do how="$how $1"; shift; done
    shift
    # shellcheck disable=SC2086
    perf record -q -e cpu-clock $how -o "$folder/$name.data" "$program" train "$@" --isa "$isa" \
        --threads 2 --progress off >"$folder/$name.out" 2>&1 || { cat "$folder/$name.out" >&2; exit 1; }
    perf script -i "$folder/$name.data" 2>/dev/null >"$folder/$name.txt"
    awk -v title="$name" -f perf/flame.awk "$folder/$name.txt" >"$folder/$name.svg" 2>"$folder/$name.said" ||
        { cat "$folder/$name.said" >&2; exit 1; }
    awk -v name="$name" -v way="$way" -v program="${program##*/})" '
        function ends() {
            if (depth == 0) return
            total++
            if (last !~ /^(_start|main|__libc_start_.*|start_thread|_*clone3?|ret_from_fork.*)$/ && file !~ /\/ld-/) {
                orphans++
                own += ours > 0
            }
            depth = ours = 0
            last = file = ""
        }
        /^[[:space:]]+[0-9a-f]+ / {
            f = $2
            sub(/\+0x[0-9a-f]+$/, "", f)
            if (f != "[unknown]") { last = f; file = $NF }
            ours += substr($NF, length($NF) - length(program) + 1) == program && f !~ /^bli_/
            depth++
            next
        }
        { ends() }
        END {
            ends()
            ok = total >= 100 && (way == "unwound" ? orphans * 100 <= total : own == 0)
            printf "%s stacks=%d orphans=%d of_this_program=%d check=%s\n", name, total, orphans, own,
                   ok ? "ok" : "FAILED"
            exit !ok
        }' "$folder/$name.txt" || failed=1
    rm -f "$folder/$name.data" "$folder/$name.out"
}

lenet="--data blobs:2000,1x28x28,10 --model lenet --nodes 25 --active 8 --rounds 100 --eval-every 100"
wide="--data blobs:2000,1x28x28,10 --model mlp:1500,1500 --nodes 9 --active 4 --batch 256 --rounds 6 --eval-every 6"
for isa in avx512 avx2 sse4 neon; do
    "$program" train --data digits --model logistic --rounds 1 --isa $isa --dry-run >/dev/null 2>&1 || continue
    ran=1
    # shellcheck disable=SC2086
    {
        profile lenet $isa frames -F 1999 -g -- $lenet
        profile lenet $isa unwound -F 499 --call-graph dwarf,32768 -- $lenet
        profile wide $isa frames -F 1999 -g -- $wide
        profile wide $isa unwound -F 499 --call-graph dwarf,32768 -- $wide
    }
done
[ $ran = 1 ] || { echo "flame.sh: '$program' trains with no instruction set" >&2; exit 1; }
exit $failed
