#include "engine/evaluation.h"

#include "base/hash.h"
#include "linalg/vec.h"

#include <math.h>
#include <string.h>

/* ---- what it takes ---- */

/* Blocks that one evaluation of k tokens is measured in; 64 bits, so that too many for 32 can be
 * refused.                                                                                      */
static uint64_t count_blocks(const struct tsgd_engine_config *c, uint32_t k)
{
    uint64_t blocks = (uint64_t)c->problem->eval_blocks * (1 + (c->eval_tokens ? k : 0));
    return blocks ? blocks : 1;
}

static enum tsgd_status take_gathered(struct evaluation *e, struct evaluated_pop *p, uint32_t k,
                                      struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct gathered *g = &p->gathered;
    size_t row = TSGD_HEAD_FLOATS + e->s->arena.stride;
    for (int i = 0; i < RECORDS; i++)
        TRY(TSGD_HOLD(&e->holding, &p->record[i].rank, k, "evaluation", err));
    TRY(TSGD_HOLD(&e->holding, &g->measures, p->blocks, "evaluation", err));
    if (e->s->spread.ranks.rank == 0) {
        TRY(TSGD_HOLD(&e->holding, &g->row, tsgd_mul(WINDOW, row), "rows of other ranks", err));
        TRY(TSGD_HOLD(&e->holding, &g->begin, e->s->spread.ranks.ranks, "evaluation", err));
    } else {
        TRY(TSGD_HOLD(&e->holding, &g->sent, k, "evaluation", err));
    }
done:
    return st;
}

static enum tsgd_status take(struct evaluation *e, uint32_t q, struct evaluated_pop *p,
                             struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct state *s = e->s;
    uint32_t k = tsgd_pop_config(s, q)->k;
    size_t dim = s->arena.dim;
    uint64_t blocks = count_blocks(&s->c, k);
    if (blocks > UINT32_MAX && !e->holding.counts)
        return tsgd_fail(err, TSGD_ENOMEM, "--eval tokens: %u tokens in %u blocks of test samples "
                         "are too many; use --eval mean", k, s->c.problem->eval_blocks);
    p->blocks = (uint32_t)blocks;
    TRY(TSGD_HOLD(&e->holding, &p->hash, k, "evaluation", err));
    TRY(TSGD_HOLD(&e->holding, &p->part, blocks, "evaluation", err));
    for (int i = 0; i < 2; i++) {
        TRY(TSGD_HOLD(&e->holding, &p->ref[i], dim, "mean of the tokens", err));
        TRY(TSGD_HOLD(&e->holding, &p->mean[i], dim, "mean of the tokens", err));
        TRY(TSGD_HOLD(&e->holding, &p->sum[i], dim, "mean of the tokens", err));
        if (s->c.eval_tokens)
            TRY(TSGD_HOLD(&e->holding, &p->copy[i], tsgd_mul(k, s->arena.stride),
                          "copies of the tokens", err));
    }
    if (s->is_spread)
        TRY(take_gathered(e, p, k, err));
done:
    return st;
}

enum tsgd_status tsgd_evaluation_init(struct evaluation *e, struct state *s,
                                      struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    e->s = s;
    TRY(TSGD_HOLD(&e->holding, &e->pop, s->c.n_populations, "evaluation", err));
    for (uint32_t q = 0; q < s->c.n_populations; q++) {
        struct evaluated_pop counted;
        TRY(take(e, q, e->pop ? &e->pop[q] : &counted, err));
    }
done:
    return st;
}

void tsgd_evaluation_release(struct evaluation *e) { tsgd_holding_release(&e->holding); }

/* ---- for the planner ---- */

uint64_t tsgd_evaluation_open(struct evaluation *e, uint32_t q, const struct due *due)
{
    struct evaluated_pop *p = &e->pop[q];
    uint64_t index = p->opened++;
    struct record *r = &p->record[index % RECORDS];
    atomic_store_explicit(&r->round, due->round, memory_order_relaxed);
    r->due = *due;
    r->loss = r->square = 0;
    r->verdict = TSGD_GO_ON;
    /* Relaxed: `left` cannot come down to 0 before this is seen, because the tokens of the round
     * that is being planned still count in it.                                                  */
    atomic_fetch_add_explicit(&e->s->left, 1, memory_order_relaxed);
    if (!e->s->is_spread)
        atomic_store_explicit(&p->evals, index + 1, memory_order_release);
    return index;
}

void tsgd_evaluation_publish(struct evaluation *e, uint32_t q, const uint32_t *rank,
                             uint64_t bytes)
{
    struct evaluated_pop *p = &e->pop[q];
    if (p->opened == atomic_load_explicit(&p->evals, memory_order_relaxed))
        return;
    struct record *r = &p->record[(p->opened - 1) % RECORDS];
    for (uint32_t b = 0; b < e->s->pop[q].c.k; b++)
        atomic_store_explicit(&r->rank[b], rank[b], memory_order_relaxed);
    r->due.bytes_between_ranks = bytes;
    atomic_store_explicit(&p->evals, p->opened, memory_order_release);
}

/* ---- the fold ---- */

/* Whether the row that the fold asks for next has come from another rank. Relaxed, `taken`: the
 * fold's own count; who reads an old one fails to claim.                                        */
static bool has_come(const struct gathered *g, uint64_t folded)
{
    uint64_t n = atomic_load_explicit(&g->taken, memory_order_relaxed);
    return atomic_load_explicit(&g->came[n % WINDOW], memory_order_acquire) == folded + 1;
}

TSGD_TWICE bool fold_ready(const struct evaluation *e, uint32_t q, uint64_t folded,
                           struct waits *waits)
{
    const struct evaluated_pop *p = &e->pop[q];
    const struct pop *pop = &e->s->pop[q];
    uint64_t i = folded / pop->c.k, b = folded % pop->c.k;
    if (i >= atomic_load_explicit(&p->evals, memory_order_acquire))
        return false;
    if (b == 0 && i >= 2 && !tsgd_seq_reached(&p->evaluated, i - 1))    /* for its buffers */
        return tsgd_waits(waits, WAITS_MEASURED, q, i - 2);
    if (b == 0 && e->s->is_spread &&
        atomic_load_explicit(&p->gathered.leaving[i & 1], memory_order_acquire))
        return tsgd_waits(waits, WAITS_MEASURED, q, i - 2);
    uint64_t round = tsgd_evaluated_round(p, i);
    uint32_t from = e->s->is_spread ? tsgd_evaluated_rank(p, i, (uint32_t)b) : 0;
    if (e->s->is_spread && from != e->s->spread.ranks.rank)
        return e->s->spread.ranks.rank != 0 || has_come(&p->gathered, folded) ||
               tsgd_waits(waits, WAITS_ROW, pop->first + (uint32_t)b, from);
    uint64_t word = tsgd_seq_load(&e->s->arena.seq[pop->first + b]);
    bool filling = round == e->s->first_round && word == 4 * round + 1;
    return (tsgd_seq_phase(word) >= 2 * round && !filling) ||
           tsgd_waits(waits, WAITS_ARRIVAL, pop->first + (uint32_t)b, 2 * round);
}

bool tsgd_fold_ready(const struct evaluation *e, uint32_t q, uint64_t folded)
{
    return fold_ready(e, q, folded, NULL);
}

bool tsgd_fold_waits(const struct evaluation *e, uint32_t q, uint64_t folded, struct waits *waits)
{
    return fold_ready(e, q, folded, waits);
}

/* Row x of token b, which has summed up so much loss. */
static void fold_row(struct evaluation *e, struct worker *w, uint32_t q, uint64_t i, uint32_t b,
                     const float *x, double loss)
{
    struct evaluated_pop *p = &e->pop[q];
    struct record *r = &p->record[i % RECORDS];
    size_t dim = e->s->arena.dim;
    float *ref = p->ref[i & 1];
    if (b == 0) {
        memcpy(ref, x, dim * sizeof *ref);
        memset(p->sum[i & 1], 0, dim * sizeof *p->sum[0]);
    }
    r->square += tsgd_fold(e->s->c.kernels, p->sum[i & 1], x, ref, dim);
    tsgd_jitter(w, false);
    p->hash[b] = tsgd_hash(x, dim * sizeof *x);
    r->loss += loss;
}

static void copy_row(const struct evaluation *e, uint32_t q, uint64_t i, uint32_t b, const float *x)
{
    float *copy = e->pop[q].copy[i & 1];
    if (copy)
        memcpy(copy + b * e->s->arena.stride, x, e->s->arena.dim * sizeof *x);
}

/* A token that is here. */
static void fold_token(struct evaluation *e, struct worker *w, uint32_t q, uint64_t i, uint32_t b)
{
    const struct evaluated_pop *p = &e->pop[q];
    uint64_t round = tsgd_evaluated_round(p, i);
    uint32_t a = e->s->pop[q].first + b;
    const float *x = tsgd_state_row(e->s, round, 0, a);
    double *loss = tsgd_state_loss(e->s, round, a);
    copy_row(e, q, i, b, x);
    fold_row(e, w, q, i, b, x, *loss);
    if (e->s->is_spread)                /* its step begins a new sum */
        tsgd_pop_diverge_as(&e->s->pop[q], tsgd_state_head(e->s, round, a)->diverged);
    else if (!p->record[i % RECORDS].due.stopped)
        *loss = 0;
}

/* Rank 0's part in M8: a token that is elsewhere, and whose row has come. */
static void fold_came(struct evaluation *e, struct worker *w, uint32_t q, uint64_t i, uint32_t b)
{
    struct gathered *g = &e->pop[q].gathered;
    uint64_t n = atomic_load_explicit(&g->taken, memory_order_relaxed);
    const float *row = g->row + n % WINDOW * (TSGD_HEAD_FLOATS + e->s->arena.stride);
    const struct tsgd_head *head = (const struct tsgd_head *)row;
    fold_row(e, w, q, i, b, row + TSGD_HEAD_FLOATS, head->loss);
    tsgd_pop_diverge_as(&e->s->pop[q], head->diverged);
    atomic_store_explicit(&g->taken, n + 1, memory_order_release);
}

struct tsgd_way tsgd_fold_way(const struct evaluation *e, uint32_t q, uint64_t folded)
{
    const struct evaluated_pop *p = &e->pop[q];
    uint32_t k = e->s->pop[q].c.k, from = p->record[folded / k % RECORDS].rank[folded % k];
    uint64_t n = atomic_load_explicit(&p->gathered.taken, memory_order_relaxed);
    if (e->s->spread.ranks.rank != 0 || from == 0)
        return (struct tsgd_way){0, 0};
    const float *row = p->gathered.row + n % WINDOW * (TSGD_HEAD_FLOATS + e->s->arena.stride);
    const struct tsgd_head *head = (const struct tsgd_head *)row;
    return (struct tsgd_way){head->sent_ns, head->came_ns};
}

/* The others': a token's row is asked to be sent, if it is here. */
static void fold_elsewhere(struct evaluation *e, uint32_t q, uint64_t i, uint32_t b)
{
    const struct evaluated_pop *p = &e->pop[q];
    uint32_t a = e->s->pop[q].first + b;
    copy_row(e, q, i, b, tsgd_state_row(e->s, tsgd_evaluated_round(p, i), 0, a));
    tsgd_spread_begin(&e->s->spread, 1);
    tsgd_spread_queue(&e->s->spread, tsgd_errand(ERRAND_FOLD, a, i));
}

static void fold_next(struct evaluation *e, struct worker *w, uint32_t q, uint64_t i, uint32_t b)
{
    const struct spread *s = &e->s->spread;
    bool here = !e->s->is_spread || tsgd_evaluated_rank(&e->pop[q], i, b) == s->ranks.rank;
    if (s->ranks.rank == 0)
        (here ? fold_token : fold_came)(e, w, q, i, b);
    else if (here)
        fold_elsewhere(e, q, i, b);
}

/* All tokens are folded: the mean, and ||x_a - xbar||^2 from sums around the first token, which is
 * exact when all tokens are equal.                                                              */
static void fold_finish(struct evaluation *e, uint32_t q, uint64_t i)
{
    struct evaluated_pop *p = &e->pop[q];
    struct record *r = &p->record[i % RECORDS];
    uint32_t k = e->s->pop[q].c.k;
    double shift = tsgd_fold_finish(e->s->c.kernels, p->mean[i & 1], p->sum[i & 1],
                                    p->ref[i & 1], e->s->arena.dim, k);
    r->square = r->square / k - shift;
    r->square = r->square < 0 ? 0 : r->square;
    p->state_hash[i & 1] = tsgd_hash(p->hash, k * sizeof *p->hash);
    if (e->s->c.awaits_verdict)
        p->folded_at = tsgd_ticks();
    if (e->s->is_spread) {
        tsgd_spread_begin(&e->s->spread, 1);
        /* Relaxed: the queue shows it to whoever posts them. */
        atomic_store_explicit(&p->gathered.leaving[i & 1], e->s->spread.ranks.ranks - 1,
                              memory_order_relaxed);
        tsgd_spread_queue(&e->s->spread, tsgd_errand(ERRAND_MEAN, q, i));
    }
}

void tsgd_fold_run(struct evaluation *e, struct worker *w, uint32_t q, uint64_t folded)
{
    struct evaluated_pop *p = &e->pop[q];
    uint32_t k = e->s->pop[q].c.k;
    tsgd_begin(w, &tsgd_activity_fold, q, tsgd_evaluated_round(p, folded / k),
               (uint32_t)(folded % k));
    for (;;) {
        uint64_t i = folded / k;
        uint32_t b = (uint32_t)(folded % k);
        fold_next(e, w, q, i, b);
        if (b + 1 == k && e->s->spread.ranks.rank == 0)
            fold_finish(e, q, i);
        folded++;
        tsgd_jitter(w, true);
        if (b + 1 == k || !tsgd_fold_ready(e, q, folded))
            break;
        tsgd_seq_publish(&p->folded, folded);
    }
    tsgd_end(w, &tsgd_activity_fold);
    tsgd_seq_finish(&p->folded, folded);
}

/* ---- the report ---- */

static double *field(struct tsgd_eval *v, size_t at) { return (double *)((char *)v + at); }

/* Blocks of subject s: 0 is the mean, 1 + b is token b. Added up in order. */
static struct tsgd_measure add_up(const struct evaluation *e, uint32_t q, uint32_t s)
{
    struct tsgd_measure m = {0};
    uint32_t n = e->s->c.problem->eval_blocks;
    for (uint32_t b = s * n; b < (s + 1) * n; b++)
        tsgd_measure_add(&m, &e->pop[q].part[b]);
    return m;
}

static bool better(const struct tsgd_problem_metric *m, double a, double b)
{
    return m->more_is_better ? a > b : a < b;
}

/* What the problem measures of the mean; false: a number is not finite. */
static bool report_mean(const struct evaluation *e, uint32_t q, struct tsgd_eval *out)
{
    const struct tsgd_problem *p = e->s->c.problem;
    double value[TSGD_MOST_METRICS];
    struct tsgd_measure sum = add_up(e, q, 0);
    bool finite = true;
    p->ops->report(p, &sum, out->consensus, value);
    for (uint32_t m = 0; m < p->n_metrics; m++) {
        *field(out, p->metric[m].at) = value[m];
        finite &= isfinite(value[m]);
    }
    return finite;
}

/* The same of each token: the mean and the worst. */
static bool report_tokens(const struct evaluation *e, uint32_t q, struct tsgd_eval *out)
{
    const struct tsgd_problem *p = e->s->c.problem;
    uint32_t k = e->s->pop[q].c.k;
    double value[TSGD_MOST_METRICS], mean[TSGD_MOST_METRICS] = {0};
    double worst[TSGD_MOST_METRICS] = {0};
    bool finite = true;
    for (uint32_t b = 0; b < k; b++) {
        struct tsgd_measure sum = add_up(e, q, 1 + b);
        p->ops->report(p, &sum, 0, value);
        for (uint32_t m = 0; m < p->n_metrics; m++) {
            mean[m] += value[m];
            if (b == 0 || better(&p->metric[m], worst[m], value[m]))
                worst[m] = value[m];
        }
    }
    for (uint32_t m = 0; m < p->n_metrics; m++) {
        if (!p->metric[m].tokens_mean)
            continue;
        *field(out, p->metric[m].tokens_mean) = mean[m] / k;
        *field(out, p->metric[m].tokens_worst) = worst[m];
        finite &= isfinite(mean[m]);
    }
    return finite;
}

/* Evaluation i, and whether all its numbers are finite. */
static struct tsgd_eval report(const struct evaluation *e, uint32_t q, uint64_t i, bool *finite)
{
    const struct evaluated_pop *p = &e->pop[q];
    const struct record *r = &p->record[i % RECORDS];
    uint64_t fresh = r->due.samples - r->due.samples_before;
    struct tsgd_eval out = {
        .round = r->due.round,
        .samples = r->due.samples,
        .gradients = r->due.gradients,
        .bytes_gossip = r->due.bytes_gossip,
        .bytes_teleport = r->due.bytes_teleport,
        .bytes_between_ranks = r->due.bytes_between_ranks,
        .sim_seconds = r->due.sim_seconds,
        .wall_seconds = (double)tsgd_ns_since(e->s->start_ns) * 1e-9,
        .train_loss = fresh ? r->loss / (double)fresh : NAN,
        .test_loss = NAN, .test_accuracy = NAN, .test_r2 = NAN,
        .test_loss_mean = NAN, .test_loss_worst = NAN,
        .test_accuracy_mean = NAN, .test_accuracy_worst = NAN,
        .test_r2_mean = NAN, .test_r2_worst = NAN,
        .validation_loss = NAN, .validation_accuracy = NAN, .validation_r2 = NAN,
        .validation_loss_mean = NAN, .validation_loss_worst = NAN,
        .validation_accuracy_mean = NAN, .validation_accuracy_worst = NAN,
        .validation_r2_mean = NAN, .validation_r2_worst = NAN,
        .consensus = r->square,
        .grad_norm2 = NAN, .grad_norm2_tokens = NAN, .distance2 = NAN,
        .objective = NAN, .suboptimality = NAN,
        .suboptimality_mean = NAN, .suboptimality_worst = NAN,
        .lr = (double)r->due.eta,
        .state_hash = p->state_hash[i & 1],
    };
    for (int m = 0; m < TSGD_MOST_METRICS; m++)
        out.metric[m] = out.metric_mean[m] = out.metric_worst[m] = NAN;
    *finite = isfinite(out.consensus);
    if (e->s->c.problem->eval_blocks) {
        *finite &= report_mean(e, q, &out);
        if (e->s->c.eval_tokens)
            *finite &= report_tokens(e, q, &out);
    }
    return out;
}

/* What the final all-reduce makes of the last evaluation: every token is the mean. A ring carries
 * 2 (k - 1) / k rows from each of the k tokens. The rows themselves stay where they are: the mean
 * stands for them all.                                                                          */
static void average(const struct evaluation *e, uint32_t q, uint64_t i, struct tsgd_eval *eval)
{
    const struct tsgd_problem *problem = e->s->c.problem;
    struct evaluated_pop *p = &e->pop[q];
    uint32_t k = e->s->pop[q].c.k;
    uint64_t hash = tsgd_hash(p->mean[i & 1], e->s->arena.dim * sizeof(float));
    for (uint32_t b = 0; b < k; b++)
        p->hash[b] = hash;
    eval->state_hash = tsgd_hash(p->hash, k * sizeof *p->hash);
    eval->consensus = 0;
    eval->bytes_gossip += (uint64_t)2 * (k - 1) * 4 * e->s->arena.dim;
    if (!problem->eval_blocks)
        return;
    report_mean(e, q, eval);
    for (uint32_t m = 0; m < problem->n_metrics && e->s->c.eval_tokens; m++)
        if (problem->metric[m].tokens_mean)
            *field(eval, problem->metric[m].tokens_mean) =
                *field(eval, problem->metric[m].tokens_worst) = *field(eval, problem->metric[m].at);
}

static enum tsgd_verdict tell(const struct evaluation *e, uint32_t q, const struct tsgd_eval *eval)
{
    return e->s->c.on_eval ? e->s->c.on_eval(q, eval, e->s->c.user) : TSGD_GO_ON;
}

/* Evaluation i is over, and so may be the run. */
static void conclude(struct evaluation *e, uint32_t q, uint64_t i, enum tsgd_verdict verdict)
{
    const struct record *r = &e->pop[q].record[i % RECORDS];
    struct pop *pop = &e->s->pop[q];
    if (verdict == TSGD_END_HERE)
        atomic_store_explicit(&pop->end_round, r->due.round, memory_order_relaxed);
    for (uint32_t b = 0; b < pop->c.k && e->s->is_spread; b++)  /* they retire elsewhere */
        if (verdict == TSGD_END_HERE && !r->due.ends &&
            tsgd_evaluated_rank(&e->pop[q], i, b) != e->s->spread.ranks.rank)
            tsgd_state_done_one(e->s);
    tsgd_seq_finish(&e->pop[q].evaluated, i + 1);
    tsgd_state_done_one(e->s);
}

/* The last block of evaluation i is done: report it, in order, and let others go on. Every step
 * before x^t is over, so a divergence before this round is known here, whatever the timing.     */
static void finish(struct evaluation *e, struct worker *w, uint32_t q, uint64_t i)
{
    struct evaluated_pop *p = &e->pop[q];
    struct pop *pop = &e->s->pop[q];
    bool finite, last = p->record[i % RECORDS].due.ends;
    struct tsgd_eval eval = report(e, q, i, &finite);
    enum tsgd_verdict verdict = TSGD_GO_ON;
    if (!finite)
        tsgd_pop_diverge(pop, eval.round, UINT32_MAX);
    if (isfinite(eval.consensus))
        tsgd_worker_count(w, &tsgd_counter_consensus,
                          e->s->c.n_populations > 1 ? q : TSGD_TRACE_NONE, eval.consensus);
    uint64_t diverged = atomic_load_explicit(&pop->diverged, memory_order_relaxed);
    if (last && e->s->c.final_average)
        average(e, q, i, &eval);
    if (diverged > eval.round << 32)
        verdict = tell(e, q, &eval);
    if (verdict == TSGD_END_HERE && !last && e->s->c.final_average) {
        average(e, q, i, &eval);
        tell(e, q, &eval);
    }
    if (verdict == TSGD_STOP_SOON)      /* relaxed: the planner sees it sooner or later */
        atomic_store_explicit(&e->s->stop, true, memory_order_relaxed);
    if (e->s->c.awaits_verdict)
        p->eval_only += tsgd_ticks() - p->folded_at;
    tsgd_jitter(w, true);
    if (e->s->is_spread && e->s->c.awaits_verdict) {
        p->record[i % RECORDS].verdict = (uint8_t)verdict;
        tsgd_spread_begin(&e->s->spread, 1);
        tsgd_spread_queue(&e->s->spread, tsgd_errand(ERRAND_VERDICT, q, i));
    }
    conclude(e, q, i, verdict);
}

/* A block of evaluation i is done, or on rank 0 the blocks of another rank. Whoever counts last
 * goes on.                                                                                      */
static void count_done(struct evaluation *e, struct worker *w, uint32_t q, uint64_t i)
{
    struct evaluated_pop *p = &e->pop[q];
    const struct tsgd_ranks *ranks = &e->s->spread.ranks;
    uint32_t all = p->blocks + (e->s->is_spread && ranks->rank == 0 ? ranks->ranks - 1 : 0);
    /* Acquire and release: the last one sees the parts of all the others. */
    if (atomic_fetch_add_explicit(&p->blocks_done, 1, memory_order_acq_rel) + 1 < all)
        return;
    /* Relaxed: the next block is claimed only after `evaluated` is published. */
    atomic_store_explicit(&p->blocks_done, 0, memory_order_relaxed);
    if (ranks->rank != 0) {
        tsgd_spread_begin(&e->s->spread, 1);
        tsgd_spread_queue(&e->s->spread, tsgd_errand(ERRAND_MEASURES, q, i));
        return;
    }
    tsgd_begin(w, &tsgd_activity_report, q, tsgd_evaluated_round(p, i), TSGD_TRACE_NONE);
    finish(e, w, q, i);
    tsgd_end(w, &tsgd_activity_report);
}

void tsgd_measures_came(struct evaluation *e, struct worker *w, uint32_t q, uint64_t i)
{
    count_done(e, w, q, i);
}

void tsgd_evaluation_conclude(struct evaluation *e, uint32_t q, uint64_t i)
{
    struct evaluated_pop *p = &e->pop[q];
    uint32_t wanted = e->s->c.awaits_verdict ? 2 : 1;
    /* Acquire and release: the last one sees the verdict, and that the measures may be written
     * over.                                                                                     */
    if (atomic_fetch_add_explicit(&p->gathered.concluded, 1, memory_order_acq_rel) + 1 < wanted)
        return;
    /* Relaxed: `evaluated` orders it. */
    atomic_store_explicit(&p->gathered.concluded, 0, memory_order_relaxed);
    conclude(e, q, i, p->record[i % RECORDS].verdict);
}

/* ---- the blocks ---- */

bool tsgd_block_is_of(const struct evaluation *e, uint32_t q, uint64_t i, uint32_t b,
                      uint32_t rank)
{
    const struct tsgd_ranks *ranks = &e->s->spread.ranks;
    uint32_t n = e->s->c.problem->eval_blocks;
    if (n == 0)
        return rank == 0;
    if (b >= n)
        return tsgd_evaluated_rank(&e->pop[q], i, b / n - 1) == rank;
    return b >= tsgd_first_block(ranks, rank, n) && b < tsgd_first_block(ranks, rank + 1, n);
}

bool tsgd_block_ready(const struct evaluation *e, uint32_t q, uint64_t block)
{
    const struct evaluated_pop *p = &e->pop[q];
    uint64_t i = block / p->blocks;
    /* Acquire: the mean is there. */
    if (e->s->spread.ranks.rank != 0 &&
        atomic_load_explicit(&p->gathered.mean_came[i & 1], memory_order_acquire) != i + 1)
        return false;
    /* Evaluations are measured one after the other, so that blocks_done and part belong to one. */
    return tsgd_seq_reached(&p->folded, (i + 1) * e->s->pop[q].c.k) &&
           tsgd_seq_reached(&p->evaluated, i);
}

bool tsgd_block_claim(struct evaluation *e, uint32_t q, uint64_t block)
{
    /* Relaxed: readiness has acquired the mean; the number alone is handed out here. */
    return atomic_compare_exchange_strong_explicit(&e->pop[q].next_block, &block, block + 1,
                                                   memory_order_relaxed, memory_order_relaxed);
}

void tsgd_block_run(struct evaluation *e, struct worker *w, uint32_t q, uint64_t block)
{
    const struct tsgd_problem *problem = e->s->c.problem;
    struct evaluated_pop *p = &e->pop[q];
    uint64_t i = block / p->blocks;
    uint32_t b = (uint32_t)(block % p->blocks);
    tsgd_begin(w, &tsgd_activity_block, q, tsgd_evaluated_round(p, i), b);
    if (problem->eval_blocks &&
        (!e->s->is_spread || tsgd_block_is_of(e, q, i, b, e->s->spread.ranks.rank))) {
        uint32_t s = b / problem->eval_blocks;
        const float *x = s == 0 ? p->mean[i & 1] : p->copy[i & 1] + (s - 1) * e->s->arena.stride;
        problem->ops->evaluate(problem, b % problem->eval_blocks, x, w->scratch, &p->part[b]);
    }
    tsgd_end(w, &tsgd_activity_block);
    tsgd_jitter(w, false);
    count_done(e, w, q, i);
}

/* ---- after the run ---- */

uint64_t tsgd_evaluation_round(const struct evaluation *e, uint32_t q)
{
    /* Relaxed, here and below: the run is over, and its end has ordered everything. */
    uint64_t evals = atomic_load_explicit(&e->pop[q].evals, memory_order_relaxed);
    return evals ? tsgd_evaluated_round(&e->pop[q], evals - 1) : 0;
}

const float *tsgd_evaluation_mean(const struct evaluation *e, uint32_t q)
{
    uint64_t evals = atomic_load_explicit(&e->pop[q].evals, memory_order_relaxed);
    return e->pop[q].mean[(evals - 1) & 1];
}
