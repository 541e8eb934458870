# perf/flame.awk: from the text of `perf script` to a flame graph, an SVG for a browser.
#     perf script | awk -v title='LeNet, two threads' -f perf/flame.awk > flame.svg
# A box is a function, as wide as the share of samples in which it was on the stack; above it lies
# what it called, in alphabetical order. Pointing at a box tells its samples, a click zooms in, and
# words in the field at the top mark the functions that match them: perf/flame.js, which becomes part
# of the file (-v script=.. where this is not run at the top of the source).
# A stack is an orphan when it does not begin where a thread does: the samples were taken in code
# that the unwinder found no way out of. Orphans stand together above a box of that name, and how
# many they are is said in the picture and on standard error.
function is_shown(name) { return name != "[unknown]" }
function is_begin(name) {
    return name ~ /^(_start|main|__libc_start_main.*|__libc_start_call_main|start_thread|clone3?|__clone3?)$/ ||
           name ~ /^(_dl_start.*|ret_from_fork.*)$/
}
# One sample more in `path`, whose last frame is `name`.
function add(path, name,    parent) {
    if (!(path in samples)) {
        parent = substr(path, 1, length(path) - length(name) - 1)
        child[parent, ++children[parent]] = name
    }
    samples[path]++
}
function stack_ends(    i, path) {
    if (depth == 0)
        return
    total++
    if (!is_begin(frame[depth]) && !loader) {
        orphans++
        lost[frame[1]]++
        frame[++depth] = ORPHANS
    }
    for (i = depth; i >= 1; i--) {
        path = path ";" frame[i]
        add(path, frame[i])
    }
    deepest = depth > deepest ? depth : deepest
    depth = loader = 0
}
function escaped(text) {
    gsub(/&/, "\\&amp;", text)
    gsub(/</, "\\&lt;", text)
    gsub(/>/, "\\&gt;", text)
    return text
}
function colour(name,    i, sum) {
    if (name == ORPHANS)
        return "rgb(170,170,170)"
    for (i = 1; i <= length(name); i++)
        sum = (sum * 31 + index("abcdefghijklmnopqrstuvwxyz_0123456789", substr(name, i, 1))) % 997
    return "rgb(" 205 + sum % 50 "," 100 + int(sum / 7) % 110 "," 40 + int(sum / 3) % 40 ")"
}
function box(name, n, x, width, level,    y, letters) {
    y = TOP + (deepest - level) * HIGH
    letters = int(width / 6.7)
    printf "<g class=\"box\"><title>%s: %d samples, %.1f %%</title>", escaped(name), n,
           100 * n / total
    printf "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>", x, y, width,
           HIGH - 1, colour(name)
    printf "<text x=\"%.1f\" y=\"%d\">%s</text>", x + 2, y + HIGH - 5,
           (letters >= 3 ? escaped(substr(name, 1, letters)) : "")
    print "</g>"
}
function draw(path, name, level, x,    width) {
    width = samples[path] * WIDTH / total
    if (width < NARROWEST)
        return
    box(name, samples[path], x, width, level)
    draw_children(path, level, x)
}
function draw_children(path, level, x,    i, j, n, c, list) {
    n = children[path]
    for (i = 1; i <= n; i++) {                  # insertion sort, by name
        c = child[path, i]
        for (j = i - 1; j >= 1 && list[j] > c; j--)
            list[j + 1] = list[j]
        list[j + 1] = c
    }
    for (i = 1; i <= n; i++) {
        draw(path ";" list[i], list[i], level + 1, x)
        x += samples[path ";" list[i]] * WIDTH / total
    }
}
function say(text) { print "flame.awk: " text > "/dev/stderr" }
function put_script(file,    line, lines, got) {
    print "<script><![CDATA["
    while ((got = (getline line < file)) > 0) {
        print line
        lines++
    }
    print "]]></script>"
    if (lines == 0)
        say("no script " file "; want perf/flame.js: run this at the top of the source, or say -v script=FILE")
    return lines > 0
}
BEGIN {
    WIDTH = 1200; HIGH = 16; TOP = 48; NARROWEST = 0.1
    ORPHANS = "(no way to the begin of the thread)"
    title = title ? title : "Flame graph"
    script = script ? script : "perf/flame.js"
}
/^[[:space:]]+[0-9a-f]+ / {                     # a frame: address, function+offset, (file)
    name = $2
    sub(/\+0x[0-9a-f]+$/, "", name)
    if (is_shown(name)) {
        frame[++depth] = name
        loader = $NF ~ /\/ld-/                 # it runs before anything else does
    }
    next
}
{ stack_ends() }
END {
    stack_ends()
    if (total == 0) {
        say("no stacks in the input; want the output of perf script")
        exit 1
    }
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" " \
           "font-family=\"monospace\" font-size=\"11\">\n", WIDTH, TOP + (deepest + 1) * HIGH
    print "<style>.box { cursor: pointer } .box rect { stroke: white; stroke-width: 0.5 } " \
          ".box text { pointer-events: none } .above { opacity: 0.5 } .hidden { display: none } " \
          ".found rect { fill: rgb(204,121,230) }</style>"
    printf "<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n", WIDTH, TOP + (deepest + 1) * HIGH
    printf "<text id=\"title\" x=\"600\" y=\"18\" font-size=\"15\" text-anchor=\"middle\">%s</text>\n",
           escaped(title)
    printf "<text id=\"told\" x=\"4\" y=\"38\">%d samples, %d of them orphans (%.1f %%)</text>\n", total,
           orphans, 100 * orphans / total
    print "<text id=\"found\" x=\"940\" y=\"38\" text-anchor=\"end\"></text>"
    box("all", total, 0, WIDTH, 0)
    draw_children("", 0, 0)
    done = put_script(script)
    print "</svg>"
    for (name in lost)
        worst = !worst || lost[name] > lost[worst] ? name : worst
    if (orphans)
        say(sprintf("%d of %d stacks are orphans, most of them (%d) in %s", orphans, total,
                    lost[worst], worst))
    exit !done
}
