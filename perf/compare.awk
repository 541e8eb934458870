# Files base.N and new.N hold the lines of benchmarks of two revisions, N for each turn. Pairs lines
# that say they are the same case, and prints for each case the ratio base/new of the median times
# (above 1: the new one is faster): its median, least and most over the turns.
function is_measured(key, text) {
    return key ~ /^(ns_|of_)|_per_s$|^(GFLOPS|GBps|check|rev|blis|kernels|isa|cpu)$/ ||
           text ~ /[0-9]\.[0-9]/
}
function sorted(list, n,    i, j, x) {
    for (i = 2; i <= n; i++) {
        x = list[i]
        for (j = i - 1; j >= 1 && list[j] > x; j--)
            list[j + 1] = list[j]
        list[j + 1] = x
    }
}
function middle(list, n) {
    return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}
FNR == 1 {
    n = split(FILENAME, part, "/")
    split(part[n], part, ".")
    side = part[1]
    turn = part[2]
    if (turn > turns)
        turns = turn
    split("", seen)
}
/^bench=/ {
    id = ""
    for (i = 1; i <= NF; i++) {
        at = index($i, "=")
        key = substr($i, 1, at - 1)
        text = substr($i, at + 1)
        if (key == "ns_med")
            time = text
        if (key == "check" && text != "ok")
            wrong = 1
        if (!is_measured(key, text))
            id = id (id == "" ? "" : " ") $i
    }
    if (seen[id]++)             # a case that a program measures twice
        id = id " again=" seen[id] - 1
    if (!(id in known)) {
        known[id] = 1
        order[++cases] = id
    }
    ns[side, turn, id] = time + 0
    if (wrong)
        failed[id] = side
    wrong = 0
}
END {
    for (c = 1; c <= cases; c++) {
        id = order[c]
        pairs = bases = news = 0
        for (t = 1; t <= turns; t++) {
            if (("base", t, id) in ns)
                base[++bases] = ns["base", t, id]
            if (("new", t, id) in ns)
                new[++news] = ns["new", t, id]
            if ((("base", t, id) in ns) && (("new", t, id) in ns) && ns["new", t, id] > 0)
                ratio[++pairs] = ns["base", t, id] / ns["new", t, id]
        }
        if (pairs == 0) {
            print "# only " (bases ? "in the base" : "here") ": " id
            continue
        }
        sorted(ratio, pairs)
        sorted(base, bases)
        sorted(new, news)
        printf "%s ratio=%.3f least=%.3f most=%.3f turns=%d ns_base=%.0f ns_new=%.0f", id,
               middle(ratio, pairs), ratio[1], ratio[pairs], pairs, middle(base, bases),
               middle(new, news)
        print id in failed ? " check=FAILED in " failed[id] : " check=ok"
        bad = bad || id in failed
    }
    exit bad
}
