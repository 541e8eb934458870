#!/bin/sh
# Runs the paper's experiments that need no data but Fashion-MNIST, and writes their page and pictures.
#     perf/paper/paper.sh PROGRAM FOLDER quick|full
# Sweeps go to FOLDER, where what is there already stays; README.md and pictures go beside this script.
set -eu
program=$1 folder=$2 mode=$3
here=$(dirname "$0")
page=$folder/README.md
mkdir -p "$folder"

# ---- sweeps ----
# Of the quadratics one for each number of nodes, with the powers of two up to it to choose k from. The
# search (Algorithm 2) chooses a k for every step size; of these pairs the one is reported that the
# candidates of the sweep, which have trained all of them, say is the fastest.
if [ "$mode" = full ]; then
    nodes="16 64 256 1024"
    quadratic_changes=
    searched_changes=
    lenet_changes=
    links_changes=
else
    nodes="16 64"
    quadratic_changes="rounds=5000|seed=0, 1|tune.lr=0.05, 0.0125, 0.0032, 0.0008, 0.0002"
    searched_changes="|rounds=5000|seed=0, 1"
    lenet_changes="epochs=2|seed=0, 1|topology=ring, exp|tune.lr=0.1, 0.01|tune teleport.active=4, 16"
    links_changes="epochs=2|seed=0, 1|tune.lr=0.1, 0.01"
fi

# sweep FILE FOLDER "CHANGE|CHANGE..": a sweep, told in the log `commands`.
sweep() {
    ini=$1 to=$2 all=$3
    set --
    while [ -n "$all" ]; do
        set -- "$@" "${all%%|*}"
        case $all in *"|"*) all=${all#*|} ;; *) all= ;; esac
    done
    printf 'telesgd sweep perf/paper/%s -o %s' "$(basename "$ini")" "$to" >> "$folder/commands"
    [ $# -eq 0 ] || printf " '%s'" "$@" >> "$folder/commands"
    echo >> "$folder/commands"
    # 1: of some cells no candidate reached the condition; the page says "never" there.
    "$program" sweep "$ini" -o "$to" "$@" || [ $? -eq 1 ]
}

powers() { awk -v n="$1" 'BEGIN { printf "1"; for (k = 2; k <= n; k *= 2) printf ", %d", k }'; }

: > "$folder/commands"
for n in $nodes; do
    sweep "$here/fig2.ini" "$folder/fig2-$n" \
        "nodes=$n|tune teleport.active=$(powers "$n")${quadratic_changes:+|$quadratic_changes}"
done

# The step sizes that the sweep tried, and the graphs.
values() { sed -n "s/^$2 = //p" "$here/$1" | tr -d ' ' | tr ',' ' '; }
case $quadratic_changes in
*tune.lr=*) rates=$(echo "$quadratic_changes" | sed 's/.*tune.lr=//; s/|.*//; s/,//g') ;;
*) rates=$(values fig2.ini lr) ;;
esac
search_rounds=1000
for n in $nodes; do
    for graph in $(values fig2.ini topology); do
        for rate in $rates; do
            log=$folder/search-$n/$graph-$rate.jsonl
            mkdir -p "$folder/search-$n"
            if ! grep -q '"type":"summary"' "$log" 2>/dev/null; then
                rm -f "$log"
                # A search of which every candidate diverges chooses nothing, and says so.
                "$program" tune --model quadratic --nodes "$n" --topology "$graph" --lr "$rate" \
                    --rounds $search_rounds --eval-every $search_rounds --seed 100 --progress off --log "$log" \
                    > /dev/null 2>&1 || true
            fi
            sed -n 's/.*"chosen_active":\([0-9]*\).*/\1/p' "$log" |
                sed "s/^/$n\t$graph\t$rate\t/"
        done
    done
done > "$folder/searched"
{
    printf 'telesgd tune --model quadratic --nodes N --topology GRAPH --lr RATE --rounds %s' $search_rounds
    printf ' --eval-every %s --seed 100\n' $search_rounds
} >> "$folder/commands"

# Of the searched pairs of k and step size the fastest, for both conditions: nodes, graph, until, k, rate.
for n in $nodes; do
    awk -F'\t' -v n="$n" '
        FILENAME == ARGV[1] { if ($1 == n) k[$2, $3] = $4; next }
        FNR == 1 { split($0, name, ","); for (i in name) at[name[i]] = i; next }
        {
            split($0, f, ",")
            graph = f[at["topology"]]; rate = f[at["lr"]]; until = f[at["until"]]
            if (f[at["method"]] != "teleport" || f[at["reached"]] != "true" || \
                k[graph, rate] != f[at["active"]])
                next
            cell = graph "\t" until
            if (!(cell in best) || f[at["round"]] + 0 < best[cell]) {
                best[cell] = f[at["round"]] + 0
                pair[cell] = f[at["active"]] "\t" rate
            }
        }
        END { for (cell in best) print n "\t" cell "\t" pair[cell] }
    ' "$folder/searched" "$folder/fig2-$n/tune/results.csv"
done | sort > "$folder/searched-best"

# A sweep for each of them, with the seeds that are reported.
while IFS="$(printf '\t')" read -r n graph until k rate; do
    sweep "$here/searched.ini" "$folder/searched-$n/$graph-${until%%<*}" \
        "nodes=$n|topology=$graph|until=$until|active=$k|lr=$rate$searched_changes" < /dev/null
done < "$folder/searched-best"

sweep "$here/lenet.ini" "$folder/lenet" "$lenet_changes"
sweep "$here/links.ini" "$folder/links" "$links_changes"

# ---- the page ----
. "$here/page.sh"
