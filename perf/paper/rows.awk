# perf/paper/rows.awk: the cells of a sweep's results.csv: a line for each combination of all columns that
# stand in `by` (names with commas between them), with mean, sample standard deviation and number of the
# values of `metric`, times `factor`; the texts of `show` are those of the cell's first run.
#     awk -F, -v by=method,topology -v show=lr,active -v metric=test_accuracy -v factor=100 \
#         -f rows.awk results.csv
# A run that diverged or, with an --until, did not reach its condition makes its cell's mean "never".
# Prints tab-separated: the values of by, those of show, mean, deviation, runs.
NR == 1 {
    for (i = 1; i <= NF; i++)
        at[$i] = i
    n_by = split(by, key, ",")
    n_show = split(show, shown, ",")
    if (!(metric in at)) {
        print "rows.awk: there is no column " metric > "/dev/stderr"
        exit 1
    }
    next
}
{
    cell = texts = ""
    for (i = 1; i <= n_by; i++)
        cell = cell (i > 1 ? "\t" : "") $at[key[i]]
    for (i = 1; i <= n_show; i++)
        texts = texts "\t" $at[shown[i]]
    if (!(cell in n)) {
        order[++cells] = cell
        text[cell] = texts
    }
    n[cell]++
    if ($at["state"] != "done" || ("reached" in at && $at["reached"] == "false"))
        never[cell] = 1
    x[cell, n[cell]] = $at[metric] * factor
    sum[cell] += $at[metric] * factor
}
END {
    for (c = 1; c <= cells; c++) {
        cell = order[c]
        mean = sum[cell] / n[cell]
        squares = 0
        for (i = 1; i <= n[cell]; i++)
            squares += (x[cell, i] - mean) ^ 2
        sd = n[cell] > 1 ? sqrt(squares / (n[cell] - 1)) : 0
        if (cell in never)
            printf "%s%s\tnever\t\t%d\n", cell, text[cell], n[cell]
        else
            printf "%s%s\t%.6g\t%.6g\t%d\n", cell, text[cell], mean, sd, n[cell]
    }
}
