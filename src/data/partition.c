#include "data/partition.h"

#include "base/elementary.h"
#include "base/file.h"
#include "base/format.h"
#include "base/hash.h"
#include "base/lines.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"

#include <endian.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* What a partition works on. It puts pool[samples] into the order of the nodes, and says in
 * start[nodes+1] where each node's part begins.                                                 */
struct draw {
    const char *arg;
    uint32_t nodes, samples, classes;
    const uint16_t *label;      /* of sample number s */
    uint32_t *pool, *start;
    uint32_t *other;            /* [samples], for partitions by classes; NULL: not needed yet */
    uint64_t seed;
};

/* The line that tells how test samples were drawn. */
#define DRAWN "# test samples drawn: "

/* Bytes in a line of a split file for each sample at most: a number has 10. */
enum { MOST_PER_SAMPLE = 16 };

/* What a draw is for: a of TSGD_RNG_PARTITION; b is the class where there is one. */
enum { SHUFFLE, SHARES, SHARDS };

/* Below this, logarithms of gamma variates leave the range of double. */
static const double least_alpha = 1e-300;

/* Where part i of n begins when `total` things are cut into parts that differ by at most one. */
static uint32_t begin_of(uint32_t total, uint64_t i, uint64_t n)
{
    return (uint32_t)((unsigned __int128)total * i / n);
}

static void divide_evenly(struct draw *d)
{
    for (uint64_t i = 0; i <= d->nodes; i++)
        d->start[i] = begin_of(d->samples, i, d->nodes);
}

/* Class c takes pool[begin[c]] .. pool[begin[c+1]-1] in random order. */
static enum tsgd_status sort_by_class(struct draw *d, uint32_t begin[257], struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t next[256];
    TRY(TSGD_NEW(&d->other, d->samples, "--partition", err));
    memset(begin, 0, 257 * sizeof *begin);
    for (uint32_t i = 0; i < d->samples; i++)
        begin[d->label[d->pool[i]] + 1]++;
    for (uint32_t c = 0; c < 256; c++) {
        begin[c + 1] += begin[c];
        next[c] = begin[c];
    }
    for (uint32_t i = 0; i < d->samples; i++)
        d->other[next[d->label[d->pool[i]]]++] = d->pool[i];
    memcpy(d->pool, d->other, d->samples * sizeof *d->pool);
    for (uint32_t c = 0; c < 256; c++) {
        struct tsgd_rng r = tsgd_rng(d->seed, TSGD_RNG_PARTITION, SHUFFLE, c);
        tsgd_rng_shuffle(&r, d->pool + begin[c], begin[c + 1] - begin[c]);
    }
done:
    return st;
}

/* share[i] = what the first i nodes have together, of a draw from Dirichlet(alpha). */
static void draw_shares(double *share, uint32_t nodes, double alpha, struct tsgd_rng r)
{
    double largest = -HUGE_VAL, sum = 0;
    for (uint32_t i = 0; i < nodes; i++) {
        share[i + 1] = tsgd_rng_log_gamma(&r, alpha);
        largest = fmax(largest, share[i + 1]);
    }
    share[0] = 0;
    for (uint32_t i = 1; i <= nodes; i++) {
        sum += tsgd_exp(share[i] - largest);    /* at least one term is 1 */
        share[i] = sum;
    }
    for (uint32_t i = 1; i <= nodes; i++)
        share[i] /= sum;
}

static enum tsgd_status draw_iid(struct draw *d, struct tsgd_error *err)
{
    struct tsgd_rng r = tsgd_rng(d->seed, TSGD_RNG_PARTITION, SHUFFLE, 0);
    if (d->arg)
        return tsgd_fail(err, TSGD_EINVAL, "--partition iid: takes no argument, found ':%s'",
                         d->arg);
    tsgd_rng_shuffle(&r, d->pool, d->samples);
    divide_evenly(d);
    return TSGD_OK;
}

static enum tsgd_status draw_dirichlet(struct draw *d, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t begin[257], *owner = NULL;
    double alpha, *share = NULL;
    if (!d->arg || !tsgd_parse_double(d->arg, &alpha) || alpha < least_alpha)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--partition: alpha of the Dirichlet distribution is '%s', "
                      "want a number of at least %g", d->arg ? d->arg : "", least_alpha));
    TRY(TSGD_NEW(&share, (size_t)d->nodes + 1, "--partition", err));
    TRY(TSGD_NEW(&owner, d->samples, "--partition", err));
    TRY(sort_by_class(d, begin, err));
    for (uint32_t c = 0; c < d->classes; c++) {
        uint32_t count = begin[c + 1] - begin[c], p = 0;
        if (!count)
            continue;
        draw_shares(share, d->nodes, alpha, tsgd_rng(d->seed, TSGD_RNG_PARTITION, SHARES, c));
        for (uint32_t i = 0; i < d->nodes; i++)
            for (uint32_t end = (uint32_t)(share[i + 1] * count + 0.5); p < end; p++) {
                owner[begin[c] + p] = i;
                d->start[i + 1]++;
            }
    }
    for (uint32_t i = 0; i < d->nodes; i++)
        d->start[i + 1] += d->start[i];
    memcpy(d->other, d->pool, d->samples * sizeof *d->pool);
    for (uint32_t p = 0; p < d->samples; p++)
        d->pool[d->start[owner[p]]++] = d->other[p];
    memmove(d->start + 1, d->start, d->nodes * sizeof *d->start);   /* each had moved to its end */
    d->start[0] = 0;
done:
    free(owner);
    free(share);
    return st;
}

static enum tsgd_status draw_dirichlet_even(struct draw *d, struct tsgd_error *err)
{
    enum tsgd_status st = draw_dirichlet(d, err);
    if (st == TSGD_OK)
        divide_evenly(d);
    return st;
}

static enum tsgd_status draw_shards(struct draw *d, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint64_t each;
    uint32_t begin[257], *shard = NULL, n, filled = 0;
    struct tsgd_rng r = tsgd_rng(d->seed, TSGD_RNG_PARTITION, SHARDS, 0);
    if (!d->arg || !tsgd_parse_u64(d->arg, &each) || !each)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--partition shards: found '%.80s', want at least 1 shard "
                      "a node, as in shards:2", d->arg ? d->arg : ""));
    if (each > d->samples / d->nodes)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--partition shards: %s shards for each of %u nodes are "
                      "more than the %u samples; use fewer --nodes or shards", d->arg, d->nodes,
                      d->samples));
    n = d->nodes * (uint32_t)each;
    TRY(TSGD_NEW(&shard, n, "--partition", err));
    TRY(sort_by_class(d, begin, err));
    for (uint32_t j = 0; j < n; j++)
        shard[j] = j;
    tsgd_rng_shuffle(&r, shard, n);
    memcpy(d->other, d->pool, d->samples * sizeof *d->pool);
    for (uint32_t j = 0; j < n; j++) {
        uint32_t from = begin_of(d->samples, shard[j], n);
        uint32_t to = begin_of(d->samples, shard[j] + 1ull, n);
        memcpy(d->pool + filled, d->other + from, (to - from) * sizeof *d->pool);
        filled += to - from;
        d->start[j / each + 1] = filled;
    }
done:
    free(shard);
    return st;
}

#define PARTITIONS(X)                                                                           \
    X(iid, "iid", "iid", "a shuffle, cut into parts that differ by at most one sample")         \
    X(dirichlet, "dirichlet", "dirichlet:ALPHA",                                                \
      "each class divided over the nodes in shares drawn from Dirichlet(ALPHA)")                \
    X(dirichlet_even, "dirichlet-even", "dirichlet-even:ALPHA",                                 \
      "the same draw, concatenated in node order and cut into equal parts")                     \
    X(shards, "shards", "shards:S",                                                             \
      "sorted by label, cut into shards, S of them for each node (McMahan et al. 2017)")

const struct tsgd_partition tsgd_partitions[] = {
#define INFO(symbol, name, usage, summary) {name, usage, summary},
    PARTITIONS(INFO)
#undef INFO
};
const size_t tsgd_n_partitions = sizeof tsgd_partitions / sizeof *tsgd_partitions;

static enum tsgd_status (*const draw_by[])(struct draw *d, struct tsgd_error *err) = {
#define DRAW(symbol, name, usage, summary) draw_##symbol,
    PARTITIONS(DRAW)
#undef DRAW
};

static enum tsgd_status find(size_t *out, const char *name, struct tsgd_error *err)
{
    const char *names[sizeof tsgd_partitions / sizeof *tsgd_partitions];
    for (size_t i = 0; i < tsgd_n_partitions; i++) {
        names[i] = tsgd_partitions[i].name;
        if (!strcmp(name, names[i])) {
            *out = i;
            return TSGD_OK;
        }
    }
    return tsgd_unknown_name("--partition", name, names, tsgd_n_partitions, err);
}

static void hash_numbers(struct tsgd_hasher *h, const uint32_t *number, size_t n)
{
    uint32_t some[1024];
    const size_t most = sizeof some / sizeof *some;
    for (size_t i = 0; i < n;) {
        size_t count = n - i < most ? n - i : most;
        for (size_t j = 0; j < count; j++)
            some[j] = htole32(number[i + j]);
        tsgd_hasher_add(h, some, count * sizeof *some);
        i += count;
    }
}

enum tsgd_status tsgd_split_rehash(struct tsgd_split *s, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_hasher *h = NULL;
    TRY(tsgd_hasher_create(&h, err));
    hash_numbers(h, &s->nodes, 1);
    hash_numbers(h, s->start, (size_t)s->nodes + 1);
    hash_numbers(h, s->index, s->start[s->nodes]);
    s->hash = tsgd_hasher_value(h);
done:
    tsgd_hasher_free(h);
    return st;
}

static enum tsgd_status check_empty(const struct draw *d, const char *partition,
                                    struct tsgd_error *err)
{
    for (uint32_t i = 0; i < d->nodes; i++)
        if (d->start[i] == d->start[i + 1])
            return tsgd_fail(err, TSGD_EINVAL, "--partition: node %u has no samples (%s over %u "
                             "nodes); use fewer --nodes, a larger alpha, or --allow-empty", i,
                             partition, d->nodes);
    return TSGD_OK;
}

enum tsgd_status tsgd_split_draw(struct tsgd_split *out, const char *partition, uint32_t nodes,
                                 const struct tsgd_samples *train, uint32_t classes,
                                 uint64_t subset, bool allow_empty, uint64_t seed,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_split s = {.nodes = nodes};
    struct tsgd_spec spec;
    struct tsgd_rng r = tsgd_rng(seed, TSGD_RNG_SUBSET, 0, 0);
    struct draw d = {.nodes = nodes, .classes = classes, .label = train->labels, .seed = seed};
    size_t which = 0, bytes;
    TRY(tsgd_spec_parse(&spec, partition, "--partition", err));
    TRY(find(&which, spec.name, err));
    if (!classes && strcmp(spec.name, "iid"))
        TRY(tsgd_fail(err, TSGD_EINVAL, "--partition: found '%s', which goes by classes, but the "
                      "targets are numbers; want iid, or a --split", partition));
    if (!nodes)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--nodes: found 0, want at least 1"));
    if (subset > train->count)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--subset: found %llu, but there are %u training samples",
                      (unsigned long long)subset, train->count));
    d.samples = subset ? (uint32_t)subset : train->count;
    if (nodes > d.samples && !allow_empty)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--nodes: %u nodes cannot share %u samples; use at most %u "
                      "--nodes, more samples, or --allow-empty", nodes, d.samples, d.samples));
    /* The split, and what drawing it takes (most for dirichlet). */
    bytes = tsgd_add(tsgd_mul(train->count, 3 * sizeof(uint32_t)),
                     tsgd_mul(nodes, 2 * sizeof(uint32_t) + sizeof(double)));
    TRY(tsgd_mem_check(bytes, "--partition", "use fewer --nodes or samples", err));
    TRY(TSGD_NEW(&s.start, (size_t)nodes + 1, "--partition", err));
    TRY(TSGD_NEW(&s.index, train->count, "--partition", err));
    for (uint32_t i = 0; i < train->count; i++)
        s.index[i] = i;
    if (subset)
        tsgd_rng_shuffle(&r, s.index, train->count);
    d.arg = spec.arg;
    d.pool = s.index;
    d.start = s.start;
    TRY(draw_by[which](&d, err));
    if (!allow_empty)
        TRY(check_empty(&d, partition, err));
    TRY(tsgd_split_rehash(&s, err));
    *out = s;
    s = (struct tsgd_split)TSGD_SPLIT_INIT;
done:
    free(d.other);
    tsgd_split_release(&s);
    return st;
}


struct reader {
    const char *path;
    uint64_t line;              /* the one in hand, from 1 */
    struct tsgd_split s;
    uint32_t samples, node;     /* samples that the data have; nodes read so far */
    uint32_t used;              /* of s.index */
    uint64_t *seen;             /* a bit a sample */
    bool has_header;
    uint32_t head_samples;
    uint64_t head_hash;
};

static enum tsgd_status read_header(struct reader *r, const char *text, uint32_t nodes,
                                    struct tsgd_error *err)
{
    uint32_t found;
    int end = 0;
    locale_t before = tsgd_c_locale_begin();    /* which bytes are spaces depends on it */
    sscanf(text, TSGD_SPLIT_HEADER "nodes=%" SCNu32 " samples=%" SCNu32 " hash=%16" SCNx64 " %n",
           &found, &r->head_samples, &r->head_hash, &end);
    tsgd_c_locale_end(before);
    if (!end || text[end])
        return tsgd_fail(err, TSGD_EFORMAT, "%s: line %" PRIu64 " is not '" TSGD_SPLIT_HEADER
                         "nodes=N samples=M hash=HEX'", r->path, r->line);
    if (found != nodes)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: line %" PRIu64 ": a split of %u nodes, want %u",
                         r->path, r->line, found, nodes);
    r->has_header = true;
    return TSGD_OK;
}

static enum tsgd_status add_sample(struct reader *r, const char *word, struct tsgd_error *err)
{
    uint64_t sample;
    if (!tsgd_parse_u64(word, &sample))
        return tsgd_fail(err, TSGD_EFORMAT, "%s: line %" PRIu64 ": '%.40s' is not a sample number",
                         r->path, r->line, word);
    if (sample >= r->samples)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: line %" PRIu64 ": sample %" PRIu64 " of data with "
                         "samples 0 to %u", r->path, r->line, sample, r->samples - 1);
    if (r->seen[sample / 64] >> sample % 64 & 1)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: line %" PRIu64 ": sample %" PRIu64
                         " is given a second time", r->path, r->line, sample);
    r->seen[sample / 64] |= 1ull << sample % 64;
    r->s.index[r->used++] = (uint32_t)sample;
    return TSGD_OK;
}

static enum tsgd_status read_node(struct reader *r, char *text, bool allow_empty,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t before = r->used;
    char *rest;
    if (r->node == r->s.nodes)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: line %" PRIu64 ": a node more than the %u wanted",
                      r->path, r->line, r->s.nodes));
    for (char *w = strtok_r(text, " \t\r", &rest); w; w = strtok_r(NULL, " \t\r", &rest))
        TRY(add_sample(r, w, err));
    if (r->used == before && !allow_empty)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: line %" PRIu64 ": node %u has no samples; give it "
                      "some, or use --allow-empty", r->path, r->line, r->node));
    r->s.start[++r->node] = r->used;
done:
    return st;
}

static enum tsgd_status read_draw(struct reader *r, const char *text, struct tsgd_error *err)
{
    int end = 0;
    locale_t before = tsgd_c_locale_begin();
    sscanf(text, DRAWN "share=%lf seed=%" SCNu64 " %n", &r->s.test_share, &r->s.test_seed, &end);
    tsgd_c_locale_end(before);
    if (!end || text[end] || !(r->s.test_share > 0 && r->s.test_share < 1))
        return tsgd_fail(err, TSGD_EFORMAT, "%s: line %" PRIu64 " is not '" DRAWN "share=P "
                         "seed=S'", r->path, r->line);
    return TSGD_OK;
}

static enum tsgd_status read_lines(struct reader *r, FILE *f, bool allow_empty,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_lines l = {.f = f, .path = r->path,
                           .most = TSGD_LINE_OF_TEXT + MOST_PER_SAMPLE * (size_t)r->samples};
    for (;;) {
        bool found;
        TRY(tsgd_lines_next(&l, &found, err));
        if (!found)
            break;
        char *text = l.text;
        r->line = l.number;
        text[strcspn(text, "\n")] = 0;
        if (!strncmp(text, TSGD_SPLIT_HEADER, strlen(TSGD_SPLIT_HEADER)))
            TRY(read_header(r, text, r->s.nodes, err));
        else if (!strncmp(text, DRAWN, strlen(DRAWN)))
            TRY(read_draw(r, text, err));
        else if (text[0] != '#')
            TRY(read_node(r, text, allow_empty, err));
    }
done:
    tsgd_lines_release(&l);
    return st;
}

static enum tsgd_status check_end(const struct reader *r, struct tsgd_error *err)
{
    if (r->node != r->s.nodes)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: %u nodes in %" PRIu64 " lines, want %u", r->path,
                         r->node, r->line, r->s.nodes);
    if (r->used == 0)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: holds no samples at all", r->path);
    if (r->has_header && r->head_samples != r->used)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: %u samples in %" PRIu64 " lines, its header says "
                         "%u", r->path, r->used, r->line, r->head_samples);
    if (r->has_header && r->head_hash != r->s.hash)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: the split's hash is %016" PRIx64 ", its header "
                         "says %016" PRIx64, r->path, r->s.hash, r->head_hash);
    return TSGD_OK;
}

enum tsgd_status tsgd_split_read(struct tsgd_split *out, const char *path, uint32_t nodes,
                                 uint32_t samples, bool allow_empty, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct reader r = {.path = path, .s = {.nodes = nodes}, .samples = samples};
    const char *why;
    FILE *f = tsgd_open_input(path, true, &why);
    if (!f)
        TRY(tsgd_fail(err, TSGD_EIO, "--split: cannot open '%s': %s", path, why));
    TRY(tsgd_mem_check(((size_t)samples + nodes) * 8 + samples / 8, "--split",
                       "use fewer --nodes or samples", err));
    TRY(TSGD_NEW(&r.s.start, (size_t)nodes + 1, "--split", err));
    TRY(TSGD_NEW(&r.s.index, samples, "--split", err));
    TRY(TSGD_NEW(&r.seen, (size_t)samples / 64 + 1, "--split", err));
    TRY(read_lines(&r, f, allow_empty, err));
    TRY(tsgd_split_rehash(&r.s, err));
    TRY(check_end(&r, err));
    *out = r.s;
    r.s = (struct tsgd_split)TSGD_SPLIT_INIT;
done:
    if (f)
        fclose(f);
    free(r.seen);
    tsgd_split_release(&r.s);
    return st;
}

enum tsgd_status tsgd_split_write(const struct tsgd_split *s, FILE *f)
{
    fprintf(f, TSGD_SPLIT_HEADER "nodes=%u samples=%u hash=%016" PRIx64 "\n", s->nodes,
            s->start[s->nodes], s->hash);
    if (s->test_share > 0) {
        char share[32];
        tsgd_format(share, sizeof share, "%.17g", s->test_share);
        fprintf(f, DRAWN "share=%s seed=%" PRIu64 "\n", share, s->test_seed);
    }
    for (uint32_t i = 0; i < s->nodes; i++) {
        uint32_t count;
        const uint32_t *shard = tsgd_split_shard(s, i, &count);
        for (uint32_t j = 0; j < count; j++)
            fprintf(f, j ? " %u" : "%u", shard[j]);
        fputc('\n', f);
    }
    return ferror(f) ? TSGD_EIO : TSGD_OK;
}

enum tsgd_status tsgd_split_copy(struct tsgd_split *out, const struct tsgd_split *from,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_split s = *from;
    size_t nodes = from->nodes, samples = from->start[nodes];
    s.start = s.index = s.at = NULL;
    TRY(TSGD_NEW(&s.start, nodes + 1, "split", err));
    TRY(TSGD_NEW(&s.index, samples, "split", err));
    memcpy(s.start, from->start, (nodes + 1) * sizeof *from->start);
    memcpy(s.index, from->index, samples * sizeof *from->index);
    *out = s;
    s = (struct tsgd_split)TSGD_SPLIT_INIT;
done:
    tsgd_split_release(&s);
    return st;
}

void tsgd_split_release(struct tsgd_split *s)
{
    free(s->index);
    free(s->start);
    free(s->at);
    *s = (struct tsgd_split)TSGD_SPLIT_INIT;
}

size_t tsgd_split_bytes(const struct tsgd_split *s)
{
    size_t index = s->at ? (size_t)s->n_index + s->nodes : s->start[s->nodes];
    return (index + s->nodes + 1) * sizeof *s->index;
}
