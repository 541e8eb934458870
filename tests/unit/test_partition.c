#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/rng.h"
#include "data/partition.h"

TestSuite(partition, .timeout = 120);

enum { SAMPLES = 6000, CLASSES = 10 };
static uint16_t labels[SAMPLES];

/* Labels in random order; not equally many of each. */
static struct tsgd_samples random_samples(void)
{
    struct tsgd_rng r = tsgd_rng(77, TSGD_RNG_TEST, 0, 0);
    for (int i = 0; i < SAMPLES; i++)
        labels[i] = (uint16_t)(tsgd_rng_below(&r, CLASSES * (CLASSES + 1) / 2) % CLASSES);
    return (struct tsgd_samples){.labels = labels, .count = SAMPLES};
}

/* Equally many of each label. */
static struct tsgd_samples even_samples(void)
{
    for (int i = 0; i < SAMPLES; i++)
        labels[i] = (uint16_t)(i % CLASSES);
    return (struct tsgd_samples){.labels = labels, .count = SAMPLES};
}

static struct tsgd_split draw(const char *rule, uint32_t nodes, struct tsgd_samples train,
                              uint64_t subset, uint64_t seed)
{
    struct tsgd_split s = TSGD_SPLIT_INIT;
    struct tsgd_error err = {TSGD_OK, ""};
    tsgd_split_draw(&s, rule, nodes, &train, CLASSES, subset, true, seed, &err);
    cr_assert(err.status == TSGD_OK, "%s: %s", rule, err.text);
    return s;
}

/* How many samples below `limit` belong to a node; fails if one belongs to two. */
static uint32_t owned(const struct tsgd_split *s, uint32_t limit)
{
    uint8_t *seen = calloc(limit, 1);
    uint32_t n = s->start[s->nodes];
    cr_assert(s->start[0] == 0);
    for (uint32_t i = 0; i < s->nodes; i++)
        cr_assert(s->start[i] <= s->start[i + 1]);
    for (uint32_t p = 0; p < n; p++) {
        cr_assert(s->index[p] < limit && !seen[s->index[p]], "sample %u", s->index[p]);
        seen[s->index[p]] = 1;
    }
    free(seen);
    return n;
}

static void free_rows(struct criterion_test_params *p) { cr_free(p->params); }

static struct criterion_test_params rows(size_t n)
{
    size_t *row = cr_malloc(n * sizeof *row);
    for (size_t i = 0; i < n; i++)
        row[i] = i;
    return cr_make_param_array(size_t, row, n, free_rows);
}

static const struct { const char *rule; uint32_t nodes; } draws[] = {
    {"iid", 1}, {"iid", 7}, {"iid", SAMPLES}, {"iid", 10000},
    {"dirichlet:0.1", 1}, {"dirichlet:0.1", 7}, {"dirichlet:100", 100}, {"dirichlet:0.01", 10000},
    {"dirichlet:1e-300", 5}, {"dirichlet:1e300", 5},
    {"dirichlet-even:0.1", 7}, {"dirichlet-even:1", 10000},
    {"shards:1", 1}, {"shards:2", 7}, {"shards:6000", 1}, {"shards:3", 100},
};
enum { DRAWS = sizeof draws / sizeof *draws };

ParameterizedTestParameters(partition, every_sample_belongs_to_one_node) { return rows(DRAWS); }
ParameterizedTest(size_t *row, partition, every_sample_belongs_to_one_node, .timeout = 60)
{
    struct tsgd_split s = draw(draws[*row].rule, draws[*row].nodes, random_samples(), 0, 1);
    cr_expect(s.nodes == draws[*row].nodes);
    cr_expect(owned(&s, SAMPLES) == SAMPLES, "%s", draws[*row].rule);
    tsgd_split_release(&s);
}

ParameterizedTestParameters(partition, a_seed_gives_one_split_and_another_seed_another)
{
    return rows(DRAWS);
}
ParameterizedTest(size_t *row, partition, a_seed_gives_one_split_and_another_seed_another,
                  .timeout = 60)
{
    const char *rule = draws[*row].rule;
    uint32_t nodes = draws[*row].nodes;
    struct tsgd_split a = draw(rule, nodes, random_samples(), 0, 1);
    struct tsgd_split b = draw(rule, nodes, random_samples(), 0, 1);
    struct tsgd_split c = draw(rule, nodes, random_samples(), 0, 2);
    cr_expect(a.hash == b.hash && !memcmp(a.index, b.index, SAMPLES * sizeof *a.index), "%s", rule);
    cr_expect(a.hash != c.hash && memcmp(a.index, c.index, SAMPLES * sizeof *a.index), "%s", rule);
    tsgd_split_release(&a);
    tsgd_split_release(&b);
    tsgd_split_release(&c);
}

ParameterizedTestParameters(partition, a_subset_is_drawn_without_repeats) { return rows(DRAWS); }
ParameterizedTest(size_t *row, partition, a_subset_is_drawn_without_repeats, .timeout = 60)
{
    uint32_t nodes = draws[*row].nodes > 50 ? 50 : draws[*row].nodes;
    const char *rule = strcmp(draws[*row].rule, "shards:6000") ? draws[*row].rule : "shards:500";
    struct tsgd_split s = draw(rule, nodes, random_samples(), 500, 1);
    cr_expect(owned(&s, SAMPLES) == 500, "%s", rule);
    tsgd_split_release(&s);
}

/* The same 500 whatever the rule, spread over the whole data set. */
Test(partition, a_subset_depends_on_the_seed_alone)
{
    struct tsgd_split a = draw("iid", 5, random_samples(), 500, 1);
    struct tsgd_split b = draw("shards:2", 9, random_samples(), 500, 1);
    struct tsgd_split c = draw("iid", 5, random_samples(), 500, 2);
    uint8_t in[SAMPLES] = {0};
    uint32_t both = 0, other = 0, late = 0;
    for (int i = 0; i < 500; i++)
        in[a.index[i]] = 1;
    for (int i = 0; i < 500; i++) {
        both += in[b.index[i]];
        other += in[c.index[i]];
        late += a.index[i] >= SAMPLES / 2;
    }
    cr_expect(both == 500);
    cr_expect(other < 100, "%u", other);
    cr_expect(late > 180 && late < 320, "%u", late);
    tsgd_split_release(&a);
    tsgd_split_release(&b);
    tsgd_split_release(&c);
}

static void check_even(const char *rule, uint32_t nodes)
{
    struct tsgd_split s = draw(rule, nodes, random_samples(), 0, 1);
    for (uint32_t i = 0; i < nodes; i++) {
        uint32_t n;
        tsgd_split_shard(&s, i, &n);
        cr_expect(n == SAMPLES / nodes || n == SAMPLES / nodes + 1, "%s, node %u: %u", rule, i, n);
    }
    tsgd_split_release(&s);
}

Test(partition, iid_parts_differ_by_at_most_one_sample)
{
    check_even("iid", 7);
    check_even("iid", 4001);
}

Test(partition, dirichlet_even_parts_differ_by_at_most_one_sample)
{
    check_even("dirichlet-even:0.1", 7);
    check_even("dirichlet-even:0.1", 4001);
}

Test(partition, dirichlet_even_cuts_the_same_draw_elsewhere)
{
    struct tsgd_split a = draw("dirichlet:0.3", 20, random_samples(), 0, 5);
    struct tsgd_split b = draw("dirichlet-even:0.3", 20, random_samples(), 0, 5);
    cr_expect(!memcmp(a.index, b.index, SAMPLES * sizeof *a.index));
    cr_expect(memcmp(a.start, b.start, 21 * sizeof *a.start));
    tsgd_split_release(&a);
    tsgd_split_release(&b);
}

static uint32_t count_label(const struct tsgd_split *s, uint32_t node, uint8_t label)
{
    uint32_t n, found = 0;
    const uint32_t *shard = tsgd_split_shard(s, node, &n);
    for (uint32_t i = 0; i < n; i++)
        found += labels[shard[i]] == label;
    return found;
}

/* Over many seeds, sample 0 goes to each node, and node 0 gets each class, as chance has it. */
Test(partition, iid_is_fair)
{
    enum { SEEDS = 500, NODES = 4 };
    double first[NODES] = {0}, chi = 0, share = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct tsgd_split s = draw("iid", NODES, even_samples(), 0, seed);
        for (uint32_t i = 0; i < NODES; i++)
            for (uint32_t p = s.start[i]; p < s.start[i + 1]; p++)
                first[i] += s.index[p] == 0;
        share += count_label(&s, 0, 3);
        tsgd_split_release(&s);
    }
    for (int i = 0; i < NODES; i++)
        chi += pow(first[i] - SEEDS / 4.0, 2) / (SEEDS / 4.0);
    cr_expect(chi < 3 + 5 * sqrt(6.0), "%g", chi);
    cr_expect(fabs(share / SEEDS - 150) < 5 * sqrt(600 * 0.25 * 0.75 / SEEDS), "%g", share / SEEDS);
}

/* A node's share of a class has mean 1/n and variance (1/n)(1-1/n)/(n alpha + 1). Over S seeds
 * the mean is off by sqrt(variance / S), the variance by at most variance * sqrt(kurtosis / S). */
static const struct { const char *rule; uint32_t nodes; double alpha, kurtosis; } laws[] = {
    {"dirichlet:0.1", 5, 0.1, 20}, {"dirichlet:1", 5, 1, 8}, {"dirichlet:10", 8, 10, 5},
};
ParameterizedTestParameters(partition, class_shares_follow_the_dirichlet_law) { return rows(3); }
ParameterizedTest(size_t *row, partition, class_shares_follow_the_dirichlet_law, .timeout = 120)
{
#ifdef __SANITIZE_ADDRESS__
    const int seeds = 300;
#else
    const int seeds = 2000;
#endif
    uint32_t nodes = laws[*row].nodes;
    double mean = 1.0 / nodes, variance = mean * (1 - mean) / (nodes * laws[*row].alpha + 1);
    for (uint32_t node = 0; node < nodes; node += nodes - 1) {
        double sum = 0, squares = 0;
        for (int seed = 0; seed < seeds; seed++) {
            struct tsgd_split s = draw(laws[*row].rule, nodes, even_samples(), 0, (uint64_t)seed);
            double share = count_label(&s, node, (uint8_t)(seed % CLASSES)) / 600.0;
            sum += share;
            squares += (share - mean) * (share - mean);
            tsgd_split_release(&s);
        }
        sum /= seeds;
        squares /= seeds;
        cr_expect(fabs(sum - mean) < 5 * sqrt(variance / seeds), "node %u: mean %g, want %g", node,
                  sum, mean);
        cr_expect(fabs(squares - variance) < 5 * variance * sqrt(laws[*row].kurtosis / seeds),
                  "node %u: variance %g, want %g", node, squares, variance);
    }
}

/* Independent draws: given node 0's share of class 0, nothing is known of its share of class 1. */
Test(partition, classes_are_divided_independently)
{
    enum { SEEDS = 400 };
    double x = 0, y = 0, xx = 0, yy = 0, xy = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct tsgd_split s = draw("dirichlet:1", 3, even_samples(), 0, seed);
        double a = count_label(&s, 0, 0), b = count_label(&s, 0, 1);
        x += a, y += b, xx += a * a, yy += b * b, xy += a * b;
        tsgd_split_release(&s);
    }
    double r = (xy - x * y / SEEDS) / sqrt((xx - x * x / SEEDS) * (yy - y * y / SEEDS));
    cr_expect(fabs(r) < 5 / sqrt(SEEDS), "%g", r);
}

Test(partition, a_tiny_alpha_gives_each_class_to_one_node)
{
    struct tsgd_split s = draw("dirichlet:1e-300", 5, even_samples(), 0, 3);
    for (uint8_t c = 0; c < CLASSES; c++)
        for (uint32_t i = 0; i < 5; i++) {
            uint32_t n = count_label(&s, i, c);
            cr_expect(n == 0 || n == SAMPLES / CLASSES, "class %d, node %u: %u", c, i, n);
        }
    tsgd_split_release(&s);
}

/* Shares of a seventh: the borders between nodes lie at the nearest sample. */
Test(partition, a_huge_alpha_divides_each_class_evenly)
{
    struct tsgd_split s = draw("dirichlet:1e300", 7, even_samples(), 0, 3);
    for (uint8_t c = 0; c < CLASSES; c++)
        for (uint32_t i = 0; i < 7; i++) {
            long want = lround(600 * (i + 1) / 7.0) - lround(600 * i / 7.0);
            cr_expect(count_label(&s, i, c) == want, "class %d, node %u", c, i);
        }
    tsgd_split_release(&s);
}

/* Within a class, which of its samples a node gets is random, not the order in the file. */
Test(partition, dirichlet_shuffles_the_samples_of_a_class)
{
    struct tsgd_split s = draw("dirichlet:10", 2, even_samples(), 0, 3);
    uint32_t n, falls = 0;
    const uint32_t *shard = tsgd_split_shard(&s, 0, &n);
    for (uint32_t i = 1; i < n; i++)
        falls += shard[i] < shard[i - 1];
    cr_expect(falls > n / 3, "%u of %u", falls, n);
    tsgd_split_release(&s);
}

/* One node: class after class. Of even_samples, sample 10 j + c is the j-th of class c. */
Test(partition, dirichlet_shuffles_each_class_in_its_own_way)
{
    struct tsgd_split s = draw("dirichlet:1", 1, even_samples(), 0, 3);
    uint32_t same = 0;
    for (int i = 0; i < 600; i++)
        same += s.index[i] / 10 == s.index[600 + i] / 10;
    cr_expect(same < 20, "%u of 600 places agree", same);
    tsgd_split_release(&s);
}

static uint32_t different_labels(const struct tsgd_split *s, uint32_t node)
{
    uint32_t n = 0;
    for (uint8_t c = 0; c < CLASSES; c++)
        n += count_label(s, node, c) > 0;
    return n;
}

/* 6000 samples in 30 x 2 shards of 100: none crosses from one class of 600 to the next. */
Test(partition, s_shards_give_at_most_s_labels)
{
    uint32_t most = 0;
    struct tsgd_split s = draw("shards:2", 30, even_samples(), 0, 3);
    for (uint32_t i = 0; i < 30; i++) {
        uint32_t n = different_labels(&s, i);
        cr_expect(n <= 2, "node %u: %u", i, n);
        most = n > most ? n : most;
    }
    cr_expect(most == 2);
    tsgd_split_release(&s);
}

Test(partition, one_shard_crosses_at_most_one_border)
{
    struct tsgd_split s = draw("shards:1", 37, even_samples(), 0, 3);
    for (uint32_t i = 0; i < 37; i++)
        cr_expect(different_labels(&s, i) <= 2, "node %u", i);
    tsgd_split_release(&s);
}

/* McMahan's picture: which nodes get which labels is a draw, so neighbours differ. */
Test(partition, shards_are_dealt_at_random)
{
    struct tsgd_split s = draw("shards:1", 10, even_samples(), 0, 3);
    uint32_t in_place = 0;
    for (uint32_t i = 0; i < 10; i++)
        in_place += count_label(&s, i, (uint8_t)i) == 600;
    cr_expect(in_place < 6, "%u", in_place);
    tsgd_split_release(&s);
}

Test(partition, the_hash_is_of_nodes_start_and_index_in_little_endian)
{
    struct tsgd_split s = draw("dirichlet:0.5", 3, even_samples(), 10, 3);
    uint32_t word[16] = {3};
    uint8_t bytes[15 * 4];
    memcpy(word + 1, s.start, 4 * sizeof *word);
    memcpy(word + 5, s.index, 10 * sizeof *word);
    for (int i = 0; i < 15 * 4; i++)
        bytes[i] = (uint8_t)(word[i / 4] >> 8 * (i % 4));
    cr_expect(s.hash == tsgd_hash(bytes, sizeof bytes));
    tsgd_split_release(&s);
}

/* ---- what is refused ---- */

static const struct {
    const char *rule;
    uint32_t nodes;
    uint64_t subset;
    const char *part;
} bad[] = {
    {"uid", 5, 0, "did you mean 'iid'"},
    {":1", 5, 0, "--partition"},
    {"iid:1", 5, 0, "found ':1'"},
    {"dirichlet", 5, 0, "alpha"}, {"dirichlet:", 5, 0, "alpha"}, {"dirichlet:0", 5, 0, "'0'"},
    {"dirichlet:-1", 5, 0, "'-1'"}, {"dirichlet:inf", 5, 0, "'inf'"},
    {"dirichlet:nan", 5, 0, "'nan'"}, {"dirichlet:0.1x", 5, 0, "'0.1x'"},
    {"dirichlet-even:x", 5, 0, "'x'"},
    {"shards", 5, 0, "at least 1"}, {"shards:0", 5, 0, "'0'"}, {"shards:1.5", 5, 0, "'1.5'"},
    {"shards:1201", 5, 0, "1201 shards for each of 5 nodes are more than the 6000 samples"},
    {"shards:18446744073709551615", 5, 0, "more than the 6000"},
    {"iid", 0, 0, "--nodes: found 0"},
    {"iid", 6001, 0, "6001 nodes cannot share 6000 samples"},
    {"shards:1", 101, 100, "101 nodes cannot share 100 samples"},
    {"iid", 5, 6001, "--subset: found 6001, but there are 6000"},
};
ParameterizedTestParameters(partition, what_makes_no_sense_is_refused)
{
    return rows(sizeof bad / sizeof *bad);
}
ParameterizedTest(size_t *row, partition, what_makes_no_sense_is_refused, .timeout = 60)
{
    struct tsgd_split s = {.hash = 12345};
    struct tsgd_error err = {TSGD_OK, ""};
    struct tsgd_samples train = even_samples();
    cr_expect(tsgd_split_draw(&s, bad[*row].rule, bad[*row].nodes, &train, CLASSES,
                              bad[*row].subset, false, 1, &err) == TSGD_EINVAL, "%s",
              bad[*row].rule);
    cr_expect(strstr(err.text, bad[*row].part), "'%s' in '%s'", bad[*row].part, err.text);
    cr_expect(s.hash == 12345 && !s.index && !s.start);
}

Test(partition, an_empty_node_is_named_with_the_remedy)
{
    struct tsgd_split s = draw("dirichlet:0.01", 100, even_samples(), 0, 1);
    struct tsgd_samples train = even_samples();
    struct tsgd_error err = {TSGD_OK, ""};
    char want[160];
    uint32_t node = 0;
    while (s.start[node] != s.start[node + 1])
        node++;
    tsgd_split_release(&s);
    cr_assert(node < 100);
    snprintf(want, sizeof want, "--partition: node %u has no samples (dirichlet:0.01 over 100 "
             "nodes); use fewer --nodes, a larger alpha, or --allow-empty", node);
    cr_expect(tsgd_split_draw(&s, "dirichlet:0.01", 100, &train, CLASSES, 0, false, 1, &err) ==
              TSGD_EINVAL);
    cr_expect(!strcmp(err.text, want), "%s", err.text);
}

/* ---- files ---- */

static char path[40];

static void write_text(const char *text, size_t n)
{
    strcpy(path, "/tmp/tsgd-split-XXXXXX");
    int fd = mkstemp(path);
    cr_assert(fd >= 0 && write(fd, text, n) == (ssize_t)n);
    close(fd);
}

static enum tsgd_status read_text(const char *text, bool allow_empty, struct tsgd_split *s,
                                  struct tsgd_error *err)
{
    write_text(text, strlen(text));
    enum tsgd_status st = tsgd_split_read(s, path, 3, 10, allow_empty, err);
    unlink(path);
    return st;
}

ParameterizedTestParameters(partition, what_is_written_is_read_back) { return rows(DRAWS); }
ParameterizedTest(size_t *row, partition, what_is_written_is_read_back, .timeout = 60)
{
    struct tsgd_split a = draw(draws[*row].rule, draws[*row].nodes, random_samples(), 0, 1), b;
    struct tsgd_error err = {TSGD_OK, ""};
    write_text("", 0);
    FILE *f = fopen(path, "w");
    cr_assert(f && tsgd_split_write(&a, f) == TSGD_OK && fclose(f) == 0);
    cr_expect(tsgd_split_read(&b, path, a.nodes, SAMPLES, true, &err) == TSGD_OK, "%s", err.text);
    unlink(path);
    cr_assert(err.status == TSGD_OK);
    cr_expect(a.hash == b.hash && a.nodes == b.nodes);
    cr_expect(!memcmp(a.start, b.start, (a.nodes + 1) * sizeof *a.start));
    cr_expect(!memcmp(a.index, b.index, SAMPLES * sizeof *a.index));
    tsgd_split_release(&a);
    tsgd_split_release(&b);
}

Test(partition, the_file_is_a_line_a_node)
{
    uint32_t index[] = {7, 0, 3}, start[] = {0, 2, 2, 3};
    struct tsgd_split s = {.index = index, .start = start, .nodes = 3, .hash = 0xabc};
    char *text;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    cr_assert(tsgd_split_write(&s, f) == TSGD_OK && fclose(f) == 0);
    cr_expect(!strcmp(text, "# telesgd split nodes=3 samples=3 hash=0000000000000abc\n7 0\n\n3\n"),
              "%s", text);
    free(text);
}

Test(partition, a_failed_write_is_reported)
{
    struct tsgd_split s = draw("iid", 5, even_samples(), 0, 1);
    FILE *f = fopen("/dev/full", "w");
    cr_assert(f);
    cr_expect(tsgd_split_write(&s, f) == TSGD_EIO);
    fclose(f);
    tsgd_split_release(&s);
}

Test(partition, a_file_written_by_hand_is_read)
{
    struct tsgd_split s;
    cr_assert(read_text("# mine\n4 2\n  9\t0 \r\n# more\n5", false, &s, NULL) == TSGD_OK);
    const uint32_t start[] = {0, 2, 4, 5}, index[] = {4, 2, 9, 0, 5};
    cr_expect(!memcmp(s.start, start, sizeof start) && !memcmp(s.index, index, sizeof index));
    tsgd_split_release(&s);
}

Test(partition, an_empty_line_is_a_node_without_samples_where_that_is_allowed)
{
    struct tsgd_split s;
    cr_assert(read_text("1\n\n2\n", true, &s, NULL) == TSGD_OK);
    cr_expect(s.start[1] == 1 && s.start[2] == 1 && s.start[3] == 2);
    tsgd_split_release(&s);
}

Test(partition, a_split_without_any_sample_is_refused_where_empty_nodes_are_allowed)
{
    struct tsgd_split s = {.hash = 12345};
    struct tsgd_error err = {TSGD_OK, ""};
    cr_expect(read_text("\n\n\n", true, &s, &err) == TSGD_EFORMAT);
    cr_expect(strstr(err.text, "holds no samples at all") && s.hash == 12345, "%s", err.text);
}

static const struct { const char *text, *part; } bad_files[] = {
    {"1\nx\n2\n", "line 2: 'x' is not a sample number"},
    {"1\n2 -3\n4\n", "line 2: '-3' is not"},
    {"1\n2,3\n4\n", "line 2: '2,3' is not"},
    {"1\n2.0\n4\n", "line 2: '2.0' is not"},
    {"1\n10\n2\n", "line 2: sample 10 of data with samples 0 to 9"},
    {"1\n99999999999999999999\n2\n", "line 2: '99999999999999999999' is not"},
    {"1\n4294967297\n2\n", "line 2: sample 4294967297"},
    {"1 1\n2\n3\n", "line 1: sample 1 is given a second time"},
    {"# c\n1\n2\n3 1\n", "line 4: sample 1 is given a second time"},
    {"1\n2\n", "2 nodes in 2 lines, want 3"},
    {"", "0 nodes in 0 lines, want 3"},
    {"1\n2\n3\n4\n", "line 4: a node more than the 3 wanted"},
    {"1\n\n2\n", "line 2: node 1 has no samples"},
    {"# telesgd split nodes=4 samples=3 hash=0\n1\n2\n3\n", "line 1: a split of 4 nodes, want 3"},
    {"# telesgd split nodes=3 samples=4 hash=0\n1\n2\n3\n", "its header says 4"},
    {"# telesgd split nodes=3 samples=3 hash=0\n1\n2\n3\n", "its header says 0000000000000000"},
    {"# telesgd split nodes=3\n1\n2\n3\n", "line 1 is not '# telesgd split nodes=N"},
    {"# telesgd split nodes=3 samples=3 hash=0 more\n1\n2\n3\n", "line 1 is not"},
};
ParameterizedTestParameters(partition, bad_files_are_refused_with_the_line)
{
    return rows(sizeof bad_files / sizeof *bad_files);
}
ParameterizedTest(size_t *row, partition, bad_files_are_refused_with_the_line, .timeout = 60)
{
    struct tsgd_split s = {.hash = 12345};
    struct tsgd_error err = {TSGD_OK, ""};
    cr_expect(read_text(bad_files[*row].text, false, &s, &err) == TSGD_EFORMAT, "'%s'",
              bad_files[*row].text);
    cr_expect(strstr(err.text, path) && strstr(err.text, bad_files[*row].part), "'%s' in '%s'",
              bad_files[*row].part, err.text);
    cr_expect(s.hash == 12345 && !s.index && !s.start);
}

Test(partition, a_zero_byte_is_not_text)
{
    struct tsgd_split s;
    struct tsgd_error err = {TSGD_OK, ""};
    write_text("1\n2\0 3\n4\n", 9);
    cr_expect(tsgd_split_read(&s, path, 3, 10, false, &err) == TSGD_EFORMAT);
    unlink(path);
    cr_expect(strstr(err.text, ":2: a zero byte, want text"), "%s", err.text);
}

Test(partition, a_file_that_cannot_be_read_is_named)
{
    struct tsgd_split s;
    struct tsgd_error err = {TSGD_OK, ""};
    cr_expect(tsgd_split_read(&s, "/tmp/no/such/split", 3, 10, false, &err) == TSGD_EIO);
    cr_expect(strstr(err.text, "/tmp/no/such/split"), "%s", err.text);
    cr_expect(tsgd_split_read(&s, "/tmp", 3, 10, false, &err) == TSGD_EIO);
}

/* Swapping two samples within a node changes what `--order sequential` does, so the hash tells. */
Test(partition, the_hash_of_a_file_knows_the_order_of_samples)
{
    struct tsgd_split a, b;
    cr_assert(read_text("1 2\n3\n4\n", false, &a, NULL) == TSGD_OK);
    cr_assert(read_text("2 1\n3\n4\n", false, &b, NULL) == TSGD_OK);
    cr_expect(a.hash != b.hash);
    tsgd_split_release(&a);
    tsgd_split_release(&b);
}
