/* run/place.c: --place graph, and what lies between ranks. */
#include "run/place.h"

#include "base/mem.h"
#include "transport/partition.h"

#include <string.h>

/* ---- the graph of all who ever mix with each other ---- */

static void graph_release(struct tsgd_graph *g)
{
    free(g->ptr);
    free(g->col);
    free(g->weight);
    *g = (struct tsgd_graph){.nodes = 0};
}

/* Counts a's link to b, which is new if the place where a's links to b stand is none of a's. */
static void add_link(struct tsgd_graph *g, int32_t *place, uint32_t a, uint32_t b, int32_t *end)
{
    if (a == b)
        return;
    if (place[b] < g->ptr[a]) {
        place[b] = (*end)++;
        g->col[place[b]] = (int32_t)b;
    }
    g->weight[place[b]]++;
}

/* In each of the matrices, b's weight in a's row and a's weight in b's are a link's. */
static void fill_links(struct tsgd_graph *g, const struct tsgd_mixing *mixing, int32_t *place)
{
    int32_t end = 0;
    for (uint32_t a = 0; a < (uint32_t)g->nodes; a++) {
        g->ptr[a] = end;
        for (uint32_t r = 0; r < mixing->period; r++) {
            const struct tsgd_csr *w = &mixing->w[r];
            for (uint32_t i = w->ptr[a]; i < w->ptr[a + 1]; i++)
                add_link(g, place, a, w->col[i], &end);
            for (uint32_t i = w->tptr[a]; i < w->tptr[a + 1]; i++)
                add_link(g, place, a, w->tcol[i], &end);
        }
    }
    g->ptr[g->nodes] = end;
}

/* Release it, also after an error. */
static enum tsgd_status graph_make(struct tsgd_graph *g, const struct tsgd_mixing *mixing,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t n = mixing->w[0].n;
    size_t ends = 0;
    int32_t *place = NULL;
    *g = (struct tsgd_graph){.nodes = (int32_t)n};
    for (uint32_t r = 0; r < mixing->period; r++)
        ends = tsgd_add(ends, tsgd_mul(2, tsgd_csr_off_diagonal(&mixing->w[r])));
    if (n >= INT32_MAX || ends > INT32_MAX)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--place: the topology has %u nodes with %zu links in its "
                      "rounds, each counted at both ends, want at most %d", n, ends, INT32_MAX));
    TRY(TSGD_NEW(&g->ptr, n + 1, "links of the topology", err));
    TRY(TSGD_NEW(&g->col, ends + 1, "links of the topology", err));
    TRY(TSGD_NEW(&g->weight, ends + 1, "links of the topology", err));
    TRY(TSGD_NEW(&place, n, "links of the topology", err));
    for (uint32_t a = 0; a < n; a++)
        place[a] = -1;
    fill_links(g, mixing, place);
done:
    free(place);
    return st;
}

/* ---- what lies between ranks ---- */

/* counted[b] is 1 + the last a < b whose link to b was counted. */
static void count_link(struct tsgd_cut *out, const struct tsgd_ranks *ranks, uint32_t *counted,
                       uint32_t a, uint32_t b)
{
    if (b <= a || counted[b] == a + 1)
        return;
    counted[b] = a + 1;
    out->of_links++;
    out->links += tsgd_rank_of(ranks, a) != tsgd_rank_of(ranks, b);
}

static enum tsgd_status count_links(struct tsgd_cut *out, const struct tsgd_mixing *mixing,
                                    const struct tsgd_ranks *ranks, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t *counted = NULL;
    TRY(TSGD_NEW(&counted, ranks->nodes, "links of the topology", err));
    for (uint32_t a = 0; a < ranks->nodes; a++)
        for (uint32_t r = 0; r < mixing->period; r++) {
            const struct tsgd_csr *w = &mixing->w[r];
            for (uint32_t i = w->ptr[a]; i < w->ptr[a + 1]; i++)
                count_link(out, ranks, counted, a, w->col[i]);
            for (uint32_t i = w->tptr[a]; i < w->tptr[a + 1]; i++)
                count_link(out, ranks, counted, a, w->tcol[i]);
        }
done:
    free(counted);
    return st;
}

/* sent[rank] is 1 + the last half-step that went there, numbered over the rounds of a period. */
static enum tsgd_status count_rows(struct tsgd_cut *out, const struct tsgd_mixing *mixing,
                                   const struct tsgd_ranks *ranks, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint64_t *sent = NULL, number = 0;
    TRY(TSGD_NEW(&sent, ranks->ranks, "rows between ranks", err));
    out->rounds = mixing->every > 1 ? mixing->period * mixing->every : mixing->period;
    for (uint32_t r = 0; r < mixing->period; r++) {
        const struct tsgd_csr *w = &mixing->w[r];
        for (uint32_t a = 0; a < ranks->nodes; a++) {
            sent[tsgd_rank_of(ranks, a)] = ++number;        /* that needs no message */
            for (uint32_t i = w->tptr[a]; i < w->tptr[a + 1]; i++) {
                uint32_t to = tsgd_rank_of(ranks, w->tcol[i]);
                out->rows += sent[to] != number;
                sent[to] = number;
            }
        }
    }
done:
    free(sent);
    return st;
}

static enum tsgd_status count_nodes(struct tsgd_cut *out, const struct tsgd_ranks *ranks,
                                    struct tsgd_error *err)
{
    uint32_t *nodes = NULL;
    enum tsgd_status st = TSGD_OK;
    TRY(TSGD_NEW(&nodes, ranks->ranks, "nodes of a rank", err));
    for (uint32_t a = 0; a < ranks->nodes; a++)
        nodes[tsgd_rank_of(ranks, a)]++;
    out->least = UINT32_MAX;
    for (uint32_t r = 0; r < ranks->ranks; r++) {
        out->least = nodes[r] < out->least ? nodes[r] : out->least;
        out->most = nodes[r] > out->most ? nodes[r] : out->most;
    }
done:
    free(nodes);
    return st;
}

enum tsgd_status tsgd_place_cut(struct tsgd_cut *out, const struct tsgd_mixing *w,
                                const struct tsgd_ranks *ranks, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    *out = (struct tsgd_cut){.links = 0};
    TRY(count_links(out, w, ranks, err));
    TRY(count_rows(out, w, ranks, err));
    TRY(count_nodes(out, ranks, err));
done:
    return st;
}

/* ---- parts ---- */

static bool is_balanced(const struct tsgd_cut *c, uint32_t nodes, uint32_t ranks)
{
    return c->least > 0 &&
           (c->most - c->least <= 1 || (uint64_t)c->most * ranks * 100 <= (uint64_t)nodes * 103);
}

static bool is_better(const struct tsgd_cut *a, const struct tsgd_cut *b)
{
    return a->rows != b->rows ? a->rows < b->rows : a->links < b->links;
}

enum tsgd_status tsgd_place_can(struct tsgd_error *err)
{
    if (tsgd_partition)
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "--place: found 'graph', but this program was built without "
                     "a partitioner; want block, or the program telesgd-mpi, which has one");
}

/* Tries one way; the better of it and *of, with what lies between its ranks, stays. */
static enum tsgd_status try_parts(uint32_t *of, struct tsgd_cut *best, const struct tsgd_graph *g,
                                  const struct tsgd_mixing *w, uint32_t ranks,
                                  enum tsgd_partition_way way, int32_t *part,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t n = (uint32_t)g->nodes;
    struct tsgd_cut cut;
    TRY(tsgd_partition(g, ranks, way, part, err));
    struct tsgd_ranks found = {.ranks = ranks, .nodes = n, .of = (const uint32_t *)part};
    TRY(tsgd_place_cut(&cut, w, &found, err));
    if (!is_balanced(&cut, n, ranks) || !is_better(&cut, best))
        return TSGD_OK;
    *best = cut;
    memcpy(of, part, n * sizeof *of);
done:
    return st;
}

enum tsgd_status tsgd_place_graph(uint32_t **of, const struct tsgd_mixing *w, uint32_t ranks,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_graph g = {.nodes = 0};
    struct tsgd_cut best;
    uint32_t n = w->w[0].n, *table = NULL;
    int32_t *part = NULL;
    struct tsgd_ranks blocks = {.ranks = ranks, .nodes = n};
    TRY(tsgd_place_can(err));
    if (ranks > n)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--place: found 'graph' on %u ranks, but there are %u "
                      "nodes and every rank wants one; start at most %u ranks", ranks, n, n));
    TRY(graph_make(&g, w, err));
    TRY(TSGD_NEW(&table, n, "ranks of the nodes", err));
    TRY(TSGD_NEW(&part, n, "ranks of the nodes", err));
    for (uint32_t a = 0; a < n; a++)
        table[a] = tsgd_rank_of(&blocks, a);
    TRY(tsgd_place_cut(&best, w, &blocks, err));
    for (int way = 0; ranks > 1 && ranks < n && way < TSGD_PARTITION_WAYS; way++)
        TRY(try_parts(table, &best, &g, w, ranks, (enum tsgd_partition_way)way, part, err));
    *of = table;
    table = NULL;
done:
    free(table);
    free(part);
    graph_release(&g);
    return st;
}
