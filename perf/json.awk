# Lines of benchmarks, as perf/bench.h describes them, to a JSON array: an object for each, with its
# own keys and cpu, isa, date. Words become strings, numbers numbers.
# Letter by letter: awks differ in what gsub makes of backslashes.
function quoted(text,    i, c, out) {
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        out = out (c == "\\" || c == "\"" ? "\\" c : c)
    }
    return "\"" out "\""
}
function value(text) {
    return text ~ /^-?(0|[1-9][0-9]*)(\.[0-9]+)?(e[-+]?[0-9]+)?$/ ? text : quoted(text)
}
BEGIN { printf "[" }
/^# cpu: / { cpu = substr($0, 8) }
/^# isa: / { isa = substr($0, 8) }
/^bench=/ {
    printf "%s\n{", n++ ? "," : ""
    for (i = 1; i <= NF; i++) {
        at = index($i, "=")
        key = substr($i, 1, at - 1)
        # A revision is a name, even if it happens to look like a number.
        text = substr($i, at + 1)
        printf "%s: %s, ", quoted(key), key == "rev" ? quoted(text) : value(text)
    }
    printf "\"cpu\": %s, \"isa\": %s, \"date\": %s}", quoted(cpu), quoted(isa), quoted(date)
}
END { print "\n]" }
