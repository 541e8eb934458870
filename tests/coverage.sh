#!/bin/sh
# tests/coverage.sh BUILD: runs every suite of BUILD/unit, which was compiled to count what runs, and
# reports the lines and branches of src that were reached: BUILD/coverage.txt, by file, and
# BUILD/coverage.html. Programs that tests start count too. A process that is killed while it writes
# its counts spoils those of its suite alone, since each suite has a folder of its own. Fails below 95% of
# lines or 85% of branches.
#     SUITES="text topology" tests/coverage.sh build/coverage      only these
set -eu
build=$1
root=$PWD
rm -rf "$build/counts"
find "$build/src" -name '*.gcda' -delete
suites=${SUITES:-$("$build/unit" --list | sed -n 's/^\([a-z0-9_]*\): [0-9]* tests*$/\1/p')}
strip=$(echo "$root" | tr -cd / | wc -c)
failed=
# Not on the standard error, which tests read: counts that a limit on files has cut cannot be added to.
export GCOV_ERROR_FILE="$root/$build/gcov-errors"
for suite in $suites; do
    export GCOV_PREFIX="$root/$build/counts/$suite" GCOV_PREFIX_STRIP="$strip"
    "$build/unit" --filter "$suite/*" --jobs "$(nproc)" --quiet || failed="$failed $suite"
done
unset GCOV_PREFIX GCOV_PREFIX_STRIP
sum=
for folder in "$build"/counts/*; do
    part=$folder/$build
    [ -d "$part" ] || continue
    if [ -z "$sum" ]; then
        sum=$build/counts/sum.0
        cp -r "$part" "$sum"
    elif gcov-tool merge "$part" "$sum" -o "$build/counts/sum.1" 2> /dev/null; then
        rm -rf "$sum"
        mv "$build/counts/sum.1" "$sum"
    else                            # as after tests that limit the size of files
        echo "left out, since some of its counts are cut: $(basename "$folder")"
        rm -rf "$build/counts/sum.1"
    fi
done
cp -r "$sum/src" "$build/"
# The branch of an assertion that fails is a bug that is not there.
gcovr --root . --filter 'src/' --object-directory "$build" "$build/src" \
    --exclude-branches-by-pattern '.*assert\(.*' --gcov-ignore-parse-errors \
    --sort-percentage --txt "$build/coverage.txt" --html "$build/coverage.html" --print-summary \
    --fail-under-line 95 --fail-under-branch 85
[ -z "$failed" ] || { echo "these failed:$failed"; exit 1; }
