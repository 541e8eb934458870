/* Methods on quadratics with closed forms: where they end, and the way they take. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "linalg/isa.h"
#include "method/method.h"
#include "sim/bowl.h"
#include "sim/sim.h"
#include "scenario/rate.h"

enum { N = 16, DIM = BOWL_DIM };

/* A run on the bowl: token a of `x` ends in x[a]. */
struct course {
    const char *method, *topology, *home;
    double momentum, lr, decay;
    bool nesterov, lazy;
    uint32_t nodes, active, local_steps;
    uint64_t mix_every;
    uint64_t rounds;
    double x[N][DIM];
};

static const struct course usual = {
    .method = "dsgd", .topology = "ring", .home = "token", .lr = 0.05, .nodes = N, .active = N,
    .local_steps = 1, .rounds = 20000,
};

static struct tsgd_mixing mixing_of(const struct course *r)
{
    struct tsgd_mixing w = TSGD_MIXING_INIT;
    cr_assert(tsgd_topology_build(&w, r->topology, r->active, 0, NULL) == TSGD_OK);
    if (r->lazy)
        cr_assert(tsgd_mixing_lazy(&w, NULL) == TSGD_OK);
    return w;
}

static void run(struct course *r)
{
    const struct tsgd_method *m = NULL;
    struct tsgd_mixing w = mixing_of(r);
    struct bowl bowl = bowl_make(r->nodes);
    struct tsgd_error err;
    struct sim_log *log = calloc(1, sizeof *log);
    struct tsgd_outcome o;
    const float init[DIM] = {1, -2, 0};
    const struct tsgd_method_options how = {
        .momentum = r->momentum, .momentum_home = r->home, .nesterov = r->nesterov,
        .weight_decay = r->decay, .local_steps = r->local_steps, .mix_every = r->mix_every,
    };
    cr_assert(tsgd_method_find(&m, r->method, NULL) == TSGD_OK);
    cr_assert(tsgd_method_check_mixing(m, &w, r->topology, &err) == TSGD_OK, "%s", err.text);
    tsgd_method_suit_mixing(m, &w);
    cr_assert(tsgd_mixing_thin(&w, r->mix_every, NULL) == TSGD_OK);
    struct tsgd_population p = {
        .k = r->active, .mixing = &w, .rounds = r->rounds,
        .eta = tsgd_rate_step_size(&(struct tsgd_rate){.eta = r->lr}),
    };
    struct tsgd_engine_config c = {
        .problem = &bowl.problem, .kernels = tsgd_isa_table(0),
        .population = &p, .n_populations = 1,
        .teleports = r->active < r->nodes, .local_steps = r->local_steps, .seed = 3, .threads = 2,
        .init = init,
    };
    cr_assert(tsgd_method_rule(&c.rule, m, &how, &err) == TSGD_OK, "%s", err.text);
    sim_engine(&c, (struct sim_end){0}, log, &o);
    cr_assert(!o.diverged, "%s diverged in round %llu", r->method,
              (unsigned long long)o.diverged_round);
    for (uint32_t a = 0; a < r->active; a++)
        for (uint32_t j = 0; j < DIM; j++)
            r->x[a][j] = (double)log->x[a * DIM + j];
    sim_log_release(log);
    free(log);
    tsgd_mixing_release(&w);
}

/* What stands behind a NULL is no row, and would be lost without a word. */
static void expect_no_gap(const char *const name[TSGD_MAX_ROWS], uint32_t rows, const char *method)
{
    for (uint32_t i = rows; i < TSGD_MAX_ROWS; i++)
        cr_expect(!name[i], "%s: row %s is behind a gap", method, name[i]);
    for (uint32_t i = 0; i < rows; i++)
        for (uint32_t j = 0; j < i; j++)
            cr_expect(strcmp(name[i], name[j]), "%s: two rows are called %s", method, name[i]);
}

Test(methods, every_rule_names_its_rows_without_a_gap)
{
    static const char *const homes[] = {"token", "node", "mixed"};
    for (size_t i = 0; i < 3 * tsgd_n_methods; i++) {
        const struct tsgd_method *m = tsgd_methods[i / 3];
        const struct tsgd_method_options o = {
            .momentum = !m->rule || m->needs_momentum ? 0.9 : 0,
            .momentum_home = m->rule ? "token" : homes[i % 3], .local_steps = 1,
        };
        struct tsgd_rule r;
        struct tsgd_error err;
        cr_assert(tsgd_method_rule(&r, m, &o, &err) == TSGD_OK, "%s: %s", m->name, err.text);
        cr_expect(r.exchanged[0] && !strcmp(r.exchanged[0], "x"), "%s", m->name);
        expect_no_gap(r.exchanged, tsgd_rule_exchanged(&r), m->name);
        expect_no_gap(r.own, tsgd_rule_own(&r), m->name);
    }
}

/* Largest distance of a token's coordinate from the optimum, relative to the optimum's length. */
static double error_of(const struct course *r)
{
    struct bowl bowl = bowl_make(r->nodes);
    double length = 0, worst = 0;
    for (uint32_t j = 0; j < DIM; j++)
        length += pow(bowl_optimum(&bowl, j), 2);
    for (uint32_t a = 0; a < r->active; a++)
        for (uint32_t j = 0; j < DIM; j++)
            worst = fmax(worst, fabs(r->x[a][j] - bowl_optimum(&bowl, j)));
    return worst / sqrt(length);
}

/* ---- where they end ---- */

static const struct course exact[] = {
    {.method = "d2", .topology = "ring", .lazy = true},
    {.method = "d2", .topology = "line"},
    {.method = "d2", .topology = "complete"},
    {.method = "gt", .topology = "ring"},
    {.method = "gt", .topology = "exp"},
    {.method = "gt", .topology = "onepeer-exp"},
    {.method = "momentum-tracking", .topology = "ring", .momentum = 0.9},
    {.method = "momentum-tracking", .topology = "exp", .momentum = 0.5},
    {.method = "gt", .topology = "ring", .mix_every = 2},
    {.method = "gt", .topology = "onepeer-exp", .mix_every = 3},
    {.method = "momentum-tracking", .topology = "exp", .momentum = 0.5, .mix_every = 3},
};

static void free_row(struct criterion_test_params *p) { cr_free(p->params); }

static struct criterion_test_params rows(size_t n)
{
    size_t *row = cr_malloc(n * sizeof *row);
    for (size_t i = 0; i < n; i++)
        row[i] = i;
    return cr_make_param_array(size_t, row, n, free_row);
}

static struct course filled_in(const struct course *like)
{
    struct course r = usual;
    r.method = like->method;
    r.topology = like->topology;
    r.momentum = like->momentum;
    r.lazy = like->lazy;
    r.mix_every = like->mix_every;
    r.lr = 0.05 * (1 - like->momentum);
    if (r.mix_every)                    /* tokens go further apart before they meet */
        r.lr /= (double)r.mix_every;
    return r;
}

ParameterizedTestParameters(methods, trackers_reach_the_optimum_at_a_constant_step_size)
{
    return rows(sizeof exact / sizeof *exact);
}
ParameterizedTest(size_t *row, methods, trackers_reach_the_optimum_at_a_constant_step_size,
                  .timeout = 120)
{
    struct course r = filled_in(&exact[*row]);
    run(&r);
    cr_expect(error_of(&r) < 1e-5, "%s on %s: relative error %g", r.method, r.topology,
              error_of(&r));
}

/* Solves the n x n system in place, with pivoting: right[n] becomes the solution. */
static void solve(double m[N][N], double right[N])
{
    for (int p = 0; p < N; p++) {
        int best = p;
        for (int i = p + 1; i < N; i++)
            best = fabs(m[i][p]) > fabs(m[best][p]) ? i : best;
        for (int j = 0; j < N; j++) {
            double swap = m[p][j];
            m[p][j] = m[best][j];
            m[best][j] = swap;
        }
        double swap = right[p];
        right[p] = right[best];
        right[best] = swap;
        for (int i = p + 1; i < N; i++) {
            double f = m[i][p] / m[p][p];
            for (int j = p; j < N; j++)
                m[i][j] -= f * m[p][j];
            right[i] -= f * right[p];
        }
    }
    for (int p = N - 1; p >= 0; p--) {
        for (int j = p + 1; j < N; j++)
            right[p] -= m[p][j] * right[j];
        right[p] /= m[p][p];
    }
}

/* x = W (x - eta (A x - c)) with A = diag(a_i^2), c = (a_i b_i), that is,
 * (I - W (I - eta A)) x = eta W c.                                                              */
static void fixed_point(const struct course *r, uint32_t j, double x[N])
{
    struct bowl bowl = bowl_make(N);
    struct tsgd_mixing w = mixing_of(r);
    double m[N][N] = {{0}};
    for (uint32_t a = 0; a < N; a++) {
        x[a] = 0;
        m[a][a] = 1;
        for (uint32_t i = w.w->ptr[a]; i < w.w->ptr[a + 1]; i++) {
            uint32_t b = w.w->col[i];
            double slope = (double)bowl.a[b] * (double)bowl.a[b], v = (double)w.w->val[i];
            m[a][b] -= v * (1 - r->lr * slope);
            x[a] += r->lr * v * (double)bowl.a[b] * (double)bowl.b[b][j];
        }
    }
    solve(m, x);
    tsgd_mixing_release(&w);
}

Test(methods, dsgd_stops_at_the_fixed_point_of_its_bias, .timeout = 120)
{
    static const char *const topologies[] = {"ring", "line", "exp", "complete"};
    for (int t = 0; t < 4; t++) {
        struct course r = usual;
        r.topology = topologies[t];
        run(&r);
        for (uint32_t j = 0; j < DIM; j++) {
            double x[N];
            fixed_point(&r, j, x);
            for (int a = 0; a < N; a++)
                cr_expect(fabs(r.x[a][j] - x[a]) < 1e-5, "%s token %d: %.8f, want %.8f",
                          r.topology, a, r.x[a][j], x[a]);
        }
        if (strcmp(r.topology, "complete"))
            cr_expect(error_of(&r) > 1e-2, "%s: no bias: %g", r.topology, error_of(&r));
    }
}

Test(methods, trackers_are_as_near_after_a_hundred_thousand_rounds, .timeout = 240)
{
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
        struct course r = filled_in(&exact[i]), longer = r;
        if (strcmp(r.topology, "ring"))
            continue;
#ifdef __SANITIZE_ADDRESS__
        r.rounds = 2000;
#endif
        longer.rounds = 5 * r.rounds;
        run(&r);
        run(&longer);
        cr_expect(error_of(&longer) < 1.5 * error_of(&r), "%s: relative error %g, was %g", r.method,
                  error_of(&longer), error_of(&r));
    }
}

/* ---- the way they take: rounds in double, one after the other ---- */

struct reference {
    double x[N][DIM], m[N][DIM], node_m[N][DIM], before[N][DIM];
};

/* By the weights of the turn that round t, counted from 0, is; or not at all. */
static void mix(const struct course *r, const struct tsgd_mixing *s, uint64_t t, double x[N][DIM])
{
    uint64_t every = r->mix_every ? r->mix_every : 1;
    const struct tsgd_csr *w = &s->w[((t + 1) / every + s->period - 1) % s->period];
    double out[N][DIM] = {{0}};
    if ((t + 1) % every)
        return;
    for (uint32_t a = 0; a < w->n; a++)
        for (uint32_t i = w->ptr[a]; i < w->ptr[a + 1]; i++)
            for (int j = 0; j < DIM; j++)
                out[a][j] += (double)w->val[i] * x[w->col[i]][j];
    memcpy(x, out, sizeof out);
}

/* One local step of token a at `node`; the first of a round refreshes the quasi-global momentum. */
static void step(const struct course *r, struct reference *f, const struct bowl *bowl, uint32_t a,
                 uint32_t node, bool first)
{
    double *x = f->x[a], *m = strcmp(r->home, "node") ? f->m[a] : f->node_m[node];
    double mu = r->momentum;
    for (uint32_t j = 0; j < DIM; j++) {
        double g = bowl_gradient(bowl, node, j, x[j]) + r->decay * x[j], d;
        if (!strcmp(r->method, "qg-dsgdm")) {
            if (first) {
                m[j] = mu * m[j] + (1 - mu) * (f->before[a][j] - x[j]) / (r->lr * r->local_steps);
                f->before[a][j] = x[j];
            }
            d = mu * m[j] + g;
        } else {
            d = m[j] = mu * m[j] + g;
        }
        x[j] -= r->lr * (r->nesterov ? g + mu * d : d);
    }
}

static void follow(const struct course *r, struct reference *f)
{
    struct bowl bowl = bowl_make(r->nodes);
    struct tsgd_mixing w = mixing_of(r);
    *f = (struct reference){0};
    for (int a = 0; a < N; a++) {
        f->x[a][0] = f->before[a][0] = 1;
        f->x[a][1] = f->before[a][1] = -2;
    }
    for (uint64_t t = 0; t < r->rounds; t++) {
        struct tsgd_rng rng = tsgd_rng(3, TSGD_RNG_HOLDERS, (uint32_t)t, 0);
        uint32_t order[N];
        for (uint32_t i = 0; i < r->nodes; i++)
            order[i] = i;
        for (uint32_t a = 0; a < r->active; a++) {
            uint32_t i = a;
            if (r->active < r->nodes)
                i += tsgd_rng_below(&rng, r->nodes - a);
            uint32_t node = order[i];
            order[i] = order[a];
            for (uint32_t h = 0; h < r->local_steps; h++)
                step(r, f, &bowl, a, node, h == 0);
        }
        mix(r, &w, t, f->x);
        if (!strcmp(r->home, "mixed"))
            mix(r, &w, t, f->m);
    }
    tsgd_mixing_release(&w);
}

/* ---- Momentum Tracking, from the lines of the paper's Algorithm 1 ---- */

/* Takezawa et al., TMLR 2023, Algorithm 1, in double, for all nodes at once:
 *   u^0 = c^0 = (g - mean of all g) / (1 - beta)
 *   u^{r+1} = beta u^r + g^r
 *   x^{r+1} = sum_j W_ij x_j^r - eta (u_i^{r+1} - c_i^r)
 *   c^{r+1} = sum_j W_ij (c_j^r - u_j^{r+1}) + u_i^{r+1}
 */
static void follow_momentum_tracking(const struct course *r, double x[N][DIM])
{
    static double u[N][DIM], c[N][DIM], difference[N][DIM];
    struct bowl bowl = bowl_make(N);
    struct tsgd_mixing w = mixing_of(r);
    double mean[DIM] = {0};
    for (uint32_t i = 0; i < N; i++)
        for (uint32_t j = 0; j < DIM; j++) {
            x[i][j] = j == 0 ? 1 : j == 1 ? -2 : 0;
            mean[j] += bowl_gradient(&bowl, i, j, x[i][j]) / N;
        }
    for (uint32_t i = 0; i < N; i++)
        for (uint32_t j = 0; j < DIM; j++)
            u[i][j] = c[i][j] = (bowl_gradient(&bowl, i, j, x[i][j]) - mean[j]) / (1 - r->momentum);
    for (uint64_t t = 0; t < r->rounds; t++) {
        for (uint32_t i = 0; i < N; i++)
            for (uint32_t j = 0; j < DIM; j++) {
                u[i][j] = r->momentum * u[i][j] + bowl_gradient(&bowl, i, j, x[i][j]);
                difference[i][j] = c[i][j] - u[i][j];
            }
        mix(r, &w, t, x);
        for (uint32_t i = 0; i < N; i++)
            for (uint32_t j = 0; j < DIM; j++)
                x[i][j] -= r->lr * (u[i][j] - c[i][j]);
        mix(r, &w, t, difference);
        for (uint32_t i = 0; i < N; i++)
            for (uint32_t j = 0; j < DIM; j++)
                c[i][j] = difference[i][j] + u[i][j];
    }
    tsgd_mixing_release(&w);
}

Test(methods, momentum_tracking_takes_the_way_of_the_papers_algorithm, .timeout = 60)
{
    static const char *const topologies[] = {"ring", "exp", "onepeer-exp", "complete"};
    static double want[N][DIM];
    for (int i = 0; i < 12; i++) {
        struct course r = usual;
        r.method = "momentum-tracking";
        r.mix_every = i < 8 ? 1 : 3;
        r.topology = topologies[i % 4];
        r.momentum = i < 4 ? 0.9 : 0.5;
        r.lr = 0.02 * (1 - r.momentum);
        for (r.rounds = 1; r.rounds <= 400; r.rounds = r.rounds * 7 + 1) {
            run(&r);
            follow_momentum_tracking(&r, want);
            for (uint32_t a = 0; a < N; a++)
                for (int j = 0; j < DIM; j++)
                    cr_expect(fabs(r.x[a][j] - want[a][j]) < 2e-5,
                              "%s, round %d, token %u: %.8f, want %.8f", r.topology, (int)r.rounds,
                              a, r.x[a][j], want[a][j]);
        }
    }
}

static const struct course ways[] = {
    {.method = "dsgd", .home = "token", .topology = "ring"},
    {.method = "dsgd", .home = "node", .topology = "ring", .nesterov = true},
    {.method = "dsgd", .home = "mixed", .topology = "exp", .decay = 0.1},
    {.method = "teleport", .home = "token", .topology = "ring", .active = 5},
    {.method = "teleport", .home = "node", .topology = "ring", .active = 5},
    {.method = "teleport", .home = "mixed", .topology = "onepeer-exp", .active = 8},
    {.method = "teleport", .home = "mixed", .topology = "ring", .active = 5, .nesterov = true,
     .local_steps = 3},
    {.method = "dsgd", .home = "mixed", .topology = "onepeer-exp", .mix_every = 2},
    {.method = "teleport", .home = "token", .topology = "ring", .active = 5, .mix_every = 4},
    {.method = "qg-dsgdm", .home = "token", .topology = "ring", .mix_every = 3},
    {.method = "qg-dsgdm", .home = "token", .topology = "ring"},
    {.method = "qg-dsgdm", .home = "token", .topology = "exp", .nesterov = true, .decay = 0.1},
    {.method = "qg-dsgdm", .home = "token", .topology = "ring", .active = 5},
    {.method = "qg-dsgdm", .home = "token", .topology = "ring", .active = 6, .local_steps = 4},
};

ParameterizedTestParameters(methods, momentum_takes_the_way_of_a_reference_in_double)
{
    return rows(sizeof ways / sizeof *ways);
}
ParameterizedTest(size_t *row, methods, momentum_takes_the_way_of_a_reference_in_double,
                  .timeout = 60)
{
    static struct reference f;
    struct course r = ways[*row];
    r.nodes = N;
    r.active = r.active ? r.active : N;
    r.local_steps = r.local_steps ? r.local_steps : 1;
    r.lr = 0.02;
    r.momentum = 0.8;
    for (r.rounds = 1; r.rounds <= 400; r.rounds = r.rounds * 7 + 1) {
        run(&r);
        follow(&r, &f);
        for (uint32_t a = 0; a < r.active; a++)
            for (int j = 0; j < DIM; j++)
                cr_expect(fabs(r.x[a][j] - f.x[a][j]) < 1e-5, "round %d, token %u: %.8f, want %.8f",
                          (int)r.rounds, a, r.x[a][j], f.x[a][j]);
    }
}

