#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "data/batch.h"

TestSuite(batch, .timeout = 120);

#ifdef __SANITIZE_ADDRESS__
enum { PASSES = 30000 };
#else
enum { PASSES = 300000 };
#endif

static void free_rows(struct criterion_test_params *p) { cr_free(p->params); }

static struct criterion_test_params rows(size_t n)
{
    size_t *row = cr_malloc(n * sizeof *row);
    for (size_t i = 0; i < n; i++)
        row[i] = i;
    return cr_make_param_array(size_t, row, n, free_rows);
}

static struct tsgd_batcher batcher(enum tsgd_order order, uint32_t size)
{
    return (struct tsgd_batcher){.order = order, .size = size, .seed = 42};
}

Test(batch, orders_have_names)
{
    enum tsgd_order o;
    cr_expect(tsgd_order_parse(&o, "epoch", NULL) == TSGD_OK && o == TSGD_ORDER_EPOCH);
    cr_expect(tsgd_order_parse(&o, "iid", NULL) == TSGD_OK && o == TSGD_ORDER_IID);
    cr_expect(tsgd_order_parse(&o, "sequential", NULL) == TSGD_OK && o == TSGD_ORDER_SEQUENTIAL);
}

Test(batch, another_order_is_refused)
{
    enum tsgd_order o;
    struct tsgd_error err;
    cr_expect(tsgd_order_parse(&o, "epohc", &err) == TSGD_EINVAL);
    cr_expect(strstr(err.text, "--order") && strstr(err.text, "'epoch'"), "%s", err.text);
}

static const struct { uint32_t shard, size; } cases[] = {
    {1, 1}, {1, 32}, {2, 1}, {5, 2}, {7, 7}, {31, 32}, {32, 32}, {33, 32}, {128, 10}, {129, 10},
    {130, 32}, {143, 32}, {144, 32}, {145, 1}, {600, 32}, {600, 600}, {6001, 32}, {65537, 1000},
};
enum { CASES = sizeof cases / sizeof *cases };

/* Every position comes up exactly once in each of three passes, in batches that are full but for
 * the last of a pass; and batch_count foretells them.                                           */
static void check_passes(enum tsgd_order order, size_t row)
{
    uint32_t shard = cases[row].shard, size = cases[row].size;
    struct tsgd_batcher m = batcher(order, size);
    uint32_t *out = malloc(size * sizeof *out);
    uint8_t *seen = malloc(shard);
    uint64_t b = 0;
    for (int pass = 0; pass < 3; pass++) {
        memset(seen, 0, shard);
        for (uint32_t done = 0; done < shard; b++) {
            uint32_t want = shard - done < size ? shard - done : size;
            cr_assert(tsgd_batch_count(&m, shard, b) == want);
            cr_assert(tsgd_batch_positions(&m, 3, shard, b, out) == want);
            for (uint32_t i = 0; i < want; i++) {
                cr_assert(out[i] < shard, "%u of %u", out[i], shard);
                cr_assert(!seen[out[i]], "%u of %u twice in pass %d", out[i], shard, pass);
                seen[out[i]] = 1;
            }
            done += want;
        }
    }
    free(seen);
    free(out);
}

ParameterizedTestParameters(batch, an_epoch_takes_every_sample_once_a_pass) { return rows(CASES); }
ParameterizedTest(size_t *row, batch, an_epoch_takes_every_sample_once_a_pass, .timeout = 60)
{
    check_passes(TSGD_ORDER_EPOCH, *row);
}

ParameterizedTestParameters(batch, sequential_takes_every_sample_once_a_pass)
{
    return rows(CASES);
}
ParameterizedTest(size_t *row, batch, sequential_takes_every_sample_once_a_pass, .timeout = 60)
{
    check_passes(TSGD_ORDER_SEQUENTIAL, *row);
}

Test(batch, sequential_goes_as_stored)
{
    struct tsgd_batcher m = batcher(TSGD_ORDER_SEQUENTIAL, 4);
    const uint32_t want[3][4] = {{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9}};
    for (uint64_t b = 0; b < 6; b++) {
        uint32_t out[4], n = tsgd_batch_positions(&m, 0, 10, b, out);
        cr_assert(n == (b % 3 == 2 ? 2 : 4));
        cr_expect(!memcmp(out, want[b % 3], n * sizeof *out), "batch %d", (int)b);
    }
}

Test(batch, an_empty_shard_gives_nothing_in_any_order)
{
    uint32_t out[4];
    for (int o = TSGD_ORDER_EPOCH; o <= TSGD_ORDER_SEQUENTIAL; o++) {
        struct tsgd_batcher m = batcher((enum tsgd_order)o, 4);
        cr_expect(tsgd_batch_count(&m, 0, 7) == 0);
        cr_expect(tsgd_batch_positions(&m, 0, 0, 7, out) == 0);
    }
}

Test(batch, a_batch_does_not_depend_on_what_was_asked_before)
{
    struct tsgd_batcher m = batcher(TSGD_ORDER_EPOCH, 32);
    uint32_t first[32], again[32];
    tsgd_batch_positions(&m, 5, 600, 1000, first);
    tsgd_batch_positions(&m, 6, 300, 3, again);
    tsgd_batch_positions(&m, 5, 600, 1000, again);
    cr_expect(!memcmp(first, again, sizeof first));
}

/* The first 32 positions of 600 agree by chance with probability 600^-32. */
static bool differ(struct tsgd_batcher a, uint32_t node_a, uint64_t b_a, struct tsgd_batcher b,
                   uint32_t node_b, uint64_t b_b)
{
    uint32_t x[32], y[32];
    tsgd_batch_positions(&a, node_a, 600, b_a, x);
    tsgd_batch_positions(&b, node_b, 600, b_b, y);
    return memcmp(x, y, sizeof x) != 0;
}

Test(batch, passes_nodes_and_seeds_have_orders_of_their_own)
{
    for (int o = TSGD_ORDER_EPOCH; o <= TSGD_ORDER_IID; o++) {
        struct tsgd_batcher m = batcher((enum tsgd_order)o, 32), other = m;
        other.seed++;
        cr_expect(differ(m, 1, 0, m, 1, 19), "passes, order %d", o);
        cr_expect(differ(m, 1, 0, m, 2, 0), "nodes, order %d", o);
        cr_expect(differ(m, 1, 0, other, 1, 0), "seeds, order %d", o);
    }
}

Test(batch, passes_that_differ_by_2_to_the_32_have_orders_of_their_own)
{
    const uint64_t pass[] = {19, 1}, far = (uint64_t)1 << 32;   /* batches to a pass, by order */
    for (int o = TSGD_ORDER_EPOCH; o <= TSGD_ORDER_IID; o++) {
        struct tsgd_batcher m = batcher((enum tsgd_order)o, 32);
        cr_expect(differ(m, 1, 0, m, 1, pass[o] * far), "order %d", o);
        cr_expect(differ(m, 1, pass[o] * far, m, 1, 2 * pass[o] * far), "order %d", o);
    }
}

Test(batch, late_batches_of_the_largest_shard_are_distinct_and_in_range)
{
    struct tsgd_batcher m = batcher(TSGD_ORDER_EPOCH, 1000);
    uint32_t out[1000];
    for (uint64_t b = 4294960; b < 4294968; b++) {
        uint32_t n = tsgd_batch_positions(&m, 0, UINT32_MAX, b, out);
        cr_assert(n == (b == 4294967 ? 295 : 1000), "%u", n);
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t j = 0; j < i; j++)
                cr_assert(out[i] != out[j]);
    }
}

/* How many standard deviations chi-square lies from its mean, when `cells` are equally likely. */
static double deviation(const uint32_t *count, size_t cells, double draws)
{
    double expected = draws / (double)cells, x = 0, freedom = (double)cells - 1;
    for (size_t i = 0; i < cells; i++)
        x += (count[i] - expected) * (count[i] - expected) / expected;
    return (x - freedom) / sqrt(2 * freedom);
}

Test(batch, iid_draws_are_uniform_and_always_full)
{
    struct tsgd_batcher m = batcher(TSGD_ORDER_IID, 50);
    uint32_t count[7] = {0}, out[50];
    for (uint64_t b = 0; b < PASSES / 50; b++) {
        cr_assert(tsgd_batch_count(&m, 7, b) == 50);
        cr_assert(tsgd_batch_positions(&m, 1, 7, b, out) == 50);
        for (int i = 0; i < 50; i++)
            count[out[i]]++;
    }
    cr_expect(fabs(deviation(count, 7, PASSES / 50 * 50)) < 5);
}

/* Number of an order of m things among all m!: Lehmer's code. */
static uint32_t rank_of(const uint32_t *item, uint32_t m)
{
    uint32_t rank = 0;
    for (uint32_t i = 0; i < m; i++) {
        uint32_t smaller = 0;
        for (uint32_t j = i + 1; j < m; j++)
            smaller += item[j] < item[i];
        rank = rank * (m - i) + smaller;
    }
    return rank;
}

ParameterizedTestParameters(batch, small_shards_see_every_order_equally_often) { return rows(4); }
ParameterizedTest(size_t *row, batch, small_shards_see_every_order_equally_often, .timeout = 60)
{
    uint32_t m = (uint32_t)*row + 2, count[120] = {0}, orders = 1, out[5];
    struct tsgd_batcher all = batcher(TSGD_ORDER_EPOCH, m);
    for (uint32_t i = 2; i <= m; i++)
        orders *= i;
    for (uint64_t pass = 0; pass < PASSES; pass++) {
        tsgd_batch_positions(&all, m, m, pass, out);
        count[rank_of(out, m)]++;
    }
    cr_expect(fabs(deviation(count, orders, PASSES)) < 5, "%u samples: %g", m,
              deviation(count, orders, PASSES));
}

/* Over passes, what stands at two places: each pair of samples equally often. The places are
 * neighbours, and such as share a row or a column of the permutation's rectangle.               */
static const struct { uint32_t shard, p, q; } places[] = {
    {129, 0, 1}, {129, 0, 11}, {129, 127, 128}, {144, 0, 12}, {200, 0, 1}, {200, 0, 14},
    {600, 37, 38}, {600, 0, 24}, {600, 598, 599},
};
ParameterizedTestParameters(batch, any_two_places_see_every_pair_equally_often)
{
    return rows(sizeof places / sizeof *places);
}
ParameterizedTest(size_t *row, batch, any_two_places_see_every_pair_equally_often, .timeout = 120)
{
    uint32_t m = places[*row].shard, out;
    uint32_t *pair = calloc(m * (m - 1), sizeof *pair), *first = calloc(m, sizeof *first);
    struct tsgd_batcher one = batcher(TSGD_ORDER_EPOCH, 1);
    for (uint64_t pass = 0; pass < PASSES; pass++) {
        uint32_t at[2], where[2] = {places[*row].p, places[*row].q};
        for (int i = 0; i < 2; i++) {
            tsgd_batch_positions(&one, 8, m, pass * m + where[i], &out);
            at[i] = out;
        }
        first[at[0]]++;
        pair[at[0] * (m - 1) + at[1] - (at[1] > at[0])]++;
    }
    cr_expect(fabs(deviation(first, m, PASSES)) < 5, "%u: one place: %g", m,
              deviation(first, m, PASSES));
    cr_expect(fabs(deviation(pair, m * (m - 1), PASSES)) < 5, "%u: two places: %g", m,
              deviation(pair, m * (m - 1), PASSES));
    free(pair);
    free(first);
}

/* Three places of one corner of the rectangle, by the order in which their samples stand. */
Test(batch, three_places_of_a_large_shard_see_every_octant_equally_often)
{
    struct tsgd_batcher one = batcher(TSGD_ORDER_EPOCH, 1);
    const uint32_t where[3] = {0, 1, 12};
    uint32_t count[8] = {0}, out;
    for (uint64_t pass = 0; pass < PASSES; pass++) {
        uint32_t cell = 0;
        for (int i = 0; i < 3; i++) {
            tsgd_batch_positions(&one, 9, 1000, pass * 1000 + where[i], &out);
            cell = cell << 1 | (out >= 500);
        }
        count[cell]++;
    }
    /* Three distinct samples of 1000 lie in a given half a bit less often than 1 time in 8. */
    double same = 500.0 * 499 * 498 / (1000.0 * 999 * 998), other = (1 - 2 * same) / 6, chi = 0;
    for (int c = 0; c < 8; c++) {
        double want = PASSES * (c == 0 || c == 7 ? same : other);
        chi += (count[c] - want) * (count[c] - want) / want;
    }
    cr_expect(chi < 7 + 5 * sqrt(14.0), "%g", chi);
}
