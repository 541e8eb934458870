#include "sim/graphs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool graph_exists(size_t row, uint32_t k)
{
    const char *name = tsgd_topologies[row]->name;
    if (!strcmp(name, "hypercube"))
        return (k & (k - 1)) == 0;
    if (!strcmp(name, "regular"))
        return k > 4;                   /* its example has four neighbours */
    if (!strcmp(name, "file"))
        return k == 1;                  /* its example has no links */
    return true;
}

bool graph_build(struct tsgd_mixing *out, size_t row, uint32_t k, uint64_t seed)
{
    const struct tsgd_topology *t = tsgd_topologies[row];
    struct tsgd_error err = {TSGD_OK, ""};
    enum tsgd_status st = tsgd_topology_build(out, t->example, k, seed, &err);
    bool exists = graph_exists(row, k);
    if (exists ? st == TSGD_OK : st == TSGD_EINVAL && strstr(err.text, t->name))
        return exists;
    fprintf(stderr, "topology %s of %u tokens: %s, but %s: status %d, '%s'\n", t->example, k,
            exists ? "exists" : "cannot be", exists ? "was refused" : "was not refused as such", st,
            err.text);
    abort();
}

bool graph_has_spectrum(const struct tsgd_mixing *s)
{
    const struct tsgd_csr *w = s->w;
    if (s->period > 1)
        return false;
    for (uint32_t a = 0; a < w->n; a++)
        for (uint32_t i = w->ptr[a]; i < w->ptr[a + 1]; i++) {
            bool same = false;
            for (uint32_t b = w->col[i], j = w->ptr[b]; j < w->ptr[b + 1]; j++)
                same |= w->col[j] == a && w->val[j] == w->val[i];
            if (!same)
                return false;
        }
    return true;
}

const struct tsgd_csr *graph_at(const struct tsgd_mixing *s, uint64_t t)
{
    uint64_t waited = 0, turn = 0;
    for (uint64_t round = 0; round < t; round++)
        if (++waited >= s->every) {
            waited = 0;
            turn = turn + 1 == s->period ? 0 : turn + 1;
        }
    return waited + 1 >= s->every ? &s->w[turn] : NULL;
}
