#include "engine/stall.h"

enum {
    MOST_TOKENS = 8,            /* that are told one by one, */
    MOST_WORKERS = 16,          /* and workers */
    MOST_AT_ONE = 4             /* workers that are named as being at one token */
};

#define SAY(...) tsgd_watchdog_add(d, __VA_ARGS__)

typedef unsigned long long number;

static const struct tsgd_engine *engine(const struct watchdog *d) { return d->asker.e; }

static uint64_t word_of(const struct watchdog *d, uint32_t a)
{
    return tsgd_seq_load(&engine(d)->state.arena.seq[a]);
}

static uint64_t phase_of(const struct watchdog *d, uint32_t a)
{
    return tsgd_seq_phase(word_of(d, a));
}

static number evaluated_round(const struct watchdog *d, uint32_t q, uint64_t evaluation)
{
    return tsgd_evaluated_round(&engine(d)->evaluation.pop[q], evaluation);
}

/* ---- what is waited for ---- */

static void say_wait(struct watchdog *d, const struct wait_for *w)
{
    number round = w->number / 2;       /* of a phase */
    switch (w->what) {
    case WAITS_R1:
        SAY("token %u to take its step of round %llu (R1)", w->id, round);
        break;
    case WAITS_R2:
        SAY("token %u to mix in round %llu, for which it reads the row to be overwritten (R2)",
            w->id, round - 1);
        break;
    case WAITS_USES:
        SAY("uses of the row to be overwritten: mixes and messages of an earlier round (M3)");
        break;
    case WAITS_R3_FOLD:
        SAY("the evaluation of round %llu to read its row (R3)",
            evaluated_round(d, w->id, w->number));
        break;
    case WAITS_R3_VERDICT:
        SAY("the verdict on the evaluation of round %llu (R3)",
            evaluated_round(d, w->id, w->number));
        break;
    case WAITS_R4:
        SAY("token %u, the node's visitor before, to take its step of round %llu (R4)", w->id,
            round);
        break;
    case WAITS_R5:
        SAY("token %u to mix in round %llu, for there is room for %d plans (R5)", w->id, round - 1,
            SLOTS);
        break;
    case WAITS_R6:
        SAY("token %u to take its step of round %llu (R6)", w->id, round);
        break;
    case WAITS_SLICES:
        SAY("all tokens to be mixed at once");
        break;
    case WAITS_PLAN:
        SAY("the plan of round %llu", (number)w->number);
        break;
    case WAITS_PLANNER:
        SAY("the worker that makes it");
        break;
    case WAITS_ROOM:
        SAY("the evaluation of round %llu to end", evaluated_round(d, w->id, w->number));
        break;
    case WAITS_ARRIVAL:
        SAY("token %u to come to round %llu", w->id, round);
        break;
    case WAITS_ROW:
        SAY("the row of token %u from rank %llu", w->id, (number)w->number);
        break;
    case WAITS_MEASURED:
        SAY("the evaluation of round %llu to be measured", evaluated_round(d, w->id, w->number));
        break;
    }
}

/* The check that came last is that of the task itself; the one before says what that waits for. */
static void say_waits(struct watchdog *d)
{
    for (size_t i = d->waits.n; i > 0; i--) {
        SAY(i == d->waits.n ? " waits for " : ", which waits for ");
        say_wait(d, &d->waits.wait[i - 1]);
    }
    SAY("\n");
}

/* ---- what workers are at ---- */

struct work {
    enum does does;
    uint32_t first, third;
};

static struct work work_of(const struct watchdog *d, uint32_t worker)
{
    uint64_t doing = atomic_load_explicit(&d->worker[worker].doing, memory_order_relaxed);
    return (struct work){
        (enum does)(doing >> 60), (uint32_t)doing, (uint32_t)(doing >> 32) & TSGD_DOES_MANY,
    };
}

static bool is_of_token(enum does does) { return does >= DOES_STEP && does <= DOES_MIX; }
static bool is_idle(enum does does) { return does == DOES_LOOK || does == DOES_SLEEP; }

static number round_of_work(const struct watchdog *d, const struct work *w)
{
    const struct tsgd_engine *e = engine(d);
    if (is_of_token(w->does))
        return phase_of(d, w->first) / 2;
    if (w->does == DOES_SLICE)
        return phase_of(d, e->state.pop[w->first].first) / 2;
    if (w->does == DOES_PLAN)
        return tsgd_seq_phase(tsgd_seq_load(&e->planner.planned));
    const struct evaluated_pop *p = &e->evaluation.pop[w->first];
    uint64_t fold = tsgd_seq_phase(tsgd_seq_load(&p->folded)) / e->state.pop[w->first].c.k;
    return evaluated_round(d, w->first, w->does == DOES_FOLD ? fold :
                           tsgd_seq_phase(tsgd_seq_load(&p->evaluated)));
}

static void say_work(struct watchdog *d, const struct work *w)
{
    switch (w->does) {
    case DOES_NOTHING:
        SAY("it has not begun, or it has ended");
        return;
    case DOES_FILL:
        SAY("fills the rows that the run begins with");
        return;
    case DOES_LOOK:
        SAY("looks for work");
        return;
    case DOES_SLEEP:
        SAY("sleeps");
        return;
    case DOES_STEP:
        SAY("the step of token %u", w->first);
        if (w->third < TSGD_DOES_MANY)
            SAY(" at node %u", w->third);
        break;
    case DOES_PART:
        SAY("part %u of the step of token %u", w->third, w->first);
        break;
    case DOES_UPDATE:
        SAY("range %u of the update of token %u", w->third, w->first);
        break;
    case DOES_COPY:
        SAY("copies token %u for a checkpoint", w->first);
        break;
    case DOES_MIX:
        SAY("the mix of token %u", w->first);
        break;
    case DOES_SLICE:
        SAY("slice %u of mixing all tokens", w->third);
        break;
    case DOES_FOLD:
        SAY("reads rows for an evaluation");
        break;
    case DOES_BLOCK:
        SAY("block %u of an evaluation", w->third);
        break;
    case DOES_REPORT:
        SAY("tells an evaluation");
        break;
    case DOES_PLAN:
        SAY("the plan");
        break;
    }
    SAY(", round %llu", round_of_work(d, w));
}

/* Those that are at something, then the others. */
static void say_workers(struct watchdog *d)
{
    uint32_t told = 0;
    for (int idle = 0; idle < 2; idle++)
        for (uint32_t i = 0; i < d->s->workers && told < MOST_WORKERS; i++) {
            struct work w = work_of(d, i);
            if (is_idle(w.does) != idle)
                continue;
            SAY("  worker %u: ", i);
            say_work(d, &w);
            SAY(", for ");
            tsgd_watchdog_add_time(d, d->slices - d->watched[i].since);
            SAY("\n");
            told++;
        }
    if (told < d->s->workers)
        SAY("  workers that are not told of: %u\n", d->s->workers - told);
}

/* Of a task that can be taken. With a worker that is free for it this should not last. */
static void say_ready(struct watchdog *d)
{
    bool idle = false;
    for (uint32_t i = 0; i < d->s->workers; i++)
        idle |= is_idle(work_of(d, i).does);
    SAY(idle ? " is ready, and nobody takes it\n" : " is ready, but every worker is busy\n");
}

/* ---- tokens ---- */

/* Nobody here is at it: another rank has it, or a worker is just about to say what it does. */
static void say_elsewhere(struct watchdog *d, uint32_t a)
{
    uint32_t from = d->s->is_spread ? tsgd_mail_awaited(&engine(d)->mail, a) : TSGD_NO_RANK;
    if (from != TSGD_NO_RANK)
        SAY(" is for rank %u; its next half-step is awaited from there", from);
    else
        SAY(d->s->is_spread ? " is for another rank, from which nothing is awaited yet" :
                              " is under way");
}

static void say_workers_at(struct watchdog *d, uint32_t a)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->s->workers; i++) {
        struct work w = work_of(d, i);
        if (!is_of_token(w.does) || w.first != a)
            continue;
        if (n++ < MOST_AT_ONE)
            SAY(n == 1 ? " is under way, worker %u" : " and %u", i);
    }
    if (n == 0)
        say_elsewhere(d, a);
    SAY(n > MOST_AT_ONE ? " and more\n" : "\n");
}

/* Whether the task that comes next for token a, which nobody is at, is ready, as in engine/tasks.c;
 * if not, why.                                                                                  */
static bool is_ready(struct watchdog *d, uint32_t a, uint64_t phase)
{
    struct tsgd_engine *e = d->asker.e;
    d->waits.n = 0;
    if (phase & 1)
        return tsgd_mix_waits(&e->tokens, a, (phase + 1) / 2, &d->waits);
    return tsgd_plan_waits(&e->planner, &d->asker, phase / 2, &d->waits) ||
           tsgd_step_waits(&e->tokens, a, phase / 2, &d->waits);
}

static void say_token(struct watchdog *d, uint32_t a)
{
    uint64_t word = word_of(d, a), phase = tsgd_seq_phase(word);
    bool stepped = phase & 1;
    if (phase == TSGD_SEQ_RETIRED)
        return;
    SAY("  token %u, round %llu, %s: its %s", a, (number)phase / 2,
        stepped ? "has stepped" : "between holders", stepped ? "mix" : "step");
    if (tsgd_seq_busy(word)) {
        say_workers_at(d, a);
    } else if (is_ready(d, a, phase)) {
        say_ready(d);
    } else {
        say_waits(d);
    }
}

/* What tells which token is further behind: a busy one before those that stand at its phase. */
static uint64_t place_of(const struct watchdog *d, uint32_t a) { return 1 + (word_of(d, a) ^ 1); }

/* The first token behind token `after` by place and number; `tokens`: there is none. */
static uint32_t next_token(const struct watchdog *d, uint64_t place, uint32_t after)
{
    uint64_t least = 2 * TSGD_SEQ_RETIRED;
    uint32_t next = d->s->tokens;
    for (uint32_t a = 0; a < d->s->tokens; a++) {
        uint64_t here = place_of(d, a);
        if ((here > place || (here == place && a > after)) && here < least) {
            least = here;
            next = a;
        }
    }
    return next;
}

/* Those that are furthest behind: of all that is unfinished, something with the smallest phase is
 * ready or running (S3 of engine/seq.h), so all waiting leads there.                            */
static void say_tokens(struct watchdog *d)
{
    uint32_t left = 0, told = 0, a = next_token(d, 0, UINT32_MAX);
    uint64_t last = 0;
    for (uint32_t i = 0; i < d->s->tokens; i++) {
        uint64_t phase = phase_of(d, i);
        left += phase < TSGD_SEQ_RETIRED;
        last = phase < TSGD_SEQ_RETIRED && phase > last ? phase : last;
    }
    for (; a < d->s->tokens && told < MOST_TOKENS; told++) {
        uint64_t place = place_of(d, a);
        say_token(d, a);
        a = next_token(d, place, a);
    }
    if (left == 0)
        SAY("  no token has anything left to do\n");
    if (told < left)
        SAY("  tokens that are not told of: %u, up to round %llu\n", left - told, (number)last / 2);
}

/* ---- populations ---- */

/* Whether a task of the whole population is ready; what those that are not wait for. */
static bool has_ready(struct watchdog *d, uint32_t q)
{
    struct tsgd_engine *e = d->asker.e;
    const struct evaluated_pop *p = &e->evaluation.pop[q];
    uint64_t folded = tsgd_seq_load(&p->folded);
    uint64_t block = atomic_load_explicit(&p->next_block, memory_order_relaxed);
    d->waits.n = 0;
    bool ready = !tsgd_seq_busy(folded) &&
                 tsgd_fold_waits(&e->evaluation, q, tsgd_seq_phase(folded), &d->waits);
    ready |= tsgd_block_ready(&e->evaluation, q, block);
    if (e->slices.pop) {
        uint64_t slice = atomic_load_explicit(&e->slices.pop[q].next_slice, memory_order_relaxed);
        ready |= tsgd_slice_waits(&e->slices, q, slice, &d->waits);
    }
    return ready;
}

/* Its evaluation, and the mixing of all its tokens at once. */
static void say_population(struct watchdog *d, uint32_t q)
{
    const struct evaluated_pop *p = &engine(d)->evaluation.pop[q];
    uint64_t done = tsgd_seq_phase(tsgd_seq_load(&p->evaluated));
    if (has_ready(d, q)) {
        SAY("  a task of population %u", q);
        say_ready(d);
    }
    if (atomic_load_explicit(&p->evals, memory_order_acquire) > done)
        SAY("  an evaluation is not over, round %llu\n", evaluated_round(d, q, done));
    for (size_t i = 0; i < d->waits.n; i++) {
        const struct wait_for *w = &d->waits.wait[i];
        SAY(w->what == WAITS_R6 ? "  mixing all tokens waits for " :
                                  "  the next evaluation waits for ");
        say_wait(d, w);
        SAY("\n");
    }
}

static void describe(struct watchdog *d)
{
    const struct checkpoint *c = &engine(d)->checkpoint;
    say_tokens(d);
    for (uint32_t q = 0; q < d->s->c.n_populations; q++)
        say_population(d, q);
    if (atomic_load_explicit(&c->busy, memory_order_relaxed))
        SAY(atomic_load_explicit(&c->left, memory_order_relaxed) ?
            "  a checkpoint waits for copies of tokens\n" : "  a checkpoint is being written\n");
    say_workers(d);
}

/* ---- whether anything moves ---- */

static void mark(uint64_t *hash, uint64_t value)
{
    *hash = (*hash ^ value) * 0x9e3779b97f4a7c15u;
    *hash ^= *hash >> 29;
}

/* A word's phase: to be claimed and given back is no move. */
static void mark_phase(uint64_t *hash, const struct tsgd_seq *s)
{
    mark(hash, tsgd_seq_phase(tsgd_seq_load(s)));
}

/* Relaxed, all that has no phase: it is only compared with what was seen before. */
static void mark_population(uint64_t *hash, const struct tsgd_engine *e, uint32_t q)
{
    const struct evaluated_pop *p = &e->evaluation.pop[q];
    mark_phase(hash, &p->folded);
    mark_phase(hash, &p->evaluated);
    mark(hash, atomic_load_explicit(&p->next_block, memory_order_relaxed));
    mark(hash, atomic_load_explicit(&p->blocks_done, memory_order_relaxed));
    if (!e->slices.pop)
        return;
    mark(hash, atomic_load_explicit(&e->slices.pop[q].next_slice, memory_order_relaxed));
    mark(hash, atomic_load_explicit(&e->slices.pop[q].slices_done, memory_order_relaxed));
}

static uint64_t progress(const struct watchdog *d)
{
    const struct tsgd_engine *e = engine(d);
    uint64_t hash = 0;
    mark_phase(&hash, &e->planner.planned);
    mark(&hash, atomic_load_explicit(&d->s->left, memory_order_relaxed));
    mark(&hash, atomic_load_explicit(&e->checkpoint.busy, memory_order_relaxed));
    for (uint32_t q = 0; q < d->s->c.n_populations; q++)
        mark_population(&hash, e, q);
    for (uint32_t a = 0; a < d->s->tokens; a++) {
        mark_phase(&hash, &d->s->arena.seq[a]);
        if (!e->teams.team)
            continue;
        mark(&hash, atomic_load_explicit(&e->teams.team[a].word, memory_order_relaxed));
        mark(&hash, atomic_load_explicit(&e->teams.team[a].done, memory_order_relaxed));
    }
    return hash;
}

const struct tsgd_watch tsgd_stall = {progress, describe};
