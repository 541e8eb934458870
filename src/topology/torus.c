#include "base/mem.h"
#include "base/text.h"
#include "topology/topology.h"

#include <string.h>

/* "RxC" */
static bool parse_sides(const char *arg, uint64_t *rows, uint64_t *columns)
{
    char first[24];
    size_t n = strcspn(arg, "x");
    if (!arg[n] || n >= sizeof first)
        return false;
    memcpy(first, arg, n);
    first[n] = 0;
    return tsgd_parse_u64(first, rows) && tsgd_parse_u64(arg + n + 1, columns) && *rows > 0 &&
           *columns > 0;
}

static enum tsgd_status find_sides(uint32_t k, const char *arg, uint64_t *rows, uint64_t *columns,
                                   struct tsgd_error *err)
{
    uint64_t places;
    if (!arg) {                         /* the squarest */
        *rows = 1;
        for (uint64_t r = 1; r * r <= k; r++)
            if (k % r == 0)
                *rows = r;
        *columns = k / *rows;
        return TSGD_OK;
    }
    if (!parse_sides(arg, rows, columns))
        return tsgd_fail(err, TSGD_EINVAL, "--topology torus:%.80s: want ROWSxCOLUMNS, as in 5x5",
                         arg);
    if (__builtin_mul_overflow(*rows, *columns, &places) || places != k)
        return tsgd_fail(err, TSGD_EINVAL, "--topology torus:%s: found %u tokens, want %llu times "
                         "%llu", arg, k, (unsigned long long)*rows, (unsigned long long)*columns);
    return TSGD_OK;
}

static enum tsgd_status build(struct tsgd_edges *e, const char *arg, uint64_t seed,
                              struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint64_t rows, columns;
    (void)seed;
    TRY(find_sides(e->n, arg, &rows, &columns, err));
    TRY(tsgd_edges_reserve(e, tsgd_mul(e->n, 2), true, err));
    for (uint64_t r = 0; r < rows; r++)
        for (uint64_t c = 0; c < columns; c++) {
            uint32_t here = (uint32_t)(r * columns + c);
            tsgd_edges_link(e, 0, here, (uint32_t)(r * columns + (c + 1) % columns));
            tsgd_edges_link(e, 0, here, (uint32_t)((r + 1) % rows * columns + c));
        }
done:
    return st;
}

const struct tsgd_topology tsgd_topology_torus = {
    .name = "torus",
    .usage = "torus[:RxC]",
    .example = "torus",
    .summary = "a grid of R rows and C columns that closes on itself; by default the squarest",
    .build = build,
};
