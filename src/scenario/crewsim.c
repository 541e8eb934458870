#include "scenario/crewsim.h"

#include "base/mem.h"
#include "engine/holders.h"
#include "engine/sleep.h"
#include "scenario/events.h"

#include <math.h>
#include <string.h>

/* Rounds in flight at once, as in the engine, and room to keep them apart. */
enum { IN_FLIGHT = 8, KEPT = 16 };

#define NOBODY UINT32_MAX
#define EVERYBODY (UINT32_MAX - 1)

enum what { NOTHING, MIX, PLAN, STEP, PART, UPDATE, SLICE };

struct worker {
    enum { BUSY, AWAKE, COMING, ASLEEP } state;
    double since;               /* awake or asleep */
    uint32_t lo, hi, cursor;    /* home tokens, and where its look begins */
    enum what what;             /* when busy */
    uint32_t token;             /* of that; of a plan, the one that goes on after it, EVERYBODY
                                 * after slices, or NOBODY */
    bool woken;                 /* coming: it was asleep */
};

struct token {
    uint64_t phase;             /* as in engine/seq.h */
    bool busy;
    uint32_t writer[2];         /* of its row in each place; NOBODY: several */
    uint32_t stepper;           /* who wrote its own rows */
    uint32_t open, left;        /* tasks of the stage not handed out, not ended */
    bool updates;               /* the stage is the update */
};

struct crew {
    const struct tsgd_crewsim *c;
    struct tsgd_error *err;
    enum tsgd_status st;        /* of the first event for which there was no room */
    struct tsgd_holders holders;
    struct tsgd_holding holding;
    struct worker *worker;
    struct token *token;
    uint64_t *fetched;          /* [tokens][2][words] a bit for each worker that has read the
                                 * token's row since it was written: it has it in its cache */
    size_t words;
    uint32_t *node[KEPT];       /* [tokens] the holder of a round */
    uint32_t left[KEPT];        /* tokens that have not ended the round */
    uint64_t drawn, planned, low;       /* rounds; the first that has not ended */
    bool planning;
    uint32_t waking;            /* sleepers on their way */
    uint32_t busy;              /* workers */
    uint32_t stepped;           /* by slices: tokens that wait for them */
    uint32_t next_slice, slices_done;
    struct tsgd_events events;
    double now, begun;
    struct tsgd_crew_times total;
};

static uint64_t first_counted(const struct tsgd_crewsim *c) { return c->rounds / 4; }

static bool counts(const struct crew *s) { return s->low >= first_counted(s->c); }

/* ---- what is ready ---- */

static const struct tsgd_csr *matrix(const struct crew *s, uint64_t t)
{
    return tsgd_mixing_at(s->c->mixing, t);
}

static bool rests(const struct crew *s, uint64_t t) { return tsgd_mixing_rests(s->c->mixing, t); }

/* The token shows 2t-1, its half-step of round t-1. R1 and R2 of engine/seq.h. */
static bool mix_ready(const struct crew *s, uint32_t a)
{
    uint64_t t = (s->token[a].phase + 1) / 2, turns = tsgd_mixing_turns(s->c->mixing, t - 1);
    if (rests(s, t - 1))
        return true;
    if (s->c->cost.slices)
        return false;
    const struct tsgd_csr *w = matrix(s, t - 1);
    for (uint32_t i = w->ptr[a]; i < w->ptr[a + 1]; i++)
        if (s->token[w->col[i]].phase < 2 * t - 1)
            return false;
    if (turns < 1)
        return true;
    uint64_t before = tsgd_mixing_round(s->c->mixing, turns - 1);
    w = matrix(s, before);
    for (uint32_t i = w->tptr[a]; i < w->tptr[a + 1]; i++)
        if (s->token[w->tcol[i]].phase < 2 * before + 2)
            return false;
    return true;
}

static bool plan_ready(const struct crew *s, uint64_t t)
{
    return !s->planning && s->planned == t && t < s->low + IN_FLIGHT;
}

static enum what ready(const struct crew *s, uint32_t a)
{
    const struct token *x = &s->token[a];
    uint64_t t = x->phase / 2;
    if (x->busy)
        return x->open ? (x->updates ? UPDATE : PART) : NOTHING;
    if (x->phase & 1)
        return mix_ready(s, a) ? MIX : NOTHING;
    return plan_ready(s, t) ? PLAN : s->planned > t ? STEP : NOTHING;
}

static enum what ready_among(const struct crew *s, uint32_t lo, uint32_t hi, uint32_t from,
                             uint32_t *token)
{
    enum what what = NOTHING;
    for (uint32_t i = lo, a = from; i < hi && !what; i++, a = a + 1 == hi ? lo : a + 1)
        if ((what = ready(s, a)) != NOTHING)
            *token = a;
    return what;
}

static bool slice_ready(const struct crew *s)
{
    return s->c->cost.slices && s->stepped == s->c->tokens && s->next_slice < s->c->cost.slices;
}

static enum what find(const struct crew *s, const struct worker *w, bool steals, uint32_t *token)
{
    uint32_t k = s->c->tokens;
    *token = NOBODY;
    if (slice_ready(s))
        return SLICE;
    enum what what = ready_among(s, w->lo, w->hi, w->cursor, token);
    return what || !steals ? what : ready_among(s, 0, k, w->hi == k ? 0 : w->hi, token);
}

/* ---- what it takes ---- */

/* Draws the holders of rounds up to t. */
static void draw(struct crew *s, uint64_t t)
{
    for (; s->drawn <= t; s->drawn++) {
        tsgd_holders_begin(&s->holders, s->drawn);
        tsgd_holders_next(&s->holders, 0, s->c->tokens, s->node[s->drawn % KEPT]);
        tsgd_holders_end(&s->holders);
        s->left[s->drawn % KEPT] = s->c->tokens;
    }
}

/* How many times as long as the others this step takes; 0: the holder is away. */
static double slowness(const struct crew *s, uint32_t a)
{
    const struct tsgd_network *n = s->c->stragglers;
    uint32_t node = s->node[s->token[a].phase / 2 % KEPT][a];
    if (node == TSGD_AWAY)
        return 0;
    return n ? tsgd_network_step(n, node) / n->step_seconds : 1;
}

/* Where rows of round t stand: those that mix one by one go to the other place each time. */
static uint32_t place(const struct crew *s, uint64_t t)
{
    return s->c->cost.slices ? 0 : tsgd_mixing_turns(s->c->mixing, t) & 1;
}

static uint64_t *fetched(const struct crew *s, uint32_t b, uint64_t t)
{
    return s->fetched + (2 * (size_t)b + place(s, t)) * s->words;
}

static void write_row(struct crew *s, uint32_t b, uint64_t t, uint32_t w)
{
    s->token[b].writer[place(s, t)] = w;
    memset(fetched(s, b, t), 0, s->words * sizeof *s->fetched);
}

/* Whether worker w finds the row of token b in another one's cache. It has it in its own then. */
static bool fetches(struct crew *s, uint32_t b, uint64_t t, uint32_t w)
{
    uint64_t *word = fetched(s, b, t) + w / 64, bit = UINT64_C(1) << w % 64;
    bool fetches = s->c->workers > 1 && s->token[b].writer[place(s, t)] != w && !(*word & bit);
    *word |= bit;
    return fetches;
}

static double no_less(const struct crew *s, double seconds, double bytes)
{
    double limit = s->c->cost.bandwidth;
    return limit > 0 ? fmax(seconds, bytes * s->busy / limit) : seconds;
}

static double add_fetches(struct crew *s, double seconds)
{
    s->total.fetches += counts(s) ? seconds : 0;
    return seconds;
}

static double mix_seconds(struct crew *s, uint32_t w, uint32_t a)
{
    uint64_t t = (s->token[a].phase - 1) / 2;
    const struct tsgd_csr *m = matrix(s, t);
    uint32_t n = m->ptr[a + 1] - m->ptr[a], foreign = 0;
    if (rests(s, t) || n < 2)
        return 0;
    for (uint32_t i = m->ptr[a]; i < m->ptr[a + 1]; i++)
        foreign += fetches(s, m->col[i], t, w);
    return no_less(s, n * s->c->cost.read, n * s->c->cost.read_bytes) +
           add_fetches(s, foreign * s->c->cost.fetch);
}

/* Of a slice: of each row as many floats as it has, of which others have written most. */
static double slice_seconds(struct crew *s)
{
    const struct tsgd_crew_costs *c = &s->c->cost;
    double workers = s->c->workers, rows = s->c->tokens / (double)c->slices;
    return no_less(s, c->mix / c->slices, c->mix_bytes / c->slices) +
           add_fetches(s, rows * (1 - 1 / workers) * c->fetch);
}

static double step_fetches(struct crew *s, uint32_t w, uint32_t a)
{
    bool elsewhere = fetches(s, a, s->token[a].phase / 2, w) || s->token[a].stepper != w;
    return add_fetches(s, elsewhere ? s->c->cost.step_fetch : 0);
}

static double step_seconds(struct crew *s, uint32_t w, uint32_t a)
{
    const struct tsgd_crew_costs *c = &s->c->cost;
    double slow = slowness(s, a);
    if (slow == 0)
        return 0;
    return no_less(s, slow * c->step, c->step_bytes) + step_fetches(s, w, a);
}

static double seconds_of(struct crew *s, uint32_t w, enum what what, uint32_t a)
{
    const struct tsgd_crew_costs *c = &s->c->cost;
    double seconds = 0, *into = &s->total.steps;
    switch (what) {
    case MIX:
        into = &s->total.mixes;
        seconds = mix_seconds(s, w, a);
        break;
    case SLICE:
        into = &s->total.mixes;
        seconds = slice_seconds(s);
        break;
    case PLAN:
        into = &s->total.plans;
        seconds = c->plan;
        break;
    case STEP:
        seconds = step_seconds(s, w, a);
        break;
    case PART:
        seconds = no_less(s, slowness(s, a) * c->step / c->parts, c->step_bytes / c->parts) +
                  step_fetches(s, w, a);
        break;
    case UPDATE:
        seconds = c->update / c->ranges;
        break;
    case NOTHING:
        break;
    }
    *into += counts(s) ? seconds : 0;
    return seconds;
}

/* ---- what happens ---- */

enum { ENDS, LOOKS, STEALS };

static void foresee(struct crew *s, double time, int happens, uint32_t w)
{
    struct tsgd_event e = {.time = time, .place = w, .happens = happens};
    if (s->st == TSGD_OK)
        s->st = tsgd_events_foresee(&s->events, e, "use fewer --threads", s->err);
}

static void begin(struct crew *s, uint32_t w, enum what what, uint32_t a)
{
    struct worker *x = &s->worker[w];
    s->busy += x->state != BUSY;
    x->state = BUSY;
    x->what = what;
    x->token = a;
    foresee(s, s->now + seconds_of(s, w, what, a), ENDS, w);
}

/* Who has waited too long sleeps. */
static bool is_awake(struct crew *s, struct worker *x)
{
    if (x->state == AWAKE && s->now - x->since >= s->c->cost.patience) {
        x->state = ASLEEP;
        x->since += s->c->cost.patience;
    }
    return x->state == AWAKE;
}

static void come(struct crew *s, uint32_t w, double after, bool woken)
{
    struct worker *x = &s->worker[w];
    if (x->state == ASLEEP && counts(s))
        s->total.asleep += s->now - x->since;
    x->state = COMING;
    x->woken = woken;
    foresee(s, s->now + after, LOOKS, w);
}

static uint32_t home_of(const struct crew *s, uint32_t a)
{
    uint32_t w = (uint32_t)(((uint64_t)a * s->c->workers + s->c->workers - 1) / s->c->tokens);
    while (w > 0 && s->worker[w].lo > a)
        w--;
    while (w + 1 < s->c->workers && s->worker[w].hi <= a)
        w++;
    return w;
}

/* Once it has had nothing to do for a while, it also takes what is at home with others. */
static bool may_steal(const struct crew *s, const struct worker *x)
{
    return x->woken || (x->state != BUSY && s->now - x->since >= s->c->cost.steal);
}

/* Something of token a, or slices for anybody, has become ready: one more worker comes for it, if
 * one is awake without a task: one that the token is at home with, else the next that may steal. */
static void call(struct crew *s, uint32_t first, uint32_t a)
{
    uint32_t n = s->c->workers;
    for (uint32_t i = 0, w = first; i < n; i++, w = w + 1 == n ? 0 : w + 1) {
        struct worker *x = &s->worker[w];
        if (is_awake(s, x) && (a == NOBODY || (a >= x->lo && a < x->hi) || may_steal(s, x))) {
            come(s, w, s->c->cost.hand, false);
            return;
        }
    }
}

static void call_for(struct crew *s, uint32_t a)
{
    if (ready(s, a))
        call(s, home_of(s, a), a);
}

/* How many sleepers one worker may wake now. */
static uint32_t may_wake(const struct crew *s)
{
    uint32_t at_once = s->c->cost.at_once ? s->c->cost.at_once : 1;
    if (s->c->cost.slices && !s->c->cost.at_once)
        return WAKES_AT_ONCE;
    return s->waking < at_once ? at_once - s->waking : 0;
}

static void wake_others(struct crew *s)
{
    uint32_t most = may_wake(s);
    for (uint32_t w = 0; w < s->c->workers && most > 0; w++)
        if (!is_awake(s, &s->worker[w]) && s->worker[w].state == ASLEEP) {
            most--;
            s->waking++;
            come(s, w, s->c->cost.wake, true);
        }
}

/* Token a shows a new phase: it may be ready itself, and so may be those that it was in the way
 * of.                                                                                           */
static void published(struct crew *s, uint32_t a)
{
    uint64_t phase = s->token[a].phase, t = phase ? (phase - 1) / 2 : 0;
    call_for(s, a);
    if (s->c->cost.slices)
        return;
    const struct tsgd_csr *w = matrix(s, t);
    if (phase & 1)
        for (uint32_t i = w->tptr[a]; i < w->tptr[a + 1]; i++) {
            if (w->tcol[i] != a)
                call_for(s, w->tcol[i]);
        }
    else
        for (uint32_t i = w->ptr[a]; i < w->ptr[a + 1]; i++)
            if (w->col[i] != a)
                call_for(s, w->col[i]);
}

static void open_stage(struct crew *s, uint32_t a, bool updates)
{
    struct token *x = &s->token[a];
    x->updates = updates;
    x->open = x->left = updates ? s->c->cost.ranges : s->c->cost.parts;
    for (uint32_t i = 1; i < x->open; i++)
        call(s, home_of(s, a), a);
    if (x->open > 1)
        wake_others(s);
}

static bool has_parts(const struct crew *s) { return s->c->cost.parts > 1; }

/* The token is claimed, and its round planned. */
static void begin_step(struct crew *s, uint32_t w, uint32_t a)
{
    s->token[a].busy = true;
    if (!has_parts(s) || slowness(s, a) == 0) {
        begin(s, w, STEP, a);
        return;
    }
    open_stage(s, a, false);
    s->token[a].open--;
    begin(s, w, PART, a);
}

static void begin_plan(struct crew *s, uint32_t w, uint32_t then)
{
    s->planning = true;
    begin(s, w, PLAN, then);
}

/* Takes what it finds, and wakes a sleeper if there is more. */
static void look(struct crew *s, uint32_t w)
{
    struct worker *x = &s->worker[w];
    uint32_t a, other;
    enum what what = find(s, x, may_steal(s, x), &a);
    if (what == NOTHING) {
        if (x->state == BUSY) {
            s->busy--;
            x->since = s->now;
            foresee(s, s->now + s->c->cost.steal, STEALS, w);
        }
        x->since = x->woken ? s->now : x->since;
        x->woken = false;
        x->state = AWAKE;
        return;
    }
    x->woken = false;
    if (a >= x->lo && a < x->hi && what != PLAN)
        x->cursor = a + 1 == x->hi ? x->lo : a + 1;
    if (what == SLICE) {
        s->next_slice++;
        begin(s, w, SLICE, NOBODY);
    } else if (what == PLAN) {
        begin_plan(s, w, NOBODY);
    } else if (what == STEP) {
        begin_step(s, w, a);
    } else {
        s->token[a].open -= what == PART || what == UPDATE;
        s->token[a].busy = true;
        begin(s, w, what, a);
    }
    if (may_wake(s) > 0 && find(s, x, true, &other))
        wake_others(s);
}

static void end_round_of(struct crew *s, uint64_t t)
{
    s->left[t % KEPT]--;
    while (s->low < s->drawn && s->left[s->low % KEPT] == 0) {
        s->low++;
        if (s->low == first_counted(s->c))
            s->begun = s->now;
    }
}

/* The token has mixed and shows 2t. It goes on with its step, or its worker looks. */
static void go_on(struct crew *s, uint32_t w, uint32_t a)
{
    uint64_t t = s->token[a].phase / 2;
    bool steps = s->planned > t;
    s->token[a].busy = steps;
    published(s, a);
    if (steps)
        begin_step(s, w, a);
    else
        look(s, w);
}

static void mixed(struct crew *s, uint32_t w, uint32_t a)
{
    struct token *x = &s->token[a];
    if (!rests(s, (x->phase - 1) / 2))
        write_row(s, a, (x->phase + 1) / 2, w);
    x->phase++;
    end_round_of(s, x->phase / 2 - 1);
    if (plan_ready(s, x->phase / 2)) {
        begin_plan(s, w, a);
        return;
    }
    go_on(s, w, a);
}

static void stepped(struct crew *s, uint32_t w, uint32_t a)
{
    struct token *x = &s->token[a];
    uint64_t t = x->phase / 2;
    write_row(s, a, t, w);
    x->stepper = w;
    x->phase++;
    x->busy = false;
    if (s->c->cost.slices && !rests(s, t)) {
        if (++s->stepped == s->c->tokens)
            for (uint32_t i = 1; i < s->c->cost.slices; i++)
                call(s, w, NOBODY);
    } else {
        published(s, a);
    }
    look(s, w);
}

static void part_ended(struct crew *s, uint32_t w, uint32_t a)
{
    struct token *x = &s->token[a];
    if (--x->left == 0) {
        if (x->updates) {
            stepped(s, w, a);
            return;
        }
        open_stage(s, a, true);
    }
    if (x->open) {
        x->open--;
        begin(s, w, x->updates ? UPDATE : PART, a);
    } else {
        look(s, w);
    }
}

/* All slices are mixed, and the round planned: all tokens show 2t, and their rows are spread over
 * caches.                                                                                       */
static void all_mixed(struct crew *s, uint32_t w)
{
    s->stepped = s->next_slice = s->slices_done = 0;
    for (uint32_t a = 0; a < s->c->tokens; a++) {
        s->token[a].phase++;
        write_row(s, a, 0, NOBODY);
    }
    for (uint32_t a = 0; a < s->c->tokens; a++)
        end_round_of(s, s->token[a].phase / 2 - 1);
    for (uint32_t a = 0; a < s->c->tokens; a++)
        call_for(s, a);
    look(s, w);
}

static void slice_ended(struct crew *s, uint32_t w)
{
    uint64_t t = s->token[0].phase / 2 + 1;
    if (++s->slices_done < s->c->cost.slices)
        look(s, w);
    else if (plan_ready(s, t))
        begin_plan(s, w, EVERYBODY);
    else
        all_mixed(s, w);
}

static void planned(struct crew *s, uint32_t w, uint32_t then)
{
    s->planning = false;
    draw(s, ++s->planned);
    for (uint32_t a = 0; a < s->c->tokens; a++)
        if (a != then && !s->token[a].busy && s->token[a].phase == 2 * (s->planned - 1))
            call_for(s, a);
    if (then == NOBODY)
        look(s, w);
    else if (then == EVERYBODY)
        all_mixed(s, w);
    else
        go_on(s, w, then);
}

static void ends(struct crew *s, uint32_t w)
{
    uint32_t a = s->worker[w].token;
    switch (s->worker[w].what) {
    case MIX:
        mixed(s, w, a);
        break;
    case STEP:
        stepped(s, w, a);
        break;
    case PART:
    case UPDATE:
        part_ended(s, w, a);
        break;
    case SLICE:
        slice_ended(s, w);
        break;
    case PLAN:
        planned(s, w, a);
        break;
    case NOTHING:
        break;
    }
}

static void happens(struct crew *s, const struct tsgd_event *e)
{
    struct worker *x = &s->worker[e->place];
    s->now = e->time;
    if (e->happens == ENDS) {
        ends(s, e->place);
        return;
    }
    if (e->happens == STEALS && !(x->state == AWAKE && s->now - x->since >= s->c->cost.steal))
        return;                         /* it has found something since */
    s->waking -= x->woken;
    look(s, e->place);
}

/* ---- all of it ---- */

static enum tsgd_status take(struct crew *s)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_crewsim *c = s->c;
    struct tsgd_error *err = s->err;
    const char *what = "the forecast";
    TRY(TSGD_HOLD(&s->holding, &s->worker, c->workers, what, err));
    TRY(TSGD_HOLD(&s->holding, &s->token, c->tokens, what, err));
    s->words = (c->workers + 63) / 64;
    TRY(TSGD_HOLD(&s->holding, &s->fetched, tsgd_mul(2 * (size_t)c->tokens, s->words), what, err));
    for (int i = 0; i < KEPT; i++)
        TRY(TSGD_HOLD(&s->holding, &s->node[i], c->tokens, what, err));
    s->holders = (struct tsgd_holders){
        .nodes = c->nodes, .tokens = c->tokens, .teleports = c->teleports, .seed = c->seed,
        .presence = c->presence,
    };
    TRY(tsgd_holders_init(&s->holders, &s->holding, err));
done:
    return st;
}

static void begin_all(struct crew *s)
{
    const struct tsgd_crewsim *c = s->c;
    for (uint32_t w = 0; w < c->workers; w++) {
        uint32_t lo = (uint32_t)((uint64_t)w * c->tokens / c->workers);
        uint32_t hi = (uint32_t)((uint64_t)(w + 1) * c->tokens / c->workers);
        s->worker[w] = (struct worker){.state = AWAKE, .lo = lo, .cursor = lo,
                                       .hi = hi > lo ? hi : lo + 1};
        for (uint32_t a = lo; a < hi; a++)
            s->token[a].writer[0] = s->token[a].writer[1] = s->token[a].stepper = w;
    }
    draw(s, 0);
    for (uint32_t w = 0; w < c->workers; w++)
        look(s, w);
}

enum tsgd_status tsgd_crewsim_run(const struct tsgd_crewsim *c, struct tsgd_crew_times *out,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct crew s = {.c = c, .err = err};
    double rounds = (double)(c->rounds - first_counted(c));
    TRY(take(&s));
    begin_all(&s);
    while (s.st == TSGD_OK && s.low < c->rounds && s.events.n) {
        struct tsgd_event e = tsgd_events_next(&s.events);
        happens(&s, &e);
    }
    TRY(s.st);
    for (uint32_t w = 0; w < c->workers; w++)
        if (!is_awake(&s, &s.worker[w]) && s.worker[w].state == ASLEEP)
            s.total.asleep += s.now - s.worker[w].since;
    *out = (struct tsgd_crew_times){
        .seconds = (s.now - s.begun) / rounds, .steps = s.total.steps / rounds,
        .mixes = s.total.mixes / rounds, .plans = s.total.plans / rounds,
        .fetches = s.total.fetches / rounds, .asleep = s.total.asleep / rounds,
    };
done:
    tsgd_holding_release(&s.holding);
    tsgd_events_free(&s.events);
    return st;
}
