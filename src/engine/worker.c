/* engine/worker.c: threads that look for a ready task, claim it and run it.
 *
 * A worker prefers its home tokens (their rows are in its cache), starting behind the one it ran
 * last; after a few empty looks it takes a ready task of anybody. Without one it pauses, then yields,
 * then sleeps on the futex word `epoch`.
 *
 * No wake-up is lost, and a publication needs no fence: whoever publishes looks for work afterwards,
 * and before it sleeps it does a read-modify-write on `sleepers` and looks at everything once more.
 * Read-modify-writes on one word are ordered, so of the workers whose publications together make a
 * task ready, the one that comes last there sees them all, and takes it. So a ready task always has
 * somebody awake; waking a second worker, when a claimer sees more than one ready task, is for speed. */
#include "base/clock.h"
#include "engine/watch.h"

#include <linux/futex.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Empty looks before a worker takes tasks of others, yields instead of pausing, goes to sleep.
 * Yielding often is what lets more threads than cores progress at full speed.                   */
enum { STEAL_AFTER = 16, YIELD_AFTER = 32, SLEEP_AFTER = 96 };

enum kind { MIX, STEP, PART, PLAN, FOLD, BLOCK, SLICE };

struct task {
    enum kind kind;
    uint32_t id;                /* token, or population */
    uint64_t phase;             /* what its word showed; of a part, the team's */
};

static bool ready_token(struct worker *w, uint32_t a, struct task *out)
{
    struct tsgd_engine *e = w->e;
    uint64_t word = tsgd_seq_load(&e->arena.seq[a]), phase = tsgd_seq_phase(word);
    if (tsgd_seq_busy(word)) {
        *out = (struct task){PART, a, 0};
        return e->team && tsgd_part_ready(e, a, &out->phase);
    }
    *out = (struct task){phase & 1 ? MIX : STEP, a, phase};
    if (phase & 1)
        return !e->sliced && tsgd_mix_ready(e, a, (phase + 1) / 2);
    if (tsgd_plan_ready(w, phase / 2)) {
        *out = (struct task){PLAN, 0, phase / 2};
        return true;
    }
    return tsgd_step_ready(e, a, phase / 2);
}

static bool ready_among(struct worker *w, uint32_t lo, uint32_t hi, uint32_t from, struct task *out)
{
    for (uint32_t i = lo, a = from; i < hi; i++, a = a + 1 == hi ? lo : a + 1)
        if (ready_token(w, a, out))
            return true;
    return false;
}

/* What belongs to a whole population: evaluation, and gossip by slices. */
static bool ready_population(struct tsgd_engine *e, struct task *out)
{
    for (uint32_t q = 0; q < e->c.n_populations; q++) {
        struct pop *p = &e->pop[q];
        uint64_t word = tsgd_seq_load(&p->folded);
        *out = (struct task){FOLD, q, tsgd_seq_phase(word)};
        if (!tsgd_seq_busy(word) && tsgd_fold_ready(e, p, out->phase))
            return true;
        /* Relaxed: block_ready acquires what the block needs. */
        *out = (struct task){BLOCK, q, atomic_load_explicit(&p->next_block, memory_order_relaxed)};
        if (tsgd_block_ready(p, out->phase))
            return true;
        /* Relaxed: slice_ready acquires what the slice needs. */
        *out = (struct task){SLICE, q, atomic_load_explicit(&p->next_slice, memory_order_relaxed)};
        if (p->slices && tsgd_slice_ready(e, p, out->phase))
            return true;
    }
    return false;
}

static bool find(struct worker *w, struct task *out, bool steal)
{
    struct tsgd_engine *e = w->e;
    if (ready_population(e, out) || ready_among(w, w->lo, w->hi, w->cursor, out))
        return true;
    tsgd_jitter(w, false);
    return steal && ready_among(w, 0, e->tokens, w->hi == e->tokens ? 0 : w->hi, out);
}

static bool claim(struct tsgd_engine *e, const struct task *k)
{
    uint64_t block = k->phase;
    switch (k->kind) {
    case PLAN:
        return tsgd_seq_claim(&e->planned, k->phase);
    case FOLD:
        return tsgd_seq_claim(&e->pop[k->id].folded, k->phase);
    case BLOCK:
        /* Relaxed: readiness has acquired the mean; the number alone is handed out here. */
        return atomic_compare_exchange_strong_explicit(&e->pop[k->id].next_block, &block, block + 1,
                                                       memory_order_relaxed, memory_order_relaxed);
    case SLICE:
        /* Relaxed: readiness has acquired the rows; the number alone is handed out here. */
        return atomic_compare_exchange_strong_explicit(&e->pop[k->id].next_slice, &block, block + 1,
                                                       memory_order_relaxed, memory_order_relaxed);
    case PART:
        return tsgd_part_claim(e, k->id, k->phase);
    case MIX:
    case STEP:
        break;
    }
    return tsgd_seq_claim(&e->arena.seq[k->id], k->phase);
}

static void run(struct worker *w, const struct task *k)
{
    struct tsgd_engine *e = w->e;
    switch (k->kind) {
    case MIX:
        tsgd_mix_run(w, k->id, (k->phase + 1) / 2);
        return;
    case STEP:
        tsgd_step_run(w, k->id, k->phase / 2);
        return;
    case PART:
        tsgd_part_run(w, k->id, k->phase);
        return;
    case PLAN:
        tsgd_plan_round(w, k->phase);
        return;
    case FOLD:
        tsgd_fold_run(w, &e->pop[k->id], k->phase);
        return;
    case BLOCK:
        tsgd_block_run(w, &e->pop[k->id], k->phase);
        return;
    case SLICE:
        tsgd_slice_run(w, &e->pop[k->id], k->phase);
        return;
    }
}

static bool over(const struct tsgd_engine *e)
{
    return atomic_load_explicit(&e->left, memory_order_acquire) == 0;
}

/* A claimed task, if there is a ready one. If there is a second one, somebody is woken for it; the
 * flags are relaxed, because a wake-up too many or too few costs time and nothing else.         */
static bool take(struct worker *w, struct task *out, bool steal)
{
    struct tsgd_engine *e = w->e;
    struct task other;
    do {
        if (!find(w, out, steal))
            return false;
        tsgd_jitter(w, false);
    } while (!claim(e, out));
    TSGD_PROBE3(claim, out->kind, out->id, out->phase);
    if (out->kind == MIX || out->kind == STEP || out->kind == PART) {
        if (out->id >= w->lo && out->id < w->hi)
            w->cursor = out->id + 1 == w->hi ? w->lo : out->id + 1;
        else
            w->steals++;
    }
    if (atomic_load_explicit(&e->sleepers, memory_order_relaxed) &&
        !atomic_load_explicit(&e->waking, memory_order_relaxed) && find(w, &other, true))
        tsgd_wake_another(e);
    return true;
}

/* Sleeps until somebody calls wake; or comes back with a task that the last look found. */
static bool sleep_or_take(struct worker *w, struct task *out)
{
    struct tsgd_engine *e = w->e;
    /* Acquire, pairs with tsgd_wake: an epoch read before the look makes the futex refuse to sleep if
     * somebody has called wake since.                                                           */
    uint32_t epoch = atomic_load_explicit(&e->epoch, memory_order_acquire);
    /* The read-modify-write of the head comment, acquire and release: it orders this worker's
     * publications before, and its last look after, those of the others. Without it two workers
     * that each publish what the other's task needs may both sleep.                             */
    atomic_fetch_add_explicit(&e->sleepers, 1, memory_order_acq_rel);
    tsgd_jitter(w, false);
    bool got = take(w, out, true);
    if (!got && !over(e)) {
        w->sleeps++;
        syscall(SYS_futex, &e->epoch, FUTEX_WAIT_PRIVATE, epoch, NULL, NULL, 0);
    }
    atomic_fetch_sub_explicit(&e->sleepers, 1, memory_order_relaxed);
    atomic_store_explicit(&e->waking, false, memory_order_relaxed);
    return got;
}

/* First touch: the rows of the home tokens, near the core that will use them; of a team, by its
 * first worker.                                                                                 */
static void fill_rows(struct worker *w)
{
    if (w->id > 0 && w[-1].lo == w->lo)
        return;
    const struct tsgd_arena *r = &w->e->arena;
    const struct tsgd_local *local = &w->e->c.local;
    for (uint32_t a = w->lo; a < w->hi; a++) {
        for (uint32_t i = 0; i < r->exchanged; i++)
            for (uint64_t place = 0; place < r->places; place++)
                memset(tsgd_arena_row(r, place, i, a), 0, r->stride * sizeof(float));
        for (uint32_t i = 0; i < r->private_rows; i++)
            memset(tsgd_arena_own(r, i, a), 0, r->stride * sizeof(float));
        memcpy(tsgd_arena_row(r, 0, 0, a), w->e->c.init, r->dim * sizeof(float));
        if (local->init) {
            struct tsgd_rows rows = tsgd_rows_of(r, a, 0);
            local->init(&rows, r->dim);
        }
        tsgd_seq_finish(&r->seq[a], 0);         /* was claimed by nobody: now x^0 stands there */
    }
}

void *tsgd_worker(void *worker)
{
    struct worker *w = worker;
    struct tsgd_engine *e = w->e;
    struct task task;
    if (w->track)
        tsgd_track_touch(w->track);
    pthread_mutex_lock(&e->gate);
    while (!e->open && !e->abort)
        pthread_cond_wait(&e->opened, &e->gate);
    bool abort = e->abort;
    pthread_mutex_unlock(&e->gate);
    if (abort)
        return NULL;
    w->last = tsgd_ticks();
    tsgd_trace_inner = w->track && tsgd_trace_is_inner(e->c.trace) ? w->track : NULL;
    fill_rows(w);
    uint32_t patience = e->c.patience ? e->c.patience : SLEEP_AFTER;
    for (uint32_t idle = 0;;) {
        bool got = take(w, &task, idle >= STEAL_AFTER);
        if (!got) {
            if (over(e))
                break;
            if (idle == 0)
                TSGD_PROBE1(wait__begin, w->id);
            bool sleepy = ++idle >= patience;
            if (sleepy)
                got = sleep_or_take(w, &task);
            else if (idle <= YIELD_AFTER)
                tsgd_pause();
            else
                sched_yield();
            idle = sleepy ? 1 : idle;
        }
        if (got) {
            if (idle)
                TSGD_PROBE2(wait__end, w->id, w->sleeps);
            tsgd_charge(w, idle ? WAIT_TIME : OTHER_TIME);
            run(w, &task);
            tsgd_charge(w, OTHER_TIME);
            idle = 0;
        }
    }
    tsgd_charge(w, WAIT_TIME);
    tsgd_trace_inner = NULL;
    return NULL;
}
