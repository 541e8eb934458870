#include "run/rank_data.h"

#include "base/mem.h"
#include "model/supervised.h"
#include "run/own_data.h"

#include <string.h>

/* Decides what is kept, once the labels of all samples are known. */
struct choice {
    struct tsgd_sieve sieve;    /* first */
    const struct tsgd_settings *s;
    const struct tsgd_ranks *ranks;
    struct tsgd_rank_data *to;
    uint32_t here;              /* measured samples that are here, from to->first on */
};

/* The whole split, and what is held out of it. */
static enum tsgd_status make_shares(const struct choice *c, const struct tsgd_dataset *d,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_rank_data *to = c->to;
    struct tsgd_shares *shares = &to->shares;
    TRY(tsgd_shelf_split(&shares->split, c->s, d, err));
    to->whole.hash = shares->split.hash;
    if (c->s->save_split && c->ranks->rank == 0)
        TRY(tsgd_split_copy(&to->whole, &shares->split, err));
    shares->whole = &to->whole;
    if (TSGD_HAS(c->s, validation))
        TRY(tsgd_split_hold_out(&shares->split, c->s->validation, c->s->split_seed, &shares->held,
                                &shares->n_held, err));
done:
    return st;
}

/* Which of the measured samples are here. */
static void choose_measured(struct choice *c, const struct tsgd_dataset *d)
{
    struct tsgd_rank_data *to = c->to;
    const struct tsgd_ranks *r = c->ranks;
    uint64_t count = to->shares.held ? to->shares.n_held : d->test.count;
    uint32_t blocks = (uint32_t)((count + TSGD_EVAL_BLOCK - 1) / TSGD_EVAL_BLOCK);
    uint64_t begin = (uint64_t)tsgd_first_block(r, r->rank, blocks) * TSGD_EVAL_BLOCK;
    uint64_t end = (uint64_t)tsgd_first_block(r, r->rank + 1, blocks) * TSGD_EVAL_BLOCK;
    if ((c->s->eval && !strcmp(c->s->eval, "tokens")) || (to->in_memory && !to->shares.held)) {
        begin = 0;
        end = count;
    }
    to->measured = (uint32_t)count;
    to->first = (uint32_t)(begin < count ? begin : count);
    c->here = (uint32_t)((end < count ? end : count) - to->first);
}

static void mark_train(struct tsgd_kept *kept, const struct choice *c)
{
    const struct tsgd_shares *shares = &c->to->shares;
    for (uint32_t i = 0; i < shares->split.nodes; i++) {
        uint32_t count;
        const uint32_t *shard = tsgd_split_shard(&shares->split, i, &count);
        for (uint32_t j = 0; j < count && tsgd_is_here(c->ranks, i); j++)
            tsgd_kept_mark(kept, shard[j]);
    }
    for (uint32_t j = 0; shares->held && j < c->here; j++)
        tsgd_kept_mark(kept, shares->held[c->to->first + j]);
}

static void mark_test(struct tsgd_kept *kept, const struct choice *c)
{
    uint32_t first = c->to->first;
    if (!c->to->shares.held)
        tsgd_kept_mark_range(kept, first, first + c->here);
    else if (c->ranks->rank == 0)
        tsgd_kept_mark_range(kept, 0, kept->whole);
}

static enum tsgd_status mark(struct choice *c, const struct tsgd_dataset *d, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_kept *train = &c->sieve.train, *test = &c->sieve.test;
    TRY(tsgd_kept_init(train, d->train.count, err));
    TRY(tsgd_kept_init(test, d->test.count, err));
    if (c->to->in_memory) {
        tsgd_kept_mark_range(train, 0, train->whole);
        tsgd_kept_mark_range(test, 0, test->whole);
    } else {
        mark_train(train, c);
        mark_test(test, c);
    }
    tsgd_kept_count(train);
    tsgd_kept_count(test);
done:
    return st;
}

/* Held-out samples that are here, as their places. */
static void keep_held(const struct choice *c)
{
    struct tsgd_shares *shares = &c->to->shares;
    if (!shares->held)
        return;
    for (uint32_t j = 0; j < c->here; j++)
        shares->held[j] = tsgd_kept_place(&c->sieve.train, shares->held[c->to->first + j]);
    shares->n_held = c->here;
    tsgd_shrink((void **)&shares->held, c->here, sizeof *shares->held);
}

static enum tsgd_status choose(struct tsgd_sieve *sieve, const struct tsgd_dataset *d,
                               struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct choice *c = (struct choice *)sieve;
    struct tsgd_rank_data *to = c->to;
    bool measures = !strcmp(c->s->normalize, "data"), there = d->train.bytes || d->train.floats ||
                                                             d->train.sparse.start;
    to->train_samples = d->train.count;
    to->test_samples = d->test.count;
    if (measures && there)
        TRY(tsgd_norm_measure(&to->norm, d, err));
    if (measures && !there)
        TRY(tsgd_tally_init(&sieve->tally, d, err));
    TRY(make_shares(c, d, err));
    if (!d->classes)
        to->variance = tsgd_supervised_variance(d, to->shares.held, to->shares.n_held);
    choose_measured(c, d);
    TRY(mark(c, d, err));
    TRY(tsgd_split_keep(&to->shares.split, c->ranks, &sieve->train, err));
    keep_held(c);
done:
    return st;
}

enum tsgd_status tsgd_rank_data_make(struct tsgd_rank_data *out, const struct tsgd_settings *s,
                                     const struct tsgd_ranks *ranks, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct choice c = {.sieve = {.choose = choose}, .s = s, .ranks = ranks, .to = out};
    *out = (struct tsgd_rank_data)TSGD_RANK_DATA_INIT;
    out->in_memory = s->memory != NULL;
    if (s->memory) {
        out->data = s->memory->dataset;
        TRY(tsgd_sieve_choose(&c.sieve, &out->data, err));
    } else {
        TRY(tsgd_shelf_load(&out->data, s, &c.sieve, err));
    }
    if (c.sieve.tally.parts)
        TRY(tsgd_norm_of_tally(&out->norm, &c.sieve.tally, &out->data, err));
done:
    tsgd_sieve_release(&c.sieve);
    if (st != TSGD_OK)
        tsgd_rank_data_release(out);
    return st;
}

void tsgd_rank_data_release(struct tsgd_rank_data *d)
{
    if (!d->in_memory)
        tsgd_dataset_release(&d->data);
    tsgd_split_release(&d->shares.split);
    tsgd_split_release(&d->whole);
    tsgd_norm_release(&d->norm);
    free(d->shares.held);
    *d = (struct tsgd_rank_data)TSGD_RANK_DATA_INIT;
}
