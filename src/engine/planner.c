#include "engine/planner.h"

#include "base/probe.h"

#include <math.h>

/* ---- what it takes, and what it must remember ---- */

static enum tsgd_status take_slot(struct planner *p, struct slot *s, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_engine_config *c = &p->s->c;
    uint32_t tokens = p->s->tokens, pops = c->n_populations;
    TRY(TSGD_HOLD(&p->holding, &s->node, tokens, "plan", err));
    TRY(TSGD_HOLD(&p->holding, &s->visit, tokens, "plan", err));
    TRY(TSGD_HOLD(&p->holding, &s->steps, tokens, "plan", err));
    if (c->presence.isolates)
        TRY(TSGD_HOLD(&p->holding, &s->absent, tokens, "plan", err));
    TRY(TSGD_HOLD(&p->holding, &s->eta, pops, "plan", err));
    TRY(TSGD_HOLD(&p->holding, &s->eta_before, pops, "plan", err));
    TRY(TSGD_HOLD(&p->holding, &s->eval, pops, "plan", err));
    if (c->rule.node) {
        TRY(TSGD_HOLD(&p->holding, &s->after_token, tokens, "plan", err));
        TRY(TSGD_HOLD(&p->holding, &s->after_phase, tokens, "plan", err));
    }
done:
    return st;
}

static struct tsgd_traffic traffic(const struct state *s)
{
    uint64_t row = 4 * (uint64_t)s->c.problem->dim;
    return (struct tsgd_traffic){
        .tokens = s->tokens, .nodes = s->c.problem->nodes,
        .teleport_bytes = (s->exchanged + s->own) * row, .gossip_bytes = s->exchanged * row,
    };
}

static enum tsgd_status take(struct planner *p, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_engine_config *c = &p->s->c;
    uint32_t nodes = c->problem->nodes, tokens = p->s->tokens;
    for (int i = 0; i < SLOTS; i++)
        TRY(take_slot(p, &p->slot[i], err));
    TRY(TSGD_HOLD(&p->holding, &p->pop, c->n_populations, "plan", err));
    for (uint32_t q = 0; q < c->n_populations; q++) {
        struct planned_pop counted, *d = p->pop ? &p->pop[q] : &counted;
        TRY(TSGD_HOLD(&p->holding, &d->visits, nodes, "visit counts", err));
        TRY(TSGD_HOLD(&p->holding, &d->gossip, tsgd_mixing_count(tsgd_pop_config(p->s, q)->mixing),
                      "mixing matrices", err));
    }
    p->holders = (struct tsgd_holders){
        .nodes = nodes, .tokens = tokens, .teleports = c->teleports, .seed = c->seed,
        .presence = c->presence,
    };
    TRY(tsgd_holders_init(&p->holders, &p->holding, err));
    TRY(TSGD_HOLD(&p->holding, &p->holder, tokens, "plan", err));
    if (c->rule.node) {
        TRY(TSGD_HOLD(&p->holding, &p->last_token, nodes, "plan", err));
        TRY(TSGD_HOLD(&p->holding, &p->last_phase, nodes, "plan", err));
    }
    if (c->clock.ops) {
        struct tsgd_traffic t = traffic(p->s);
        if (p->holding.counts)
            p->holding.bytes = tsgd_add(p->holding.bytes, c->clock.ops->bytes(&t));
        else
            TRY(c->clock.ops->create(&p->clock, c->clock.network, &t, err));
    }
done:
    return st;
}

enum tsgd_status tsgd_planner_init(struct planner *p, struct state *s,
                                   struct evaluation *evaluation, struct checkpoint *checkpoint,
                                   struct tsgd_error *err)
{
    uint64_t row = 4 * (uint64_t)s->c.problem->dim;
    p->s = s;
    p->evaluation = evaluation;
    p->checkpoint = checkpoint;
    enum tsgd_status st = take(p, err);
    if (st != TSGD_OK || p->holding.counts)
        return st;
    for (uint32_t i = 0; s->c.rule.node && i < s->c.problem->nodes; i++)
        p->last_token[i] = NOBODY;
    for (uint32_t a = 0; a < s->tokens; a++)
        p->holder[a] = a;
    for (uint32_t q = 0; q < s->c.n_populations; q++) {
        const struct tsgd_mixing *mixing = s->pop[q].c.mixing;
        p->pop[q].end = NEVER;
        for (uint32_t r = 0; r < tsgd_mixing_count(mixing); r++)
            p->pop[q].gossip[r] = tsgd_csr_off_diagonal(&mixing->w[r]) * row * s->exchanged;
        if (s->c.rule.asks_gradients)   /* their mean, by a ring: 2 (k - 1) / k rows from each */
            p->pop[q].bytes_gossip = 2 * ((uint64_t)s->pop[q].c.k - 1) * row;
    }
    atomic_init(&p->planned.word, 2 * s->first_round);
    return TSGD_OK;
}

void tsgd_planner_release(struct planner *p)
{
    if (p->clock)
        p->s->c.clock.ops->free(p->clock);
    tsgd_holding_release(&p->holding);
}

/* Where nothing was taken, for it is only counted, the pieces have no data, and those of the clock
 * are missing. The last visitors need not be remembered: what R4 asks of rounds before the first
 * holds from the start.                                                                         */
void tsgd_planner_memory(void *planner, tsgd_memory_fn *each, void *user)
{
    struct planner *p = planner;
    uint32_t nodes = p->s->c.problem->nodes;
    for (uint32_t q = 0; q < p->s->c.n_populations; q++) {
        struct planned_pop counted = {.visits = NULL}, *d = p->pop ? &p->pop[q] : &counted;
        const struct tsgd_piece piece[] = {
            {"samples", q, TSGD_PIECE_U64, &d->samples, 1},
            {"gradients", q, TSGD_PIECE_U64, &d->gradients, 1},
            {"bytes_gossip", q, TSGD_PIECE_U64, &d->bytes_gossip, 1},
            {"bytes_teleport", q, TSGD_PIECE_U64, &d->bytes_teleport, 1},
            {"evaluated", q, TSGD_PIECE_U64, &d->evaluated, 1},
            {"visits", q, TSGD_PIECE_U32, d->visits, nodes},
        };
        for (size_t i = 0; i < sizeof piece / sizeof *piece; i++)
            each(user, &piece[i]);
    }
    each(user, &(struct tsgd_piece){"holder", TSGD_WHOLE_RUN, TSGD_PIECE_U32, p->holder,
                                    p->s->tokens});
    if (p->clock)
        p->s->c.clock.ops->memory(p->clock, each, user);
}

bool tsgd_planner_resumed(struct planner *p)
{
    for (uint32_t a = 0; a < p->s->tokens; a++)
        if (p->holder[a] >= p->s->c.problem->nodes)
            return false;
    return !p->clock || p->s->c.clock.ops->resumed(p->clock);
}

/* ---- whether a plan may be made ---- */

TSGD_TWICE bool plan_ready(struct planner *p, struct worker *w, uint64_t t, struct waits *waits)
{
    const struct state *s = p->s;
    uint64_t planned = tsgd_seq_load(&p->planned);
    if (planned != 2 * t)
        return planned == 2 * t + 1 && tsgd_waits(waits, WAITS_PLANNER, 0, t);
    if (!tsgd_evaluation_has_room(p->evaluation, waits))
        return false;
    if (t - s->first_round < SLOTS)
        return true;
    for (uint32_t i = 0, a = w->behind; i < s->tokens; i++) {           /* R5 */
        if (!tsgd_seq_reached(&s->arena.seq[a], 2 * (t - SLOTS) + 2)) {
            w->behind = a;
            return tsgd_waits(waits, WAITS_R5, a, 2 * (t - SLOTS) + 2);
        }
        a = a + 1 == s->tokens ? 0 : a + 1;
    }
    return true;
}

bool tsgd_plan_ready(struct planner *p, struct worker *w, uint64_t t)
{
    return plan_ready(p, w, t, NULL);
}

bool tsgd_plan_waits(struct planner *p, struct worker *w, uint64_t t, struct waits *waits)
{
    return plan_ready(p, w, t, waits);
}

/* ---- what a token does ---- */

/* Token a takes no step: it sits the round out (TSGD_AWAY), where it is, or retires (NOBODY). */
static void rest(struct planner *p, struct slot *s, uint32_t a, uint32_t why)
{
    s->node[a] = why;
    s->steps[a] = false;
    if (p->clock)
        p->s->c.clock.ops->rest(p->clock, a, s->absent != NULL);
    if (s->absent)
        s->absent[a] = true;
    if (p->last_token)
        atomic_store_explicit(&s->after_token[a], NOBODY, memory_order_relaxed);
}

/* Token a visits `node` in round t. */
static void visit(struct planner *p, struct planned_pop *d, struct slot *s, uint64_t t, uint32_t a,
                  uint32_t node)
{
    const struct tsgd_engine_config *c = &p->s->c;
    const struct tsgd_problem *problem = c->problem;
    uint64_t first = (uint64_t)d->visits[node] * c->local_steps;
    s->node[a] = node;
    s->visit[a] = d->visits[node]++;
    if (s->absent)
        s->absent[a] = false;
    uint32_t gradients = 0;
    for (uint32_t h = 0; h < c->local_steps; h++) {
        uint32_t count = problem->ops->batch_count(problem, node, first + h);
        d->samples += count;
        gradients += count > 0;
    }
    d->gradients += gradients;
    s->steps[a] = gradients > 0;
    if (p->clock)
        c->clock.ops->visit(p->clock, a, node, gradients);
    if (t > 0 && p->holder[a] != node)
        d->bytes_teleport += (uint64_t)(p->s->exchanged + p->s->own) * 4 * problem->dim;
    p->holder[a] = node;
    if (p->last_token) {
        atomic_store_explicit(&s->after_token[a], p->last_token[node], memory_order_relaxed);
        atomic_store_explicit(&s->after_phase[a], p->last_phase[node], memory_order_relaxed);
        p->last_token[node] = a;
        p->last_phase[node] = 2 * t + 1;
    }
}

/* Bytes that the round's cut links would have carried. W is symmetric, so a cut link saves two
 * transfers, one each way: both are counted at the end that is absent, or one at each end if both
 * are.                                                                                          */
static uint64_t bytes_cut(const struct planner *p, const struct pop *pop, const struct slot *s,
                          uint64_t t)
{
    const struct tsgd_csr *w = tsgd_mixing_at(pop->c.mixing, t);
    uint64_t transfers = 0;
    if (!s->absent)
        return 0;
    for (uint32_t a = 0; a < pop->c.k; a++)
        if (s->absent[pop->first + a])
            for (uint32_t i = w->ptr[a]; i < w->ptr[a + 1]; i++)
                if (w->col[i] != a)
                    transfers += s->absent[pop->first + w->col[i]] ? 1 : 2;
    return transfers * 4 * p->s->c.problem->dim * p->s->exchanged;
}

/* ---- the plan ---- */

/* What is known of x^t when it is planned to be evaluated. */
static struct due due(const struct planner *p, uint32_t q, uint64_t t, bool ends, bool stopped)
{
    const struct planned_pop *d = &p->pop[q];
    const struct pop *pop = &p->s->pop[q];
    return (struct due){
        .round = t, .samples = d->samples, .gradients = d->gradients,
        .samples_before = d->evaluated,
        .bytes_gossip = d->bytes_gossip, .bytes_teleport = d->bytes_teleport,
        .sim_seconds = p->clock ? p->s->c.clock.ops->now(p->clock, pop->first, pop->c.k) : NAN,
        .eta = pop->c.eta.at(pop->c.eta.schedule, t ? t - 1 : 0), .ends = ends,
        .stopped = stopped,
    };
}

/* Relaxed, both: they carry no data, and when they are seen changes only in which round a stopped
 * run ends.                                                                                     */
static bool stop_asked(const struct state *s)
{
    return atomic_load_explicit(&s->stop, memory_order_relaxed) ||
           (s->c.stop && atomic_load_explicit(s->c.stop, memory_order_relaxed));
}

static bool any_diverged(const struct state *s)
{
    for (uint32_t q = 0; q < s->c.n_populations; q++)
        if (tsgd_pop_diverged(&s->pop[q]))
            return true;
    return false;
}

/* Population q, before round t is planned: whether it ends here, and whether x^t is evaluated.
 * end_all: every population ends here; stopped: because the user asked.                         */
static void begin_population(struct planner *p, uint32_t q, uint64_t t, bool end_all, bool stopped)
{
    const struct tsgd_engine_config *c = &p->s->c;
    const struct pop *pop = &p->s->pop[q];
    struct planned_pop *d = &p->pop[q];
    uint64_t index = 0, verdict = atomic_load_explicit(&pop->end_round, memory_order_relaxed);
    if (verdict != NEVER)
        d->end = verdict;
    if (d->end < t)
        return;
    /* The clock goes through a round only now that no verdict can have ended the run before it. */
    if (p->clock && t > p->s->first_round)
        c->clock.ops->round(p->clock, tsgd_mixing_at(pop->c.mixing, t - 1), pop->first);
    d->over = t == pop->c.rounds || (pop->c.samples && d->samples >= pop->c.samples);
    if (d->over || end_all)
        d->end = t;
    bool regular = d->over || (pop->c.eval_every && t % pop->c.eval_every == 0 &&
                               (t > p->s->first_round || (t == 0 && pop->c.eval_at_start)));
    p->interrupted |= !d->over && stopped;
    if (regular || d->end == t) {
        struct due x = due(p, q, t, d->end == t, !regular);
        index = 1 + tsgd_evaluation_open(p->evaluation, q, &x);
    }
    if (regular)
        d->evaluated = d->samples;
    atomic_store_explicit(&p->slot[t % SLOTS].eval[q], index, memory_order_relaxed);
}

/* Whether all populations are still there in round t, and not at their planned end. */
static bool all_go_on(const struct planner *p, uint64_t t)
{
    for (uint32_t q = 0; q < p->s->c.n_populations; q++)
        if (p->pop[q].end < t || p->pop[q].over)
            return false;
    return true;
}

/* Opens a checkpoint of x^t if one is due. Nothing of round t has been planned yet. */
static void copy(struct planner *p, uint64_t t, bool stopped)
{
    struct slot *s = &p->slot[t % SLOTS];
    s->copies = all_go_on(p, t) && tsgd_checkpoint_is_due(p->checkpoint, t, stopped);
    if (s->copies) {
        tsgd_checkpoint_open(p->checkpoint, t);
        tsgd_planner_memory(p, tsgd_checkpoint_keep, p->checkpoint);
    }
    s->opened = p->checkpoint->opened;
}

/* Round t of population q: where its tokens go. */
static void plan_population(struct planner *p, uint32_t q, uint64_t t)
{
    const struct pop *pop = &p->s->pop[q];
    struct planned_pop *d = &p->pop[q];
    struct slot *s = &p->slot[t % SLOTS];
    bool end = d->end == t;
    if (d->end < t)
        return;
    s->eta[q] = pop->c.eta.at(pop->c.eta.schedule, t);
    s->eta_before[q] = pop->c.eta.at(pop->c.eta.schedule, t ? t - 1 : 0);
    if (!end)
        tsgd_holders_next(&p->holders, pop->first, pop->c.k, s->node + pop->first);
    for (uint32_t a = pop->first; a < pop->first + pop->c.k; a++) {
        if (!end && s->node[a] != TSGD_AWAY)
            visit(p, d, s, t, a, s->node[a]);
        else
            rest(p, s, a, end ? NOBODY : TSGD_AWAY);
    }
    if (!end)
        d->bytes_gossip += d->gossip[tsgd_mixing_index(pop->c.mixing, t)] - bytes_cut(p, pop, s, t);
}

void tsgd_plan_round(struct planner *p, struct worker *w, uint64_t t)
{
    const struct state *s = p->s;
    bool stopped = stop_asked(s) && tsgd_checkpoint_may_stop(p->checkpoint);
    bool end_all = stopped || (!s->c.independent && any_diverged(s));
    tsgd_end_other(w);
    tsgd_begin(w, &tsgd_activity_plan, TSGD_TRACE_NONE, t, TSGD_TRACE_NONE);
    for (uint32_t q = 0; q < s->c.n_populations; q++)
        begin_population(p, q, t, end_all, stopped);
    copy(p, t, stopped);
    tsgd_holders_begin(&p->holders, t);
    for (uint32_t q = 0; q < s->c.n_populations; q++)
        plan_population(p, q, t);
    tsgd_holders_end(&p->holders);
    TSGD_PROBE1(round, t);
    tsgd_end_other(w);
    tsgd_jitter(w, true);
    tsgd_seq_finish(&p->planned, t + 1);
}

void tsgd_plan_try(struct planner *p, struct worker *w, uint64_t t)
{
    if (tsgd_plan_ready(p, w, t) && tsgd_seq_claim(&p->planned, t))
        tsgd_plan_round(p, w, t);
}
