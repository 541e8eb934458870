# perf/picture.awk: from the logs of two runs to an SVG of test accuracy against gradients.
#     awk [-v heading=TEXT] -f perf/picture.awk FIRST.jsonl SECOND.jsonl > picture.svg
# The one that ends lower has its label under its curve, the other one above. A dashed line leads
# from the end of the lower curve to where the other first came as high. The picture brings its own
# background, and takes the reader's choice of light or dark. Blue and orange are told apart by
# nearly everybody, and the labels stand at the curves.
BEGIN { WIDTH = 760; HEIGHT = 420; LEFT = 64; RIGHT = 24; TOP = 60; BOTTOM = 58; LETTER = 7.8 }

# The number or text of a key in a line of a log, "" where it is missing. The quotation mark before
# the key is looked for too, so no key is found as the end of another one.
function field(line, key,    at, rest) {
    at = index(line, "\"" key "\":")
    if (!at)
        return ""
    rest = substr(line, at + length(key) + 3)
    if (substr(rest, 1, 1) == "\"")
        return substr(rest, 2, index(substr(rest, 2), "\"") - 1)
    match(rest, /^[-+.0-9a-zA-Z]*/)
    return substr(rest, 1, RLENGTH)
}

function escaped(text) {
    gsub(/&/, "\\&amp;", text)
    gsub(/</, "\\&lt;", text)
    gsub(/>/, "\\&gt;", text)
    return text
}

function fails(sentence) {
    print "picture.awk: " sentence > "/dev/stderr"
    failed = 1
    exit 1
}

FNR == 1 { runs++; file[runs] = FILENAME }
/^\{"type":"config"/ { config[runs] = $0 }
/^\{"type":"eval"/ && field($0, "test_accuracy") != "" {
    i = ++points[runs]
    gradients[runs, i] = field($0, "gradients") + 0
    percent[runs, i] = 100 * field($0, "test_accuracy")
}

function thousands(n,    text, out) {
    text = sprintf("%d", n)
    while (length(text) > 3) {
        out = "," substr(text, length(text) - 2) out
        text = substr(text, 1, length(text) - 3)
    }
    return text out
}

function x_of(gradients) { return LEFT + (WIDTH - LEFT - RIGHT) * gradients / most }
function y_of(percent) { return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * percent / 100 }

# One of 1, 2, 5 times a power of ten, so that `range` has four to ten of them.
function pace(range,    unit) {
    for (unit = 1; unit * 10 <= range / 4; unit *= 10)
        ;
    return unit * 5 <= range / 4 ? unit * 5 : unit * 2 <= range / 4 ? unit * 2 : unit
}

function label_of(r,    method, n, k, topology) {
    method = escaped(field(config[r], "method"))
    n = field(config[r], "nodes")
    k = field(config[r], "active")
    topology = escaped(field(config[r], "topology"))
    if (method == "dsgd")
        return "D-SGD: all " n " nodes on a " topology
    if (method == "teleport")
        return "TELEPORTATION: " k " of " n " nodes active, on a " topology
    return method ": " k " of " n " nodes, " topology
}

function title() {
    if (heading != "")
        return escaped(heading)
    return escaped(field(config[1], "model") " on " field(config[1], "data") ", " \
                   field(config[1], "nodes") " nodes, partition " field(config[1], "partition"))
}

function axes(    step, v) {
    for (v = 0; v <= 100; v += 20) {
        printf "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>\n", LEFT,
               WIDTH - RIGHT, y_of(v), y_of(v)
        printf "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%d %%</text>\n", LEFT - 8,
               y_of(v) + 4.5, v
    }
    step = pace(most)
    for (v = 0; v <= most; v += step)
        printf "<text x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%s</text>\n", x_of(v),
               HEIGHT - BOTTOM + 20, (x_of(v) > WIDTH - RIGHT - 20 ? "end" : "middle"), thousands(v)
    printf "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">minibatch gradients, all nodes " \
           "together</text>\n", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16
    printf "<text x=\"%d\" y=\"%d\">test accuracy of the mean of the parameters</text>\n",
           LEFT - 40, TOP - 14
}

# The curve, and its label along the end of it, clear of all its points there.
function draw(r, class, above,    i, text, edge, start) {
    printf "<polyline class=\"%s\" points=\"", class
    for (i = 1; i <= points[r]; i++)
        printf "%s%.1f,%.1f", (i > 1 ? " " : ""), x_of(gradients[r, i]), y_of(percent[r, i])
    print "\"/>"
    text = label_of(r)
    start = WIDTH - RIGHT - LETTER * length(text)
    edge = y_of(percent[r, points[r]])
    for (i = 1; i <= points[r]; i++)
        if (x_of(gradients[r, i]) >= start &&
            (above ? y_of(percent[r, i]) < edge : y_of(percent[r, i]) > edge))
            edge = y_of(percent[r, i])
    printf "<text class=\"%s name\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", class,
           WIDTH - RIGHT, above ? edge - 9 : edge + 20, text
}

# Where the higher run first was as good as the lower one is at its end.
function lead(low, high,    i, goal) {
    goal = percent[low, points[low]]
    for (i = 1; percent[high, i] < goal; i++)
        ;
    printf "<line class=\"lead\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
           x_of(gradients[high, i]), x_of(gradients[low, points[low]]), y_of(goal), y_of(goal)
    printf "<circle class=\"high dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n",
           x_of(gradients[high, i]), y_of(percent[high, i])
    printf "<text x=\"%.1f\" y=\"%.1f\">%.1f %% by %s</text>\n", x_of(gradients[high, i]) + 10,
           y_of(goal) + 18, goal, thousands(gradients[high, i])
}

END {
    if (failed)
        exit 1
    if (runs != 2)
        fails("want two logs, got " runs + 0)
    for (r = 1; r <= 2; r++) {
        if (config[r] == "" || points[r] < 2)
            fails(file[r] ": want a config line and at least two evaluations with test_accuracy")
        if (gradients[r, points[r]] > most)
            most = gradients[r, points[r]]
    }
    low = percent[1, points[1]] <= percent[2, points[2]] ? 1 : 2
    high = 3 - low

    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" " \
           "height=\"%d\" role=\"img\" font-family=\"sans-serif\" font-size=\"14\">\n",
           WIDTH, HEIGHT, WIDTH, HEIGHT
    print "<!-- Written by perf/picture.awk from two logs of telesgd, by `make picture`. -->"
    printf "<title>Test accuracy against gradients: %s; %s</title>\n", label_of(1), label_of(2)
    printf "<desc>%s on %s, partition %s, seed %s. At the end: %.2f %% and %.2f %%.</desc>\n",
           escaped(field(config[1], "model")), escaped(field(config[1], "data")),
           escaped(field(config[1], "partition")), field(config[1], "seed"), percent[1, points[1]], percent[2, points[2]]
    print "<style>"
    print "text { fill: #24292f } .paper { fill: #ffffff } .grid { stroke: #d8dee4 }"
    print "polyline { stroke-width: 2.5; stroke-linejoin: round } .name { font-weight: bold }"
    print ".lead { stroke: #6e7781; stroke-width: 1.5; stroke-dasharray: 5 4 }"
    print "polyline.high { stroke: #0060a8; fill: none } .high { fill: #0060a8 }"
    print "polyline.low { stroke: #c25400; fill: none } .low { fill: #c25400 }"
    print "@media (prefers-color-scheme: dark) {"
    print "text { fill: #e6edf3 } .paper { fill: #0d1117 } .grid { stroke: #30363d }"
    print ".lead { stroke: #8b949e }"
    print "polyline.high { stroke: #79c0ff } .high { fill: #79c0ff }"
    print "polyline.low { stroke: #f0883e } .low { fill: #f0883e }"
    print "}"
    print "</style>"
    printf "<rect class=\"paper\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n", WIDTH, HEIGHT
    printf "<text x=\"%d\" y=\"26\" font-size=\"16\" font-weight=\"bold\">%s</text>\n", LEFT - 40,
           title()
    axes()
    lead(low, high)
    draw(low, "low", 0)
    draw(high, "high", 1)
    print "</svg>"
}
