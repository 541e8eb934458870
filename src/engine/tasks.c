#include "engine/tasks.h"

#include "base/probe.h"

struct task_kind {
    bool of_token;              /* else of a population, or of the whole run */
    /* Whether it is ready. For a step, a mix and a plan, *phase is what the token's word shows. For
     * a population's task, and for a part, whose word is its team's, the function fills it in. */
    bool (*ready)(struct worker *w, uint32_t id, uint64_t *phase);
    bool (*claim)(struct worker *w, uint32_t id, uint64_t phase);
    void (*run)(struct worker *w, uint32_t id, uint64_t phase);
};

/* ---- of a token ---- */

static bool claim_token(struct worker *w, uint32_t a, uint64_t phase)
{
    return tsgd_seq_claim(&w->e->state.arena.seq[a], phase);
}

static bool mix_ready(struct worker *w, uint32_t a, uint64_t *phase)
{
    return tsgd_mix_ready(&w->e->tokens, a, (*phase + 1) / 2);
}

static void mix_run(struct worker *w, uint32_t a, uint64_t phase)
{
    tsgd_mix_run(&w->e->tokens, w, a, (phase + 1) / 2);
}

static bool step_ready(struct worker *w, uint32_t a, uint64_t *phase)
{
    return tsgd_step_ready(&w->e->tokens, a, *phase / 2);
}

static void step_run(struct worker *w, uint32_t a, uint64_t phase)
{
    tsgd_step_run(&w->e->tokens, w, a, phase / 2);
}

static bool part_ready(struct worker *w, uint32_t a, uint64_t *word)
{
    return w->e->teams.team && tsgd_part_ready(&w->e->teams, a, word);
}

static bool part_claim(struct worker *w, uint32_t a, uint64_t word)
{
    return tsgd_part_claim(&w->e->teams, a, word);
}

static void part_run(struct worker *w, uint32_t a, uint64_t word)
{
    tsgd_part_run(&w->e->teams, w, a, word);
}

/* ---- the plan of the round that a token has come to ---- */

static bool plan_ready(struct worker *w, uint32_t a, uint64_t *phase)
{
    (void)a;
    return tsgd_plan_ready(&w->e->planner, w, *phase / 2);
}

static bool plan_claim(struct worker *w, uint32_t a, uint64_t phase)
{
    (void)a;
    return tsgd_seq_claim(&w->e->planner.planned, phase / 2);
}

static void plan_run(struct worker *w, uint32_t a, uint64_t phase)
{
    (void)a;
    tsgd_plan_round(&w->e->planner, w, phase / 2);
}

/* ---- the plan of the next round, when tokens are spread over ranks ---- */

static bool next_ready(struct worker *w, uint32_t id, uint64_t *round)
{
    (void)id;
    return tsgd_plan_next_ready(&w->e->planner, round);
}

static bool next_claim(struct worker *w, uint32_t id, uint64_t round)
{
    (void)id;
    return tsgd_seq_claim(&w->e->planner.planned, round);
}

static void next_run(struct worker *w, uint32_t id, uint64_t round)
{
    (void)id;
    tsgd_plan_round(&w->e->planner, w, round);
}

/* ---- of a population ---- */

static bool fold_ready(struct worker *w, uint32_t q, uint64_t *phase)
{
    uint64_t word = tsgd_seq_load(&w->e->evaluation.pop[q].folded);
    *phase = tsgd_seq_phase(word);
    return !tsgd_seq_busy(word) && tsgd_fold_ready(&w->e->evaluation, q, *phase);
}

static bool fold_claim(struct worker *w, uint32_t q, uint64_t phase)
{
    return tsgd_seq_claim(&w->e->evaluation.pop[q].folded, phase);
}

static void fold_run(struct worker *w, uint32_t q, uint64_t phase)
{
    tsgd_fold_run(&w->e->evaluation, w, q, phase);
}

static bool block_ready(struct worker *w, uint32_t q, uint64_t *phase)
{
    /* Relaxed: tsgd_block_ready acquires what the block needs. */
    *phase = atomic_load_explicit(&w->e->evaluation.pop[q].next_block, memory_order_relaxed);
    return tsgd_block_ready(&w->e->evaluation, q, *phase);
}

static bool block_claim(struct worker *w, uint32_t q, uint64_t block)
{
    return tsgd_block_claim(&w->e->evaluation, q, block);
}

static void block_run(struct worker *w, uint32_t q, uint64_t block)
{
    tsgd_block_run(&w->e->evaluation, w, q, block);
}

static bool slice_ready(struct worker *w, uint32_t q, uint64_t *phase)
{
    if (!w->e->slices.pop)
        return false;
    /* Relaxed: tsgd_slice_ready acquires what the slice needs. */
    *phase = atomic_load_explicit(&w->e->slices.pop[q].next_slice, memory_order_relaxed);
    return tsgd_slice_ready(&w->e->slices, q, *phase);
}

static bool slice_claim(struct worker *w, uint32_t q, uint64_t slice)
{
    return tsgd_slice_claim(&w->e->slices, q, slice);
}

static void slice_run(struct worker *w, uint32_t q, uint64_t slice)
{
    tsgd_slice_run(&w->e->slices, w, q, slice);
}

/* ---- the table ---- */

/* Their numbers are those of the probe `claim`. */
enum { MIX, STEP, PART, PLAN, FOLD, BLOCK, SLICE, NEXT, KINDS };
enum { FIRST_OF_POPULATION = FOLD, LAST_OF_POPULATION = SLICE };

static const struct task_kind kinds[KINDS] = {
    [MIX] = {true, mix_ready, claim_token, mix_run},
    [STEP] = {true, step_ready, claim_token, step_run},
    [PART] = {true, part_ready, part_claim, part_run},
    [PLAN] = {false, plan_ready, plan_claim, plan_run},
    [FOLD] = {false, fold_ready, fold_claim, fold_run},
    [BLOCK] = {false, block_ready, block_claim, block_run},
    [SLICE] = {false, slice_ready, slice_claim, slice_run},
    [NEXT] = {false, next_ready, next_claim, next_run},
};

/* ---- looking ---- */

static bool is_ready(struct worker *w, int kind, uint32_t id, uint64_t phase, struct task *out)
{
    *out = (struct task){&kinds[kind], id, phase};
    return kinds[kind].ready(w, id, &out->phase);
}

/* What token a is waiting for; on the way to its step perhaps a plan. */
static bool ready_token(struct worker *w, uint32_t a, struct task *out)
{
    uint64_t word = tsgd_seq_load(&w->e->state.arena.seq[a]), phase = tsgd_seq_phase(word);
    if (tsgd_seq_busy(word))
        return is_ready(w, PART, a, 0, out);
    if (phase & 1)
        return is_ready(w, MIX, a, phase, out);
    return is_ready(w, PLAN, a, phase, out) || is_ready(w, STEP, a, phase, out);
}

static bool ready_among(struct worker *w, uint32_t lo, uint32_t hi, uint32_t from, struct task *out)
{
    for (uint32_t i = lo, a = from; i < hi; i++, a = a + 1 == hi ? lo : a + 1)
        if (ready_token(w, a, out))
            return true;
    return false;
}

static bool ready_population(struct worker *w, struct task *out)
{
    for (uint32_t q = 0; q < w->e->state.c.n_populations; q++)
        for (int kind = FIRST_OF_POPULATION; kind <= LAST_OF_POPULATION; kind++)
            if (is_ready(w, kind, q, 0, out))
                return true;
    return false;
}

/* When tokens are spread over ranks: the earliest of the tasks that are ready, since other ranks
 * may wait for it; of so many at most, so that looking takes no longer than working.            */
enum { CANDIDATES = 32 };
static bool ready_earliest(struct worker *w, uint32_t lo, uint32_t hi, uint32_t from,
                           struct task *out)
{
    uint64_t least = UINT64_MAX;
    uint32_t seen = 0;
    struct task task;
    for (uint32_t i = lo, a = from; i < hi && seen < CANDIDATES; i++) {
        uint64_t word = tsgd_seq_load(&w->e->state.arena.seq[a]), phase = tsgd_seq_phase(word);
        int kind = tsgd_seq_busy(word) ? PART : phase & 1 ? MIX : STEP;
        if (phase < least && is_ready(w, kind, a, phase, &task)) {
            *out = task;
            least = phase;
            seen++;
        }
        a = a + 1 == hi ? lo : a + 1;
    }
    return seen > 0;
}

static bool find_spread(struct worker *w, struct task *out, bool steal)
{
    const struct state *s = &w->e->state;
    if (is_ready(w, NEXT, 0, 0, out) || ready_population(w, out) ||
        ready_earliest(w, w->lo, w->hi, w->cursor, out))
        return true;
    tsgd_jitter(w, false);
    return steal && ready_earliest(w, s->from, s->to, s->from, out);
}

bool tsgd_task_find(struct worker *w, struct task *out, bool steal)
{
    uint32_t tokens = w->e->state.tokens;
    if (w->e->state.is_spread)
        return find_spread(w, out, steal);
    if (ready_population(w, out) || ready_among(w, w->lo, w->hi, w->cursor, out))
        return true;
    tsgd_jitter(w, false);
    return steal && ready_among(w, 0, tokens, w->hi == tokens ? 0 : w->hi, out);
}

bool tsgd_task_take(struct worker *w, struct task *out, bool steal)
{
    do {
        if (!tsgd_task_find(w, out, steal))
            return false;
        tsgd_jitter(w, false);
    } while (!out->kind->claim(w, out->id, out->phase));
    TSGD_PROBE3(claim, (int)(out->kind - kinds), out->id, out->phase);
    if (out->kind->of_token) {
        if (out->id >= w->lo && out->id < w->hi)
            w->cursor = out->id + 1 == w->hi ? w->lo : out->id + 1;
        else
            w->steals++;
    }
    return true;
}

struct tsgd_way tsgd_task_way(const struct worker *w, const struct task *t)
{
    if (t->kind == &kinds[MIX])
        return tsgd_mix_way(&w->e->tokens, t->id, (t->phase + 1) / 2);
    if (t->kind == &kinds[STEP])
        return tsgd_step_way(&w->e->tokens, t->id, t->phase / 2);
    if (t->kind == &kinds[NEXT])
        return tsgd_plan_way(&w->e->planner, t->phase);
    if (t->kind == &kinds[FOLD])
        return tsgd_fold_way(&w->e->evaluation, t->id, t->phase);
    return (struct tsgd_way){0, 0};
}

void tsgd_task_run(struct worker *w, const struct task *t) { t->kind->run(w, t->id, t->phase); }
