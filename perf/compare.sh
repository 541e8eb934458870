#!/bin/sh
# perf/compare.sh BASE REPEATS PROGRAM..: builds the revision BASE in a worktree under build/, runs
# its benchmarks and those of this tree in turns, and compares them line by line (perf/compare.awk).
# Programs are named as files of this tree, build/release/bench_step; MAKE: the make to build with.
set -eu
base=$1 repeats=$2
shift 2
case $repeats in
'' | *[!0-9]* | 0*)
    echo "REPEATS: '$repeats' is not a whole number from 1 up" >&2
    exit 2
    ;;
esac
rev=$(git rev-parse --verify --quiet "$base^{commit}") || {
    echo "BASE: '$base' is not a revision of this repository" >&2
    exit 2
}
tree=build/base/$rev
out=build/compare
git worktree prune
[ -e "$tree/Makefile" ] || git worktree add --quiet --detach "$tree" "$rev"
both=
for program; do
    if [ -e "$tree/perf/$(basename "$program").c" ]; then
        both="$both $program"
    else
        echo "# only here: $program"
    fi
done
[ -n "$both" ] || { echo "BASE: '$base' has none of these benchmarks" >&2; exit 2; }
${MAKE:-make} --no-print-directory -s -C "$tree" $both
rm -rf "$out"
mkdir -p "$out"
run() {                         # run SIDE REPEAT DIRECTORY PROGRAM
    if ! (cd "$3" && REV=$1 "$4") >>"$out/$1.$2"; then
        echo "# $1: $4 failed" >&2
    fi
}
for program in $both; do
    repeat=1
    while [ "$repeat" -le "$repeats" ]; do
        echo "# $program, $repeat of $repeats" >&2
        if [ $((repeat % 2)) = 1 ]; then
            run base "$repeat" "$tree" "$program"
            run new "$repeat" . "$program"
        else
            run new "$repeat" . "$program"
            run base "$repeat" "$tree" "$program"
        fi
        repeat=$((repeat + 1))
    done
done
awk -f perf/compare.awk "$out"/*
