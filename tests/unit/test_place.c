/* --place: what lies between ranks against a count over dense matrices, and the parts that the
 * partitioner finds against blocks, against every way to part a small graph, and against graphs
 * whose best parts are known.                                                                   */
#include "base/rng.h"
#include "over_ranks.h"
#include "program.h"
#include "run/place.h"
#include "sim/graphs.h"
#include "sim/settings.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

TestSuite(place, .timeout = 120);

enum { MOST_RANKS = 7, SMALL = 10 };

/* ---- by hand ---- */

static bool reads(const struct tsgd_csr *w, uint32_t a, uint32_t b)
{
    for (uint32_t i = w->ptr[a]; i < w->ptr[a + 1]; i++)
        if (w->col[i] == b)
            return true;
    return false;
}

/* Whether some node of the rank, which is not a's, reads a's half-step. */
static bool goes_to(const struct tsgd_csr *w, const struct tsgd_ranks *ranks, uint32_t a,
                    uint32_t rank)
{
    bool any = false;
    for (uint32_t c = 0; c < w->n; c++)
        any |= tsgd_rank_of(ranks, c) == rank && reads(w, c, a);
    return any && tsgd_rank_of(ranks, a) != rank;
}

static bool linked(const struct tsgd_mixing *s, uint32_t a, uint32_t b)
{
    bool any = false;
    for (uint32_t r = 0; r < s->period; r++)
        any |= reads(&s->w[r], a, b) || reads(&s->w[r], b, a);
    return any;
}

static struct tsgd_cut count(const struct tsgd_mixing *s, const struct tsgd_ranks *ranks)
{
    struct tsgd_cut c = {.rounds = s->period, .least = UINT32_MAX};
    for (uint32_t r = 0; r < s->period; r++)
        for (uint32_t a = 0; a < ranks->nodes; a++)
            for (uint32_t rank = 0; rank < ranks->ranks; rank++)
                c.rows += goes_to(&s->w[r], ranks, a, rank);
    for (uint32_t a = 0; a < ranks->nodes; a++)
        for (uint32_t b = 0; b < a; b++)
            if (linked(s, a, b)) {
                c.of_links++;
                c.links += tsgd_rank_of(ranks, a) != tsgd_rank_of(ranks, b);
            }
    for (uint32_t rank = 0; rank < ranks->ranks; rank++) {
        uint32_t nodes = 0;
        for (uint32_t a = 0; a < ranks->nodes; a++)
            nodes += tsgd_rank_of(ranks, a) == rank;
        c.least = nodes < c.least ? nodes : c.least;
        c.most = nodes > c.most ? nodes : c.most;
    }
    return c;
}

static struct tsgd_cut cut_of(const struct tsgd_mixing *s, const struct tsgd_ranks *ranks)
{
    struct tsgd_cut c;
    struct tsgd_error err;
    cr_assert(tsgd_place_cut(&c, s, ranks, &err) == TSGD_OK, "%s", err.text);
    return c;
}

static void expect_cut(const struct tsgd_cut *got, const struct tsgd_cut *want, const char *what)
{
    cr_expect(got->links == want->links && got->of_links == want->of_links &&
              got->rows == want->rows && got->rounds == want->rounds &&
              got->least == want->least && got->most == want->most,
              "%s: %lu of %lu links, %lu rows in %lu rounds, %u to %u nodes; want %lu of %lu, %lu "
              "in %lu, %u to %u", what, got->links, got->of_links, got->rows, got->rounds,
              got->least, got->most, want->links, want->of_links, want->rows, want->rounds,
              want->least, want->most);
}

/* ---- graphs ---- */

/* Links of equal weight; `order` says which node stands where, NULL: as they are numbered. */
static struct tsgd_mixing from_links(uint32_t n, const uint32_t (*link)[2], size_t links,
                                     const uint32_t *order)
{
    struct tsgd_mixing s = {.period = 1, .w = calloc(1, sizeof *s.w)};
    struct tsgd_entry *e = calloc(n + 2 * links, sizeof *e);
    size_t entries = 0;
    for (uint32_t a = 0; a < n; a++)
        e[entries++] = (struct tsgd_entry){a, a, 1};
    for (size_t i = 0; i < links; i++) {
        uint32_t a = link[i][0], b = link[i][1];
        a = order ? order[a] : a;
        b = order ? order[b] : b;
        e[entries++] = (struct tsgd_entry){a, b, 1};
        e[entries++] = (struct tsgd_entry){b, a, 1};
    }
    cr_assert(tsgd_csr_build(s.w, n, e, entries, NULL) == TSGD_OK);
    free(e);
    return s;
}

static void shuffle(uint32_t *order, uint32_t n, uint32_t seed)
{
    struct tsgd_rng rng = tsgd_rng(seed, TSGD_RNG_TEST, n, 0);
    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    for (uint32_t i = n - 1; i > 0; i--) {
        uint32_t j = tsgd_rng_below(&rng, i + 1), keep = order[i];
        order[i] = order[j];
        order[j] = keep;
    }
}

/* A ring of n, and a grid of side * side, whose neighbours have random numbers. */
static struct tsgd_mixing shuffled_ring(uint32_t n, uint32_t seed)
{
    uint32_t (*link)[2] = calloc(n, sizeof *link), *order = calloc(n, sizeof *order);
    for (uint32_t i = 0; i < n; i++)
        memcpy(link[i], (uint32_t[2]){i, (i + 1) % n}, sizeof *link);
    shuffle(order, n, seed);
    struct tsgd_mixing s = from_links(n, (const uint32_t (*)[2])link, n, order);
    free(link);
    free(order);
    return s;
}

static struct tsgd_mixing shuffled_grid(uint32_t side, uint32_t seed)
{
    uint32_t n = side * side, (*link)[2] = calloc(2 * n, sizeof *link), links = 0;
    uint32_t *order = calloc(n, sizeof *order);
    for (uint32_t i = 0; i < n; i++) {
        if (i % side + 1 < side)
            memcpy(link[links++], (uint32_t[2]){i, i + 1}, sizeof *link);
        if (i / side + 1 < side)
            memcpy(link[links++], (uint32_t[2]){i, i + side}, sizeof *link);
    }
    shuffle(order, n, seed);
    struct tsgd_mixing s = from_links(n, (const uint32_t (*)[2])link, links, order);
    free(link);
    free(order);
    return s;
}

static struct tsgd_mixing random_graph(uint32_t n, uint32_t links, uint32_t seed)
{
    struct tsgd_rng rng = tsgd_rng(seed, TSGD_RNG_TEST, n, links);
    uint32_t (*link)[2] = calloc(links, sizeof *link);
    for (uint32_t i = 0; i < links; i++) {
        link[i][0] = tsgd_rng_below(&rng, n);
        link[i][1] = (link[i][0] + 1 + tsgd_rng_below(&rng, n - 1)) % n;
    }
    struct tsgd_mixing s = from_links(n, (const uint32_t (*)[2])link, links, NULL);
    free(link);
    return s;
}

/* ---- the partitioner ---- */

/* In *of; what lies between its ranks. Every rank has a node, and ranks are balanced. */
static struct tsgd_cut place(const struct tsgd_mixing *s, uint32_t ranks, uint32_t **of)
{
    struct tsgd_error err;
    uint32_t n = s->w[0].n;
    cr_assert(tsgd_place_graph(of, s, ranks, &err) == TSGD_OK, "%s", err.text);
    struct tsgd_ranks r = {.ranks = ranks, .nodes = n, .of = *of};
    for (uint32_t a = 0; a < n; a++)
        cr_assert_lt((*of)[a], ranks);
    struct tsgd_cut c = count(s, &r);
    cr_expect(c.least >= 1, "%u nodes on %u ranks: a rank has none", n, ranks);
    cr_expect(c.most <= c.least + 1 || c.most * ranks <= n * 1.03,
              "%u nodes on %u ranks: %u to %u", n, ranks, c.least, c.most);
    return c;
}

static struct tsgd_cut blocks(const struct tsgd_mixing *s, uint32_t ranks)
{
    struct tsgd_ranks r = {.ranks = ranks, .nodes = s->w[0].n};
    return cut_of(s, &r);
}

/* Whether the graph's parts cost fewer rows than blocks; they never cost more. */
static bool beats_blocks(const struct tsgd_mixing *s, uint32_t ranks, const char *what)
{
    uint32_t *of = NULL;
    struct tsgd_cut found = place(s, ranks, &of), block = blocks(s, ranks);
    cr_expect(found.rows <= block.rows, "%s on %u ranks: %lu rows, in blocks %lu", what, ranks,
              found.rows, block.rows);
    free(of);
    return found.rows < block.rows;
}

/* The fewest rows of all ways to part the nodes, none of which differ by more than one node. */
static uint64_t fewest(const struct tsgd_mixing *s, uint32_t ranks)
{
    uint32_t n = s->w[0].n, of[SMALL] = {0}, i = 0;
    struct tsgd_ranks r = {.ranks = ranks, .nodes = n, .of = of};
    uint64_t best = UINT64_MAX;
    cr_assert(n <= SMALL);
    while (i < n) {
        uint32_t nodes[MOST_RANKS] = {0}, least = UINT32_MAX, most = 0;
        for (uint32_t a = 0; a < n; a++)
            nodes[of[a]]++;
        for (uint32_t q = 0; q < ranks; q++) {
            least = nodes[q] < least ? nodes[q] : least;
            most = nodes[q] > most ? nodes[q] : most;
        }
        if (most - least <= 1) {
            struct tsgd_cut c = count(s, &r);
            best = c.rows < best ? c.rows : best;
        }
        for (i = 0; i < n && ++of[i] == ranks; i++)      /* the next table, as a number's digits */
            of[i] = 0;
    }
    return best;
}

/* ---- tests ---- */

/* Over every topology, also directed ones and those that change from round to round. */
Test(place, counts_what_lies_between_ranks_as_a_dense_count_does)
{
    for (size_t row = 0; row < tsgd_n_topologies; row++)
        for (uint32_t k = 1; k <= 16; k += 5) {
            struct tsgd_mixing s = TSGD_MIXING_INIT;
            uint32_t of[16];
            if (!graph_build(&s, row, k, 3))
                continue;
            for (uint32_t ranks = 1; ranks <= MOST_RANKS; ranks += 2) {
                struct tsgd_ranks r = {.ranks = ranks, .nodes = k};
                struct tsgd_cut got = cut_of(&s, &r), want = count(&s, &r);
                expect_cut(&got, &want, tsgd_topologies[row]->example);
                struct tsgd_rng rng = tsgd_rng(row, TSGD_RNG_TEST, k, ranks);
                for (uint32_t a = 0; a < k; a++)
                    of[a] = tsgd_rng_below(&rng, ranks);
                r.of = of;
                got = cut_of(&s, &r);
                want = count(&s, &r);
                expect_cut(&got, &want, tsgd_topologies[row]->example);
            }
            tsgd_mixing_release(&s);
        }
}

/* A ring in blocks: every rank sends one half-step to either side. */
Test(place, tells_of_a_thinned_ring_that_rows_travel_in_every_third_round)
{
    struct tsgd_mixing s = TSGD_MIXING_INIT;
    struct tsgd_ranks r = {.ranks = 4, .nodes = 20};
    struct tsgd_cut want = {.links = 4, .of_links = 20, .rows = 8, .rounds = 3, .least = 5,
                            .most = 5};
    cr_assert(tsgd_topology_build(&s, "ring", 20, 0, NULL) == TSGD_OK);
    cr_assert(tsgd_mixing_thin(&s, 3, NULL) == TSGD_OK);
    struct tsgd_cut got = cut_of(&s, &r);
    expect_cut(&got, &want, "ring of 20 on 4 ranks");
    tsgd_mixing_release(&s);
}

Test(place, by_the_graph_costs_no_more_rows_than_blocks_on_any_topology)
{
    static const uint32_t sizes[] = {1, 2, 5, 7, 16, 33, 64};
    for (size_t row = 0; row < tsgd_n_topologies; row++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            struct tsgd_mixing s = TSGD_MIXING_INIT;
            if (!graph_build(&s, row, sizes[i], 3))
                continue;
            for (uint32_t ranks = 1; ranks <= sizes[i] && ranks <= 9; ranks++)
                (void)beats_blocks(&s, ranks, tsgd_topologies[row]->example);
            tsgd_mixing_release(&s);
        }
}

/* Where numbers say nothing about neighbours, blocks cut nearly everything. */
Test(place, by_the_graph_costs_fewer_rows_than_blocks_on_shuffled_rings_and_grids)
{
    for (uint32_t seed = 0; seed < 5; seed++)
        for (uint32_t ranks = 2; ranks <= MOST_RANKS; ranks++) {
            struct tsgd_mixing ring = shuffled_ring(60, seed), grid = shuffled_grid(8, seed);
            struct tsgd_mixing random = random_graph(50, 120, seed);
            cr_expect(beats_blocks(&ring, ranks, "shuffled ring"));
            cr_expect(beats_blocks(&grid, ranks, "shuffled grid"));
            cr_expect(beats_blocks(&random, ranks, "random graph"));
            tsgd_mixing_release(&ring);
            tsgd_mixing_release(&grid);
            tsgd_mixing_release(&random);
        }
}

/* 2 rows a rank, the fewest that a ring can have; and a grid of 8 x 8 in halves, 8 either way. */
Test(place, by_the_graph_unshuffles_a_ring_and_halves_a_grid)
{
    uint32_t *of = NULL;
    struct tsgd_mixing ring = shuffled_ring(60, 1), grid = shuffled_grid(8, 1);
    for (uint32_t ranks = 2; ranks <= 6; ranks++) {
        cr_expect_eq(place(&ring, ranks, &of).rows, 2 * ranks, "%u ranks", ranks);
        free(of);
    }
    cr_expect_eq(place(&grid, 2, &of).rows, 16);
    free(of);
    tsgd_mixing_release(&ring);
    tsgd_mixing_release(&grid);
}

/* METIS is no search through everything, but small graphs leave little to miss. */
Test(place, by_the_graph_comes_near_the_best_of_all_parts_of_small_graphs)
{
    uint64_t found = 0, best = 0;
    for (uint32_t seed = 0; seed < 12; seed++)
        for (uint32_t ranks = 2; ranks <= 3; ranks++) {
            uint32_t *of = NULL;
            struct tsgd_mixing s = seed % 3 == 0 ? shuffled_ring(SMALL, seed) :
                                   seed % 3 == 1 ? shuffled_grid(3, seed) :
                                                   random_graph(SMALL, 12, seed);
            uint64_t rows = place(&s, ranks, &of).rows, least = fewest(&s, ranks);
            cr_expect(rows >= least, "seed %u on %u ranks: %lu rows, and %lu by every way", seed,
                      ranks, rows, least);
            found += rows;
            best += least;
            free(of);
            tsgd_mixing_release(&s);
        }
    cr_expect(found * 100 <= best * 110, "%lu rows in all, %lu by every way", found, best);
}

/* METIS draws; what was drawn before must not matter. */
Test(place, by_the_graph_is_the_same_every_time)
{
    struct tsgd_mixing s = random_graph(200, 600, 5);
    for (uint32_t ranks = 2; ranks <= MOST_RANKS; ranks++) {
        uint32_t *a = NULL, *b = NULL;
        (void)place(&s, ranks, &a);
        srand(ranks);
        (void)rand();
        (void)place(&s, ranks, &b);
        cr_expect(!memcmp(a, b, 200 * sizeof *a), "%u ranks", ranks);
        free(a);
        free(b);
    }
    tsgd_mixing_release(&s);
}

static struct tsgd_mixing shared_graph;

static void *place_again(void *of)
{
    cr_assert(tsgd_place_graph(of, &shared_graph, 6, NULL) == TSGD_OK);
    return NULL;
}

/* Ranks of a test are threads, which place at the same time. */
Test(place, by_the_graph_is_the_same_in_threads_that_place_at_once)
{
    enum { THREADS = 4, TRIES = 5, NODES = 400 };
    pthread_t thread[THREADS];
    uint32_t *of[THREADS];
    shared_graph = random_graph(NODES, 1200, 5);
    for (int try = 0; try < TRIES; try++) {
        for (int i = 0; i < THREADS; i++)
            cr_assert(pthread_create(&thread[i], NULL, place_again, &of[i]) == 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(thread[i], NULL);
        for (int i = 0; i < THREADS; i++)
            cr_expect(!memcmp(of[i], of[0], NODES * sizeof *of[i]), "thread %d", i);
        for (int i = 0; i < THREADS; i++)
            free(of[i]);
    }
    tsgd_mixing_release(&shared_graph);
}

Test(place, by_the_graph_wants_a_node_for_every_rank)
{
    struct tsgd_mixing s = random_graph(6, 9, 1);
    struct tsgd_error err;
    uint32_t *of = NULL;
    cr_assert(tsgd_place_graph(&of, &s, 7, &err) == TSGD_EINVAL);
    cr_expect_str_eq(err.text, "--place: found 'graph' on 7 ranks, but there are 6 nodes and every "
                     "rank wants one; start at most 6 ranks");
    cr_assert(tsgd_place_graph(&of, &s, 6, &err) == TSGD_OK);
    free(of);
    tsgd_mixing_release(&s);
}

/* What passed between the ranks in all rounds is what the placement counts for one, as often: each
 * half-step with its head, a cache line, both in whole cache lines.                             */
Test(place, changes_no_bit_and_sends_the_rows_that_it_counts)
{
    enum { NODES = 25, ROUNDS = 12, ROW = 64 + (65 * 10 * 4 + 63) / 64 * 64 };
    struct tsgd_settings *s = settings_of("data=digits model=logistic nodes=%d rounds=%d threads=2 "
                                          "method=dsgd topology=regular:4 seed=3", NODES, ROUNDS);
    struct tsgd_mixing w = TSGD_MIXING_INIT;
    struct over_ranks one, got;
    cr_assert(tsgd_topology_build(&w, "regular:4", NODES, 3, NULL) == TSGD_OK);
    run_over_ranks(&one, s, 1, 0);
    for (uint32_t ranks = 2; ranks <= MOST_RANKS; ranks += 2)
        for (int graph = 0; graph < 2; graph++) {
            uint32_t *of = NULL;
            uint64_t rows = graph ? place(&w, ranks, &of).rows : blocks(&w, ranks).rows;
            free(of);
            settings_change(s, "place=%s", graph ? "graph" : "block");
            run_over_ranks(&got, s, ranks, 4);
            cr_expect_eq(got.end[0].last.state_hash, one.end[0].last.state_hash, "%u ranks", ranks);
            cr_expect_eq(got.end[0].last.bytes_between_ranks, rows * ROW * ROUNDS,
                         "%u ranks: %lu bytes, want %lu", ranks,
                         got.end[0].last.bytes_between_ranks, rows * ROW * ROUNDS);
        }
    tsgd_mixing_release(&w);
}

Test(place, is_refused_to_tokens_that_travel)
{
    struct tsgd_settings *s = settings_of("data=digits model=logistic nodes=9 rounds=4");
    struct tsgd_error err;
    cr_assert(settings_try_run(s, "place=graph", &err) == TSGD_EINVAL);
    cr_expect(strstr(err.text, "--place: found 'graph', but with method teleport tokens travel"),
              "%s", err.text);
    cr_assert(settings_try_run(s, "method=qg-dsgdm momentum=0.9 active=4 place=graph", &err) ==
              TSGD_EINVAL);
    cr_expect(strstr(err.text, "but with method qg-dsgdm tokens travel"), "%s", err.text);
    cr_expect(settings_try_run(s, "method=qg-dsgdm momentum=0.9 place=graph", &err) == TSGD_OK,
              "%s", err.text);
    cr_assert(settings_try_tune(s, "place=graph", &err) == TSGD_EINVAL);
    cr_expect(strstr(err.text, "--place: belongs to a run alone"), "%s", err.text);
}

/* A ring in blocks: a link and a row either way between each two ranks that follow each other;
 * where tokens mix in every fourth round, a fourth of the rows.                                 */
Test(place, in_blocks_is_told_by_a_dry_run, .init = enter_folder, .fini = leave_folder)
{
    struct result r = run(ALL "0 --nodes 20 --method dsgd --dry-run --ranks 4");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "# between ranks   4 of 20 links, 8 rows a round, 5 to 5 nodes a "
                            "rank\n"), "%s", r.out);
    r = run(ALL "0 --nodes 20 --method dsgd --mix-every 4 --dry-run --ranks 4");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "# between ranks   4 of 20 links, 2 rows a round"), "%s", r.out);
    r = run(ALL "0 --nodes 20 --method dsgd --dry-run");
    expect_code(&r, 0);
    cr_expect(!strstr(r.out, "between ranks"), "%s", r.out);
}

Test(place, is_refused_by_the_program_without_a_partitioner, .init = enter_folder,
     .fini = leave_folder)
{
    expect_program_refuses(ALL " --method dsgd --place graph --dry-run --ranks 2", 2,
                           "--place: found 'graph', but this program was built without a "
                           "partitioner; want block, or the program telesgd-mpi, which has one");
    expect_program_refuses(ALL " --place graph", 2, "--place: found 'graph', but with method "
                           "teleport tokens travel");
}

static const char *hash_of(const char *log)
{
    return json_string_value(json_object_get(last_line(parse_lines(read_file(log))),
                                             "state_hash"));
}

/* The settings file and the log of a run over ranks serve the ordinary program too. */
Test(place, of_one_process_is_nothing, .init = enter_folder, .fini = leave_folder)
{
    write_file("a.ini", "place = graph\nmethod = dsgd\n");
    struct result block = run(ALL " --method dsgd --log block.jsonl" QUIET);
    struct result r = run(ALL " --config a.ini --log log.jsonl" QUIET);
    struct result again = run("train --config log.jsonl --log again.jsonl" QUIET);
    struct result told = run(ALL " --config a.ini --dry-run --ranks 1");
    expect_code(&block, 0);
    expect_code(&r, 0);
    expect_code(&again, 0);
    expect_code(&told, 0);
    cr_expect(strstr(told.out, "\nplace = graph\n"), "%s", told.out);
    cr_expect_str_eq(hash_of("log.jsonl"), hash_of("block.jsonl"));
    cr_expect_str_eq(hash_of("again.jsonl"), hash_of("block.jsonl"));
}
