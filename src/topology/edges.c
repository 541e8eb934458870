#include "topology/edges.h"

#include "base/mem.h"

#define REMEDY "use fewer tokens (--active) or a sparser topology"

/* From so many bytes on, memory is asked for only where it is free, for the edges and for what
 * tsgd_edges_finish will make of those that are there: the system would grant more than it has, and
 * end the process when that is used.                                                            */
enum { LARGE = 1 << 26 };

/* Room for more edges; false: there is none. */
static bool grow(struct tsgd_edges *e)
{
    size_t room = e->room ? 2 * e->room : 1024, bytes = room * sizeof *e->edge;
    size_t finish = tsgd_csr_bytes(0, e->count) + 2 * e->count * sizeof(struct tsgd_entry);
    if (bytes >= LARGE && bytes / 2 + finish > tsgd_mem_available())
        return false;
    void *p = realloc(e->edge, bytes);
    if (!p)
        return false;
    e->edge = p;
    e->room = room;
    return true;
}

/* Sorting takes a copy of what it sorts, here and in tsgd_csr_build. */
enum tsgd_status tsgd_edges_reserve(struct tsgd_edges *e, size_t count, bool links,
                                    struct tsgd_error *err)
{
    size_t edges = tsgd_mul(count, sizeof *e->edge);
    size_t entries = links ? tsgd_add(tsgd_mul(count, 2), e->n) : count;
    size_t sorting = tsgd_add(tsgd_mul(entries, 2 * sizeof(struct tsgd_entry)),
                              tsgd_csr_bytes(e->n, entries));
    enum tsgd_status st = tsgd_mem_check(tsgd_add(edges, edges > sorting ? edges : sorting),
                                         "--topology", REMEDY, err);
    if (st != TSGD_OK || count <= e->room)
        return st;
    void *p = realloc(e->edge, edges);
    if (!p)
        return tsgd_fail(err, TSGD_ENOMEM, "--topology: no memory for %zu edges; " REMEDY, count);
    e->edge = p;
    e->room = count;
    return TSGD_OK;
}

static void add(struct tsgd_edges *e, struct tsgd_edge edge)
{
    if (e->no_memory)
        return;
    if (e->count == e->room && !grow(e)) {
        e->no_memory = true;
        return;
    }
    e->edge[e->count++] = edge;
    if (edge.round >= e->period)
        e->period = edge.round + 1;
}

void tsgd_edges_weight(struct tsgd_edges *e, uint32_t round, uint32_t a, uint32_t b, double weight)
{
    add(e, (struct tsgd_edge){round, false, {a, b, (float)weight}});
}

void tsgd_edges_link(struct tsgd_edges *e, uint32_t round, uint32_t a, uint32_t b)
{
    if (a != b)
        add(e, (struct tsgd_edge){round, true, {a < b ? a : b, a < b ? b : a, 0}});
}

void tsgd_edges_everybody(struct tsgd_edges *e) { e->everybody = true; }

void tsgd_edges_clear(struct tsgd_edges *e)
{
    e->count = 0;
    e->period = 1;
}

static uint32_t root(uint32_t *parent, uint32_t a)
{
    while (parent[a] != a)
        a = parent[a] = parent[parent[a]];
    return a;
}

uint32_t tsgd_edges_cut_off(struct tsgd_edges *e)
{
    uint32_t a = 0, *parent = NULL;
    if (e->no_memory)
        return e->n;            /* edges are missing */
    if (TSGD_NEW(&parent, e->n, "--topology", NULL) != TSGD_OK) {
        e->no_memory = true;
        return e->n;
    }
    for (uint32_t i = 0; i < e->n; i++)
        parent[i] = i;
    for (size_t i = 0; i < e->count; i++) {
        const struct tsgd_edge *edge = &e->edge[i];
        uint32_t x = root(parent, edge->entry.row), y = root(parent, edge->entry.col);
        if (edge->link || edge->entry.val > 0)
            parent[x > y ? x : y] = x < y ? x : y;  /* a root is the first of its part */
    }
    while (a < e->n && root(parent, a) == 0)
        a++;
    free(parent);
    return a;
}

/* Rounds together; within a round by row and column, so that equal links are neighbours. */
static int by_round(const void *a, const void *b)
{
    const struct tsgd_edge *x = a, *y = b;
    if (x->round != y->round)
        return x->round < y->round ? -1 : 1;
    if (x->entry.row != y->entry.row)
        return x->entry.row < y->entry.row ? -1 : 1;
    return x->entry.col < y->entry.col ? -1 : x->entry.col > y->entry.col;
}

static bool same_link(const struct tsgd_edge *x, const struct tsgd_edge *y)
{
    return y->link && x->entry.row == y->entry.row && x->entry.col == y->entry.col;
}

/* Entries of one round, whose edges are `count` from number `first` on, in order, into out; how
 * many. A graph of a single token often has no edges at all, and then no array to point into.   */
static size_t entries_of(const struct tsgd_edges *e, size_t first, size_t count, uint32_t *degree,
                         double *rest, struct tsgd_entry *out)
{
    const struct tsgd_edge *edge = count ? e->edge + first : NULL;
    uint32_t n = e->n;
    size_t used = 0;
    for (uint32_t a = 0; a < n; a++) {
        degree[a] = 0;
        rest[a] = 1;
    }
    for (size_t i = 0; i < count; i++)
        if (edge[i].link && !(i && same_link(&edge[i], &edge[i - 1]))) {
            degree[edge[i].entry.row]++;
            degree[edge[i].entry.col]++;
        }
    bool links = false;
    for (size_t i = 0; i < count; i++) {
        struct tsgd_entry entry = edge[i].entry;
        if (!edge[i].link) {
            out[used++] = entry;
            continue;
        }
        links = true;
        if (i && same_link(&edge[i], &edge[i - 1]))
            continue;
        uint32_t a = entry.row, b = entry.col, d = degree[a] > degree[b] ? degree[a] : degree[b];
        double w = 1.0 / (1 + d);
        rest[a] -= w;
        rest[b] -= w;
        out[used++] = (struct tsgd_entry){a, b, (float)w};
        out[used++] = (struct tsgd_entry){b, a, (float)w};
    }
    for (uint32_t a = 0; a < n; a++)    /* a round without entries leaves everybody alone */
        if (links || count == 0)
            out[used++] = (struct tsgd_entry){a, a, rest[a] > 0 ? (float)rest[a] : 0};
    return used;
}

/* Refuses what would not fit: `most` entries of a round to be sorted, and the matrices. */
static enum tsgd_status check_memory(const struct tsgd_edges *e, size_t most,
                                     struct tsgd_error *err)
{
    size_t all = e->everybody ? tsgd_mul(e->n, e->n) :
                 tsgd_add(tsgd_mul(e->count, 2), tsgd_mul(e->period, e->n));
    size_t bytes = tsgd_add(tsgd_csr_bytes(e->n, all),
                            tsgd_mul(e->period - 1, tsgd_csr_bytes(e->n, 0)));
    return tsgd_mem_check(tsgd_add(bytes, tsgd_mul(most, sizeof(struct tsgd_entry))), "--topology",
                          REMEDY, err);
}

enum tsgd_status tsgd_edges_finish(struct tsgd_edges *e, struct tsgd_csr *w, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t done = 0;
    struct tsgd_entry *entries = NULL;
    uint32_t *degree = NULL;
    double *rest = NULL;
    if (e->no_memory)
        return tsgd_fail(err, TSGD_ENOMEM, "--topology: no memory for more than %zu edges; "
                         REMEDY, e->count);
    if (e->everybody) {
        TRY(check_memory(e, 0, err));
        return tsgd_csr_constant(w, e->n, (float)(1.0 / e->n), err);
    }
    TRY(check_memory(e, 2 * e->count + e->n, err));
    TRY(TSGD_NEW(&entries, 2 * e->count + e->n, "--topology", err));
    TRY(TSGD_NEW(&degree, e->n, "--topology", err));
    TRY(TSGD_NEW(&rest, e->n, "--topology", err));
    if (e->count)
        qsort(e->edge, e->count, sizeof *e->edge, by_round);
    for (size_t i = 0, next; done < e->period; i = next, done++) {
        for (next = i; next < e->count && e->edge[next].round == done;)
            next++;
        size_t used = entries_of(e, i, next - i, degree, rest, entries);
        TRY(tsgd_csr_build(&w[done], e->n, entries, used, err));
    }
done:
    if (st != TSGD_OK)
        while (done)
            tsgd_csr_release(&w[--done]);
    free(entries);
    free(degree);
    free(rest);
    return st;
}

void tsgd_edges_release(struct tsgd_edges *e)
{
    free(e->edge);
    *e = (struct tsgd_edges)TSGD_EDGES_INIT(0);
}
