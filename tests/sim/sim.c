#include "sim/sim.h"

#include "base/hash.h"
#include "base/rng.h"
#include "method/method.h"
#include "scenario/churn.h"
#include "sim/events.h"
#include "sim/graphs.h"
#include "sim/within.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sim_step {
    float eta, eta_before;
    uint32_t h;
};

struct sim {
    const struct tsgd_engine_config *c;
    size_t dim;
    /* [tokens][dim]; m: any home's momentum but the nodes', or what a method tracks (y, mhat);
     * before: what it remembers of the last round (psi, g, u, x);
     * move: what x is moved by after it was mixed                                               */
    float *x, *m, *before, *mixed_x, *mixed_m, *grad, *move;
    void (*rule)(struct sim *s, uint32_t a, struct sim_step step);  /* NULL: SGD */
    float *node_m;                              /* [nodes][dim] */
    uint32_t *visits;                           /* [populations][nodes] */
    uint32_t *holder;
    bool *moves;                                /* [tokens] took a step in this round */
    void *scratch;
    struct events_visit *visit; /* [rounds][tokens] what happened, for the simulated clock */
    size_t tokens, rounds;
};

struct tally {
    uint64_t samples, gradients, bytes_gossip, bytes_teleport, samples_before;
    double *loss;               /* [k] since the last evaluation */
    bool ended;
    bool judged;                /* by a verdict, in this round: its nodes had been drawn by then */
};

static void *zeros(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    if (!p)
        abort();
    return p;
}

static float *momentum(struct sim *s, uint32_t a, uint32_t node)
{
    const struct tsgd_rule *l = &s->c->rule;
    if (l->node)
        return s->node_m + node * s->dim;
    return l->own[0] || l->exchanged[1] ? s->m + a * s->dim : NULL;
}

static void sgd(struct sim *s, float *x, float *m, float eta)
{
    const struct tsgd_rule *l = &s->c->rule;
    for (size_t j = 0; j < s->dim; j++) {
        float g = s->grad[j] + l->decay * x[j];
        if (m) {
            m[j] = l->momentum * m[j] + g;
            g = l->nesterov ? g + l->momentum * m[j] : m[j];
        }
        x[j] = x[j] - eta * g;
    }
}

/* ---- the methods' own rules, coordinate by coordinate, as their papers write them ---- */

/* Tang et al. 2018, Algorithm 1: x^{t+1/2} = x^t + (x^t - eta g^t) - (x^{t-1} - eta g^{t-1}). */
static void d2(struct sim *s, uint32_t a, struct sim_step step)
{
    float *x = s->x + a * s->dim, *before = s->before + a * s->dim;
    for (size_t j = 0; j < s->dim; j++) {
        float g = s->grad[j] + s->c->rule.decay * x[j];
        float now = x[j] - step.eta * g;
        x[j] = x[j] + (now - before[j]);
        before[j] = now;
    }
}

/* Gradient tracking: y^{t+1/2} = y^t + g^t - g^{t-1}; x^{t+1/2} = x^t - eta y^{t+1/2}. */
static void gt(struct sim *s, uint32_t a, struct sim_step step)
{
    for (size_t j = a * s->dim, i = 0; i < s->dim; i++, j++) {
        float g = s->grad[i] + s->c->rule.decay * s->x[j];
        s->m[j] = s->m[j] + (g - s->before[j]);
        s->x[j] = s->x[j] - step.eta * s->m[j];
        s->before[j] = g;
    }
}

/* Takezawa et al. 2023, Algorithm 1: u <- beta u + g, and c - u is what is mixed, where c is the
 * mixed c - u of the last round plus the old u; x moves by the own c - u, but only after it has
 * been mixed.                                                                                   */
static void momentum_tracking(struct sim *s, uint32_t a, struct sim_step step)
{
    (void)step;
    for (size_t j = a * s->dim, i = 0; i < s->dim; i++, j++) {
        float g = s->grad[i] + s->c->rule.decay * s->x[j];
        float u = s->c->rule.momentum * s->before[j] + g;
        s->m[j] = s->move[j] = s->m[j] - (u - s->before[j]);
        s->before[j] = u;
    }
}

/* u^0 = c^0 = (g - mean g) / (1 - beta), over the nodes that have data; so c^0 - u^0 = 0. */
static void start_momentum_tracking(struct sim *s)
{
    const struct tsgd_problem *p = s->c->problem;
    double *sum = calloc(s->dim, sizeof *sum);
    uint32_t n = 0;
    for (uint32_t a = 0; a < s->tokens; a++) {
        if (!p->ops->batch_count(p, a, 0))
            continue;
        p->ops->gradient(p, a, 0, s->c->init, s->before + a * s->dim, s->scratch);
        n++;
    }
    for (size_t j = 0; j < s->dim; j++)
        for (uint32_t a = 0; a < s->tokens; a++)
            sum[j] += (double)s->before[a * s->dim + j];
    for (size_t j = 0; j < s->dim; j++)
        for (uint32_t a = 0; a < s->tokens; a++)
            s->before[a * s->dim + j] =
                (s->before[a * s->dim + j] - (n ? (float)(sum[j] / n) : 0)) /
                (1 - s->c->rule.momentum);
    free(sum);
}

/* Lin et al. 2021, Algorithm 1. */
static void qg_dsgdm(struct sim *s, uint32_t a, struct sim_step step)
{
    const struct tsgd_rule *l = &s->c->rule;
    float mu = l->momentum, way = step.eta_before * (float)s->c->local_steps;
    for (size_t j = a * s->dim, i = 0; i < s->dim; i++, j++) {
        float g = s->grad[i] + l->decay * s->x[j];
        if (step.h == 0) {
            s->m[j] = mu * s->m[j] + (1 - mu) / way * (s->before[j] - s->x[j]);
            s->before[j] = s->x[j];
        }
        float m = g + mu * s->m[j];
        if (l->nesterov)
            m = g + mu * m;
        s->x[j] = s->x[j] - step.eta * m;
    }
}

/* Rows that a rule remembers x^0 in. */
static void choose_rule(struct sim *s, size_t floats)
{
    static const struct {
        const char *name;
        void (*rule)(struct sim *s, uint32_t a, struct sim_step step);
        bool remembers_x;
    } rules[] = {
        {"d2", d2, true}, {"gt", gt, false}, {"momentum-tracking", momentum_tracking, false},
        {"qg-dsgdm", qg_dsgdm, true},
    };
    const char *name = NULL;
    for (size_t i = 0; i < tsgd_n_methods; i++)
        if (tsgd_methods[i]->rule && tsgd_methods[i]->rule->step == s->c->rule.step)
            name = tsgd_methods[i]->name;
    for (size_t i = 0; name && i < sizeof rules / sizeof *rules; i++)
        if (!strcmp(name, rules[i].name)) {
            s->rule = rules[i].rule;
            if (rules[i].remembers_x)
                memcpy(s->before, s->x, floats * sizeof(float));
        }
    if (name && !s->rule) {
        fprintf(stderr, "the simulator does not know method %s\n", name);
        abort();
    }
}

/* The gradient of one minibatch, in parts where the problem cuts it: their weighted sum, in
 * order.                                                                                        */
static double gradient(struct sim *s, uint32_t node, uint64_t batch, const float *x)
{
    const struct tsgd_problem *p = s->c->problem;
    float count = (float)p->ops->batch_count(p, node, batch);
    double loss = 0;
    if (p->parts <= 1)
        return p->ops->gradient(p, node, batch, x, s->grad, s->scratch);
    float *part = zeros(s->dim, sizeof *part);
    for (uint32_t q = 0; q < p->parts; q++) {
        float share = (float)p->ops->part_count(p, node, batch, q) / count;
        if (share == 0)
            continue;
        loss += p->ops->part_gradient(p, node, batch, q, x, part, s->scratch);
        for (size_t j = 0; j < s->dim; j++)
            s->grad[j] = q == 0 ? share * part[j] : s->grad[j] + share * part[j];
    }
    free(part);
    return loss;
}

static void step(struct sim *s, struct tally *y, uint32_t q, uint32_t a, uint32_t b, uint32_t node,
                 struct sim_step now)
{
    const struct tsgd_problem *p = s->c->problem;
    uint64_t visit = s->visits[(size_t)q * p->nodes + node]++;
    float *x = s->x + a * s->dim;
    for (uint32_t h = 0; h < s->c->local_steps; h++) {
        uint64_t batch = visit * s->c->local_steps + h;
        uint32_t count = p->ops->batch_count(p, node, batch);
        if (!count)
            continue;
        y->loss[b] += gradient(s, node, batch, x);
        y->samples += count;
        y->gradients++;
        now.h = h;
        if (s->rule)
            s->rule(s, a, now);
        else
            sgd(s, x, momentum(s, a, node), now.eta);
    }
}

/* Whether a node is there in round t: of a trace every interval is looked at. */
static bool present(const struct tsgd_engine_config *c, uint32_t node, uint64_t t)
{
    const struct tsgd_churn *h = c->presence.churn;
    bool named = false, in = false;
    if (!c->presence.there)
        return true;
    if (!h->interval) {
        struct tsgd_rng rng = tsgd_rng(h->seed, TSGD_RNG_AVAILABLE, (uint32_t)t, node);
        return tsgd_rng_unit(&rng) < h->share;
    }
    for (size_t i = 0; i < h->intervals; i++) {
        named |= h->interval[i].node == node;
        in |= h->interval[i].node == node && h->interval[i].from <= t && t < h->interval[i].to;
    }
    return in || !named;
}

/* Whether b's row reaches a in round t. Isolated rows meet nobody. */
static bool meet(const struct sim *s, uint32_t a, uint32_t b, uint64_t t)
{
    const struct tsgd_engine_config *c = s->c;
    return !c->presence.isolates || (present(c, a, t) && present(c, b, t));
}

/* Whether every row of w is to be the plain mean of all, and all are there. */
static bool plain_mean(const struct sim *s, const struct tsgd_csr *w, uint32_t first, uint64_t t)
{
    bool same = w->uniform;
    for (uint32_t a = 0; a < w->n; a++)
        same &= meet(s, first + a, first + a, t);
    return same;
}

static void average(const struct sim *s, const struct tsgd_csr *w, uint32_t first,
                    const float *rows, float *out)
{
    for (size_t j = 0; j < s->dim; j++) {
        float own = rows[first * s->dim + j], sum = 0;
        for (uint32_t b = 1; b < w->n; b++)
            sum += rows[(first + b) * s->dim + j] - own;
        for (uint32_t a = 0; a < w->n; a++)
            out[(first + a) * s->dim + j] = own + w->val[0] * sum;
    }
}

static void gossip(const struct sim *s, const struct tsgd_csr *w, uint32_t first, uint64_t t,
                   const float *rows, float *out)
{
    if (plain_mean(s, w, first, t)) {
        average(s, w, first, rows, out);
        return;
    }
    for (uint32_t a = 0; a < w->n; a++)
        for (size_t j = 0; j < s->dim; j++) {
            float own = rows[(first + a) * s->dim + j], sum = own;
            for (uint32_t i = w->ptr[a]; i < w->ptr[a + 1]; i++)
                if (w->col[i] != a && meet(s, first + a, first + w->col[i], t))
                    sum += w->val[i] * (rows[(first + w->col[i]) * s->dim + j] - own);
            out[(first + a) * s->dim + j] = sum;
        }
}

static struct tsgd_measure measure(const struct sim *s, const float *x)
{
    const struct tsgd_problem *p = s->c->problem;
    struct tsgd_measure sum = {0};
    for (uint32_t b = 0; b < p->eval_blocks; b++) {
        struct tsgd_measure m;
        p->ops->evaluate(p, b, x, s->scratch, &m);
        sum.samples += m.samples;
        for (int i = 0; i < TSGD_MEASURE_SUMS; i++)
            sum.sum[i] += m.sum[i];
    }
    return sum;
}

/* Sums in 16 lanes, as the engine's: the order is part of the definition of `consensus`. */
static double lanes(const double *v, size_t n)
{
    double lane[16] = {0}, sum = 0;
    for (size_t j = 0; j < n; j++)
        lane[j % 16] += v[j];
    for (int i = 0; i < 16; i++)
        sum += lane[i];
    return sum;
}

static struct tsgd_eval evaluate(const struct sim *s, struct tally *y, const float *x, uint32_t k,
                                 uint64_t t, float eta)
{
    double *sum = zeros(s->dim, sizeof *sum), *square = zeros(s->dim, sizeof *square);
    float *mean = zeros(s->dim, sizeof *mean);
    uint64_t *hash = zeros(k, sizeof *hash);
    double spread = 0, loss = 0;
    for (uint32_t b = 0; b < k; b++) {
        for (size_t j = 0; j < s->dim; j++) {
            double d = (double)x[b * s->dim + j] - (double)x[j];
            sum[j] += d;
            square[j] = d * d;
        }
        spread += lanes(square, s->dim);
        hash[b] = tsgd_hash(x + b * s->dim, s->dim * sizeof *x);
        loss += y->loss[b];
        y->loss[b] = 0;
    }
    for (size_t j = 0; j < s->dim; j++) {
        double d = sum[j] / k;
        mean[j] = (float)((double)x[j] + d);
        square[j] = d * d;
    }
    spread = spread / k - lanes(square, s->dim);
    uint64_t fresh = y->samples - y->samples_before;
    y->samples_before = y->samples;
    struct tsgd_eval e = {
        .round = t, .samples = y->samples, .gradients = y->gradients,
        .bytes_gossip = y->bytes_gossip, .bytes_teleport = y->bytes_teleport,
        .sim_seconds = NAN,
        .train_loss = fresh ? loss / (double)fresh : NAN,
        .test_loss = NAN, .test_accuracy = NAN, .test_r2 = NAN,
        .grad_norm2 = NAN, .grad_norm2_tokens = NAN, .distance2 = NAN,
        .objective = NAN, .suboptimality = NAN,
        .suboptimality_mean = NAN, .suboptimality_worst = NAN,
        .validation_loss = NAN, .validation_accuracy = NAN, .validation_r2 = NAN,
        .validation_loss_mean = NAN, .validation_loss_worst = NAN,
        .validation_accuracy_mean = NAN, .validation_accuracy_worst = NAN,
        .test_loss_mean = NAN, .test_loss_worst = NAN,
        .test_accuracy_mean = NAN, .test_accuracy_worst = NAN,
        .test_r2_mean = NAN, .test_r2_worst = NAN,
        .validation_r2_mean = NAN, .validation_r2_worst = NAN,
        .consensus = spread < 0 ? 0 : spread, .lr = (double)eta,
        .state_hash = tsgd_hash(hash, k * sizeof *hash),
    };
    for (int i = 0; i < TSGD_MOST_METRICS; i++)
        e.metric[i] = e.metric_mean[i] = e.metric_worst[i] = NAN;
    if (s->c->problem->eval_blocks) {
        double value[TSGD_MOST_METRICS];
        struct tsgd_measure m = measure(s, mean);
        s->c->problem->ops->report(s->c->problem, &m, e.consensus, value);
        for (uint32_t i = 0; i < s->c->problem->n_metrics; i++)
            memcpy((char *)&e + s->c->problem->metric[i].at, &value[i], sizeof value[i]);
    }
    if (s->c->eval_tokens) {            /* loss and accuracy, as toy.c has them */
        double l = 0, c = 0, wl = -INFINITY, wc = INFINITY;
        for (uint32_t b = 0; b < k; b++) {
            struct tsgd_measure v = measure(s, x + b * s->dim);
            double vl = v.sum[0] / (double)v.samples, vc = v.sum[1] / (double)v.samples;
            l += vl;
            c += vc;
            wl = vl > wl ? vl : wl;
            wc = vc < wc ? vc : wc;
        }
        e.test_loss_mean = l / k;
        e.test_accuracy_mean = c / k;
        e.test_loss_worst = wl;
        e.test_accuracy_worst = wc;
    }
    free(sum);
    free(square);
    free(mean);
    free(hash);
    return e;
}

static void note(struct sim_log *log, const struct tsgd_eval *e)
{
    if (log->n < SIM_MAX_EVALS)
        log->eval[log->n++] = *e;
}

/* The final all-reduce: the tokens become their mean, and are looked at again. A ring of k sends
 * 2 (k - 1) messages of a k-th of a row from each. Losses before a step are those of e.         */
static void note_average(const struct sim *s, struct tally *y, const struct tsgd_population *p,
                         uint32_t first, struct tsgd_eval e, struct sim_log *log)
{
    float *x = s->x + first * s->dim;
    for (size_t j = 0; j < s->dim; j++) {
        double sum = 0;
        for (uint32_t b = 0; b < p->k; b++)
            sum += (double)x[b * s->dim + j] - (double)x[j];
        float mean = (float)((double)x[j] + sum / p->k);
        for (uint32_t b = 0; b < p->k; b++)
            x[b * s->dim + j] = mean;
    }
    y->bytes_gossip += 4 * s->dim * 2 * (p->k - 1);
    struct tsgd_eval after = evaluate(s, y, x, p->k, e.round, 0);
    after.train_loss = e.train_loss;
    after.lr = e.lr;
    if (s->c->eval_tokens) {    /* k equal numbers, summed and divided, are not quite the number */
        after.test_loss_mean = after.test_loss_worst;
        after.test_accuracy_mean = after.test_accuracy_worst;
    }
    note(log, &after);
}

/* One population at round t: evaluation if due, and whether it ends here. */
static void look(struct sim *s, struct tally *y, const struct tsgd_population *p, uint32_t first,
                 uint64_t t, struct sim_end end, struct sim_log *log)
{
    bool over = t == p->rounds || (p->samples && y->samples >= p->samples) ||
                (end.stop_round && t == end.stop_round);
    bool due = p->eval_every && t % p->eval_every == 0 && (t > 0 || p->eval_at_start);
    if (!over && !due)
        return;
    struct tsgd_eval e = evaluate(s, y, s->x + first * s->dim, p->k, t,
                                  p->eta.at(p->eta.schedule, t ? t - 1 : 0));
    if (!(over && s->c->final_average))
        note(log, &e);
    y->judged = !over && end.until && end.until(&e);
    y->ended = over || y->judged;
    if (y->ended && s->c->final_average)
        note_average(s, y, p, first, e, log);
}

/* The round's notes: until they say otherwise, nobody is there any more. */
static struct events_visit *new_round(struct sim *s)
{
    size_t count = s->tokens * (s->rounds + 1);
    s->visit = realloc(s->visit, count * sizeof *s->visit);
    if (!s->visit)
        abort();
    struct events_visit *did = s->visit + s->tokens * s->rounds++;
    for (size_t a = 0; a < s->tokens; a++)
        did[a] = (struct events_visit){.gone = true};
    return did;
}

/* Simulated seconds of every evaluation: when the last mix before it ended. */
static void tell_time(const struct sim *s, struct sim_log *log)
{
    const struct tsgd_engine_config *c = s->c;
    if (!c->clock.ops)
        return;
    double *end = events_run(c, s->visit, s->rounds);
    for (uint32_t q = 0, first = 0; q < c->n_populations; first += c->population[q++].k)
        for (uint32_t i = 0; i < log[q].n; i++) {
            struct tsgd_eval *e = &log[q].eval[i];
            e->sim_seconds = 0;
            for (uint32_t a = first; a < first + c->population[q].k && e->round; a++)
                e->sim_seconds = fmax(e->sim_seconds, end[(e->round - 1) * s->tokens + a]);
        }
    free(end);
}

/* nodes[n_nodes] are drawn for the tokens, in order; later tokens sit the round out. */
static void round_of(struct sim *s, struct tally *y, uint64_t t, const uint32_t *nodes,
                     uint32_t n_nodes)
{
    const struct tsgd_engine_config *c = s->c;
    uint32_t rows = tsgd_rule_exchanged(&c->rule) + tsgd_rule_own(&c->rule), first = 0, drawn = 0;
    struct events_visit *did = new_round(s);
    for (uint32_t q = 0; q < c->n_populations; first += c->population[q].k, q++) {
        const struct tsgd_population *p = &c->population[q];
        if (y[q].judged) {
            drawn += p->k;
            y[q].judged = false;
        }
        if (y[q].ended)
            continue;
        const struct tsgd_csr *w = graph_at(p->mixing, t);
        for (uint32_t b = 0; b < p->k; b++) {
            uint32_t a = first + b, node = c->teleports && drawn < n_nodes ? nodes[drawn] : a;
            s->moves[a] = false;
            bool runs = c->teleports ? drawn++ < n_nodes : present(c, a, t);
            did[a] = (struct events_visit){.rests = true, .node = s->holder[a],
                                           .cut = c->presence.isolates};
            if (!runs)
                continue;
            uint64_t gradients = y[q].gradients;
            if (t > 0 && s->holder[a] != node)
                y[q].bytes_teleport += 4 * s->dim * rows;
            s->holder[a] = node;
            step(s, &y[q], q, a, b, node, (struct sim_step){
                p->eta.at(p->eta.schedule, t), p->eta.at(p->eta.schedule, t ? t - 1 : 0), 0});
            did[a] = (struct events_visit){
                .node = node, .gradients = (uint32_t)(y[q].gradients - gradients),
            };
            s->moves[a] = y[q].gradients > gradients;
        }
        for (uint32_t a = 0; w && a < w->n; a++)
            for (uint32_t i = w->ptr[a]; i < w->ptr[a + 1]; i++)
                if (w->col[i] != a && meet(s, first + a, first + w->col[i], t))
                    y[q].bytes_gossip += 4 * s->dim * tsgd_rule_exchanged(&c->rule);
        size_t at = first * s->dim, bytes = p->k * s->dim * sizeof(float);
        if (w) {
            gossip(s, w, first, t, s->x, s->mixed_x);
            memcpy(s->x + at, s->mixed_x + at, bytes);
        }
        if (w && tsgd_rule_exchanged(&c->rule) == 2) {
            gossip(s, w, first, t, s->m, s->mixed_m);
            memcpy(s->m + at, s->mixed_m + at, bytes);
        }
        for (uint32_t b = 0; b < p->k && s->rule == momentum_tracking; b++)
            for (size_t j = (first + b) * s->dim, i = 0; i < s->dim && s->moves[first + b];
                 i++, j++)
                s->x[j] += p->eta.at(p->eta.schedule, t) * s->move[j];
    }
}

void sim_run(const struct tsgd_engine_config *c, struct sim_end end, struct sim_log *log)
{
    size_t dim = c->problem->dim, tokens = 0;
    uint32_t n = c->problem->nodes, running = c->n_populations;
    struct tally *y = zeros(c->n_populations, sizeof *y);
    for (uint32_t q = 0; q < c->n_populations; q++) {
        tokens += c->population[q].k;
        y[q].loss = zeros(c->population[q].k, sizeof(double));
        log[q].n = 0;
    }
    struct sim s = {
        .c = c, .dim = dim, .x = zeros(tokens * dim, 4), .m = zeros(tokens * dim, 4),
        .before = zeros(tokens * dim, 4), .mixed_x = zeros(tokens * dim, 4),
        .mixed_m = zeros(tokens * dim, 4), .grad = zeros(dim, 4),
        .move = zeros(tokens * dim, 4), .moves = zeros(tokens, sizeof(bool)),
        .visits = zeros((size_t)n * c->n_populations, 4), .holder = zeros(tokens, 4),
        .tokens = tokens,
    };
    uint32_t *order = zeros(n, sizeof *order);
    if (posix_memalign(&s.scratch, 128, c->problem->scratch_bytes + 128))
        abort();
    s.node_m = c->rule.node ? zeros(n * dim, 4) : NULL;
    for (size_t a = 0; a < tokens; a++) {
        s.holder[a] = (uint32_t)a;
        memcpy(s.x + a * dim, c->init, dim * sizeof(float));
    }
    choose_rule(&s, tokens * dim);
    if (s.rule == momentum_tracking) {
        start_momentum_tracking(&s);
        for (uint32_t q = 0; q < c->n_populations; q++) /* one all-reduce of a gradient */
            y[q].bytes_gossip = 4 * dim * 2 * (c->population[q].k - 1);
    }
    for (uint64_t t = 0; running; t++) {
        uint32_t first = 0, left = 0;
        for (uint32_t q = 0; q < c->n_populations; first += c->population[q].k, q++) {
            if (y[q].ended)
                continue;
            look(&s, &y[q], &c->population[q], first, t, end, &log[q]);
            running -= y[q].ended;
        }
        struct tsgd_rng rng = tsgd_rng(c->seed, TSGD_RNG_HOLDERS, (uint32_t)t, 0);
        for (uint32_t i = 0; i < n; i++)
            order[i] = i;
        for (uint32_t i = 0; i < n && c->teleports; i++) {
            uint32_t j = i + tsgd_rng_below(&rng, n - i), node = order[j];
            order[j] = order[i];
            order[i] = node;
        }
        for (uint32_t i = 0; i < n; i++)        /* of a random order of all, those that are there */
            if (present(c, order[i], t))
                order[left++] = order[i];
        if (running)
            round_of(&s, y, t, order, left);
    }
    tell_time(&s, log);
    uint32_t first = 0;
    for (uint32_t q = 0; q < c->n_populations; first += c->population[q].k, q++) {
        size_t bytes = c->population[q].k * dim * sizeof(float);
        log[q].x = memcpy(zeros(bytes, 1), s.x + first * dim, bytes);
        if (tsgd_rule_exchanged(&c->rule) == 2)
            log[q].m = memcpy(zeros(bytes, 1), s.m + first * dim, bytes);
        else
            log[q].m = NULL;
        free(y[q].loss);
    }
    free(y);
    free(order);
    free(s.x);
    free(s.m);
    free(s.before);
    free(s.move);
    free(s.moves);
    free(s.mixed_x);
    free(s.mixed_m);
    free(s.grad);
    free(s.node_m);
    free(s.visits);
    free(s.holder);
    free(s.scratch);
    free(s.visit);
}

/* ---- the engine, and the comparison ---- */

struct collector {
    struct sim_log *log;
    bool (*until)(const struct tsgd_eval *);
};

static enum tsgd_verdict collect(uint32_t q, const struct tsgd_eval *eval, void *user)
{
    struct collector *c = user;
    if (c->log[q].n < SIM_MAX_EVALS)
        c->log[q].eval[c->log[q].n++] = *eval;
    return c->until && c->until(eval) ? TSGD_END_HERE : TSGD_GO_ON;
}

/* Rows of tokens that are in this engine. */
static void take_rows(const struct tsgd_engine *e, const struct tsgd_engine_config *c,
                      struct sim_log *log)
{
    uint32_t first = 0;
    size_t dim = c->problem->dim;
    for (uint32_t q = 0; q < c->n_populations; first += c->population[q++].k)
        for (uint32_t b = 0; b < c->population[q].k; b++) {
            if (!tsgd_engine_has_row(e, first + b))
                continue;
            memcpy(log[q].x + b * dim, tsgd_engine_row(e, first + b, 0), dim * 4);
            if (log[q].m)
                memcpy(log[q].m + b * dim, tsgd_engine_row(e, first + b, 1), dim * 4);
        }
}

static void begin_log(const struct tsgd_engine_config *c, struct sim_log *log)
{
    for (uint32_t q = 0; q < c->n_populations; q++) {
        size_t count = c->problem->dim * c->population[q].k;
        log[q].n = 0;
        log[q].x = zeros(count, 4);
        log[q].m = tsgd_rule_exchanged(&c->rule) == 2 ? zeros(count, 4) : NULL;
    }
}

static struct tsgd_engine *run_engine(const struct tsgd_engine_config *c,
                                      struct tsgd_outcome *outcome)
{
    struct tsgd_engine *e;
    struct tsgd_error err;
    if (tsgd_engine_create(&e, c, &err) || tsgd_engine_run(e, outcome, &err)) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    return e;
}

void sim_engine(const struct tsgd_engine_config *config, struct sim_end end, struct sim_log *log,
                struct tsgd_outcome *outcome)
{
    struct tsgd_engine_config c = *config;
    struct collector collector = {log, end.until};
    c.on_eval = collect;
    c.user = &collector;
    c.awaits_verdict = end.until != NULL;
    begin_log(&c, log);
    struct tsgd_engine *e = run_engine(&c, outcome);
    take_rows(e, &c, log);
    tsgd_engine_free(e);
}

/* ---- over ranks ---- */

struct of_rank {
    struct tsgd_engine_config c;
    struct tsgd_engine *e;
    struct tsgd_outcome outcome;
    pthread_t thread;
};

static enum tsgd_verdict must_not_be_told(uint32_t q, const struct tsgd_eval *eval, void *user)
{
    (void)user;
    fprintf(stderr, "a rank that is not 0 was told of round %llu of population %u\n",
            (unsigned long long)eval->round, q);
    abort();
}

static void *run_rank(void *rank)
{
    struct of_rank *r = rank;
    r->e = run_engine(&r->c, &r->outcome);
    return NULL;
}

static void check_agreement(const struct of_rank *first, const struct of_rank *r)
{
    const struct tsgd_outcome *a = &first->outcome, *b = &r->outcome;
    bool agree = a->interrupted == b->interrupted && a->diverged == b->diverged &&
                 a->diverged_round == b->diverged_round && a->diverged_token == b->diverged_token;
    for (uint32_t q = 0; q < r->c.n_populations; q++)
        agree &= tsgd_engine_rounds(r->e, q) == tsgd_engine_rounds(first->e, q) &&
                 tsgd_engine_samples(r->e, q) == tsgd_engine_samples(first->e, q) &&
                 tsgd_engine_diverged(r->e, q) == tsgd_engine_diverged(first->e, q) &&
                 (tsgd_engine_diverged(r->e, q) ||
                  !memcmp(tsgd_engine_mean(r->e, q), tsgd_engine_mean(first->e, q),
                          r->c.problem->dim * sizeof(float)));
    if (!agree) {
        fprintf(stderr, "rank %u does not agree with rank 0\n", r->c.ranks.rank);
        abort();
    }
}

void sim_over_ranks(const struct tsgd_engine_config *config, struct sim_end end,
                    const struct sim_ranks *over, struct sim_log *log,
                    struct tsgd_outcome *outcome)
{
    static uint64_t seed;
    struct within *w = within_create(over->ranks, ++seed, over->late);
    struct of_rank *rank = zeros(over->ranks, sizeof *rank);
    struct collector collector = {log, end.until};
    begin_log(config, log);
    for (uint32_t r = 0; r < over->ranks; r++) {
        struct tsgd_engine_config *c = &rank[r].c;
        *c = *config;
        c->ranks = (struct tsgd_ranks){r, over->ranks, c->problem->nodes, over->of};
        c->transport = within_rank(w, r);
        c->on_eval = r == 0 ? collect : must_not_be_told;
        c->user = &collector;
        c->awaits_verdict = end.until != NULL;
        pthread_create(&rank[r].thread, NULL, run_rank, &rank[r]);
    }
    for (uint32_t r = 0; r < over->ranks; r++)
        pthread_join(rank[r].thread, NULL);
    for (uint32_t r = 0; r < over->ranks; r++) {
        check_agreement(&rank[0], &rank[r]);
        take_rows(rank[r].e, config, log);
    }
    for (uint32_t r = 0; r < over->ranks; r++)
        tsgd_engine_free(rank[r].e);
    if (!within_is_empty(w)) {
        fprintf(stderr, "a message was never taken\n");
        abort();
    }
    for (int channel = 0; over->bytes && channel < TSGD_CHANNELS; channel++)
        over->bytes[channel] = within_bytes(w, (enum tsgd_channel)channel);
    *outcome = rank[0].outcome;
    free(rank);
    within_free(w);
}

bool sim_differ(const struct tsgd_engine_config *c, const struct sim_log *a,
                const struct sim_log *b, char *what, size_t size)
{
    for (uint32_t q = 0; q < c->n_populations; q++) {
        size_t count = c->population[q].k * c->problem->dim;
        if (a[q].n != b[q].n) {
            snprintf(what, size, "population %u: %u evaluations, not %u", q, b[q].n, a[q].n);
            return true;
        }
        for (uint32_t i = 0; i < a[q].n; i++) {
            struct tsgd_eval x = a[q].eval[i], y = b[q].eval[i];
            x.wall_seconds = y.wall_seconds = 0;
            x.bytes_between_ranks = y.bytes_between_ranks = 0;
            if (memcmp(&x, &y, sizeof x)) {
                snprintf(what, size, "population %u: evaluation of round %llu (or %llu): "
                         "train %.17g %.17g test %.17g %.17g consensus %.17g %.17g hash %llx %llx "
                         "seconds %.17g %.17g",
                         q, (unsigned long long)x.round, (unsigned long long)y.round, x.train_loss,
                         y.train_loss, x.test_loss, y.test_loss, x.consensus, y.consensus,
                         (unsigned long long)x.state_hash, (unsigned long long)y.state_hash,
                         x.sim_seconds, y.sim_seconds);
                return true;
            }
        }
        if (memcmp(a[q].x, b[q].x, count * sizeof(float)) ||
            (a[q].m && memcmp(a[q].m, b[q].m, count * sizeof(float)))) {
            snprintf(what, size, "population %u: rows at the end", q);
            return true;
        }
    }
    return false;
}

void sim_log_release(struct sim_log *log)
{
    free(log->x);
    free(log->m);
}

/* Of so many comparisons one is over ranks too: all, unless everything is many times slower. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { EVERY = 3 };
#else
enum { EVERY = 1 };
#endif

/* Whether what the engine has done is not what the simulator has. */
static int differs(const char *name, const char *way, const struct tsgd_engine_config *c,
                   const struct sim_log *want, struct sim_log *got)
{
    char what[512];
    bool differ = sim_differ(c, want, got, what, sizeof what);
    if (differ)
        printf("FAIL %s, %s: %s\n", name, way, what);
    for (uint32_t q = 0; q < c->n_populations; q++)
        sim_log_release(&got[q]);
    return differ;
}

int sim_compare(const char *name, const struct tsgd_engine_config *c, struct sim_end end)
{
    static const uint32_t ranks[] = {2, 3, 4, 7};
    static uint32_t turn;
    struct sim_log *want = zeros(c->n_populations, sizeof *want);
    struct sim_log *got = zeros(c->n_populations, sizeof *got);
    struct tsgd_engine_config way = *c;
    struct sim_ranks over = {.ranks = ranks[turn % 4], .late = turn / 4 % 3 * 4};
    struct tsgd_outcome outcome;
    char text[64];
    int bad = 0;
    turn++;
    sim_run(c, end, want);
    for (way.gossip = TSGD_GOSSIP_ROWS; way.gossip <= TSGD_GOSSIP_SLICES; way.gossip++) {
        sim_engine(&way, end, got, &outcome);
        bad += differs(name, way.gossip == TSGD_GOSSIP_ROWS ? "gossip by rows" : "by slices", c,
                       want, got);
    }
    if (over.ranks <= c->problem->nodes && !end.stop_round && turn % EVERY == 0) {
        way.gossip = TSGD_GOSSIP_AUTO;
        snprintf(text, sizeof text, "over %u ranks", over.ranks);
        sim_over_ranks(&way, end, &over, got, &outcome);
        bad += differs(name, text, c, want, got);
    }
    for (uint32_t q = 0; q < c->n_populations; q++)
        sim_log_release(&want[q]);
    free(want);
    free(got);
    return bad;
}
