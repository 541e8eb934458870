/* Objectives of a caller's own. The built-in quadratic, written again here from its definition,
 * must give the bits of --model quadratic; the rest is counted and computed by hand.            */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "linalg/isa.h"
#include "linalg/vec.h"
#include "method/method.h"
#include "program.h"
#include "sim/settings.h"
#include "twin.h"

/* ---- runs ---- */

struct course {
    size_t n;
    struct tsgd_eval eval[64];
};

/* Wall time aside, which no two runs share. */
static bool note(const struct tsgd_eval *eval, void *user)
{
    struct course *c = user;
    cr_assert(c->n < sizeof c->eval / sizeof *c->eval);
    c->eval[c->n] = *eval;
    c->eval[c->n++].wall_seconds = 0;
    return false;
}

static struct tsgd_run *train(const struct tsgd_settings *s, struct course *course)
{
    struct tsgd_run *run;
    struct tsgd_error err;
    *course = (struct course){.n = 0};
    cr_assert(tsgd_run_create(&run, s, &err) == TSGD_OK, "%s", err.text);
    cr_assert(tsgd_run_train(run, note, course, NULL, &err) == TSGD_OK, "%s", err.text);
    return run;
}

static struct course course_of(const struct tsgd_settings *s)
{
    struct course c;
    tsgd_run_free(train(s, &c));
    return c;
}

static bool same(const struct course *a, const struct course *b)
{
    return a->n == b->n && !memcmp(a->eval, b->eval, a->n * sizeof *a->eval);
}

static void give(struct tsgd_settings *s, const struct tsgd_objective *o)
{
    struct tsgd_error err;
    cr_assert(tsgd_settings_set_objective(s, o, &err) == TSGD_OK, "%s", err.text);
}

/* ---- the quadratic of model/quadratic.h with conditioning spread, by its definition ---- */

enum { N = 9, DIM = 21 };
static const double ZETA2 = 1.5, SIGMA2 = 2;

#define QUADRATIC "nodes=9 active=4 lr=0.05 rounds=23 eval-every=5 eval-at-start=true seed=3 " \
                  "threads=2"
#define BUILT_IN QUADRATIC " model=quadratic dim=21 zeta2=1.5 sigma2=2 conditioning=spread"

struct bowl {
    double optimum[DIM], curvature;
};

static float a_of(uint32_t node) { return (float)sqrt(0.5 + (double)node / (N - 1)); }

static void draw_b(uint32_t node, float *b)
{
    float s = (float)sqrt(ZETA2 / DIM);
    tsgd_rng_normals(tsgd_isa_table(0), 3, TSGD_RNG_TARGET, node, 0, b, DIM);
    for (int j = 0; j < DIM; j++)
        b[j] *= s;
}

/* mean F_i = c/2 |x - x*|^2 + .., with x* = sum a_i b_i / sum a_i^2, c = the mean of a_i^2 */
static struct bowl solve(void)
{
    struct bowl p = {.curvature = 0};
    double squares = 0;
    float b[DIM];
    for (uint32_t node = 0; node < N; node++) {
        double a = (double)a_of(node);
        draw_b(node, b);
        squares += a * a;
        for (int j = 0; j < DIM; j++)
            p.optimum[j] += a * (double)b[j];
    }
    for (int j = 0; j < DIM; j++)
        p.optimum[j] /= squares;
    p.curvature = squares / N;
    return p;
}

static double bowl_gradient(const struct tsgd_call *c, const float *x, float *grad, void *user)
{
    float *b = c->scratch, a = a_of(c->node), noise = (float)sqrt(SIGMA2 / DIM);
    double loss = 0;
    (void)user;
    draw_b(c->node, b);
    tsgd_random_normals(c->random, grad, DIM);
    for (int j = 0; j < DIM; j++) {
        float r = a * x[j] - b[j];
        grad[j] = a * r + noise * grad[j];
        loss += 0.5 * (double)r * (double)r;
    }
    return loss;
}

static double distance2(const struct bowl *p, const float *x)
{
    double sum = 0;
    for (int j = 0; j < DIM; j++)
        sum += ((double)x[j] - p->optimum[j]) * ((double)x[j] - p->optimum[j]);
    return sum;
}

static void bowl_evaluate(const struct tsgd_call *c, const float *x, double *value, void *user)
{
    const struct bowl *p = user;
    (void)c;
    value[0] = p->curvature * p->curvature * distance2(p, x);
    value[1] = -distance2(p, x);
}

static void at_one(struct tsgd_random *random, float *x, void *user)
{
    (void)random, (void)user;
    for (int j = 0; j < DIM; j++)
        x[j] = 1;
}

static const struct tsgd_objective_metric bowl_metrics[] = {{"grad2", false}, {"closeness", true}};

static struct tsgd_objective bowl_objective(struct bowl *p)
{
    *p = solve();
    return (struct tsgd_objective){
        .size = sizeof (struct tsgd_objective), .name = "bowl", .dim = DIM, .nodes = N,
        .scratch_bytes = DIM * sizeof (float), .user = p, .gradient = bowl_gradient,
        .init = at_one, .evaluate = bowl_evaluate, .metrics = bowl_metrics, .n_metrics = 2,
    };
}

/* What a run may do besides; the first has nothing. */
static const char *const variants[] = {
    "", "availability=0.7", "local-steps=3", "mix-every=3 final-average=true", "allow-empty=",
    "link-cost=slow-nodes:0.3 compute-seconds=0.1:lognormal:1 port=serial bandwidth=1000",
    "weight-decay=0.01 schedule=cosine:0.001 warmup=5 gossip=rows",
    "momentum-home=node", "momentum-home=mixed nesterov=true", "samples=300",
};
enum { VARIANTS = sizeof variants / sizeof *variants };

static bool near(double a, double b) { return fabs(a - b) <= 1e-12 * fabs(b); }

static void expect_like(const struct course *own, const struct course *built_in, const char *what)
{
    cr_assert(own->n == built_in->n && own->n >= 3, "%s: %zu, %zu", what, own->n, built_in->n);
    for (size_t i = 0; i < own->n; i++) {
        const struct tsgd_eval *a = &own->eval[i], *b = &built_in->eval[i];
        cr_expect(a->state_hash == b->state_hash, "%s: other bits in round %d", what,
                  (int)b->round);
        cr_expect(!memcmp(a, b, offsetof(struct tsgd_eval, train_loss)), "%s", what);
        cr_expect(a->consensus == b->consensus && a->lr == b->lr, "%s", what);
        cr_expect(near(a->train_loss, b->train_loss) || (isnan(a->train_loss) && i == 0),
                  "%s: train loss %.17g, want %.17g", what, a->train_loss, b->train_loss);
        cr_expect(near(a->metric[0], b->grad_norm2) && near(a->metric[1], -b->distance2), "%s",
                  what);
        cr_expect(isnan(a->grad_norm2) && isnan(a->test_loss) && isnan(a->metric[2]));
    }
}

ParameterizedTestParameters(objective, the_quadratic_has_the_bits_of_the_built_in_one)
{
    return twin_rows(VARIANTS * tsgd_n_methods);
}
ParameterizedTest(size_t *row, objective, the_quadratic_has_the_bits_of_the_built_in_one)
{
    const struct tsgd_method *m = tsgd_methods[*row / VARIANTS];
    const char *variant = variants[*row % VARIANTS];
    struct tsgd_error err;
    struct bowl bowl;
    char what[160], change[200];
    struct tsgd_objective o = bowl_objective(&bowl);
    struct tsgd_settings *built_in = settings_of(BUILT_IN), *own = settings_of(QUADRATIC);
    snprintf(change, sizeof change, "method=%s active=%s lazy=%s momentum=%s %s", m->name,
             m->teleports || m->may_teleport ? "4" : "", m->check_mixing ? "true" : "false",
             m->rule && !m->needs_momentum ? "0" : "0.9", variant);
    snprintf(what, sizeof what, "%s %s", m->name, variant);
    enum tsgd_status st = settings_try_run(built_in, change, &err);
    give(own, &o);
    cr_assert(settings_try_run(own, change, &err) == st, "%s: %s", what, err.text);
    if (st != TSGD_OK) {
        cr_expect(*variant, "%s: %s", m->name, err.text);
        return;
    }
    settings_change(built_in, "%s", change);
    settings_change(own, "%s", change);
    struct course a = course_of(own), b = course_of(built_in);
    expect_like(&a, &b, what);
}

Test(objective, has_the_same_bits_for_any_threads, .timeout = 60)
{
    struct bowl bowl;
    struct tsgd_objective o = bowl_objective(&bowl);
    for (size_t i = 0; i < VARIANTS; i++) {
        struct tsgd_settings *s = settings_of(QUADRATIC " momentum=0.9 %s threads=1", variants[i]);
        give(s, &o);
        struct course one = course_of(s);
        for (int threads = 2; threads <= 4; threads += 2)
            for (int rows = 0; rows < 2; rows++) {
                settings_change(s, "threads=%d gossip=%s", threads, rows ? "rows" : "slices");
                struct course more = course_of(s);
                cr_expect(same(&one, &more), "%s, %d threads", variants[i], threads);
            }
    }
}

/* ---- evaluations ---- */

/* Each block its share of the coordinates. */
static void in_blocks(const struct tsgd_call *c, const float *x, double *value, void *user)
{
    const struct bowl *p = user;
    cr_assert(value[0] == 0 && value[1] == 0 && c->block < 4);
    for (uint32_t j = c->block; j < DIM; j += 4) {
        double d = (double)x[j] - p->optimum[j];
        value[0] += d * d;
        value[1] -= d * d;
    }
}

Test(objective, a_metric_is_the_sum_over_its_blocks)
{
    struct bowl bowl;
    struct course c;
    struct tsgd_objective o = bowl_objective(&bowl);
    struct tsgd_settings *s = settings_of(QUADRATIC);
    o.evaluate = in_blocks;
    o.blocks = 4;
    give(s, &o);
    struct tsgd_run *run = train(s, &c);
    double want = distance2(&bowl, tsgd_run_mean(run));
    const struct tsgd_eval *last = &c.eval[c.n - 1];
    cr_expect(near(last->metric[0], want) && last->metric[1] == -last->metric[0]);
    cr_expect(isnan(last->metric_mean[0]) && isnan(last->metric_worst[0]));
    tsgd_run_free(run);
}

Test(objective, tokens_are_measured_too_and_the_worst_is_told)
{
    struct bowl bowl;
    struct course c;
    double sum = 0, most = 0;
    struct tsgd_objective o = bowl_objective(&bowl);
    struct tsgd_settings *s = settings_of(QUADRATIC " eval=tokens");
    give(s, &o);
    struct tsgd_run *run = train(s, &c);
    const struct tsgd_eval *last = &c.eval[c.n - 1];
    for (uint64_t a = 0; a < 4; a++) {
        double d = distance2(&bowl, tsgd_run_token(run, a));
        sum += d;
        most = d > most ? d : most;
    }
    cr_expect(near(last->metric_mean[1], -sum / 4), "%g, want %g", last->metric_mean[1], -sum / 4);
    cr_expect(near(last->metric_worst[1], -most) && most > sum / 4, "of more the least is worst");
    cr_expect(near(last->metric_worst[0], bowl.curvature * bowl.curvature * most));
    tsgd_run_free(run);
}

Test(objective, until_takes_its_metrics_by_name)
{
    struct bowl bowl;
    struct tsgd_summary end;
    struct tsgd_run *run;
    struct tsgd_objective o = bowl_objective(&bowl);
    struct tsgd_settings *s = settings_of(QUADRATIC " eval-every=1 rounds=500 "
                                          "until=closeness>=-3");
    give(s, &o);
    cr_assert(tsgd_run_create(&run, s, NULL) == TSGD_OK);
    cr_assert(tsgd_run_train(run, NULL, NULL, &end, NULL) == TSGD_OK);
    cr_expect(end.reached && end.last.metric[1] >= -3 && end.last.round < 500 &&
              end.last.round > 1);
    tsgd_run_free(run);
    struct tsgd_error err;
    cr_expect(settings_try_run(s, "until=closenes>=1", &err) == TSGD_EINVAL);
}

Test(objective, without_evaluate_there_are_the_training_loss_and_the_consensus)
{
    struct bowl bowl;
    struct tsgd_objective o = bowl_objective(&bowl);
    struct tsgd_settings *s = settings_of(QUADRATIC);
    give(s, &o);
    struct course with = course_of(s);
    o.evaluate = NULL;
    o.n_metrics = 0;
    give(s, &o);
    struct course without = course_of(s);
    cr_assert(with.n == without.n);
    for (size_t i = 0; i < with.n; i++) {
        cr_expect(with.eval[i].state_hash == without.eval[i].state_hash);
        cr_expect(with.eval[i].consensus == without.eval[i].consensus);
        cr_expect(isnan(without.eval[i].metric[0]) && !isnan(with.eval[i].metric[0]));
    }
}

/* ---- what the callbacks are handed ---- */

enum { SCRATCH = 1000 };

struct watch {
    _Atomic unsigned misaligned, shared, dirty, calls;
    _Atomic uint64_t threads;   /* a bit for each */
};

/* Marks all of the scratch, lets others run, and looks whether the marks are still there. */
static void use_scratch(const struct tsgd_call *c, struct watch *w)
{
    uint64_t mark[SCRATCH / 8], *scratch = c->scratch;
    w->misaligned += (uintptr_t)scratch % 64 != 0;
    for (size_t i = 0; i < SCRATCH / 8; i++)
        scratch[i] = mark[i] = c->visit << 32 | (c->node << 16) | (c->block << 8) | i;
    sched_yield();
    w->shared += memcmp(scratch, mark, sizeof mark) != 0;
    w->calls++;
    w->threads |= (uint64_t)1 << tsgd_hash(&(pthread_t){pthread_self()}, sizeof (pthread_t)) % 64;
}

static double watch_gradient(const struct tsgd_call *c, const float *x, float *grad, void *user)
{
    struct watch *w = user;
    for (int j = 0; j < DIM; j++)
        w->dirty += grad[j] != 0;
    use_scratch(c, w);
    for (int j = 0; j < DIM; j++)
        grad[j] = 1 + x[j];
    return 1;
}

static void watch_evaluate(const struct tsgd_call *c, const float *x, double *value, void *user)
{
    (void)x;
    use_scratch(c, user);
    value[0] = 1;
}

Test(objective, each_thread_has_a_scratch_of_its_own_on_a_cache_line)
{
    struct watch w = {0};
    struct tsgd_objective o = {.size = sizeof o, .name = "watch", .dim = DIM, .nodes = 40,
                               .scratch_bytes = SCRATCH, .user = &w, .gradient = watch_gradient,
                               .evaluate = watch_evaluate, .blocks = 7, .metrics = bowl_metrics,
                               .n_metrics = 1};
    struct tsgd_settings *s = settings_of("active=16 rounds=100 threads=4 eval-every=5");
    give(s, &o);
    struct course c = course_of(s);
    cr_expect(c.eval[c.n - 1].metric[0] == 7);
    cr_expect(w.misaligned == 0 && w.shared == 0 && w.dirty == 0, "%u misaligned, %u shared, %u",
              w.misaligned, w.shared, w.dirty);
    cr_expect(w.calls == 1600 + 20 * 7, "%u", w.calls);
    cr_expect(w.threads & (w.threads - 1), "one thread did it all");
}

/* Draws of the call's stream, against the stream that rng.h names by node and visit. */
static double random_gradient(const struct tsgd_call *c, const float *x, float *grad, void *user)
{
    struct tsgd_rng r = tsgd_rng(5, TSGD_RNG_NOISE, c->node, c->visit);
    _Atomic unsigned *wrong = user;
    (void)x, (void)grad;
    *wrong += c->scratch != NULL;
    *wrong += tsgd_random_u64(c->random) != tsgd_rng_u64(&r);
    *wrong += tsgd_random_uniform(c->random) != tsgd_rng_unit(&r);
    *wrong += tsgd_random_below(c->random, 1000) != tsgd_rng_below(&r, 1000);
    *wrong += tsgd_random_normal(c->random) != tsgd_rng_normal(&r);
    return 1;
}

Test(objective, draws_are_of_seed_node_and_visit)
{
    _Atomic unsigned wrong = 0;
    struct tsgd_objective o = {.size = sizeof o, .name = "draws", .dim = 1, .nodes = 40,
                               .user = &wrong, .gradient = random_gradient};
    struct tsgd_settings *s = settings_of("active=16 rounds=30 local-steps=2 threads=3 seed=5");
    give(s, &o);
    course_of(s);
    cr_expect(wrong == 0, "%u", wrong);
}

Test(objective, a_row_of_normals_goes_on_where_the_last_one_ended)
{
    struct tsgd_random r, copy, other;
    float whole[256], z[256];
    tsgd_random_init(&r, 7, 3);
    copy = r;
    tsgd_random_normals(&r, whole, 256);
    tsgd_random_normals(&copy, z, 64);
    struct tsgd_random second = copy;
    tsgd_random_normals(&copy, z + 64, 100);    /* takes 128 */
    tsgd_random_normals(&copy, z + 192, 64);
    cr_expect(!memcmp(whole, z, 164 * sizeof *z) && !memcmp(whole + 192, z + 192, 64 * sizeof *z));
    cr_expect(tsgd_random_u64(&copy) == tsgd_random_u64(&r), "both stand behind 256");
    tsgd_random_normals(&second, z, 64);
    cr_expect(!memcmp(whole + 64, z, 64 * sizeof *z), "a copy goes on by itself");
    tsgd_random_init(&other, 7, 3 + ((uint64_t)1 << 32));
    tsgd_random_normals(&other, z, 64);
    cr_expect(memcmp(whole, z, 64 * sizeof *z), "every bit of the number matters");
    tsgd_random_init(&other, 8, 3);
    cr_expect(tsgd_random_u64(&other) != tsgd_random_u64(&second));
}

/* ---- samples ---- */

/* Node 0 has none, node 1 none in odd visits, the others so many as their number. */
static uint32_t uneven(uint32_t node, uint64_t visit, void *user)
{
    (void)user;
    return node == 1 && visit % 2 ? 0 : node;
}

struct tally {
    _Atomic uint64_t gradients, samples;
    _Atomic unsigned wrong;
};

static double tally_gradient(const struct tsgd_call *c, const float *x, float *grad, void *user)
{
    struct tally *t = user;
    (void)x, (void)grad;
    t->gradients++;
    t->samples += uneven(c->node, c->visit, NULL);
    t->wrong += uneven(c->node, c->visit, NULL) == 0;
    return (double)c->node;
}

Test(objective, samples_are_counted_as_it_says)
{
    struct tally t = {0};
    struct course c;
    struct tsgd_objective o = {.size = sizeof o, .name = "uneven", .dim = 1, .nodes = 5,
                               .samples = uneven, .user = &t, .gradient = tally_gradient};
    struct tsgd_settings *s = settings_of("active=3 rounds=50 local-steps=2 eval-every=50");
    give(s, &o);
    struct tsgd_run *run = train(s, &c);
    cr_expect(c.eval[0].gradients == t.gradients && t.gradients > 100 && t.gradients < 300);
    cr_expect(c.eval[0].samples == t.samples && t.wrong == 0);
    cr_expect(!strcmp(tsgd_settings_get(tsgd_run_info(run)->resolved, "batch"), "1"), "node 1's");
    /* The losses are 1 to 4, each as often as its node has samples: their mean over samples. */
    cr_expect(c.eval[0].train_loss > 2 && c.eval[0].train_loss < 4);
    tsgd_run_free(run);
}

static uint32_t nothing(uint32_t node, uint64_t visit, void *user)
{
    (void)node, (void)visit, (void)user;
    return 0;
}

Test(objective, without_any_samples_nothing_moves_and_no_step_is_timed)
{
    struct tally t = {0};
    struct tsgd_run *run;
    struct tsgd_summary end;
    struct tsgd_objective o = {.size = sizeof o, .name = "nothing", .dim = 1, .nodes = 5,
                               .samples = nothing, .user = &t, .gradient = tally_gradient};
    struct tsgd_settings *s = settings_of("active=3 rounds=5");
    give(s, &o);
    cr_assert(tsgd_run_create(&run, s, NULL) == TSGD_OK);
    cr_expect(isnan(tsgd_run_step_seconds(run)));
    cr_assert(tsgd_run_train(run, NULL, NULL, &end, NULL) == TSGD_OK);
    cr_expect(end.last.gradients == 0 && t.gradients == 0 && tsgd_run_mean(run)[0] == 0);
    tsgd_run_free(run);
}

/* ---- divergence ---- */

static double breaks(const struct tsgd_call *c, const float *x, float *grad, void *user)
{
    (void)x, (void)grad;
    return c->visit == 3 ? *(double *)user : 1;
}

Test(objective, a_loss_that_is_not_finite_is_a_divergence)
{
    double losses[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        struct tsgd_objective o = {.size = sizeof o, .name = "breaks", .dim = 1, .nodes = 2,
                                   .gradient = breaks, .user = &losses[i]};
        struct tsgd_settings *s = settings_of("method=dsgd rounds=50 threads=2");
        struct tsgd_run *run;
        struct tsgd_summary end;
        struct tsgd_error err;
        give(s, &o);
        cr_assert(tsgd_run_create(&run, s, NULL) == TSGD_OK);
        cr_expect(tsgd_run_train(run, NULL, NULL, &end, &err) == TSGD_EDIVERGED);
        cr_expect(end.diverged_round == 3 && end.diverged_token == 0, "%s", err.text);
        tsgd_run_free(run);
    }
}

static void not_a_number(const struct tsgd_call *c, const float *x, double *value, void *user)
{
    (void)c, (void)x, (void)user;
    value[0] = NAN;
}

Test(objective, a_metric_that_is_not_finite_is_a_divergence)
{
    struct bowl bowl;
    struct tsgd_objective o = bowl_objective(&bowl);
    struct tsgd_settings *s = settings_of(QUADRATIC " eval-at-start=false");
    struct tsgd_run *run;
    struct tsgd_summary end;
    o.evaluate = not_a_number;
    give(s, &o);
    cr_assert(tsgd_run_create(&run, s, NULL) == TSGD_OK);
    cr_expect(tsgd_run_train(run, NULL, NULL, &end, NULL) == TSGD_EDIVERGED);
    cr_expect(end.diverged_round == 5 && end.diverged_token == UINT32_MAX);
    tsgd_run_free(run);
}

/* ---- search ---- */

struct found {
    size_t n, chosen;
    struct tsgd_candidate candidate[16];
    double seconds;
};

static struct found search(const struct tsgd_settings *s)
{
    struct found f;
    struct tsgd_tune *t;
    struct tsgd_tuning end;
    struct tsgd_error err;
    cr_assert(tsgd_tune_create(&t, s, &err) == TSGD_OK, "%s", err.text);
    cr_assert(tsgd_tune_run(t, NULL, NULL, &end, &err) == TSGD_OK, "%s", err.text);
    const struct tsgd_candidate *c = tsgd_tune_candidates(t, &f.n);
    memcpy(f.candidate, c, f.n * sizeof *c);
    for (size_t i = 0; i < f.n; i++)
        f.candidate[i].last.wall_seconds = 0;
    f.chosen = (size_t)(end.chosen - c);
    tsgd_tune_free(t);
    return f;
}

#define SEARCH "active= lr= lr-grid=0.05,0.1,0.2"

Test(objective, a_search_is_that_of_the_built_in_one, .timeout = 60)
{
    struct bowl bowl;
    struct tsgd_objective o = bowl_objective(&bowl);
    struct tsgd_settings *own = settings_of(QUADRATIC " " SEARCH);
    give(own, &o);
    struct found a = search(own), b = search(settings_of(BUILT_IN " " SEARCH));
    cr_assert(a.n == b.n && a.n == 12 && a.chosen == b.chosen);
    for (size_t i = 0; i < a.n; i++) {
        cr_expect(a.candidate[i].last.state_hash == b.candidate[i].last.state_hash);
        cr_expect(near(a.candidate[i].score, b.candidate[i].score));
        cr_expect(a.candidate[i].score == a.candidate[i].last.metric[0]);
    }
}

Test(objective, where_more_is_better_the_most_wins, .timeout = 60)
{
    static const struct tsgd_objective_metric only[] = {{"distance2", false}, {"closeness", true}};
    struct bowl bowl;
    struct tsgd_objective o = bowl_objective(&bowl);
    struct tsgd_settings *s = settings_of(QUADRATIC " " SEARCH);
    o.evaluate = in_blocks;
    o.blocks = 4;
    o.metrics = only;
    give(s, &o);
    struct found least = search(s);
    /* The same numbers with the sign that makes the worst of them the best. */
    static const struct tsgd_objective_metric most[] = {{"distance2", true}, {"closeness", false}};
    o.metrics = most;
    give(s, &o);
    struct found farthest = search(s);
    size_t near_one = 0, far_one = 0;
    for (size_t i = 1; i < least.n; i++) {
        double d = least.candidate[i].last.metric[0];
        near_one = d < least.candidate[near_one].last.metric[0] ? i : near_one;
        far_one = d > least.candidate[far_one].last.metric[0] ? i : far_one;
    }
    cr_expect(least.chosen == near_one && farthest.chosen == far_one && near_one != far_one);
}

/* ---- files ---- */

TestSuite(objective_files, .init = enter_folder, .fini = leave_folder, .timeout = 60);

static const char *const kept[] = {"c", "c.1", "c.2", "c.3"};
#define KEEPS " checkpoint=c checkpoint-every=3 keep=4"

Test(objective_files, a_run_goes_on_from_a_checkpoint_to_the_same_bits)
{
    for (size_t i = 0; i < VARIANTS; i++) {
        struct bowl bowl;
        struct tsgd_objective o = bowl_objective(&bowl);
        struct tsgd_settings *s = settings_of(QUADRATIC " momentum=0.9 %s" KEEPS, variants[i]);
        give(s, &o);
        for (size_t k = 0; k < 4; k++)
            unlink(kept[k]);
        struct course whole = course_of(s);
        cr_assert(access("c", F_OK) == 0);
        for (size_t k = 0; k < 4 && access(kept[k], F_OK) == 0; k++) {
            struct course rest;
            struct tsgd_settings *again = settings_of("resume=%s checkpoint=d threads=%zu", kept[k],
                                                      1 + k);
            give(again, &o);
            struct tsgd_run *run = train(again, &rest);
            cr_expect(tsgd_run_info(run)->resumed_round > 0);
            size_t skip = whole.n - rest.n;
            cr_assert(rest.n >= 1 && skip < whole.n);
            cr_expect(!memcmp(&whole.eval[skip], rest.eval, rest.n * sizeof *rest.eval),
                      "%s from %s", variants[i], kept[k]);
            tsgd_run_free(run);
        }
    }
}

Test(objective_files, a_search_goes_on_with_the_metrics_of_passes_that_are_over)
{
    struct bowl bowl;
    struct tsgd_objective o = bowl_objective(&bowl);
    struct tsgd_settings *s = settings_of(QUADRATIC " " SEARCH " checkpoint=c checkpoint-every=20");
    give(s, &o);
    struct found whole = search(s);
    struct tsgd_settings *again = settings_of("resume=c checkpoint=d");
    give(again, &o);
    struct tsgd_tune *t;
    struct tsgd_error err;
    cr_assert(tsgd_tune_create(&t, again, &err) == TSGD_OK, "%s", err.text);
    cr_expect(tsgd_tune_info(t)->resumed_pass > 1, "it is of a later pass");
    tsgd_tune_free(t);
    struct found rest = search(again);
    cr_assert(whole.n == rest.n && whole.chosen == rest.chosen);
    for (size_t i = 0; i < whole.n; i++)
        cr_expect(!memcmp(&whole.candidate[i], &rest.candidate[i], sizeof *whole.candidate));
}

static void expect_refused(struct tsgd_settings *s, const struct tsgd_objective *o,
                           const char *sentence)
{
    struct tsgd_error err = {TSGD_OK, ""};
    give(s, o);
    cr_expect(settings_try_run(s, "", &err) == TSGD_EINVAL && strstr(err.text, sentence), "%s",
              err.text);
}

Test(objective_files, a_checkpoint_goes_on_with_the_same_name_dim_and_nodes_alone)
{
    struct bowl bowl;
    struct tsgd_objective o = bowl_objective(&bowl), other = o;
    struct tsgd_settings *s = settings_of(QUADRATIC KEEPS), *again = settings_of("resume=c");
    give(s, &o);
    course_of(s);
    other.name = "cup";
    expect_refused(again, &other, "model objective:bowl (found objective:cup)");
    other = o;
    other.dim = DIM - 1;
    expect_refused(again, &other, "dim 21 (found 20)");
    other = o;
    other.nodes = 10;
    expect_refused(again, &other, "nodes: found 9");
    give(again, NULL);
    struct tsgd_error err;
    cr_expect(settings_try_run(again, "", &err) == TSGD_EINVAL);
    cr_expect(strstr(err.text, "'objective:bowl', a function that a program in C"), "%s", err.text);
    struct result r = run("train --resume c");
    cr_expect(r.code == 2 && strstr(r.err, "a function that a program in C"), "%d %s", r.code,
              r.err);
}

static const struct tsgd_objective_tensor tensors[] = {
    {"u.weight", 2, {3, 4}}, {"bias", 1, {8}}, {"scale", 0, {0}},
};

static json_t *header_of(const char *path, long *start)
{
    uint64_t length = 0;
    FILE *f = fopen(path, "rb");
    cr_assert(f && fread(&length, sizeof length, 1, f) == 1 && length < 4000);
    char *text = keep(calloc(length + 1, 1));
    cr_assert(fread(text, 1, length, f) == length);
    fclose(f);
    *start = 8 + (long)length;
    return json_loads(text, 0, NULL);
}

Test(objective_files, its_tensors_are_saved_under_their_names_and_read_again)
{
    struct bowl bowl;
    struct course c;
    struct tsgd_error err;
    struct tsgd_objective o = bowl_objective(&bowl);
    struct tsgd_settings *s = settings_of(QUADRATIC KEEPS);
    float x[DIM];
    long start;
    o.tensors = tensors;
    o.n_tensors = 3;
    give(s, &o);
    struct tsgd_run *run = train(s, &c);
    cr_assert(tsgd_run_save(run, "x", &err) == TSGD_OK, "%s", err.text);
    json_t *h = header_of("x", &start);
    const json_t *meta = json_object_get(h, "__metadata__");
    cr_expect(!strcmp(json_string_value(json_object_get(meta, "telesgd.model")), "objective:bowl"));
    static const char *const want[][2] = {
        {"u.weight", "{\"dtype\": \"F32\", \"shape\": [3, 4], \"data_offsets\": [0, 48]}"},
        {"bias", "{\"dtype\": \"F32\", \"shape\": [8], \"data_offsets\": [48, 80]}"},
        {"scale", "{\"dtype\": \"F32\", \"shape\": [], \"data_offsets\": [80, 84]}"},
    };
    for (int i = 0; i < 3; i++) {
        json_t *entry = json_loads(want[i][1], 0, NULL);
        cr_expect(json_equal(json_object_get(h, want[i][0]), entry), "%s", want[i][0]);
        json_decref(entry);
    }
    cr_expect(json_object_size(h) == 4);
    json_decref(h);
    FILE *f = fopen("x", "rb");
    cr_assert(f && fseek(f, start, SEEK_SET) == 0 && fread(x, sizeof *x, DIM, f) == DIM);
    fclose(f);
    cr_expect(!memcmp(x, tsgd_run_mean(run), sizeof x));
    tsgd_run_free(run);
    /* Started from, also in a checkpoint, whose tokens have the mean that was saved. */
    uint64_t hash = tsgd_hash(x, sizeof x);
    settings_change(s, "checkpoint= checkpoint-every= keep= init=x");
    cr_assert(tsgd_run_create(&run, s, &err) == TSGD_OK, "%s", err.text);
    cr_expect(tsgd_run_info(run)->init_hash == hash);
    tsgd_run_free(run);
    o.name = "cup";
    expect_refused(s, &o, "--init: 'x' holds parameters of objective:bowl, want objective:cup");
}

Test(objective_files, a_trace_has_a_step_for_each_gradient)
{
    struct bowl bowl;
    struct course c;
    struct tsgd_error err;
    struct tsgd_objective o = bowl_objective(&bowl);
    struct tsgd_settings *s = settings_of(QUADRATIC " trace=t");
    size_t steps = 0;
    give(s, &o);
    struct tsgd_run *trained = train(s, &c);
    cr_assert(tsgd_run_save_trace(trained, NULL, &err) == TSGD_OK, "%s", err.text);
    tsgd_run_free(trained);
    const char *event = "\"ph\":\"X\",\"name\":\"step\"";
    for (const char *at = read_file("t"); (at = strstr(at, event)) != NULL; at++)
        steps++;
    cr_expect(steps == 23 * 4, "%zu", steps);
}

Test(objective_files, what_it_saved_is_no_network_to_evaluate)
{
    struct bowl bowl;
    struct course c;
    struct tsgd_objective o = bowl_objective(&bowl);
    struct tsgd_settings *s = settings_of(QUADRATIC);
    give(s, &o);
    struct tsgd_run *trained = train(s, &c);
    cr_assert(tsgd_run_save(trained, "x", NULL) == TSGD_OK);
    tsgd_run_free(trained);
    struct result r = run("eval --init x --data digits");
    cr_expect(r.code != 0 && strstr(r.err, "model objective:bowl, which has no data"), "%s", r.err);
}

/* ---- misuse ---- */

struct wrong {
    const char *sentence;
    void (*spoil)(struct tsgd_objective *o);
};
#define WRONG(name, what) static void name(struct tsgd_objective *o) { what; }
WRONG(no_size, o->size = 0)
WRONG(small, o->size = sizeof *o - 4)
WRONG(no_name, o->name = NULL)
WRONG(empty_name, o->name = "")
WRONG(long_name, o->name = "a234567890123456789012345678901")
WRONG(odd_name, o->name = "a:b")
WRONG(no_dim, o->dim = 0)
WRONG(large_dim, o->dim = ((size_t)1 << 30) + 1)
WRONG(no_gradient, o->gradient = NULL)
WRONG(no_evaluate, o->evaluate = NULL)
WRONG(no_metrics, o->n_metrics = 0)
WRONG(lost_metrics, o->metrics = NULL)
WRONG(many_metrics, o->n_metrics = 9)
WRONG(blocks_alone, (o->blocks = 2, o->evaluate = NULL, o->n_metrics = 0))
WRONG(many_blocks, o->blocks = (1 << 16) + 1)
static const struct tsgd_objective_metric twins[] = {{"m", false}, {"m", true}};
static const struct tsgd_objective_metric odd[] = {{"m m", false}};
WRONG(twin_metrics, o->metrics = twins)
WRONG(odd_metric, (o->metrics = odd, o->n_metrics = 1))
static const struct tsgd_objective_tensor short_one[] = {{"x", 1, {DIM - 1}}};
static const struct tsgd_objective_tensor deep[] = {{"x", 5, {1}}}, hollow[] = {{"x", 2, {0, 3}}};
static const struct tsgd_objective_tensor huge[] = {{"x", 3, {UINT32_MAX, UINT32_MAX, UINT32_MAX}}};
static const struct tsgd_objective_tensor twin_tensors[] = {{"x", 1, {DIM - 1}}, {"x", 0, {0}}};
static const struct tsgd_objective_tensor odd_tensor[] = {{"x/y", 1, {DIM}}};
WRONG(sum, (o->tensors = short_one, o->n_tensors = 1))
WRONG(rank, (o->tensors = deep, o->n_tensors = 1))
WRONG(none, (o->tensors = hollow, o->n_tensors = 1))
WRONG(overflow, (o->tensors = huge, o->n_tensors = 1))
WRONG(pair, (o->tensors = twin_tensors, o->n_tensors = 2))
WRONG(slash, (o->tensors = odd_tensor, o->n_tensors = 1))
WRONG(counted, o->n_tensors = 1)
WRONG(uncounted, o->tensors = short_one)

Test(objective, misuse_is_refused_with_a_sentence_and_changes_nothing)
{
    static const struct wrong wrong[] = {
        {"size is 0, want at least 104; set it to sizeof", no_size},
        {"size is 100, want at least 104", small},
        {"its name is '', want 1 to 30 letters", no_name}, {"its name is ''", empty_name},
        {"its name is 'a234567890123456789012345678901'", long_name},
        {"its name is 'a:b'", odd_name},
        {"dim is 0, want 1 to 1073741824", no_dim}, {"dim is 1073741825", large_dim},
        {"gradient is NULL, want a function", no_gradient},
        {"it has 2 metrics, and no evaluate", no_evaluate},
        {"it has evaluate, and 0 metrics; want 1 to 8", no_metrics},
        {"it has evaluate, and 0 metrics", lost_metrics},
        {"it has evaluate, and 9 metrics", many_metrics},
        {"it has 2 blocks, and no evaluate", blocks_alone},
        {"it has 65537 blocks, want at most 65536", many_blocks},
        {"it has two metrics 'm'", twin_metrics}, {"a metric's name is 'm m'", odd_metric},
        {"its tensors have 20 floats, want dim, 21", sum},
        {"tensor 'x' has rank 5 and", rank}, {"tensor 'x' has rank 2 and 0 floats", none},
        {"its tensors have 18446744073709551615 floats", overflow},
        {"it has two tensors 'x'", pair}, {"a tensor's name is 'x/y'", slash},
        {"n_tensors is 1 and tensors is NULL", counted},
        {"n_tensors is 0 and tensors is set", uncounted},
    };
    struct bowl bowl;
    struct tsgd_settings *s = settings_of(QUADRATIC " model=lenet");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct tsgd_error err = {TSGD_OK, ""};
        struct tsgd_objective o = bowl_objective(&bowl);
        wrong[i].spoil(&o);
        cr_expect(tsgd_settings_set_objective(s, &o, &err) == TSGD_EINVAL, "%s", wrong[i].sentence);
        cr_expect(!strncmp(err.text, "objective: ", 11), "%s", err.text);
        cr_expect(strstr(err.text, wrong[i].sentence), "%s", err.text);
        cr_expect(tsgd_settings_set_objective(s, &o, NULL) == TSGD_EINVAL);
        cr_expect(!strcmp(tsgd_settings_get(s, "model"), "lenet"));
    }
}

Test(objective, settings_that_contradict_it_are_refused)
{
    static const char *const wrong[][2] = {
        {"nodes=10", "--nodes: found 10, but the objective 'bowl' has 9; leave it out"},
        {"dim=20", "--dim: found 20, but the objective 'bowl' has 21; leave it out"},
        {"batch=32", "--batch: found 32, but the objective 'bowl' says itself"},
        {"model=quadratic", "--model: found 'quadratic', but the objective 'bowl' was set"},
        {"model=objective:cup", "--model: found 'objective:cup', but the objective 'bowl' was set"},
        {"model=objective", "--model: found 'objective', but the objective 'bowl' was set"},
        {"zeta2=1", "--zeta2: belongs to --model quadratic alone, found --model objective:bowl"},
        {"x0=1", "--x0: belongs to --model quadratic alone"},
        {"data=digits", "--data: belongs to models that learn from data alone"},
        {"step-parts=2", "--step-parts: belongs to models that learn from data alone"},
        {"trace=t trace-layers=true", "--trace-layers: model objective:bowl has no layers"},
    };
    struct bowl bowl;
    struct tsgd_error err = {TSGD_OK, ""};
    struct tsgd_objective o = bowl_objective(&bowl);
    struct tsgd_settings *s = settings_of(QUADRATIC);
    give(s, &o);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_expect(settings_try_run(s, wrong[i][0], &err) == TSGD_EINVAL, "%s", wrong[i][0]);
        cr_expect(!strncmp(err.text, wrong[i][1], strlen(wrong[i][1])), "%s", err.text);
    }
    cr_expect(settings_try_run(s, "nodes=9 dim=21 batch=1 model=objective:bowl", &err) == TSGD_OK,
              "%s", err.text);
    o.evaluate = NULL;
    o.n_metrics = 0;
    give(s, &o);
    cr_expect(settings_try_run(s, "eval=tokens", &err) == TSGD_EINVAL &&
              strstr(err.text, "--eval: found tokens, but the objective 'bowl' has no evaluate"));
    cr_expect(settings_try_tune(s, "active=", &err) == TSGD_EINVAL &&
              strstr(err.text, "'bowl' has no metrics, and a search judges by the first one"));
}

Test(objective, null_takes_it_back)
{
    struct bowl bowl;
    struct tsgd_error err;
    struct tsgd_objective o = bowl_objective(&bowl);
    struct tsgd_settings *s = settings_of(QUADRATIC);
    give(s, &o);
    cr_expect(!strcmp(tsgd_settings_get(s, "model"), "objective:bowl"));
    give(s, NULL);
    cr_expect(tsgd_settings_get(s, "model") == NULL);
    cr_expect(settings_try_run(s, "model=quadratic", &err) == TSGD_OK, "%s", err.text);
    cr_expect(settings_try_run(s, "model=objective:bowl", &err) == TSGD_EINVAL);
    cr_expect(strstr(err.text, "found 'objective:bowl', a function that a program in C"), "%s",
              err.text);
}

Test(objective, the_number_of_nodes_may_be_left_to_the_settings)
{
    struct bowl bowl;
    struct tsgd_objective o = bowl_objective(&bowl);
    struct tsgd_settings *named = settings_of(QUADRATIC), *left = settings_of(QUADRATIC " nodes=9");
    give(named, &o);
    o.nodes = 0;
    give(left, &o);
    struct course a = course_of(named), b = course_of(left);
    cr_expect(same(&a, &b));
}

/* A caller of a later version, whose struct is longer. */
Test(objective, a_longer_struct_is_taken_when_it_asks_for_nothing_more)
{
    struct { struct tsgd_objective o; uint64_t more[2]; } later = {.more = {0}};
    struct bowl bowl;
    struct tsgd_error err;
    struct tsgd_objective o = bowl_objective(&bowl);
    struct tsgd_settings *s = settings_of(QUADRATIC), *t = settings_of(QUADRATIC);
    give(s, &o);
    later.o = o;
    later.o.size = sizeof later;
    give(t, &later.o);
    struct course a = course_of(s), b = course_of(t);
    cr_expect(same(&a, &b));
    later.more[1] = 1;
    cr_expect(tsgd_settings_set_objective(t, &later.o, &err) == TSGD_EINVAL);
    cr_expect(strstr(err.text, "want a newer library"), "%s", err.text);
}

/* One objective in many runs at a time. */
static void *train_one(void *settings)
{
    struct course *c = malloc(sizeof *c);
    *c = course_of(settings);
    return c;
}

Test(objective, many_runs_share_one, .timeout = 60)
{
    enum { RUNS = 6 };
    struct bowl bowl;
    struct tsgd_objective o = bowl_objective(&bowl);
    struct tsgd_settings *s = settings_of(QUADRATIC);
    pthread_t thread[RUNS];
    give(s, &o);
    struct course alone = course_of(s);
    for (int i = 0; i < RUNS; i++)
        cr_assert(pthread_create(&thread[i], NULL, train_one, s) == 0);
    for (int i = 0; i < RUNS; i++) {
        void *c;
        pthread_join(thread[i], &c);
        cr_expect(same(&alone, c));
        free(c);
    }
}

TestSuite(objective_program, .init = enter_folder, .fini = leave_folder);

Test(objective_program, the_command_line_is_told_that_it_is_for_programs_in_c)
{
    struct result r = run("train --model objective:mine --nodes 5");
    cr_expect(r.code == 2 && strstr(r.err, "tsgd_settings_set_objective"), "%d %s", r.code, r.err);
    r = run("train --model objective --nodes 5");
    cr_expect(r.code == 2 && strstr(r.err, "--model: found 'objective', a function"), "%s", r.err);
    r = run("list models");
    cr_expect(strstr(r.out, "objective:NAME") && strstr(r.out, "not for the command line"), "%s",
              r.out);
}
