/* A graph from a text file: lines `a b` (a link) or `a b w` (W[a][b] = w), # comments. */
#include "base/file.h"
#include "base/lines.h"
#include "base/text.h"
#include "topology/topology.h"

#include <stdlib.h>
#include <string.h>

/* What a line says, and where it stands. */
struct stated {
    uint32_t a, b;
    unsigned line;
};

struct reading {
    const char *path;
    struct tsgd_edges *edges;
    size_t words;               /* of a line, 2 or 3; 0: no line yet */
    struct stated *stated;
    size_t count, room;
    struct tsgd_error *err;
};

static enum tsgd_status read_token(const struct reading *r, unsigned line, const char *word,
                                   uint32_t *out)
{
    uint64_t token;
    if (!tsgd_parse_u64(word, &token) || token >= r->edges->n)
        return tsgd_fail(r->err, TSGD_EFORMAT, "%s:%u: '%.80s' is not a token, want 0 to %u",
                         r->path, line, word, r->edges->n - 1);
    *out = (uint32_t)token;
    return TSGD_OK;
}

static enum tsgd_status remember(struct reading *r, struct stated s)
{
    if (r->count == r->room) {
        size_t room = r->room ? 2 * r->room : 1024;
        void *p = realloc(r->stated, room * sizeof *r->stated);
        if (!p)
            return tsgd_fail(r->err, TSGD_ENOMEM, "%s: no memory for its lines", r->path);
        r->stated = p;
        r->room = room;
    }
    r->stated[r->count++] = s;
    return TSGD_OK;
}

static enum tsgd_status add_line(struct reading *r, unsigned line, char *const *word, size_t words)
{
    enum tsgd_status st = TSGD_OK;
    struct stated s = {.line = line};
    double weight;
    if (words != 2 && words != 3)
        return tsgd_fail(r->err, TSGD_EFORMAT, "%s:%u: found %zu words, want 'a b' or 'a b weight'",
                         r->path, line, words);
    if (r->words && r->words != words)
        return tsgd_fail(r->err, TSGD_EFORMAT, "%s:%u: a line with%s a weight after lines with%s; "
                         "want one form in a file", r->path, line, words == 3 ? "" : "out",
                         words == 3 ? "out" : "");
    r->words = words;
    TRY(read_token(r, line, word[0], &s.a));
    TRY(read_token(r, line, word[1], &s.b));
    if (words == 3) {
        if (!tsgd_parse_double(word[2], &weight) || weight < 0)
            return tsgd_fail(r->err, TSGD_EFORMAT, "%s:%u: '%.80s' is not a weight, want a number "
                             "from 0 up", r->path, line, word[2]);
        tsgd_edges_weight(r->edges, 0, s.a, s.b, weight);
        return remember(r, s);
    }
    if (s.a == s.b)
        return tsgd_fail(r->err, TSGD_EFORMAT, "%s:%u: a link from %u to itself, want two tokens",
                         r->path, line, s.a);
    tsgd_edges_link(r->edges, 0, s.a, s.b);
    st = remember(r, s.a < s.b ? s : (struct stated){s.b, s.a, line});  /* `b a` is the same link */
done:
    return st;
}

static int by_place(const void *a, const void *b)
{
    const struct stated *x = a, *y = b;
    if (x->a != y->a)
        return x->a < y->a ? -1 : 1;
    if (x->b != y->b)
        return x->b < y->b ? -1 : 1;
    return x->line < y->line ? -1 : 1;
}

static enum tsgd_status check_repeats(struct reading *r)
{
    const struct stated *s = r->stated, *twice = NULL;
    if (r->count)
        qsort(r->stated, r->count, sizeof *r->stated, by_place);
    for (size_t i = 1; i < r->count; i++)
        if (s[i].a == s[i - 1].a && s[i].b == s[i - 1].b && (!twice || s[i].line < twice->line))
            twice = &s[i];
    if (!twice)
        return TSGD_OK;
    return tsgd_fail(r->err, TSGD_EFORMAT, "%s:%u: %u %u stands in line %u already, want it once",
                     r->path, twice->line, twice->a, twice->b, twice[-1].line);
}

static enum tsgd_status read_lines(struct reading *r, FILE *f)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_lines l = {.f = f, .path = r->path, .most = TSGD_LINE_OF_TEXT};
    while (!r->edges->no_memory) {
        bool found;
        TRY(tsgd_lines_next(&l, &found, r->err));
        if (!found)
            break;
        char *word[4], *rest = l.text;
        size_t words = 0;
        l.text[strcspn(l.text, "#")] = 0;
        for (char *w; words < 4 && (w = strtok_r(rest, " \t\r\n", &rest)); words++)
            word[words] = w;
        if (words > 0)
            TRY(add_line(r, (unsigned)l.number, word, words));
    }
done:
    tsgd_lines_release(&l);
    return st;
}

static enum tsgd_status build(struct tsgd_edges *e, const char *arg, uint64_t seed,
                              struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct reading r = {.path = arg, .edges = e, .err = err};
    const char *why;
    FILE *f = NULL;
    (void)seed;
    if (!arg || !*arg)
        return tsgd_fail(err, TSGD_EINVAL, "--topology file: want the name of a file, as in "
                         "file:graph.txt");
    f = tsgd_open_input(arg, true, &why);
    if (!f)
        return tsgd_fail(err, TSGD_EIO, "--topology: cannot read '%s': %s", arg, why);
    TRY(read_lines(&r, f));
    TRY(check_repeats(&r));
    uint32_t lost = tsgd_edges_cut_off(e);
    if (lost < e->n && !e->allow_disconnected)
        st = tsgd_fail(err, TSGD_EINVAL, "--topology file:%s: token %u never hears of token 0, "
                       "want a connected graph, or --allow-disconnected", arg, lost);
done:
    fclose(f);
    free(r.stated);
    return st;
}

const struct tsgd_topology tsgd_topology_file = {
    .name = "file",
    .usage = "file:PATH",
    .example = "file:/dev/null",        /* no links, which suits a single token */
    .summary = "from a file or a pipe of lines 'a b' (linked) or 'a b w' (a reads b with weight "
               "w, and itself too), tokens from 0; # starts a comment",
    .build = build,
};
