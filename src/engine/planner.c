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
    if (p->s->is_spread) {
        TRY(TSGD_HOLD(&p->holding, &s->rank, tokens, "plan", err));
        TRY(TSGD_HOLD(&p->holding, &s->uses, tokens, "plan", err));
        TRY(TSGD_HOLD(&p->holding, &s->way, tokens, "plan", err));
        TRY(TSGD_HOLD(&p->holding, &s->sums, pops, "plan", err));
        TRY(TSGD_HOLD(&p->holding, &s->before, tokens, "plan", err));
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
    if (p->s->is_spread) {
        TRY(TSGD_HOLD(&p->holding, &p->last, tokens, "plan", err));
        TRY(TSGD_HOLD(&p->holding, &p->seen, c->ranks.ranks, "plan", err));
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

/* Whether a round t will ever be: a population is still there. Relaxed: `planned`, or `evaluated`
 * where verdicts are awaited, has ordered what was decided before.                              */
static bool anybody_in(const struct state *s, uint64_t t)
{
    for (uint32_t q = 0; q < s->c.n_populations; q++)
        if (atomic_load_explicit(&s->pop[q].ends, memory_order_relaxed) >= t &&
            atomic_load_explicit(&s->pop[q].end_round, memory_order_relaxed) >= t)
            return true;
    return false;
}

/* Gates that must be decided before round t is planned (M7). */
static uint64_t gates_before(const struct state *s, uint64_t t)
{
    uint64_t turn = t - s->first_round;
    return turn % GATE == 0 ? turn / GATE : 0;
}

struct tsgd_way tsgd_plan_way(const struct planner *p, uint64_t t)
{
    const struct spread *sp = &p->s->spread;
    /* The next gate begins only when this round has been planned. */
    return gates_before(p->s, t) ? (struct tsgd_way){sp->said[GATE_TIME], sp->gate_came} :
                                   (struct tsgd_way){0, 0};
}

bool tsgd_plan_next_ready(struct planner *p, uint64_t *t)
{
    struct state *s = p->s;
    uint64_t planned = tsgd_seq_load(&p->planned);
    *t = tsgd_seq_phase(planned);
    if (tsgd_seq_busy(planned) || !tsgd_evaluation_has_room(p->evaluation, NULL) ||
        !anybody_in(s, *t))
        return false;
    /* Acquire: what the gate said (M7). */
    if (atomic_load_explicit(&s->spread.gates, memory_order_acquire) < gates_before(s, *t))
        return false;
    /* Acquire, pairs with tsgd_use_over: nobody reads the slot any more (M6). Without it the plan
     * changes the links of a mix that is still on its way.                                      */
    return *t - s->first_round < SLOTS ||
           atomic_load_explicit(&p->slot[*t % SLOTS].pending, memory_order_acquire) == 0;
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

/* ---- over ranks ---- */

/* Uses of a round whose next is not planned yet: more than there can be, so not over (M6). */
#define UNPLANNED ((uint64_t)1 << 40)

/* Whether token a takes no step at all: its population is at its planned end. */
static bool ends_at_start(const struct planner *p, uint32_t a)
{
    uint32_t q = p->s->pop_of[a];
    const struct tsgd_population *c = &p->s->pop[q].c;
    return p->s->first_round == c->rounds || (c->samples && p->pop[q].samples >= c->samples);
}

void tsgd_planner_begin(struct planner *p)
{
    struct state *s = p->s;
    uint64_t t = s->first_round;
    uint32_t *node = p->slot[t % SLOTS].node;   /* its plan will say the same */
    if (!s->is_spread)
        return;
    tsgd_holders_begin(&p->holders, t);
    for (uint32_t q = 0; q < s->c.n_populations; q++)
        tsgd_holders_next(&p->holders, s->pop[q].first, s->pop[q].c.k, node + s->pop[q].first);
    tsgd_holders_end(&p->holders);
    for (uint32_t a = 0; a < s->tokens; a++) {
        uint32_t where = node[a] == TSGD_AWAY || ends_at_start(p, a) ? p->holder[a] : node[a];
        s->starts_here[a] = tsgd_is_here(&s->spread.ranks, where);
        p->last[a] = 2 * t;
    }
}

static bool sees(uint64_t *seen, uint64_t seeing, uint32_t rank)
{
    bool is_new = seen[rank] != seeing;
    seen[rank] = seeing;
    return is_new;
}

/* Where a mix of round t needs token a's half-step: calls `to` for every rank, more than once, and
 * first for that of the token itself.                                                           */
static inline __attribute__((always_inline)) void
each_use(const struct planner *p, uint32_t a, uint64_t t, tsgd_target_fn *to, void *user)
{
    const struct state *s = p->s;
    const struct pop *pop = &s->pop[s->pop_of[a]];
    const struct slot *next = tsgd_plan_of(p, t + 1);
    const struct tsgd_csr *w = tsgd_mixing_at(pop->c.mixing, t);
    uint32_t r = a - pop->first;
    to(user, next->rank[a]);
    if (tsgd_mixing_rests(pop->c.mixing, t))
        return;
    for (uint32_t i = w->tptr[r]; i < w->tptr[r + 1]; i++)
        if (w->tcol[i] != r)
            to(user, next->rank[pop->first + w->tcol[i]]);
}

struct targets {
    uint64_t *seen, seeing;
    tsgd_target_fn *to;
    void *user;
};

static void target(void *targets, uint32_t rank)
{
    struct targets *t = targets;
    if (sees(t->seen, t->seeing, rank))
        t->to(t->user, rank);
}

void tsgd_plan_targets(const struct planner *p, uint32_t a, uint64_t t, uint64_t *seen,
                       uint64_t *seeing, tsgd_target_fn *to, void *user)
{
    struct targets all = {seen, ++*seeing, to, user};
    sees(seen, *seeing, tsgd_plan_of(p, t)->rank[a]);
    each_use(p, a, t, target, &all);
}

struct use {
    struct planner *p;
    uint32_t here, sends;
};

static void use(void *user, uint32_t rank)
{
    struct use *u = user;
    u->here += rank == u->p->s->spread.ranks.rank;
    u->sends += sees(u->p->seen, u->p->seeing, rank);
}

/* Round t + 1 is planned: what becomes of token a's half-step of round t. Returns its uses here. */
static uint32_t settle_token(struct planner *p, struct planned_pop *d, uint32_t a, uint64_t t)
{
    struct state *s = p->s;
    struct slot *slot = &p->slot[t % SLOTS];
    uint32_t me = s->spread.ranks.rank, from = slot->rank[a];
    uint32_t to = tsgd_plan_of(p, t + 1)->rank[a];
    bool moves = from != to;
    struct use u = {.p = p};
    p->seeing++;
    sees(p->seen, p->seeing, from);
    each_use(p, a, t, use, &u);
    d->bytes_between_ranks += u.sends * sizeof(float) * (uint64_t)s->arena.token_step;
    if (moves)
        d->bytes_between_ranks += sizeof(float) * (uint64_t)s->arena.own_token_step;
    slot->way[a] = (uint8_t)((to == me ? WAY_STAYS : 0) | (moves ? WAY_MOVES : 0));
    slot->uses[a] = u.here;
    if (from == me) {
        slot->way[a] |= u.sends ? WAY_SENT : 0;
        slot->uses[a] += u.sends + (moves && s->own ? 1 : 0);
    } else if (u.here) {
        slot->way[a] |= WAY_COMES;
        slot->before[a] = p->last[a];
        p->last[a] = 2 * t + 1;
    }
    return slot->uses[a];
}

/* Round t + 1 is planned: what becomes of all half-steps of round t on this rank, and which will
 * come (M1, M3, M4).                                                                            */
static void settle(struct planner *p, uint64_t t)
{
    struct state *s = p->s;
    struct slot *slot = &p->slot[t % SLOTS];
    uint64_t pending = 0, retire = 0;
    for (uint32_t q = 0; q < s->c.n_populations; q++) {
        const struct pop *pop = &s->pop[q];
        for (uint32_t a = pop->first; a < pop->first + pop->c.k; a++) {
            if (p->pop[q].end > t)
                pending += settle_token(p, &p->pop[q], a, t);
            else if (p->pop[q].end == t)
                retire += slot->rank[a] == s->spread.ranks.rank;
        }
    }
    tsgd_spread_begin(&s->spread, pending);
    /* Relaxed: uses of round t begin after `planned` is published. Tokens that retired have taken
     * themselves off already, hence not a store.                                                */
    atomic_fetch_add_explicit(&slot->pending, pending + retire - UNPLANNED, memory_order_relaxed);
    for (uint32_t q = 0; q < s->c.n_populations; q++) {
        const struct pop *pop = &s->pop[q];
        for (uint32_t a = pop->first; a < pop->first + pop->c.k && p->pop[q].end > t; a++)
            if (slot->way[a] & WAY_COMES)
                tsgd_spread_queue(&s->spread, tsgd_errand(ERRAND_GHOST, a, t));
    }
}

/* Which rank each token is on in round t, and how many of those that end there are not here. */
static void spread_out(struct planner *p, uint64_t t)
{
    struct state *s = p->s;
    struct slot *slot = &p->slot[t % SLOTS];
    uint32_t me = s->spread.ranks.rank;
    atomic_store_explicit(&slot->pending, UNPLANNED, memory_order_relaxed);
    for (uint32_t q = 0; q < s->c.n_populations; q++) {
        const struct pop *pop = &s->pop[q];
        uint64_t end = p->pop[q].end;
        for (uint32_t a = pop->first; a < pop->first + pop->c.k && end >= t; a++)
            slot->rank[a] = tsgd_rank_of(&s->spread.ranks, p->holder[a]);
    }
    if (slot->copies)
        tsgd_checkpoint_place(p->checkpoint, slot->rank, p->last);
    if (t > s->first_round)
        settle(p, t - 1);
    for (uint32_t q = 0; q < s->c.n_populations; q++) {
        const struct pop *pop = &s->pop[q];
        uint64_t end = p->pop[q].end;
        for (uint32_t a = pop->first; a < pop->first + pop->c.k && end >= t; a++) {
            if (slot->rank[a] == me)
                p->last[a] = 2 * t + 1;
            else if (end == t)
                tsgd_state_done_one(s);
        }
    }
}

/* What the last gate said, when round t is one at which it holds. */
static bool gate_said(const struct planner *p, uint64_t t, int question)
{
    return gates_before(p->s, t) > 0 && p->s->spread.said[question] != 0;
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
    if (d->end == t)    /* relaxed: `planned` orders it */
        atomic_store_explicit(&p->s->pop[q].ends, t, memory_order_relaxed);
    bool regular = d->over || (pop->c.eval_every && t % pop->c.eval_every == 0 &&
                               (t > p->s->first_round || (t == 0 && pop->c.eval_at_start)));
    p->interrupted |= !d->over && stopped;
    if (regular || d->end == t) {
        struct due x = due(p, q, t, d->end == t, !regular);
        index = 1 + tsgd_evaluation_open(p->evaluation, q, &x);
    }
    if (regular)
        d->evaluated = d->samples;
    if (p->s->is_spread)
        p->slot[t % SLOTS].sums[q] = regular;
    atomic_store_explicit(&p->slot[t % SLOTS].eval[q], index, memory_order_relaxed);
}

/* Begins the next gate (M7). */
static void ask(struct planner *p, uint64_t t)
{
    struct state *s = p->s;
    uint64_t *asked = s->spread.asked;
    if ((t - s->first_round) % GATE != 0 || !anybody_in(s, t + 1))
        return;
    asked[GATE_STOP] = stop_asked(s);
    asked[GATE_DIVERGED] = !s->c.independent && any_diverged(s);
    asked[GATE_CHECKPOINT] = tsgd_checkpoint_is_asked(p->checkpoint);
    asked[GATE_WRITING] = !tsgd_checkpoint_may_stop(p->checkpoint);
    tsgd_spread_begin(&s->spread, 1);
    tsgd_spread_queue(&s->spread, tsgd_errand(ERRAND_GATE, 0, t));
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
    if (p->s->is_spread)        /* all ranks must agree */
        s->copies = gates_before(p->s, t) > 0 && all_go_on(p, t) &&
                    tsgd_checkpoint_is_due_at_gate(p->checkpoint, t, stopped,
                                                   gate_said(p, t, GATE_CHECKPOINT)) &&
                    !gate_said(p, t, GATE_WRITING);
    else
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

/* Whether the run ends here because the user asked; and for that or another reason. */
static bool is_stopped(const struct planner *p, uint64_t t)
{
    if (p->s->is_spread)
        return gate_said(p, t, GATE_STOP) && !gate_said(p, t, GATE_WRITING);
    return stop_asked(p->s) && tsgd_checkpoint_may_stop(p->checkpoint);
}

static bool is_diverged(const struct planner *p, uint64_t t)
{
    if (p->s->is_spread)
        return gate_said(p, t, GATE_DIVERGED);
    return !p->s->c.independent && any_diverged(p->s);
}

/* For the trace; all ranks know it, and the first one tells. */
static void count_gossip(const struct planner *p, struct worker *w)
{
    uint32_t n = p->s->c.n_populations;
    for (uint32_t q = 0; q < n && tsgd_is_traced(w) && p->s->c.ranks.rank == 0; q++)
        tsgd_worker_count(w, &tsgd_counter_gossip, n > 1 ? q : TSGD_TRACE_NONE,
                          (double)p->pop[q].bytes_gossip);
}

void tsgd_plan_round(struct planner *p, struct worker *w, uint64_t t)
{
    const struct state *s = p->s;
    bool stopped = is_stopped(p, t), end_all = stopped || is_diverged(p, t);
    tsgd_end_other(w);
    tsgd_begin(w, &tsgd_activity_plan, TSGD_TRACE_NONE, t, TSGD_TRACE_NONE);
    for (uint32_t q = 0; q < s->c.n_populations; q++)
        begin_population(p, q, t, end_all, stopped);
    copy(p, t, stopped);
    tsgd_holders_begin(&p->holders, t);
    for (uint32_t q = 0; q < s->c.n_populations; q++)
        plan_population(p, q, t);
    tsgd_holders_end(&p->holders);
    if (s->is_spread) {
        spread_out(p, t);
        for (uint32_t q = 0; q < s->c.n_populations; q++)
            tsgd_evaluation_publish(p->evaluation, q, p->slot[t % SLOTS].rank + s->pop[q].first,
                                    p->pop[q].bytes_between_ranks);
        ask(p, t);
    }
    TSGD_PROBE1(round, t);
    tsgd_end_other(w);
    count_gossip(p, w);
    tsgd_jitter(w, true);
    tsgd_seq_finish(&p->planned, t + 1);
}

void tsgd_plan_try(struct planner *p, struct worker *w, uint64_t t)
{
    if (tsgd_plan_ready(p, w, t) && tsgd_seq_claim(&p->planned, t))
        tsgd_plan_round(p, w, t);
}
