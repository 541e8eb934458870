# perf/flame.awk: from the text of `perf script` to a flame graph, an SVG for a browser.
#     perf script | awk -f perf/flame.awk > flame.svg
# A box is a function, as wide as the share of samples in which it was on the stack; above it lies
# what it called, in alphabetical order. Pointing at a box tells its samples.
function is_shown(name) { return name != "[unknown]" }
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
    for (i = depth; i >= 1; i--) {
        path = path ";" frame[i]
        add(path, frame[i])
    }
    deepest = depth > deepest ? depth : deepest
    depth = 0
}
function escaped(text) {
    gsub(/&/, "\\&amp;", text)
    gsub(/</, "\\&lt;", text)
    gsub(/>/, "\\&gt;", text)
    return text
}
function colour(name,    i, sum) {
    for (i = 1; i <= length(name); i++)
        sum = (sum * 31 + index("abcdefghijklmnopqrstuvwxyz_0123456789", substr(name, i, 1))) % 997
    return "rgb(" 205 + sum % 50 "," 100 + int(sum / 7) % 110 "," 40 + int(sum / 3) % 40 ")"
}
function draw(path, name, level, x,    i, j, n, c, width, letters, y) {
    width = samples[path] * WIDTH / total
    if (width < 0.3)
        return
    y = (deepest - level) * HIGH
    letters = int(width / 6.6)
    printf "<g><title>%s: %d samples, %.1f %%</title>", escaped(name), samples[path],
           100 * samples[path] / total
    printf "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\" stroke=\"white\" " \
           "stroke-width=\"0.5\"/>", x, y, width, HIGH - 1, colour(name)
    if (letters >= 3)
        printf "<text x=\"%.1f\" y=\"%d\">%s</text>", x + 2, y + HIGH - 5,
               escaped(substr(name, 1, letters))
    print "</g>"
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
BEGIN { WIDTH = 1200; HIGH = 16 }
/^[[:space:]]+[0-9a-f]+ / {                     # a frame: address, function+offset, (file)
    name = $2
    sub(/\+0x[0-9a-f]+$/, "", name)
    if (is_shown(name))
        frame[++depth] = name
    next
}
{ stack_ends() }
END {
    stack_ends()
    if (total == 0) {
        print "flame.awk: no stacks in the input; want the output of perf script" > "/dev/stderr"
        exit 1
    }
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" " \
           "font-family=\"monospace\" font-size=\"11\">\n", WIDTH, deepest * HIGH
    draw_children("", 0, 0)
    print "</svg>"
}
