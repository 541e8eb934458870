/* What one rank of several keeps of data and split: all that it needs, to the bit as one rank alone
 * has it, and no more. Ranks are setups beside each other here; nobody sends anything.          */
#include "base/mem.h"
#include "data/source.h"
#include "run/rank_data.h"
#include "run/setup.h"
#include "scratch.h"
#include "sim/settings.h"
#include "sim/within.h"
#include "twin.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct scratch scratch;

enum { ROWS = 150, COLUMNS = 6, RECORD = 3073 };

static uint32_t number(uint32_t i, uint32_t j) { return (i * 7919 + j * 104729 + i * j) % 251; }

/* A table with a label and a target in each row. */
static void write_csv(void)
{
    FILE *f = fopen("table.csv", "w");
    cr_assert(f);
    fputs("a,b,c,d,e,f,class,target\n", f);
    for (uint32_t i = 0; i < ROWS; i++) {
        for (uint32_t j = 0; j < COLUMNS; j++)
            fprintf(f, "%g,", (number(i, j) - 100.0) / 8);
        fprintf(f, "%u,%g\n", number(i, 9) % 3, number(i, 10) / 16.0);
    }
    cr_assert(fclose(f) == 0);
}

static void write_libsvm(const char *path, uint32_t rows, uint32_t from)
{
    FILE *f = fopen(path, "w");
    cr_assert(f);
    for (uint32_t i = from; i < from + rows; i++) {
        fprintf(f, "%u", number(i, 9) % 3);
        for (uint32_t j = i % 4; j < 30; j += 1 + number(i, j) % 7)
            fprintf(f, " %u:%g", j + 1, number(i, j) / 64.0);
        fputc('\n', f);
    }
    cr_assert(fclose(f) == 0);
}

static void write_cifar(const char *path, uint32_t records, uint32_t from)
{
    FILE *f = fopen(path, "wb");
    cr_assert(f);
    for (uint32_t i = from; i < from + records; i++) {
        fputc((int)(number(i, 9) % 10), f);
        for (uint32_t j = 1; j < RECORD; j++)
            fputc((int)number(i, j), f);
    }
    cr_assert(fclose(f) == 0);
}

static void write_big(FILE *f, uint32_t word)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        fputc((int)(word >> shift & 255), f);
}

/* Images of 4 x 5 x 3, with the channels last, and labels. */
static void write_idx(const char *images, const char *labels, uint32_t count, uint32_t from)
{
    FILE *x = fopen(images, "wb"), *y = fopen(labels, "wb");
    cr_assert(x && y);
    write_big(x, 0x804), write_big(x, count), write_big(x, 4), write_big(x, 5), write_big(x, 3);
    write_big(y, 0x801), write_big(y, count);
    for (uint32_t i = from; i < from + count; i++) {
        for (uint32_t j = 0; j < 60; j++)
            fputc((int)number(i, j), x);
        fputc((int)(number(i, 9) % 3), y);
    }
    cr_assert(fclose(x) == 0 && fclose(y) == 0);
}

static void enter(void)
{
    scratch_enter(&scratch, "ranks");
    write_csv();
    write_libsvm("some.svm", ROWS, 0);
    for (uint32_t i = 0; i < 5; i++) {
        char path[32];
        snprintf(path, sizeof path, "data_batch_%u.bin", i + 1);
        write_cifar(path, 7 + i, 100 * i);
    }
    write_cifar("test_batch.bin", 9, 1000);
    write_idx("train-images-idx4-ubyte", "train-labels-idx1-ubyte", 80, 0);
    write_idx("t10k-images-idx4-ubyte", "t10k-labels-idx1-ubyte", 20, 500);
}

static void leave(void) { scratch_leave(&scratch); }

TestSuite(rank_data, .init = enter, .fini = leave, .timeout = 300);

/* ---- ranks beside each other ---- */

enum { MOST_RANKS = 7, NODES = 15 };
static const uint32_t how_many[] = {2, 3, 7};

/* Where every node is, in no order; rank 1 of 3 or more has none. */
static uint32_t scattered[NODES];

static const uint32_t *scatter(uint32_t ranks)
{
    for (uint32_t i = 0; i < NODES; i++) {
        scattered[i] = (i * 4 + i / 3) % ranks;
        if (scattered[i] == 1 && ranks > 2)
            scattered[i] = 2;
    }
    return scattered;
}

static struct tsgd_transport transport[MOST_RANKS];

static void make(struct tsgd_setup *out, const char *text, uint32_t rank, uint32_t ranks,
                 const uint32_t *of)
{
    struct tsgd_error err = {TSGD_OK, ""};
    struct tsgd_settings *s = settings_of("nodes=15 active=4 batch=8 split-seed=3 seed=5 %s", text);
    transport[rank] = (struct tsgd_transport){.rank = rank, .ranks = ranks};
    s->transport = ranks > 1 ? &transport[rank] : NULL;
    cr_assert(tsgd_setup_init(out, s, TSGD_FOR_TRAIN, &err) == TSGD_OK, "%s: %s", text, err.text);
    out->ranks.of = of;
    cr_assert(tsgd_setup_make(out, NULL, &err) == TSGD_OK, "%s: %s", text, err.text);
    cr_assert(out->kind->prepare(out->task, &err) == TSGD_OK, "%s: %s", text, err.text);
}

static struct tsgd_info info_of(const struct tsgd_setup *r)
{
    struct tsgd_info info;
    tsgd_setup_describe(r, 4, 0, &info);
    return info;
}

/* Any row that is not the same in all its coordinates. */
static float *row(size_t dim)
{
    float *x = twin_floats(dim);
    struct tsgd_rng rng = tsgd_rng(21, TSGD_RNG_TEST, 0, 0);
    twin_random(&rng, x, dim);
    for (size_t j = 0; j < dim; j++)
        x[j] /= 16;
    return x;
}

static void *scratch_of(const struct tsgd_problem *p)
{
    uint8_t *area = NULL;
    cr_assert(TSGD_NEW(&area, p->scratch_bytes, "test", NULL) == TSGD_OK);
    return area;
}

static void expect_same_batches(const struct tsgd_setup *one, const struct tsgd_setup *part,
                                const char *text)
{
    const struct tsgd_problem *p = one->task->problem, *q = part->task->problem;
    float *x = row(p->dim), *want = twin_floats(p->dim), *got = twin_floats(p->dim);
    void *a = scratch_of(p), *b = scratch_of(q);
    for (uint32_t node = 0; node < NODES; node++)
        for (uint64_t batch = 0; batch < 5; batch++) {
            uint32_t count = p->ops->batch_count(p, node, batch);
            cr_expect_eq(q->ops->batch_count(q, node, batch), count);
            if (!tsgd_is_here(&part->ranks, node) || count == 0)
                continue;
            double loss = p->ops->gradient(p, node, batch, x, want, a);
            cr_expect_eq(q->ops->gradient(q, node, batch, x, got, b), loss);
            cr_expect(!memcmp(got, want, p->dim * sizeof *x), "%s: node %u, batch %" PRIu64, text,
                      node, batch);
        }
    free(a);
    free(b);
}

/* The blocks of this rank, as one rank measures them; *sum gets them. */
static void expect_same_blocks(const struct tsgd_setup *one, const struct tsgd_setup *part,
                               struct tsgd_measure *sum, const char *text)
{
    const struct tsgd_problem *p = one->task->problem, *q = part->task->problem;
    const struct tsgd_ranks *r = &part->ranks;
    float *x = row(p->dim);
    void *a = scratch_of(p), *b = scratch_of(q);
    bool all = part->s->eval && !strcmp(part->s->eval, "tokens");
    uint32_t begin = p->eval_blocks * r->rank / r->ranks;
    uint32_t end = p->eval_blocks * (r->rank + 1) / r->ranks;
    cr_assert_eq(q->eval_blocks, p->eval_blocks);
    for (uint32_t i = all ? 0 : begin; i < (all ? p->eval_blocks : end); i++) {
        struct tsgd_measure want = {0}, got = {0};
        p->ops->evaluate(p, i, x, a, &want);
        q->ops->evaluate(q, i, x, b, &got);
        cr_expect(!memcmp(&want, &got, sizeof want), "%s: block %u", text, i);
        if (i >= begin && i < end)
            tsgd_measure_add(sum, &got);
    }
    free(a);
    free(b);
}

static void expect_same_info(const struct tsgd_setup *one, const struct tsgd_setup *part,
                             const char *text)
{
    struct tsgd_info want = info_of(one), got = info_of(part);
    cr_expect_eq(got.train_samples, want.train_samples, "%s", text);
    cr_expect_eq(got.test_samples, want.test_samples, "%s", text);
    cr_expect_eq(got.split_hash, want.split_hash, "%s", text);
    cr_expect_eq(got.classes, want.classes, "%s", text);
    cr_expect_eq(got.targets, want.targets, "%s", text);
    cr_expect_str_eq(part->s->text[TSGD_SET_normalize], one->s->text[TSGD_SET_normalize]);
}

/* What a problem reports of the sum over all blocks. */
static void expect_same_report(const struct tsgd_setup *one, const struct tsgd_setup *part,
                               const struct tsgd_measure *sum, const char *text)
{
    const struct tsgd_problem *p = one->task->problem, *q = part->task->problem;
    double want[TSGD_MOST_METRICS], got[TSGD_MOST_METRICS];
    float *x = row(p->dim);
    void *a = scratch_of(p);
    cr_expect_eq(sum->samples, tsgd_problem_measure(p, x, a, want));
    cr_assert_eq(q->n_metrics, p->n_metrics);
    q->ops->report(q, sum, 0, got);
    for (uint32_t m = 0; m < p->n_metrics; m++) {
        cr_expect_str_eq(q->metric[m].name, p->metric[m].name);
        cr_expect_float_eq(got[m], want[m], 1e-12 * fabs(want[m]), "%s: %s %.17g, want %.17g",
                           text, p->metric[m].name, got[m], want[m]);
    }
    free(a);
}

static void compare(const char *text, uint32_t ranks, const uint32_t *of)
{
    struct tsgd_setup one, part[MOST_RANKS];
    struct tsgd_measure sum = {0};
    make(&one, text, 0, 1, NULL);
    for (uint32_t r = 0; r < ranks; r++) {
        make(&part[r], text, r, ranks, of);
        expect_same_info(&one, &part[r], text);
        expect_same_batches(&one, &part[r], text);
        expect_same_blocks(&one, &part[r], &sum, text);
    }
    for (uint32_t r = 0; r < ranks; r++) {
        expect_same_report(&one, &part[r], &sum, text);
        tsgd_setup_release(&part[r]);
    }
    tsgd_setup_release(&one);
}

static const char *const texts[] = {
    "data=digits model=logistic",
    "data=digits model=logistic partition=dirichlet:0.2 allow-empty=true normalize=data",
    "data=digits model=mlp:9 partition=dirichlet-even:0.2 augment=crop-flip order=iid",
    "data=digits model=logistic partition=shards:2 subset=600 order=sequential",
    "data=digits model=logistic validation=0.3 normalize=data",
    "data=digits model=logistic validation=0.3 eval=tokens",
    "data=digits model=logistic eval=tokens step-parts=1",
    "data=digits model=logistic optimum=true weight-decay=0.01 normalize=data",
    "data=blobs:1000,12,4 model=logistic partition=dirichlet:1",
    "data=blobs:1000,3x5x5,4 model=logistic normalize=data validation=0.1",
    "data=cifar10 data-dir=. model=logistic normalize=data",
    "data=idx:. model=logistic normalize=data validation=0.1",
    "data=idx:. loss=mse model=logistic normalize=data",
    "data=csv:table.csv label=class model=logistic normalize=data partition=shards:1",
    "data=csv:table.csv label=class model=mlp:5 test-share=0.5 validation=0.5",
    "data=csv:table.csv loss=mse model=mlp:5 normalize=data",
    "data=csv:table.csv loss=mse model=mlp:5 validation=0.5 test-share=0.4",
    "data=csv:table.csv loss=mse model=mlp:5 eval=tokens",
    "data=libsvm:some.svm model=logistic",
    "data=libsvm:some.svm model=logistic partition=dirichlet:0.5 allow-empty=true validation=0.4",
};

ParameterizedTestParameters(rank_data, are_the_batches_and_blocks_of_one_rank)
{
    return twin_rows(sizeof texts / sizeof *texts);
}

ParameterizedTest(size_t *i, rank_data, are_the_batches_and_blocks_of_one_rank)
{
    for (size_t j = 0; j < sizeof how_many / sizeof *how_many; j++) {
        compare(texts[*i], how_many[j], NULL);
        compare(texts[*i], how_many[j], scatter(how_many[j]));
    }
}

/* ---- no more than that ---- */

/* How many samples of each part the ranks keep, added up; with --optimum there is no such thing. */
static void add_up(const char *text, uint32_t ranks, const uint32_t *of, uint64_t *train,
                   uint64_t *test)
{
    *train = *test = 0;
    for (uint32_t r = 0; r < ranks; r++) {
        struct tsgd_setup setup;
        struct tsgd_rank_data d;
        struct tsgd_error err;
        make(&setup, text, r, ranks, of);
        settings_change(setup.s, "normalize=none");
        cr_assert(tsgd_rank_data_make(&d, setup.s, &setup.ranks, &err) == TSGD_OK, "%s", err.text);
        *train += d.data.train.count;
        *test += d.data.test.count;
        cr_expect_eq(d.shares.split.n_index + d.shares.n_held, d.data.train.count);
        tsgd_rank_data_release(&d);
        tsgd_setup_release(&setup);
    }
}

/* Training and test samples that there are, by the sizes of the sets: of digits 1437 and 360, of
 * the table 120 and 30 when a fifth is drawn for the test.                                      */
static const struct { const char *text; uint64_t train, test; } sums[] = {
    {"data=digits model=logistic", 1437, 360},
    {"data=digits model=logistic partition=shards:2 subset=600", 600, 360},
    {"data=digits model=logistic validation=0.3", 1437, 360},
    {"data=blobs:1000,12,4 model=logistic", 1000, 10000},
    {"data=idx:. model=logistic", 80, 20},
    {"data=cifar10 data-dir=. model=logistic", 7 + 8 + 9 + 10 + 11, 9},
    {"data=csv:table.csv label=class model=logistic", 120, 30},
    {"data=libsvm:some.svm model=logistic", 120, 30},
};

Test(rank_data, every_sample_is_on_one_rank)
{
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
        for (size_t j = 0; j < sizeof how_many / sizeof *how_many; j++)
            for (int table = 0; table < 2; table++) {
                uint64_t train, test;
                add_up(sums[i].text, how_many[j], table ? scatter(how_many[j]) : NULL, &train,
                       &test);
                cr_expect_eq(train, sums[i].train, "%s: %" PRIu64, sums[i].text, train);
                cr_expect_eq(test, sums[i].test, "%s: %" PRIu64, sums[i].text, test);
            }
}

Test(rank_data, with_tokens_every_rank_keeps_what_is_measured)
{
    uint64_t train, test;
    add_up("data=digits model=logistic eval=tokens", 3, NULL, &train, &test);
    cr_expect_eq(train, 1437);
    cr_expect_eq(test, 3 * 360);
}

/* Parameters aside, which are the same on all. */
Test(rank_data, memory_falls_with_the_ranks)
{
    static const char text[] = "data=blobs:20000,100,4 model=logistic";
    struct tsgd_setup one;
    make(&one, text, 0, 1, NULL);
    uint64_t whole = info_of(&one).memory_bytes;
    for (uint32_t ranks = 2; ranks <= MOST_RANKS; ranks++)
        for (uint32_t r = 0; r < ranks; r++) {
            struct tsgd_setup part;
            make(&part, text, r, ranks, NULL);
            uint64_t bytes = info_of(&part).memory_bytes;
            /* Blocks of nodes and of tests differ by one: 1 of 15, and 256 of 10,000. */
            double most = (double)whole * (1.0 / ranks + 1.0 / NODES) + 10000;
            cr_expect((double)bytes < most, "%u of %u: %" PRIu64, r, ranks, bytes);
            tsgd_setup_release(&part);
        }
    tsgd_setup_release(&one);
}

/* ---- a training ---- */

enum { MOST_EVALS = 16 };

struct trained {
    const char *text;
    struct tsgd_settings *s;
    struct tsgd_eval eval[MOST_EVALS];
    size_t evals;
    struct tsgd_summary end;
    float *mean;
    size_t dim;
};

/* On one rank, where there is no transport. */
static struct trained training_of(const char *text, struct tsgd_transport *to)
{
    struct trained t = {.text = text};
    t.s = settings_of("nodes=15 active=4 rounds=20 eval-every=5 lr=0.05 threads=2 batch=8 %s",
                      text);
    t.s->transport = to;
    return t;
}

static bool note(const struct tsgd_eval *e, void *user)
{
    struct trained *t = user;
    t->eval[t->evals++ % MOST_EVALS] = *e;
    return false;
}

static void *train(void *user)
{
    struct trained *t = user;
    struct tsgd_run *run;
    struct tsgd_error err = {TSGD_OK, ""};
    cr_assert(tsgd_run_create(&run, t->s, &err) == TSGD_OK, "%s: %s", t->text, err.text);
    cr_assert(tsgd_run_train(run, note, t, &t->end, &err) == TSGD_OK, "%s: %s", t->text, err.text);
    t->dim = tsgd_run_info(run)->parameters;
    t->mean = malloc(t->dim * sizeof *t->mean);
    cr_assert(t->mean);
    memcpy(t->mean, tsgd_run_mean(run), t->dim * sizeof *t->mean);
    tsgd_run_free(run);
    return NULL;
}

static bool same(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

static void expect_same_evals(const struct trained *want, const struct trained *got)
{
    cr_assert_eq(got->evals, want->evals);
    for (size_t i = 0; i < want->evals; i++) {
        const struct tsgd_eval *a = &want->eval[i], *b = &got->eval[i];
        cr_expect_eq(b->state_hash, a->state_hash, "%s: evaluation %zu", want->text, i);
        cr_expect_eq(b->samples, a->samples);
        const double pair[][2] = {
            {a->train_loss, b->train_loss}, {a->test_loss, b->test_loss},
            {a->test_accuracy, b->test_accuracy}, {a->test_r2, b->test_r2},
            {a->validation_loss, b->validation_loss}, {a->validation_r2, b->validation_r2},
            {a->validation_accuracy, b->validation_accuracy}, {a->objective, b->objective},
            {a->test_loss_mean, b->test_loss_mean}, {a->test_loss_worst, b->test_loss_worst},
            {a->validation_loss_worst, b->validation_loss_worst},
        };
        for (size_t m = 0; m < sizeof pair / sizeof *pair; m++)
            cr_expect(same(pair[m][0], pair[m][1]), "%s: evaluation %zu, number %zu: %.17g, %.17g",
                      want->text, i, m, pair[m][0], pair[m][1]);
    }
    cr_expect(same(got->end.test_loss, want->end.test_loss), "%s: %g", want->text,
              got->end.test_loss);
    cr_expect(same(got->end.test_accuracy, want->end.test_accuracy));
    cr_expect(same(got->end.test_r2, want->end.test_r2));
}

static void compare_trainings(const char *text, uint32_t ranks)
{
    struct trained one = training_of(text, NULL), part[MOST_RANKS];
    pthread_t thread[MOST_RANKS];
    struct within *w = within_create(ranks, ranks, 3);
    train(&one);
    for (uint32_t r = 0; r < ranks; r++) {
        part[r] = training_of(text, within_rank(w, r));
        cr_assert(pthread_create(&thread[r], NULL, train, &part[r]) == 0);
    }
    for (uint32_t r = 0; r < ranks; r++)
        cr_assert(pthread_join(thread[r], NULL) == 0);
    expect_same_evals(&one, &part[0]);
    for (uint32_t r = 0; r < ranks; r++) {
        cr_expect(!memcmp(part[r].mean, one.mean, one.dim * sizeof *one.mean), "%s: rank %u", text,
                  r);
        free(part[r].mean);
    }
    cr_expect(within_is_empty(w));
    within_free(w);
    free(one.mean);
}

static const char *const trained_texts[] = {
    "data=blobs:500,9,4 model=logistic normalize=data",
    "data=digits model=mlp:8 partition=dirichlet:0.3 allow-empty=true augment=crop",
    "data=digits model=logistic validation=0.4 eval=tokens",
    "data=digits model=logistic eval=tokens method=dsgd active=",
    "data=digits model=logistic optimum=true weight-decay=0.01",
    "data=csv:table.csv loss=mse model=mlp:5 normalize=data validation=0.2 lr=0.001",
    "data=libsvm:some.svm model=logistic method=gt active=",
};

ParameterizedTestParameters(rank_data, trainings_have_the_bits_of_one_rank)
{
    return twin_rows(sizeof trained_texts / sizeof *trained_texts);
}

ParameterizedTest(size_t *i, rank_data, trainings_have_the_bits_of_one_rank)
{
    for (size_t j = 0; j < sizeof how_many / sizeof *how_many; j++)
        compare_trainings(trained_texts[*i], how_many[j]);
}

/* ---- what rank 0 does for all ---- */

Test(rank_data, rank_0_tests_at_the_end)
{
    static const char text[] = "data=csv:table.csv loss=mse model=mlp:5 validation=0.3";
    struct tsgd_setup one, part;
    struct tsgd_eval want, got;
    make(&one, text, 0, 1, NULL);
    float *x = row(one.task->problem->dim);
    cr_assert(tsgd_setup_prepare_test(&one, NULL) == TSGD_OK);
    tsgd_setup_test(&one, x, &want);
    for (uint32_t r = 0; r < 3; r++) {
        make(&part, text, r, 3, NULL);
        cr_assert(tsgd_setup_prepare_test(&part, NULL) == TSGD_OK);
        tsgd_setup_test(&part, x, &got);
        if (r == 0) {
            cr_expect_eq(got.test_loss, want.test_loss);
            cr_expect_eq(got.test_r2, want.test_r2);
        } else {
            cr_expect(isnan(got.test_loss) && isnan(got.test_r2));
        }
        tsgd_setup_release(&part);
    }
    tsgd_setup_release(&one);
}

static char *text_of(const char *path)
{
    static char text[1 << 16];
    FILE *f = fopen(path, "r");
    cr_assert(f, "%s", path);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    return text;
}

Test(rank_data, rank_0_writes_the_split_and_all_can_read_it)
{
    static const char how[] = "data=digits model=logistic partition=dirichlet:0.5 allow-empty=true "
                              "validation=0.1 save-split=";
    char text[256];
    struct tsgd_setup r;
    snprintf(text, sizeof text, "%s%s", how, "one");
    make(&r, text, 0, 1, NULL);
    cr_assert(tsgd_setup_write_split(&r, NULL) == TSGD_OK);
    tsgd_setup_release(&r);
    char *want = strdup(text_of("one"));
    for (uint32_t rank = 0; rank < 3; rank++) {
        snprintf(text, sizeof text, "%srank%u", how, rank);
        make(&r, text, rank, 3, scatter(3));
        cr_assert(tsgd_setup_write_split(&r, NULL) == TSGD_OK);
        tsgd_setup_release(&r);
    }
    cr_expect_str_eq(text_of("rank0"), want);
    cr_expect(access("rank1", F_OK) != 0 && access("rank2", F_OK) != 0);
    free(want);
    compare("data=digits model=logistic split=rank0 allow-empty=true validation=0.1", 3,
            scatter(3));
}

/* ---- data of the caller ---- */

Test(rank_data, the_caller_s_arrays_stay_whole)
{
    struct tsgd_dataset digits;
    struct tsgd_data *data;
    struct tsgd_setup one, part;
    struct tsgd_error err;
    struct tsgd_measure sum = {0};
    cr_assert(tsgd_dataset_load(&digits, "digits", NULL, NULL) == TSGD_OK);
    struct tsgd_memory memory = {
        .size = sizeof memory, .name = "mine", .channels = 1, .height = 8, .width = 8,
        .classes = 10, .borrow = true,
        .train = {.count = digits.train.count, .bytes = digits.train.bytes,
                  .labels = digits.train.labels},
        .test = {.count = digits.test.count, .bytes = digits.test.bytes,
                 .labels = digits.test.labels},
    };
    cr_assert(tsgd_data_from_memory(&data, &memory, &err) == TSGD_OK, "%s", err.text);
    struct tsgd_settings *s = settings_of("model=logistic nodes=15 active=4 normalize=data");
    cr_assert(tsgd_settings_set_data(s, data, NULL) == TSGD_OK);
    cr_assert(tsgd_setup_init(&one, s, TSGD_FOR_TRAIN, NULL) == TSGD_OK);
    cr_assert(tsgd_setup_make(&one, NULL, NULL) == TSGD_OK);
    for (uint32_t r = 0; r < 3; r++) {
        transport[r] = (struct tsgd_transport){.rank = r, .ranks = 3};
        s->transport = &transport[r];
        cr_assert(tsgd_setup_init(&part, s, TSGD_FOR_TRAIN, NULL) == TSGD_OK);
        part.ranks.of = scatter(3);
        cr_assert(tsgd_setup_make(&part, NULL, NULL) == TSGD_OK);
        expect_same_info(&one, &part, "memory");
        expect_same_batches(&one, &part, "memory");
        expect_same_blocks(&one, &part, &sum, "memory");
        tsgd_setup_release(&part);
    }
    expect_same_report(&one, &one, &sum, "memory");
    tsgd_setup_release(&one);
    tsgd_data_free(data);
    tsgd_dataset_release(&digits);
}

/* ---- many ---- */

/* Bytes of resident memory of this process: now, "VmRSS", or the most so far, "VmHWM". */
static uint64_t resident(const char *what)
{
    char line[256];
    uint64_t bytes = 0;
    FILE *f = fopen("/proc/self/status", "r");
    cr_assert(f);
    while (fgets(line, sizeof line, f))
        if (!strncmp(line, what, strlen(what)))
            bytes = strtoull(line + strlen(what) + 1, NULL, 10) * 1024;
    fclose(f);
    cr_assert_gt(bytes, 0);
    return bytes;
}

static void write_numbers(const char *path, uint32_t rows, uint32_t columns)
{
    FILE *f = fopen(path, "w");
    cr_assert(f);
    for (uint32_t i = 0; i < rows; i++) {
        for (uint32_t j = 0; j < columns; j++)
            fprintf(f, "%u,", number(i, j));
        fprintf(f, "%u\n", i % 3);
    }
    cr_assert(fclose(f) == 0);
}

/* A table of 40,000 rows, which is loaded whole, takes 64 MB. The last of 7 ranks keeps 9 of them:
 * two of 15 nodes, and a seventh of the test samples.                                           */
Test(rank_data, what_was_loaded_whole_is_given_back)
{
    enum { LINES = TWIN_SLOW ? 8000 : 40000, WIDE = 400 };
    struct tsgd_setup r;
    write_numbers("large.csv", LINES, WIDE);
    uint64_t before = resident("VmRSS");
    make(&r, "data=csv:large.csv model=logistic", 6, 7, NULL);
    uint64_t taken = resident("VmRSS") - before;
    cr_expect_leq(info_of(&r).memory_bytes, LINES * (WIDE * 4ull + 16) / 6 + (1 << 16));
    if (!TWIN_SLOW)
        cr_expect_leq(taken, LINES * (WIDE * 4ull + 16) * 2 / 7, "%" PRIu64, taken);
    tsgd_setup_release(&r);
}

/* 12,000 images of 56 x 56, 38 MB, and as many bytes of CIFAR-10's records. */
static void write_many(uint32_t images)
{
    enum { BYTES = 56 * 56 };
    static const char *const parts[][2] = {{"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
                                           {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}};
    static uint8_t image[BYTES];
    for (int test = 0; test < 2; test++) {
        uint32_t count = test ? 500 : images;
        FILE *x = fopen(parts[test][0], "wb"), *y = fopen(parts[test][1], "wb");
        cr_assert(x && y);
        write_big(x, 0x803), write_big(x, count), write_big(x, 56), write_big(x, 56);
        write_big(y, 0x801), write_big(y, count);
        for (uint32_t i = 0; i < count; i++) {
            image[i % BYTES] ^= 0x55;
            cr_assert(fwrite(image, BYTES, 1, x) == 1);
            fputc((int)(i % 10), y);
        }
        cr_assert(fclose(x) == 0 && fclose(y) == 0);
    }
    FILE *f = fopen("data_batch_2.bin", "wb");
    cr_assert(f);
    for (uint32_t i = 0; i < images; i++)
        cr_assert(fputc((int)(i % 10), f) != EOF && fwrite(image, RECORD - 1, 1, f) == 1);
    cr_assert(fclose(f) == 0);
}

static const char *const streams[] = {"data=idx:.", "data=mnist data-dir=.",
                                      "data=cifar10 data-dir=."};

ParameterizedTestParameters(rank_data, what_is_not_kept_is_never_in_memory)
{
    return twin_rows(sizeof streams / sizeof *streams);
}

ParameterizedTest(size_t *i, rank_data, what_is_not_kept_is_never_in_memory)
{
    enum { IMAGES = TWIN_SLOW ? 300 : 12000 };
    struct tsgd_setup r;
    char text[64];
    remove("train-images-idx4-ubyte"), remove("t10k-images-idx4-ubyte");
    write_many(IMAGES);
    snprintf(text, sizeof text, "%s model=logistic", streams[*i]);
    uint64_t before = resident("VmRSS");
    make(&r, text, 6, 7, NULL);
    uint64_t taken = resident("VmHWM") - before, whole = IMAGES * 3000ull;
    cr_expect_eq(info_of(&r).train_samples, IMAGES + (*i == 2 ? 7 + 9 + 10 + 11u : 0));
    if (!TWIN_SLOW)
        cr_expect_leq(taken, whole * 2 / 15 + (4 << 20), "%s: %" PRIu64, text, taken);
    tsgd_setup_release(&r);
}

/* Of 4 bytes a sample and 3 bytes of label and mark, 8 bytes a node, and a quarter of the samples
 * themselves, of which all would be 200 bytes each.                                             */
Test(rank_data, a_million_nodes_over_four_ranks)
{
    enum { COUNT = TWIN_SLOW ? 50000 : 1000000 };
    struct tsgd_error err = {TSGD_OK, ""};
    struct tsgd_setup r;
    struct tsgd_settings *s = settings_of("data=blobs:%d,200,4 model=logistic nodes=%d active=8 "
                                          "partition=iid", COUNT, COUNT);
    transport[3] = (struct tsgd_transport){.rank = 3, .ranks = 4};
    s->transport = &transport[3];
    uint64_t before = resident("VmRSS");
    cr_assert(tsgd_setup_init(&r, s, TSGD_FOR_TRAIN, &err) == TSGD_OK, "%s", err.text);
    cr_assert(tsgd_setup_make(&r, NULL, &err) == TSGD_OK, "%s", err.text);
    const struct tsgd_problem *p = r.task->problem;
    cr_expect_eq(p->ops->batch_count(p, 0, 0), 1);
    cr_expect_eq(p->ops->batch_count(p, COUNT - 1, 0), 1);
    uint64_t kept = COUNT / 4 * 202 + 10000 / 4 * 204, taken = resident("VmHWM") - before;
    cr_expect_leq(info_of(&r).memory_bytes, kept + COUNT * 9ull + 100000);
    if (!TWIN_SLOW)
        cr_expect_leq(taken, kept + COUNT * 20ull + (8 << 20), "%" PRIu64, taken);
    tsgd_setup_release(&r);
}
