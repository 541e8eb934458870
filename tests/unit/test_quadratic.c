/* The synthetic quadratic against closed forms, finite differences and a dense linear system. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/isa.h"
#include "model/quadratic.h"
#include "sim/graphs.h"
#include "sim/settings.h"
#include "sim/sim.h"
#include "method/sgd.h"
#include "scenario/rate.h"

static const char *const rules[] = {"koloskova", "spread", "uniform"};
enum { RULES = 3, MOST = 64 };

static struct tsgd_quadratic make(const char *rule, uint32_t nodes, size_t dim, double zeta2,
                                  double sigma2)
{
    struct tsgd_quadratic q;
    const struct tsgd_conditioning *c;
    cr_assert(tsgd_conditioning_find(&c, rule, NULL) == TSGD_OK);
    cr_assert(tsgd_quadratic_init(&q, tsgd_isa_table(0), c, nodes, dim, zeta2, sigma2, 3, NULL) ==
              TSGD_OK);
    cr_assert(tsgd_quadratic_solve(&q, NULL) == TSGD_OK);
    return q;
}

static double gradient(const struct tsgd_quadratic *q, uint32_t node, uint64_t b, const float *x,
                       float *grad)
{
    float scratch[MOST];
    cr_assert(q->problem.scratch_bytes <= sizeof scratch);
    return q->problem.ops->gradient(&q->problem, node, b, x, grad, scratch);
}

/* Multiples of 1/8, so that steps of 1/4 are exact. */
static void point(float *x, size_t dim)
{
    for (size_t j = 0; j < dim; j++)
        x[j] = (float)(j % 11) * 0.125f - 0.5f;
}

/* ---- the functions ---- */

Test(quadratic, a_and_the_spread_of_b_are_as_defined)
{
    enum { N = 400, D = 50 };
    for (int r = 0; r < RULES; r++) {
        struct tsgd_quadratic q = make(rules[r], N, D, 4, 0);
        double all = 0;
        for (uint32_t node = 0; node < N; node++) {
            float b[D];
            double i = node + 1.0, a2 = r == 0 ? i * i / N : r == 1 ? 0.5 + (i - 1) / (N - 1) : 1;
            double variance = r == 0 ? 4 / (i * i) : 4.0 / D, sum = 0;
            double a = (double)tsgd_quadratic_node(&q, node, b);
            cr_assert(fabs(a * a / a2 - 1) < 1e-6, "%s: a^2 of node %u is %g, want %g", rules[r],
                      node, a * a, a2);
            for (int j = 0; j < D; j++)
                sum += (double)b[j] * (double)b[j] / variance;
            all += sum;
            cr_assert(sum > 15 && sum < 120, "%s: b of node %u has %g of its size", rules[r], node,
                      sum / D);
        }
        cr_expect(fabs(all / (N * D) - 1) < 4 * sqrt(2.0 / (N * D)), "%s: %g", rules[r],
                  all / (N * D));
        tsgd_quadratic_release(&q);
    }
}

Test(quadratic, the_gradient_is_that_of_the_loss)
{
    enum { D = 21 };
    for (int r = 0; r < RULES; r++) {
        struct tsgd_quadratic q = make(rules[r], 7, D, 1, 0);
        for (uint32_t node = 0; node < 7; node++) {
            float x[D], g[D], ignored[D];
            point(x, D);
            gradient(&q, node, 0, x, g);
            for (int j = 0; j < D; j++) {
                float at = x[j];
                x[j] = at + 0.25f;
                double more = gradient(&q, node, 0, x, ignored);
                x[j] = at - 0.25f;
                double less = gradient(&q, node, 0, x, ignored);
                x[j] = at;
                cr_assert(fabs((more - less) / 0.5 - (double)g[j]) < 1e-5,
                          "%s node %u coordinate %d: %g, differences give %g", rules[r], node, j,
                          (double)g[j], (more - less) / 0.5);
            }
        }
        tsgd_quadratic_release(&q);
    }
}

Test(quadratic, the_mean_of_all_gradients_is_the_curvature_times_the_way_from_the_optimum)
{
    static const uint32_t nodes[] = {1, 2, 25};
    enum { D = 50 };
    for (int i = 0; i < RULES * 3; i++) {
        uint32_t n = nodes[i / RULES];
        struct tsgd_quadratic q = make(rules[i % RULES], n, D, 1, 0);
        double mean[D] = {0}, distance2 = 0;
        float x[D], g[D];
        point(x, D);
        for (uint32_t node = 0; node < n; node++) {
            gradient(&q, node, node, x, g);
            for (int j = 0; j < D; j++)
                mean[j] += (double)g[j] / n;
        }
        for (int j = 0; j < D; j++) {
            double way = (double)x[j] - q.optimum[j];
            distance2 += way * way;
            cr_expect(fabs(mean[j] - q.curvature * way) < 2e-5, "%s n=%u: %g, want %g",
                      rules[i % RULES], n, mean[j], q.curvature * way);
        }
        struct tsgd_measure m;
        q.problem.ops->evaluate(&q.problem, 0, x, NULL, &m);
        cr_expect(fabs(m.sum[0] / distance2 - 1) < 1e-12 && m.samples == 0);
        tsgd_quadratic_release(&q);
    }
}

Test(quadratic, the_noise_has_mean_zero_and_the_given_size)
{
    enum { D = 50, BATCHES = 4000 };
    struct tsgd_quadratic q = make("spread", 5, D, 1, 9), still = make("spread", 5, D, 1, 0);
    float x[D], g[D], want[D];
    double square = 0, sum[D] = {0};
    point(x, D);
    double loss = gradient(&still, 2, 0, x, want);
    for (uint64_t b = 0; b < BATCHES; b++) {
        cr_assert(gradient(&q, 2, b, x, g) == loss, "the loss has no noise");
        for (int j = 0; j < D; j++) {
            double e = (double)g[j] - (double)want[j];
            square += e * e;
            sum[j] += e;
        }
    }
    cr_expect(fabs(square / BATCHES / 9 - 1) < 4 * sqrt(2.0 / (D * BATCHES)), "E|noise|^2 = %g",
              square / BATCHES);
    for (int j = 0; j < D; j++)
        cr_expect(fabs(sum[j]) < 4.5 * sqrt(9.0 / D * BATCHES), "coordinate %d: %g", j,
                  sum[j] / BATCHES);
    tsgd_quadratic_release(&q);
    tsgd_quadratic_release(&still);
}

Test(quadratic, the_noise_is_new_for_each_node_and_gradient_and_the_same_when_asked_again)
{
    enum { D = 8 };
    struct tsgd_quadratic q = make("uniform", 5, D, 0, 1);
    float x[D] = {0}, g[3][D], again[D];
    gradient(&q, 1, 1, x, g[0]);
    gradient(&q, 1, 2, x, g[1]);
    gradient(&q, 2, 1, x, g[2]);
    gradient(&q, 1, 1, x, again);
    cr_expect(memcmp(g[0], again, sizeof again) == 0);
    for (int j = 0; j < D; j++)
        cr_expect(g[0][j] != g[1][j] && g[0][j] != g[2][j] && g[1][j] != g[2][j]);
    tsgd_quadratic_release(&q);
}

/* Philox4x32-10 as the paper has it (Salmon et al., SC'11), and Box-Muller in double of its words:
 * of block c, words 0 and 1 give normals c and c + 16 of 64, words 2 and 3 normals c + 32 and c +
 * 48.                                                                                           */
static void twin_noise(const uint32_t key[2], const uint32_t name[4], double *z, double *radius)
{
    for (uint32_t c = 0; c < 16; c++) {
        uint32_t x[4] = {c + name[0], name[1], name[2], name[3]}, k[2] = {key[0], key[1]};
        for (int round = 0; round < 10; round++) {
            uint64_t p = (uint64_t)x[0] * 0xD2511F53u, q = (uint64_t)x[2] * 0xCD9E8D57u;
            uint32_t next[4] = {(uint32_t)(q >> 32) ^ x[1] ^ k[0], (uint32_t)q,
                                (uint32_t)(p >> 32) ^ x[3] ^ k[1], (uint32_t)p};
            memcpy(x, next, sizeof x);
            k[0] += 0x9E3779B9u;
            k[1] += 0xBB67AE85u;
        }
        for (int half = 0; half < 2; half++) {
            uint32_t w = x[2 * half], v = x[2 * half + 1], at = c + 32 * (uint32_t)half;
            double r = sqrt(-2 * log(((double)(w >> 1) + 0.5) * 0x1p-31));
            double angle = (double)(int32_t)(v << 2) * 0x1p-31 * atan(1);
            double cosine = r * cos(angle) * (v >> 31 ? -1 : 1), sine = r * sin(angle);
            z[at] = v >> 30 & 1 ? sine : cosine;
            z[at + 16] = v >> 30 & 1 ? cosine : sine;
            radius[at] = radius[at + 16] = r;
        }
    }
}

/* Nothing but noise of deviation 1: b_i = 0, x = 0, sigma2 = d. */
static void noise_alone(const struct tsgd_quadratic *q, uint32_t node, uint64_t b, float *z)
{
    static const float x[MOST];
    gradient(q, node, b, x, z);
}

Test(quadratic, the_noise_is_the_stream_named_by_node_and_gradient)
{
    /* Gradients 2^32 apart: the upper half of the count stands above the purpose, 13. */
    static const struct { uint64_t b; uint32_t lower, tag; } of[] = {
        {0, 0, 13}, {7, 7, 13}, {0xffffffff, 0xffffffff, 13}, {0x100000000, 0, 4096 + 13},
        {0x100000007, 7, 4096 + 13}, {0xfffff00000007, 7, 0xfffff00d},
    };
    struct tsgd_quadratic q = make("uniform", 5, MOST, 0, MOST);
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        float z[MOST];
        double want[MOST], radius[MOST];
        noise_alone(&q, 4, of[i].b, z);
        twin_noise((uint32_t[]){3, 0}, (uint32_t[]){0, 4, of[i].lower, of[i].tag}, want, radius);
        for (int j = 0; j < MOST; j++)
            cr_expect(fabs((double)z[j] - want[j]) <= fmin(1e-6 + 3e-8 / radius[j], 4e-4),
                      "gradient %#llx, coordinate %d: %.9g, want %.9g", (unsigned long long)of[i].b,
                      j, (double)z[j], want[j]);
    }
    tsgd_quadratic_release(&q);
}

Test(quadratic, the_noise_below_2_to_the_32_gradients_keeps_its_bits)
{
    uint64_t hash = 0xcbf29ce484222325u;            /* FNV-1a */
    struct tsgd_quadratic q = make("uniform", 5, MOST, 0, MOST);
    for (uint64_t b = 0; b < 0x100000000; b += 0x01234567) {
        float z[MOST];
        noise_alone(&q, (uint32_t)(b % 5), b, z);
        const uint8_t *bytes = (const uint8_t *)z;
        for (size_t i = 0; i < sizeof z; i++)
            hash = (hash ^ bytes[i]) * 0x100000001b3u;
    }
    cr_expect(hash == 0x8bbe7c7acec9e66au, "%#llx", (unsigned long long)hash);
    tsgd_quadratic_release(&q);
}

Test(quadratic, the_noise_does_not_come_again_after_2_to_the_32_gradients)
{
    static const uint64_t later[] = {1ull << 32, 1ull << 33, 5ull << 32, 1ull << 51};
    enum { BATCHES = 2000 };
    struct tsgd_quadratic q = make("uniform", 5, MOST, 0, MOST);
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        double product = 0, square = 0, n = (double)BATCHES * MOST;
        for (uint64_t b = 0; b < BATCHES; b++) {
            float z[MOST], y[MOST];
            noise_alone(&q, 2, b, z);
            noise_alone(&q, 2, b + later[i], y);
            for (int j = 0; j < MOST; j++) {
                cr_assert(z[j] != y[j], "gradients %llu and %#llx later",
                          (unsigned long long)b, (unsigned long long)later[i]);
                product += (double)z[j] * (double)y[j];
                square += (double)y[j] * (double)y[j];
            }
        }
        cr_expect(fabs(product / n) < 4.5 / sqrt(n), "correlation %g", product / n);
        cr_expect(fabs(square / n - 1) < 4.5 * sqrt(2 / n), "variance %g", square / n);
    }
    tsgd_quadratic_release(&q);
}

/* ---- the engine on it ---- */

static void free_row(struct criterion_test_params *p) { cr_free(p->params); }

static struct criterion_test_params rows(size_t n)
{
    size_t *row = cr_malloc(n * sizeof *row);
    for (size_t i = 0; i < n; i++)
        row[i] = i;
    return cr_make_param_array(size_t, row, n, free_row);
}

ParameterizedTestParameters(quadratic, every_topology_matches_the_simulator_for_any_threads)
{
    return rows(tsgd_n_topologies);
}
ParameterizedTest(size_t *row, quadratic, every_topology_matches_the_simulator_for_any_threads,
                  .timeout = 120)
{
    static const uint32_t ks[] = {1, 2, 5, 8};
    for (uint32_t i = 0; i < 24; i++) {
        uint32_t k = ks[i % 4], threads = 1 + i / 4 % 3;
        struct tsgd_mixing mixing = TSGD_MIXING_INIT;
        if (!graph_build(&mixing, *row, k, 1))
            continue;
        struct tsgd_quadratic q = make(rules[i % RULES], i < 12 ? k : 20, 50, 1, 1);
        float x[50];
        point(x, 50);
        struct tsgd_population p = {
            .k = k, .mixing = &mixing, .rounds = 60, .eval_every = 7, .eval_at_start = true,
            .eta = tsgd_rate_step_size(&(struct tsgd_rate){.eta = 0.02}),
        };
        struct tsgd_engine_config c = {
            .problem = &q.problem, .kernels = tsgd_isa_table(0),
            .population = &p, .n_populations = 1, .teleports = i >= 12,
            .local_steps = 1 + i % 2, .seed = i, .threads = threads, .init = x,
        };
        cr_assert(tsgd_sgd_rule(&c.rule, "token", i % 3 ? 0.5 : 0, false, 0, NULL) == TSGD_OK);
        cr_expect(sim_compare(tsgd_topologies[*row]->name, &c, (struct sim_end){0}) == 0,
                  "%s k=%u threads=%u", tsgd_topologies[*row]->name, k, threads);
        tsgd_mixing_release(&mixing);
        tsgd_quadratic_release(&q);
    }
}

/* ---- whole runs ---- */

enum { LENGTH = 60 };
static const double step_size = 0.05;

static struct tsgd_settings *quadratic(const char *method, uint64_t nodes)
{
    return settings_of("model=quadratic method=%s nodes=%d conditioning=spread sigma2=0 lr=%g "
                       "rounds=%d eval-every=10 eval-at-start=true threads=2", method, (int)nodes,
                       step_size, LENGTH);
}

struct trace {
    uint32_t n;
    struct tsgd_eval eval[64];
};

static bool keep(const struct tsgd_eval *eval, void *user)
{
    struct trace *t = user;
    t->eval[t->n++] = *eval;
    return false;
}

/* Leaves the run for the caller to look at and free. */
static struct tsgd_run *train(const struct tsgd_settings *s, struct trace *trace)
{
    struct tsgd_run *run;
    struct tsgd_error err;
    struct tsgd_summary end;
    trace->n = 0;
    cr_assert(tsgd_run_create(&run, s, &err) == TSGD_OK, "%s", err.text);
    cr_assert(tsgd_run_train(run, keep, trace, &end, &err) == TSGD_OK, "%s", err.text);
    return run;
}

/* distance2 shrinks by (1 - eta c)^2 a round. */
static void expect_linear(const struct trace *t, double eta, double c)
{
    for (uint32_t i = 0; i < t->n; i++) {
        const struct tsgd_eval *e = &t->eval[i];
        double want = t->eval[0].distance2 * pow(1 - eta * c, 2.0 * (double)e->round);
        cr_expect(fabs(e->distance2 / want - 1) < 1e-5, "round %llu: %.9g, want %.9g",
                  (unsigned long long)e->round, e->distance2, want);
        cr_expect(fabs(e->grad_norm2 / (c * c * e->distance2) - 1) < 1e-6);
    }
}

Test(quadratic, one_node_without_noise_converges_by_its_factor, .timeout = 60)
{
    static const double curvature[] = {1, 0.5, 1};      /* of the only node */
    for (int r = 0; r < RULES; r++) {
        struct tsgd_settings *s = quadratic("dsgd", 1);
        struct trace t;
        settings_change(s, "conditioning=%s", rules[r]);
        tsgd_run_free(train(s, &t));
        expect_linear(&t, step_size, curvature[r]);
    }
}

Test(quadratic, dsgd_on_the_complete_graph_is_gradient_descent_on_f, .timeout = 60)
{
    static const char *const methods[] = {"dsgd", "allreduce"};
    for (int i = 0; i < 2; i++) {
        struct tsgd_settings *s = quadratic(methods[i], 10);
        struct trace t;
        settings_change(s, "topology=complete");
        tsgd_run_free(train(s, &t));
        expect_linear(&t, step_size, 1);         /* the mean of 1/2 .. 3/2 */
        for (uint32_t j = 0; j < t.n; j++)
            cr_expect(fabs(t.eval[j].grad_norm2_tokens / t.eval[j].grad_norm2 - 1) < 1e-9);
    }
}

/* Gauss with pivoting: m[n][n] y = right[n][dim], in place. */
static void solve(double *m, double *right, size_t n, size_t dim)
{
    for (size_t c = 0; c < n; c++) {
        size_t p = c;
        for (size_t r = c; r < n; r++)
            p = fabs(m[r * n + c]) > fabs(m[p * n + c]) ? r : p;
        for (size_t j = 0; j < n; j++) {
            double v = m[c * n + j];
            m[c * n + j] = m[p * n + j];
            m[p * n + j] = v;
        }
        for (size_t j = 0; j < dim; j++) {
            double v = right[c * dim + j];
            right[c * dim + j] = right[p * dim + j];
            right[p * dim + j] = v;
        }
        for (size_t r = 0; r < n; r++) {
            double f = r == c ? 0 : m[r * n + c] / m[c * n + c];
            for (size_t j = 0; j < n; j++)
                m[r * n + j] -= f * m[c * n + j];
            for (size_t j = 0; j < dim; j++)
                right[r * dim + j] -= f * right[c * dim + j];
        }
    }
    for (size_t r = 0; r < n; r++)
        for (size_t j = 0; j < dim; j++)
            right[r * dim + j] /= m[r * n + r];
}

/* At a constant step D-SGD ends where x = W (x - eta (A^2 x - A b)), that is,
 * (I - W + eta W A^2) x = eta W A b.                                                            */
ParameterizedTestParameters(quadratic, dsgd_without_noise_stops_at_its_fixed_point)
{
    return rows(tsgd_n_topologies);
}
ParameterizedTest(size_t *row, quadratic, dsgd_without_noise_stops_at_its_fixed_point,
                  .timeout = 120)
{
    enum { N = 8, D = 50 };
    const char *topology = tsgd_topologies[*row]->example;
    struct tsgd_mixing mixing = TSGD_MIXING_INIT;
    struct tsgd_settings *s = quadratic("dsgd", N);
    struct trace t;
    double m[N * N] = {0}, right[N * D] = {0};
    /* The seed is that of make(). */
    settings_change(s, "topology=%s rounds=3000 eval-every=3000 seed=3", topology);
    if (!graph_build(&mixing, *row, N, 3))
        return;
    if (mixing.period > 1) {                /* has no fixed point */
        tsgd_mixing_release(&mixing);
        return;
    }
    struct tsgd_quadratic q = make("spread", N, D, 1, 0);
    float b[N][D], a[N];
    for (uint32_t i = 0; i < N; i++)
        a[i] = tsgd_quadratic_node(&q, i, b[i]);
    const struct tsgd_csr *w = &mixing.w[0];
    for (uint32_t i = 0; i < N; i++) {
        m[i * N + i] += 1;
        for (uint32_t e = w->ptr[i]; e < w->ptr[i + 1]; e++) {
            uint32_t c = w->col[e];
            double v = (double)w->val[e], ac = (double)a[c];
            m[i * N + c] += v * (step_size * ac * ac - 1);
            for (uint32_t j = 0; j < D; j++)
                right[i * D + j] += step_size * v * ac * (double)b[c][j];
        }
    }
    solve(m, right, N, D);
    struct tsgd_run *run = train(s, &t);
    double tokens = 0, c = q.curvature;
    for (uint32_t i = 0; i < N; i++)
        for (uint32_t j = 0; j < D; j++) {
            double x = (double)tsgd_run_token(run, i)[j], way = right[i * D + j] - q.optimum[j];
            cr_assert(fabs(x - right[i * D + j]) < 3e-6, "%s token %u: %.9g, want %.9g", topology,
                      i, x, right[i * D + j]);
            tokens += c * c * way * way / N;
        }
    double got = t.eval[t.n - 1].grad_norm2_tokens;
    cr_expect(fabs(got - tokens) < 1e-4 * tokens + 1e-12, "%s: %.9g, want %.9g", topology, got,
              tokens);
    if (strcmp(topology, "complete"))
        cr_expect(got > 1e-5, "%s: there is a bias to be seen, %g", topology, got);
    tsgd_run_free(run);
    tsgd_mixing_release(&mixing);
    tsgd_quadratic_release(&q);
}

Test(quadratic, the_metrics_are_those_of_the_tokens_at_the_end, .timeout = 60)
{
    struct tsgd_settings *s = quadratic("teleport", 30);
    struct trace t;
    settings_change(s, "active=6 sigma2=1 seed=3 conditioning=koloskova lr=0.01");
    struct tsgd_quadratic q = make("koloskova", 30, 50, 1, 1);
    struct tsgd_run *run = train(s, &t);
    const struct tsgd_eval *e = &t.eval[t.n - 1];
    double tokens = 0, distance2 = 0, c = q.curvature;
    for (int j = 0; j < 50; j++) {
        double mean = 0;
        for (uint64_t a = 0; a < 6; a++) {
            double x = (double)tsgd_run_token(run, a)[j];
            mean += x / 6;
            tokens += c * c * (x - q.optimum[j]) * (x - q.optimum[j]) / 6;
        }
        distance2 += (mean - q.optimum[j]) * (mean - q.optimum[j]);
    }
    cr_expect(fabs(e->distance2 / distance2 - 1) < 1e-5);
    cr_expect(fabs(e->grad_norm2 / (c * c * distance2) - 1) < 1e-5);
    cr_expect(fabs(e->grad_norm2_tokens / tokens - 1) < 1e-5, "%.9g, want %.9g",
              e->grad_norm2_tokens, tokens);
    cr_expect(e->grad_norm2_tokens > 1.01 * e->grad_norm2, "the tokens differ");
    cr_expect(isnan(e->test_loss) && isnan(e->test_accuracy));
    cr_expect(e->samples == e->gradients && e->gradients == 6 * LENGTH);
    tsgd_run_free(run);
    tsgd_quadratic_release(&q);
}

Test(quadratic, memory_does_not_grow_with_the_nodes_but_for_a_few_bytes_each, .timeout = 60)
{
#ifdef __SANITIZE_ADDRESS__
    const uint64_t nodes = 2000;
#else
    const uint64_t nodes = 100000;
#endif
    struct tsgd_settings *s = quadratic("teleport", 10);
    struct trace t;
    settings_change(s, "active=8");
    struct tsgd_run *run = train(s, &t);
    uint64_t few = tsgd_run_info(run)->memory_bytes;
    tsgd_run_free(run);
    settings_change(s, "nodes=%d", (int)nodes);
    run = train(s, &t);
    cr_expect(tsgd_run_info(run)->memory_bytes - few == 8 * (nodes - 10));
    tsgd_run_free(run);
}

Test(quadratic, a_diverging_run_is_reported, .timeout = 60)
{
    struct tsgd_settings *s = quadratic("dsgd", 10);
    struct tsgd_run *run;
    struct tsgd_summary end;
    settings_change(s, "lr=100 rounds=1000");
    cr_assert(tsgd_run_create(&run, s, NULL) == TSGD_OK);
    cr_expect(tsgd_run_train(run, NULL, NULL, &end, NULL) == TSGD_EDIVERGED);
    tsgd_run_free(run);
}

Test(quadratic, settings_without_a_meaning_are_refused)
{
    struct tsgd_error err;
#define BAD(option, change)                                                                      \
    do {                                                                                         \
        cr_expect(settings_try_run(s, change, &err) != TSGD_OK, "%s was accepted", change);      \
        cr_expect(strstr(err.text, option), "'%s' does not name %s", err.text, option);          \
    } while (0)
    const struct tsgd_settings *s = quadratic("dsgd", 4);
    BAD("--data:", "data=blobs");
    BAD("--data-dir:", "data-dir=/tmp");
    BAD("--subset:", "subset=3");
    BAD("--partition:", "partition=iid");
    BAD("--split:", "split=x");
    BAD("--save-split:", "save-split=x");
    BAD("--allow-empty:", "allow-empty=true");
    BAD("--split-seed:", "split-seed=0");
    BAD("--order:", "order=iid");
    BAD("--step-parts:", "step-parts=1");
    BAD("--batch:", "batch=2");
    BAD("--eval:", "eval=tokens");
    BAD("--x0:", "x0=1 init=x");
    BAD("--x0: '1e40' is more than", "x0=1e40");
    BAD("--x0: '-1e40' is less than", "x0=-1e40");
    BAD("--x0:", "x0=inf");
    BAD("--dim: '1099511627776' is more than 1073741824", "dim=1099511627776");
    BAD("--zeta2:", "zeta2=-1");
    BAD("--sigma2:", "sigma2=inf");
    BAD("--conditioning:", "conditioning=spreed");
    BAD("':2'", "model=quadratic:2");
    cr_expect(settings_try_run(s, "batch=1", &err) == TSGD_OK, "%s", err.text);
    s = settings_of("model=logistic data=blobs:100,4,2 nodes=4 active=2 rounds=2");
    cr_expect(settings_try_run(s, "", &err) == TSGD_OK, "%s", err.text);
    BAD("--dim: belongs to --model quadratic alone, found --model logistic", "dim=50");
    BAD("--zeta2:", "zeta2=1");
    BAD("--sigma2:", "sigma2=1");
    BAD("--conditioning:", "conditioning=uniform");
    BAD("--x0:", "x0=1");
#undef BAD
}

/* A token that visits a node of curvature c at a step size above 2 / c is thrown away from its
 * minimum, the farther the oftener: with 0.1 the default problem diverged.                      */
Test(quadratic, the_default_step_size_does_not_diverge, .timeout = 60)
{
    static const int nodes[] = {1, 2, 10, 11, 100, 1000};
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes * RULES; i++) {
        struct tsgd_settings *s = settings_of("model=quadratic nodes=%d conditioning=%s",
                                              nodes[i / RULES], rules[i % RULES]);
        struct tsgd_run *run;
        struct tsgd_summary end;
        cr_assert(tsgd_run_create(&run, s, NULL) == TSGD_OK);
        cr_expect(tsgd_run_train(run, NULL, NULL, &end, NULL) == TSGD_OK, "n=%d %s",
                  nodes[i / RULES], rules[i % RULES]);
        cr_expect(end.last.grad_norm2 < 2, "n=%d %s: %g", nodes[i / RULES], rules[i % RULES],
                  end.last.grad_norm2);
        tsgd_run_free(run);
        tsgd_settings_free(s);
    }
}
