/* engine/evaluate.c: x^t is looked at while the tokens go on. The fold reads the tokens' rows in
 * token order, each as soon as it shows 2t, and a token's step waits only for its own row (R3). Then
 * the mean is measured from a buffer of its own, in blocks that any worker takes. Two buffers: one
 * is measured while the other is folded. Sums run in token order and in block order.            */
#include "base/clock.h"
#include "base/hash.h"
#include "engine/watch.h"
#include "linalg/vec.h"

#include <math.h>
#include <string.h>

bool tsgd_fold_ready(const struct tsgd_engine *e, const struct pop *p, uint64_t folded)
{
    uint64_t i = folded / p->c.k, b = folded % p->c.k;
    if (i >= atomic_load_explicit(&p->evals, memory_order_acquire))
        return false;
    if (b == 0 && i >= 2 && !tsgd_seq_reached(&p->evaluated, i - 1))
        return false;                   /* its buffers are still being measured */
    uint64_t round = atomic_load_explicit(&p->record[i % RECORDS].round, memory_order_relaxed);
    uint64_t word = tsgd_seq_load(&e->arena.seq[p->first + b]);
    if (round == 0 && tsgd_seq_phase(word) == 0)
        return !tsgd_seq_busy(word);    /* a busy one is still being filled */
    return tsgd_seq_phase(word) >= 2 * round;
}

static void fold_token(struct worker *w, struct pop *p, uint64_t i, uint32_t b)
{
    struct tsgd_engine *e = w->e;
    struct record *r = &p->record[i % RECORDS];
    size_t dim = e->arena.dim;
    uint64_t round = atomic_load_explicit(&r->round, memory_order_relaxed);
    const float *x = tsgd_arena_row(&e->arena, round, 0, p->first + b);
    float *ref = p->ref[i & 1];
    if (b == 0) {
        memcpy(ref, x, dim * sizeof *ref);
        memset(p->sum[i & 1], 0, dim * sizeof *p->sum[0]);
    }
    if (p->copy[i & 1])
        memcpy(p->copy[i & 1] + b * e->arena.stride, x, dim * sizeof *x);
    r->square += tsgd_fold(p->sum[i & 1], x, ref, dim);
    tsgd_jitter(w, false);
    p->hash[b] = tsgd_hash(x, dim * sizeof *x);
    r->loss += e->arena.tally[p->first + b].loss;
    e->arena.tally[p->first + b].loss = 0;
}

/* All tokens are in: the mean, and ||x_a - xbar||^2 from sums around the first token, which is
 * exact when all tokens are equal.                                                              */
static void fold_finish(struct tsgd_engine *e, struct pop *p, uint64_t i)
{
    struct record *r = &p->record[i % RECORDS];
    double shift = tsgd_fold_finish(p->mean[i & 1], p->sum[i & 1], p->ref[i & 1], e->arena.dim,
                                    p->c.k);
    r->square = r->square / p->c.k - shift;
    r->square = r->square < 0 ? 0 : r->square;
    p->state_hash[i & 1] = tsgd_hash(p->hash, p->c.k * sizeof *p->hash);
    if (e->c.awaits_verdict)
        p->folded_at = tsgd_ticks();
}

/* The round of evaluation i, which nobody changes while it is under way. */
static uint64_t round_of(const struct pop *p, uint64_t i)
{
    return atomic_load_explicit(&p->record[i % RECORDS].round, memory_order_relaxed);
}

void tsgd_fold_run(struct worker *w, struct pop *p, uint64_t folded)
{
    tsgd_announce(w, &tsgd_watch_fold, (uint32_t)(p - w->e->pop), round_of(p, folded / p->c.k),
                  (uint32_t)(folded % p->c.k));
    for (;;) {
        uint64_t i = folded / p->c.k;
        uint32_t b = (uint32_t)(folded % p->c.k);
        fold_token(w, p, i, b);
        if (b + 1 == p->c.k)
            fold_finish(w->e, p, i);
        folded++;
        tsgd_jitter(w, true);
        if (b + 1 == p->c.k || !tsgd_fold_ready(w->e, p, folded))
            break;
        tsgd_seq_publish(&p->folded, folded);
    }
    tsgd_charge(w, EVAL_TIME);
    tsgd_seq_finish(&p->folded, folded);
}

bool tsgd_block_ready(const struct pop *p, uint64_t block)
{
    uint64_t i = block / p->blocks;
    /* Evaluations are measured one after the other, so that blocks_done and part belong to one. */
    return tsgd_seq_reached(&p->folded, (i + 1) * p->c.k) && tsgd_seq_reached(&p->evaluated, i);
}

/* Blocks of subject s: 0 is the mean, 1 + b is token b. Added up in order. */
static struct tsgd_measure add_up(const struct tsgd_engine *e, const struct pop *p, uint32_t s)
{
    struct tsgd_measure m = {0};
    uint32_t n = e->c.problem->eval_blocks;
    for (uint32_t b = s * n; b < (s + 1) * n; b++) {
        m.loss += p->part[b].loss;
        m.correct += p->part[b].correct;
        m.samples += p->part[b].samples;
        m.distance2 += p->part[b].distance2;
    }
    return m;
}

static double mean_loss(struct tsgd_measure m) { return m.loss / (double)m.samples; }
static double accuracy(struct tsgd_measure m) { return (double)m.correct / (double)m.samples; }

static void measure_tokens(const struct tsgd_engine *e, const struct pop *p, struct tsgd_eval *out)
{
    double loss = 0, hits = 0, worst_loss = -INFINITY, worst_hits = INFINITY;
    for (uint32_t b = 0; b < p->c.k; b++) {
        struct tsgd_measure m = add_up(e, p, 1 + b);
        loss += mean_loss(m);
        hits += accuracy(m);
        worst_loss = fmax(worst_loss, mean_loss(m));
        worst_hits = fmin(worst_hits, accuracy(m));
    }
    out->test_loss_mean = loss / p->c.k;
    out->test_accuracy_mean = hits / p->c.k;
    out->test_loss_worst = worst_loss;
    out->test_accuracy_worst = worst_hits;
}

/* ||grad f||^2 = c^2 ||x - x*||^2; and the mean of ||x_a - x*||^2 over the tokens is that of their
 * mean and the consensus distance, so no token need be measured on its own.                     */
static void measure_gradient(double c, double distance2, struct tsgd_eval *out)
{
    out->distance2 = distance2;
    out->grad_norm2 = c * c * distance2;
    out->grad_norm2_tokens = c * c * (distance2 + out->consensus);
}

static struct tsgd_eval report(const struct tsgd_engine *e, const struct pop *p, uint64_t i)
{
    const struct record *r = &p->record[i % RECORDS];
    uint64_t fresh = r->samples - p->samples_before;
    struct tsgd_measure m = add_up(e, p, 0);
    struct tsgd_eval out = {
        .round = atomic_load_explicit(&r->round, memory_order_relaxed),
        .samples = r->samples,
        .gradients = r->gradients,
        .bytes_gossip = r->bytes_gossip,
        .bytes_teleport = r->bytes_teleport,
        .sim_seconds = r->sim_seconds,
        .wall_seconds = (double)(tsgd_now_ns() - e->start_ns) * 1e-9,
        .train_loss = fresh ? r->loss / (double)fresh : NAN,
        .test_loss = m.samples ? mean_loss(m) : NAN,
        .test_accuracy = m.samples ? accuracy(m) : NAN,
        .validation_loss = NAN, .validation_accuracy = NAN,
        .test_loss_mean = NAN, .test_loss_worst = NAN,
        .test_accuracy_mean = NAN, .test_accuracy_worst = NAN,
        .consensus = r->square,
        .grad_norm2 = NAN, .grad_norm2_tokens = NAN, .distance2 = NAN,
        .lr = (double)r->eta,
        .state_hash = p->state_hash[i & 1],
    };
    if (e->c.eval_tokens && m.samples)
        measure_tokens(e, p, &out);
    if (e->c.problem->curvature > 0)
        measure_gradient(e->c.problem->curvature, m.distance2, &out);
    return out;
}

/* A number in it is not finite (NaN also stands for "does not apply", so ask what applies). */
static bool broken(const struct tsgd_engine *e, const struct tsgd_eval *v)
{
    const struct tsgd_problem *p = e->c.problem;
    if (p->curvature > 0)
        return !isfinite(v->grad_norm2_tokens);
    return (p->eval_blocks && !isfinite(v->test_loss)) || !isfinite(v->consensus) ||
           isinf(v->test_loss_mean) || (e->c.eval_tokens && isnan(v->test_loss_mean));
}

/* What the final all-reduce makes of the last evaluation: every token is the mean. A ring carries
 * 2 (k - 1) / k rows from each of the k tokens. The rows themselves stay where they are: the mean
 * stands for them all.                                                                          */
static void average(const struct tsgd_engine *e, struct pop *p, uint64_t i, struct tsgd_eval *eval)
{
    uint64_t hash = tsgd_hash(p->mean[i & 1], e->arena.dim * sizeof(float));
    for (uint32_t b = 0; b < p->c.k; b++)
        p->hash[b] = hash;
    eval->state_hash = tsgd_hash(p->hash, p->c.k * sizeof *p->hash);
    eval->consensus = 0;
    eval->bytes_gossip += (uint64_t)2 * (p->c.k - 1) * 4 * e->arena.dim;
    if (e->c.eval_tokens) {
        eval->test_loss_mean = eval->test_loss_worst = eval->test_loss;
        eval->test_accuracy_mean = eval->test_accuracy_worst = eval->test_accuracy;
    }
}

static enum tsgd_verdict tell(const struct tsgd_engine *e, const struct pop *p,
                              const struct tsgd_eval *eval)
{
    return e->c.on_eval ? e->c.on_eval((uint32_t)(p - e->pop), eval, e->c.user) : TSGD_GO_ON;
}

/* The last block of evaluation i is done: report it, in order, and let others go on. Every step
 * before x^t is over, so a divergence before this round is known here, whatever the timing.     */
static void finish(struct worker *w, struct pop *p, uint64_t i)
{
    struct tsgd_engine *e = w->e;
    struct tsgd_eval eval = report(e, p, i);
    enum tsgd_verdict verdict = TSGD_GO_ON;
    if (broken(e, &eval))
        tsgd_diverged_at(p, eval.round, UINT32_MAX);
    uint64_t diverged = atomic_load_explicit(&p->diverged, memory_order_relaxed);
    bool last = p->record[i % RECORDS].last;
    if (last && e->c.final_average)
        average(e, p, i, &eval);
    if (diverged > eval.round << 32)
        verdict = tell(e, p, &eval);
    if (verdict == TSGD_END_HERE && !last && e->c.final_average) {
        average(e, p, i, &eval);
        tell(e, p, &eval);
    }
    if (verdict == TSGD_STOP_SOON)
        tsgd_ask_to_stop(e);
    if (verdict == TSGD_END_HERE)
        atomic_store_explicit(&p->end_round, eval.round, memory_order_relaxed);
    p->samples_before = p->record[i % RECORDS].samples;
    if (e->c.awaits_verdict)
        p->eval_only += tsgd_ticks() - p->folded_at;
    tsgd_jitter(w, true);
    tsgd_seq_finish(&p->evaluated, i + 1);
    tsgd_done_one(e);
}

void tsgd_block_run(struct worker *w, struct pop *p, uint64_t block)
{
    const struct tsgd_problem *problem = w->e->c.problem;
    uint64_t i = block / p->blocks;
    uint32_t b = (uint32_t)(block % p->blocks), q = (uint32_t)(p - w->e->pop);
    tsgd_announce(w, &tsgd_watch_block, q, round_of(p, i), b);
    if (problem->eval_blocks) {
        uint32_t s = b / problem->eval_blocks;
        const float *x = s == 0 ? p->mean[i & 1] :
                         p->copy[i & 1] + (s - 1) * w->e->arena.stride;
        problem->ops->evaluate(problem, b % problem->eval_blocks, x, w->scratch, &p->part[b]);
    }
    tsgd_charge(w, EVAL_TIME);
    tsgd_jitter(w, false);
    /* Acquire and release: the last one sees the parts of all the others. */
    if (atomic_fetch_add_explicit(&p->blocks_done, 1, memory_order_acq_rel) + 1 == p->blocks) {
        /* Relaxed: the next block is claimed only after `evaluated` is published. */
        atomic_store_explicit(&p->blocks_done, 0, memory_order_relaxed);
        tsgd_announce(w, &tsgd_watch_report, q, round_of(p, i), TSGD_TRACE_NONE);
        finish(w, p, i);
        tsgd_charge(w, EVAL_TIME);
    }
}
