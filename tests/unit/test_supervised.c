/* The problem the engine sees, over a small data set and a split made by hand. */
#include "base/mem.h"
#include "model/model.h"
#include "model/supervised.h"
#include "twin.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { TRAIN = 50, TEST = TSGD_EVAL_BLOCK + 77, FEATURES = 2 * 3 * 4, CLASSES = 4, NODES = 3 };

struct fixture {
    struct tsgd_dataset data;
    struct tsgd_net net;
    struct tsgd_supervised p;
    float *w;
    void *scratch;
};

/* Node 0 has 20 samples, node 1 none, node 2 has 30; the numbers run backwards. */
static uint32_t owned[TRAIN], start[NODES + 1] = {0, 20, 20, 50};
static const struct tsgd_split split = {.index = owned, .start = start, .nodes = NODES};

static void fill(struct tsgd_samples *s, uint32_t count, struct tsgd_rng *rng)
{
    cr_assert(TSGD_NEW(&s->bytes, count * FEATURES, "test", NULL) == TSGD_OK);
    cr_assert(TSGD_NEW(&s->labels, count, "test", NULL) == TSGD_OK);
    s->count = count;
    for (uint32_t i = 0; i < count; i++)
        s->labels[i] = (uint16_t)tsgd_rng_below(rng, CLASSES);
    for (uint32_t i = 0; i < count * FEATURES; i++)
        s->bytes[i] = (uint8_t)tsgd_rng_u32(rng);
}

static void setup(struct fixture *f, struct tsgd_batcher batcher)
{
    struct tsgd_rng rng = tsgd_rng(13, TSGD_RNG_TEST, 0, 0);
    uint8_t *scratch = NULL;
    f->data = (struct tsgd_dataset){.shape = {2, 3, 4}, .classes = CLASSES,
                                    .outputs = CLASSES};
    for (int b = 0; b < 256; b++)
        f->data.value[b] = (float)(b - 100) / 64;
    for (uint32_t i = 0; i < TRAIN; i++)
        owned[i] = TRAIN - 1 - i;
    fill(&f->data.train, TRAIN, &rng);
    fill(&f->data.test, TEST, &rng);
    f->net = twin_model("mlp:9", f->data.shape, CLASSES);
    tsgd_supervised_init(&f->p, &f->net, &f->data, &split, batcher, NULL, 0);
    f->w = twin_floats(f->net.dim);
    tsgd_net_random(&f->net, 5, f->w);
    cr_assert(TSGD_NEW(&scratch, f->p.problem.scratch_bytes, "test", NULL) == TSGD_OK);
    memset(scratch, 0x7f, f->p.problem.scratch_bytes);      /* large numbers, and never a zero */
    f->scratch = scratch;
}

static void teardown(struct fixture *f)
{
    free(f->data.train.bytes), free(f->data.train.labels);
    free(f->data.test.bytes), free(f->data.test.labels);
    free(f->w), free(f->scratch);
    tsgd_net_release(&f->net);
}

/* Samples into [count][features] doubles, straight from the bytes. */
static double *numbers(const struct fixture *f, const struct tsgd_samples *from,
                       const uint32_t *sample, uint32_t count, uint16_t *labels)
{
    double *x = twin_doubles((size_t)count * FEATURES);
    for (uint32_t s = 0; s < count; s++) {
        labels[s] = from->labels[sample[s]];
        for (uint32_t j = 0; j < FEATURES; j++)
            x[s * FEATURES + j] = (double)f->data.value[from->bytes[sample[s] * FEATURES + j]];
    }
    return x;
}

Test(supervised, the_row_is_the_net_s)
{
    struct fixture f;
    setup(&f, (struct tsgd_batcher){TSGD_ORDER_SEQUENTIAL, 8, 0, 0});
    cr_assert(f.p.problem.dim == f.net.dim && f.p.problem.nodes == NODES);
    cr_assert(f.p.problem.eval_blocks == 2, "%u", f.p.problem.eval_blocks);
    teardown(&f);
}

Test(supervised, a_node_without_samples_has_no_batch)
{
    struct fixture f;
    setup(&f, (struct tsgd_batcher){TSGD_ORDER_SEQUENTIAL, 8, 0, 0});
    const struct tsgd_problem *p = &f.p.problem;
    cr_assert(p->ops->batch_count(p, 1, 0) == 0);
    cr_assert(p->ops->batch_count(p, 0, 0) == 8);
    cr_assert(p->ops->batch_count(p, 0, 2) == 4, "the rest of the pass");
    teardown(&f);
}

/* Batch b of node 2, as stored: positions 7b .. of its shard. */
Test(supervised, a_batch_s_loss_is_that_of_the_node_s_own_samples, .timeout = 60)
{
    struct fixture f;
    uint16_t labels[7];
    setup(&f, (struct tsgd_batcher){TSGD_ORDER_SEQUENTIAL, 7, 0, 0});
    const struct tsgd_problem *p = &f.p.problem;
    float *grad = twin_floats(p->dim);
    double *w = twin_doubles(p->dim);
    twin_widen(f.w, p->dim, w);
    for (uint32_t b = 0; b < 5; b++) {
        uint32_t count = b < 4 ? 7 : 2;
        double *x = numbers(&f, &f.data.train, owned + 20 + 7 * b, count, labels);
        double want = count * twin_loss(&f.net, w, x, labels, count);
        double loss = p->ops->gradient(p, 2, b, f.w, grad, f.scratch);
        cr_assert(fabs(loss - want) < 1e-5 * want, "batch %u: %.9g, want %.9g", b, loss, want);
        free(x);
    }
    free(grad), free(w);
    teardown(&f);
}

Test(supervised, a_gradient_is_that_of_the_mean_loss, .timeout = 60)
{
    enum { COUNT = 7 };
    struct fixture f;
    uint16_t labels[COUNT];
    const double h = 1e-6;
    setup(&f, (struct tsgd_batcher){TSGD_ORDER_SEQUENTIAL, COUNT, 0, 0});
    const struct tsgd_problem *p = &f.p.problem;
    float *grad = twin_floats(p->dim);
    double *w = twin_doubles(p->dim), *x;
    twin_widen(f.w, p->dim, w);
    p->ops->gradient(p, 0, 1, f.w, grad, f.scratch);
    x = numbers(&f, &f.data.train, owned + COUNT, COUNT, labels);
    for (size_t j = 0; j < p->dim; j++) {
        double was = w[j], rise;
        w[j] = was + h;
        rise = twin_loss(&f.net, w, x, labels, COUNT);
        w[j] = was - h;
        rise -= twin_loss(&f.net, w, x, labels, COUNT);
        w[j] = was;
        cr_assert(fabs((double)grad[j] - rise / (2 * h)) < 1e-5, "parameter %zu", j);
    }
    free(grad), free(w), free(x);
    teardown(&f);
}

/* All blocks of p together are of these samples, each once. */
static void expect_evaluation_of(const struct fixture *f, const struct tsgd_problem *p,
                                 const struct tsgd_samples *from, const uint32_t *sample,
                                 uint32_t count)
{
    double *w = twin_doubles(p->dim), loss = 0, want = 0;
    uint64_t correct = 0, samples = 0, right = 0;
    twin_widen(f->w, p->dim, w);
    for (uint32_t b = 0; b < p->eval_blocks; b++) {
        struct tsgd_measure m;
        p->ops->evaluate(p, b, f->w, f->scratch, &m);
        loss += m.sum[0];
        correct += (uint64_t)m.sum[1];
        samples += m.samples;
    }
    for (uint32_t s = 0; s < count; s++) {
        uint16_t label;
        double least = INFINITY, *x = numbers(f, from, &sample[s], 1, &label);
        uint16_t best = 0;
        for (uint16_t c = 0; c < CLASSES; c++) {     /* the likeliest class has the least loss */
            double l = twin_loss(&f->net, w, x, &c, 1);
            want += c == label ? l : 0;
            if (l < least) {
                least = l;
                best = c;
            }
        }
        right += best == label;
        free(x);
    }
    cr_assert(samples == count, "%llu", (unsigned long long)samples);
    cr_assert(fabs(loss - want) < 1e-5 * want, "%.9g, want %.9g", loss, want);
    cr_assert(correct == right, "%llu, want %llu", (unsigned long long)correct,
              (unsigned long long)right);
    free(w);
}

Test(supervised, blocks_of_an_evaluation_cover_every_test_sample_once, .timeout = 60)
{
    struct fixture f;
    uint32_t all[TEST];
    setup(&f, (struct tsgd_batcher){TSGD_ORDER_EPOCH, 3, 0, 0});
    for (uint32_t s = 0; s < TEST; s++)
        all[s] = s;
    expect_evaluation_of(&f, &f.p.problem, &f.data.test, all, TEST);
    cr_expect(!strcmp(f.p.problem.metric[0].name, "test_loss"));
    teardown(&f);
}

Test(supervised, with_samples_held_out_an_evaluation_is_of_those, .timeout = 60)
{
    enum { HELD = 41 };
    struct fixture f;
    struct tsgd_supervised p;
    struct tsgd_batcher batcher = {TSGD_ORDER_EPOCH, 3, 0, 0};
    uint32_t held[HELD];
    setup(&f, batcher);
    for (uint32_t s = 0; s < HELD; s++)
        held[s] = 7 * s % TRAIN;
    tsgd_supervised_init(&p, &f.net, &f.data, &split, batcher, held, HELD);
    expect_evaluation_of(&f, &p.problem, &f.data.train, held, HELD);
    cr_assert(p.problem.n_metrics == 2);
    for (int m = 0; m < 2; m++) {
        const struct tsgd_problem_metric *metric = &p.problem.metric[m];
        cr_expect(!strcmp(metric->name, m ? "validation_accuracy" : "validation_loss"));
        cr_expect(metric->at == (m ? offsetof(struct tsgd_eval, validation_accuracy) :
                                     offsetof(struct tsgd_eval, validation_loss)));
        cr_expect(metric->more_is_better == (m == 1));
    }
    teardown(&f);
}

Test(supervised, what_the_scratch_held_before_does_not_matter, .timeout = 60)
{
    struct fixture f;
    setup(&f, (struct tsgd_batcher){TSGD_ORDER_EPOCH, 17, 3, 0});
    const struct tsgd_problem *p = &f.p.problem;
    float *a = twin_floats(p->dim), *b = twin_floats(p->dim);
    p->ops->gradient(p, 2, 5, f.w, a, f.scratch);
    p->ops->gradient(p, 0, 1, f.w, b, f.scratch);
    p->ops->gradient(p, 2, 5, f.w, b, f.scratch);
    cr_assert(!memcmp(a, b, p->dim * sizeof *a));
    free(a), free(b);
    teardown(&f);
}

Test(supervised, the_scratch_of_a_huge_batch_does_not_overflow)
{
    struct fixture f;
    struct tsgd_supervised p;
    setup(&f, (struct tsgd_batcher){TSGD_ORDER_EPOCH, 3, 0, 0});
    tsgd_supervised_init(&p, &f.net, &f.data, &split,
                         (struct tsgd_batcher){TSGD_ORDER_IID, UINT32_MAX, 0, 0}, NULL, 0);
    cr_assert(p.problem.scratch_bytes > (size_t)UINT32_MAX * FEATURES * 4);
    teardown(&f);
}

/* 37 samples are three groups of 16 lanes: 2 parts have two and one of them, 3 have one each. */
Test(supervised, parts_are_whole_groups_of_lanes_and_add_up_to_the_gradient, .timeout = 60)
{
    static const uint32_t want[][4] = {{32, 5}, {16, 16, 5}, {16, 16, 5, 0}};
    struct fixture f;
    setup(&f, (struct tsgd_batcher){TSGD_ORDER_IID, 37, 0, TSGD_AUGMENT_NONE});
    struct tsgd_problem *p = &f.p.problem;
    float *whole = twin_floats(p->dim), *part = twin_floats(p->dim);
    double *sum = twin_doubles(p->dim), loss = p->ops->gradient(p, 2, 1, f.w, whole, f.scratch);
    for (p->parts = 2; p->parts <= 4; p->parts++) {
        double losses = 0;
        memset(sum, 0, p->dim * sizeof *sum);
        for (uint32_t q = 0; q < p->parts; q++) {
            uint32_t count = p->ops->part_count(p, 2, 1, q);
            cr_assert(count == want[p->parts - 2][q], "part %u of %u: %u samples", q, p->parts,
                      count);
            if (count)
                losses += p->ops->part_gradient(p, 2, 1, q, f.w, part, f.scratch);
            for (size_t j = 0; count && j < p->dim; j++)
                sum[j] += count / 37.0 * (double)part[j];
        }
        cr_expect(fabs(losses - loss) < 1e-5 * loss, "%.9g, want %.9g", losses, loss);
        for (size_t j = 0; j < p->dim; j++)
            cr_expect(fabs(sum[j] - (double)whole[j]) < 1e-6, "parameter %zu", j);
    }
    free(whole), free(part), free(sum);
    teardown(&f);
}
