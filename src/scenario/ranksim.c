#include "scenario/ranksim.h"

#include "base/mem.h"
#include "engine/holders.h"
#include "scenario/events.h"

#include <string.h>

/* Rounds in flight at once, as in the engine (its plan has so many slots), and the room to keep
 * them apart here, with the rounds planned ahead.                                               */
enum { IN_FLIGHT = 8, KEPT = 16 };

enum task { STEP, RECEIVE, MIX, PLAN };

/* A task as a number, by which ready ones are taken: its phase, then its token. A step of round t
 * has phase 4 t + 8, what is received 4 t + 9, a mix 4 t + 10; the plan of round t 4 t + 3, which
 * is before the step of round t - 1 that waits for it.                                          */
static uint64_t number(enum task task, uint64_t t, uint32_t token)
{
    uint64_t phase = task == PLAN ? 4 * t + 3 : 4 * t + 8 + task;
    return phase << 32 | token;
}

static enum task task_of(uint64_t number) { return (enum task)(number >> 32 & 3); }

static uint64_t round_of(uint64_t number)
{
    uint64_t phase = number >> 32;
    return task_of(number) == PLAN ? phase / 4 : phase / 4 - 2;
}

enum happens { DONE, SETS_OUT, ARRIVES };

/* An event's task is what is done, or a message's half-step, as what is received; its place is the
 * worker that has done it, or the rank where the message goes.                                  */

/* In lists a worker is its number plus 1; 0 is nobody. */
struct worker {
    uint64_t core;              /* that it has, waits for, or had last */
    uint32_t next;              /* of those of its rank that sleep, or that wait for its core */
};

struct core {
    uint32_t first, last;       /* workers that wait for it, or, of core 0, for any */
    uint64_t free;              /* where it stands among free ones, and 1; 0: it works */
};

struct ready {
    uint64_t *task;             /* a heap, the smallest on top */
    size_t n, room;
};

struct rank {
    struct ready ready;
    uint32_t sleeper;           /* the first of the workers that sleep */
    uint64_t woken;             /* workers that wait for a core */
    bool plans;                 /* a plan is ready or under way */
    uint64_t planned;           /* rounds */
    double out, in;             /* when its ports are free again */
};

/* A round in flight. */
struct leg {
    uint32_t *rank;             /* [tokens] of the holder */
    uint32_t *node;             /* [tokens] the holder, or TSGD_AWAY */
    uint32_t *need;             /* [tokens] half-steps that its mix still waits for */
    uint32_t *unbegun, *unended;        /* [tokens] parts of its step */
    uint64_t *sent;             /* [ranks] bytes */
    uint32_t *stepped;          /* [ranks] tokens */
    uint32_t left;              /* tokens that have not mixed */
};

struct sim {
    const struct tsgd_ranksim *c;
    struct tsgd_error *err;
    enum tsgd_status st;        /* of the first growth that failed */
    struct tsgd_holders holders;
    struct tsgd_holding holding;
    struct leg leg[KEPT];
    struct rank *rank;
    struct worker *worker;      /* [ranks][threads] */
    struct core *core;
    uint64_t *free, frees;      /* cores */
    uint32_t *held, *next;      /* [ranks][KEPT], [tokens]: lists of 1 + token, that wait for a
                                 * plan */
    uint64_t *seen, mark;       /* [ranks] the last half-step that was sent there */
    uint32_t *to;               /* [ranks] where a half-step goes */
    struct tsgd_events events;
    uint64_t drawn;             /* rounds */
    uint64_t low;               /* the first round that has not ended */
    double now, begun;          /* begun: when the first round that counts did */
    struct tsgd_rank_times total;
};

static struct leg *leg(struct sim *s, uint64_t t) { return &s->leg[t % KEPT]; }

static uint64_t first_counted(const struct tsgd_ranksim *c) { return c->rounds / 4; }

/* ---- heaps ---- */

static void grow(struct sim *s, void **block, size_t *room, size_t count, size_t size)
{
    if (s->st == TSGD_OK && count > *room)
        s->st = tsgd_grow(block, room, count, size, "the forecast", "use fewer --ranks", s->err);
}

static void make_ready(struct sim *s, uint32_t r, uint64_t task)
{
    struct ready *h = &s->rank[r].ready;
    grow(s, (void **)&h->task, &h->room, h->n + 1, sizeof *h->task);
    if (s->st != TSGD_OK)
        return;
    size_t i = h->n++;
    for (; i > 0 && task < h->task[(i - 1) / 2]; i = (i - 1) / 2)
        h->task[i] = h->task[(i - 1) / 2];
    h->task[i] = task;
}

static uint64_t take_ready(struct ready *h)
{
    uint64_t top = h->task[0], last = h->task[--h->n];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < h->n; i = child) {
        child += child + 1 < h->n && h->task[child + 1] < h->task[child];
        if (last <= h->task[child])
            break;
        h->task[i] = h->task[child];
    }
    h->task[i] = last;
    return top;
}

static void foresee(struct sim *s, double time, enum happens happens, uint32_t place, uint64_t task)
{
    struct tsgd_event e = {.time = time, .task = task, .place = place,
                           .happens = (int)happens};
    if (s->st == TSGD_OK)
        s->st = tsgd_events_foresee(&s->events, e, "use fewer --ranks", s->err);
}

/* ---- the plan ---- */

static const struct tsgd_csr *matrix(const struct sim *s, uint64_t t)
{
    return tsgd_mixing_at(s->c->mixing, t);
}

/* Whether the token's links are cut in round t. */
static bool cut(struct sim *s, uint64_t t, uint32_t a)
{
    return s->c->presence.isolates && leg(s, t)->node[a] == TSGD_AWAY;
}

static bool reads(struct sim *s, uint64_t t, uint32_t a, uint32_t b)
{
    return a != b && !cut(s, t, a) && !cut(s, t, b);
}

/* Draws the holders of the next round. */
static void draw(struct sim *s)
{
    uint64_t t = s->drawn++;
    struct leg *l = leg(s, t);
    const struct tsgd_csr *w = matrix(s, t);
    uint32_t k = s->c->tokens;
    tsgd_holders_begin(&s->holders, t);
    tsgd_holders_next(&s->holders, 0, k, l->node);
    tsgd_holders_end(&s->holders);
    memset(l->sent, 0, s->c->ranks.ranks * sizeof *l->sent);
    memset(l->stepped, 0, s->c->ranks.ranks * sizeof *l->stepped);
    l->left = k;
    for (uint32_t a = 0; a < k; a++)
        l->rank[a] = l->node[a] != TSGD_AWAY ? tsgd_rank_of(&s->c->ranks, l->node[a]) :
                     t > 0 ? leg(s, t - 1)->rank[a] : tsgd_rank_of(&s->c->ranks, a);
    for (uint32_t a = 0; a < k; a++) {
        l->need[a] = 1;
        for (uint32_t i = w->ptr[a]; i < w->ptr[a + 1]; i++)
            l->need[a] += reads(s, t, a, w->col[i]);
    }
}

/* Where the half-step of token a goes from its rank in round t, into s->to; how many. */
static uint32_t destinations(struct sim *s, uint64_t t, uint32_t a)
{
    const struct tsgd_csr *w = matrix(s, t);
    const uint32_t *rank = leg(s, t + 1)->rank;
    uint32_t n = 0;
    s->seen[leg(s, t)->rank[a]] = ++s->mark;
    if (s->seen[rank[a]] != s->mark) {
        s->seen[rank[a]] = s->mark;
        s->to[n++] = rank[a];
    }
    for (uint32_t i = w->tptr[a]; i < w->tptr[a + 1]; i++) {
        uint32_t b = w->tcol[i], r = rank[b];
        if (s->seen[r] != s->mark && reads(s, t, b, a)) {
            s->seen[r] = s->mark;
            s->to[n++] = r;
        }
    }
    return n;
}

/* ---- what things cost ---- */

/* A message with the half-step of token a in round t to rank r. */
static struct tsgd_message_cost message(struct sim *s, uint64_t t, uint32_t a, uint32_t r)
{
    struct tsgd_message_cost m = s->c->cost.row, own = s->c->cost.own;
    if (own.bytes && leg(s, t + 1)->rank[a] == r) {
        m.way += own.way;
        m.worker += own.worker;
        m.bytes += own.bytes;
    }
    return m;
}

static double step_seconds(struct sim *s, uint64_t t, uint32_t a)
{
    const struct tsgd_network *n = s->c->stragglers;
    uint32_t node = leg(s, t)->node[a];
    if (node == TSGD_AWAY)
        return 0;
    return s->c->cost.step * (n ? tsgd_network_step(n, node) / n->step_seconds : 1);
}

static double mix_seconds(struct sim *s, uint64_t t, uint32_t a)
{
    const struct tsgd_csr *w = matrix(s, t);
    uint32_t n = w->ptr[a + 1] - w->ptr[a];
    return n > 1 && !cut(s, t, a) ? n * s->c->cost.read : 0;
}

static uint32_t parts(const struct sim *s) { return s->c->cost.parts ? s->c->cost.parts : 1; }

static double task_seconds(struct sim *s, uint32_t r, uint64_t task)
{
    uint64_t t = round_of(task);
    uint32_t a = (uint32_t)task, n;
    double seconds;
    switch (task_of(task)) {
    case STEP:
        seconds = step_seconds(s, t, a) / parts(s);
        s->total.work += seconds;
        n = --leg(s, t)->unbegun[a] == 0 ? destinations(s, t, a) : 0;
        for (uint32_t i = 0; i < n; i++)
            seconds += message(s, t, a, s->to[i]).worker;
        return seconds;
    case MIX:
        seconds = mix_seconds(s, t, a);
        s->total.work += seconds;
        return seconds;
    case RECEIVE:
        return message(s, t, a, r).worker;
    default:
        return s->c->cost.plan;
    }
}

/* ---- what happens ---- */

static void free_core(struct sim *s, uint64_t c)
{
    s->free[s->frees++] = c;
    s->core[c].free = s->frees;
}

static void take_core(struct sim *s, uint64_t c)
{
    uint64_t at = s->core[c].free - 1, moved = s->free[--s->frees];
    s->free[at] = moved;
    s->core[moved].free = at + 1;
    s->core[c].free = 0;
}

static uint32_t rank_of(const struct sim *s, uint32_t w) { return w / s->c->threads; }

static void fall_asleep(struct sim *s, uint32_t w)
{
    struct rank *x = &s->rank[rank_of(s, w)];
    s->worker[w].next = x->sleeper;
    x->sleeper = w + 1;
}

/* The worker, which has a core, begins the rank's first task. */
static void work(struct sim *s, uint32_t w)
{
    uint32_t r = rank_of(s, w);
    uint64_t task = take_ready(&s->rank[r].ready);
    foresee(s, s->now + task_seconds(s, r, task), DONE, w, task);
}

/* Where the core's waiting workers are kept: those that move wait for all cores together. */
static struct core *line_of(struct sim *s, uint64_t core)
{
    return &s->core[s->c->cost.step > s->c->stays ? 0 : core];
}

static void queue(struct sim *s, uint32_t w)
{
    struct core *c = line_of(s, s->worker[w].core);
    s->worker[w].next = 0;
    if (c->first)
        s->worker[c->last - 1].next = w + 1;
    else
        c->first = w + 1;
    c->last = w + 1;
    s->rank[rank_of(s, w)].woken++;
}

/* Wakes as many workers as the rank has tasks for. One that wakes takes the core that it had last
 * if that is free, else any other, or else waits for it.                                        */
static void offer(struct sim *s, uint32_t r)
{
    struct rank *x = &s->rank[r];
    while (x->sleeper && x->ready.n > x->woken) {
        uint32_t w = x->sleeper - 1;
        struct worker *v = &s->worker[w];
        x->sleeper = v->next;
        if (!s->core[v->core].free && s->frees)
            v->core = s->free[s->frees - 1];
        if (s->core[v->core].free) {
            take_core(s, v->core);
            work(s, w);
        } else {
            queue(s, w);
        }
    }
}

/* A core whose worker has left it goes to the first that waits for it and still has a task. */
static void serve(struct sim *s, uint64_t core)
{
    struct core *c = line_of(s, core);
    while (c->first) {
        uint32_t w = c->first - 1;
        struct rank *x = &s->rank[rank_of(s, w)];
        c->first = s->worker[w].next;
        x->woken--;
        if (x->ready.n) {
            s->worker[w].core = core;
            work(s, w);
            return;
        }
        fall_asleep(s, w);
    }
    free_core(s, core);
}

/* The worker that has ended a task goes on, or, if others wait for its core, behind them. What a
 * plan takes is no turn.                                                                         */
static void go_on(struct sim *s, uint32_t w, enum task ended)
{
    struct worker *v = &s->worker[w];
    struct rank *x = &s->rank[rank_of(s, w)];
    if (x->ready.n && (ended == PLAN || !line_of(s, v->core)->first)) {
        work(s, w);
    } else {
        if (x->ready.n > x->woken)
            queue(s, w);
        else
            fall_asleep(s, w);
        serve(s, v->core);
    }
    offer(s, rank_of(s, w));
}

static void add(struct sim *s, uint32_t r, uint64_t task)
{
    make_ready(s, r, task);
    offer(s, r);
}

/* Every part of the step is a task. */
static void add_step(struct sim *s, uint32_t r, uint64_t t, uint32_t a)
{
    leg(s, t)->unbegun[a] = leg(s, t)->unended[a] = parts(s);
    for (uint32_t i = 0; i < parts(s); i++)
        add(s, r, number(STEP, t, a));
}

/* Token a is on rank r for round t. */
static void is_there(struct sim *s, uint32_t r, uint64_t t, uint32_t a)
{
    uint32_t *list = &s->held[(size_t)r * KEPT + t % KEPT];
    if (s->rank[r].planned > t + 1) {
        add_step(s, r, t, a);
    } else {
        s->next[a] = *list;
        *list = a + 1;
    }
}

static void planned(struct sim *s, uint32_t r, uint64_t t)
{
    s->rank[r].plans = false;
    s->rank[r].planned = t + 1;
    if (t > 0) {
        uint32_t *list = &s->held[(size_t)r * KEPT + (t - 1) % KEPT], a = *list;
        for (*list = 0; a; a = s->next[a - 1])
            add_step(s, r, t - 1, a - 1);
    }
}

static void try_plan(struct sim *s, uint32_t r)
{
    struct rank *x = &s->rank[r];
    while (!x->plans && x->planned <= s->c->rounds && x->planned < s->low + IN_FLIGHT) {
        while (s->drawn <= x->planned)
            draw(s);
        if (s->c->cost.plan > 0) {
            x->plans = true;
            add(s, r, number(PLAN, x->planned, 0));
        } else {
            planned(s, r, x->planned);
        }
    }
}

/* The half-step of token a can be read on rank r. */
static void half_step(struct sim *s, uint32_t r, uint64_t t, uint32_t a)
{
    const struct tsgd_csr *w = matrix(s, t);
    const uint32_t *rank = leg(s, t + 1)->rank;
    uint32_t *need = leg(s, t)->need;
    if (rank[a] == r && --need[a] == 0)
        add(s, r, number(MIX, t, a));
    for (uint32_t i = w->tptr[a]; i < w->tptr[a + 1]; i++) {
        uint32_t b = w->tcol[i];
        if (rank[b] == r && reads(s, t, b, a) && --need[b] == 0)
            add(s, r, number(MIX, t, b));
    }
}

static void stepped(struct sim *s, uint32_t r, uint64_t t, uint32_t a)
{
    struct rank *x = &s->rank[r];
    uint32_t n = destinations(s, t, a);
    for (uint32_t i = 0; i < n; i++) {
        struct tsgd_message_cost m = message(s, t, a, s->to[i]);
        double out = x->out > s->now ? x->out : s->now;
        x->out = out + m.way;
        leg(s, t)->sent[r] += m.bytes;
        s->total.messages++;
        foresee(s, out, SETS_OUT, s->to[i], number(RECEIVE, t, a));
    }
    leg(s, t)->stepped[r] += leg(s, t)->node[a] != TSGD_AWAY;
    half_step(s, r, t, a);
}

/* A message begins to leave, and so to arrive, unless another one is arriving. */
static void sets_out(struct sim *s, const struct tsgd_event *e)
{
    struct rank *x = &s->rank[e->place];
    double way = message(s, round_of(e->task), (uint32_t)e->task, e->place).way;
    double in = x->in > s->now ? x->in : s->now;
    x->in = in + way;
    foresee(s, x->in, ARRIVES, e->place, e->task);
}

static void end_round(struct sim *s)
{
    struct leg *l = leg(s, s->low);
    uint64_t most = 0, tokens = 0;
    for (uint32_t r = 0; r < s->c->ranks.ranks; r++) {
        s->total.bytes += (double)l->sent[r];
        most = l->sent[r] > most ? l->sent[r] : most;
        tokens = l->stepped[r] > tokens ? l->stepped[r] : tokens;
    }
    s->total.most_bytes += (double)most;
    s->total.most_tokens += (double)tokens;
    s->low++;
    if (s->low == first_counted(s->c))
        s->begun = s->now;
}

static void mixed(struct sim *s, uint32_t r, uint64_t t, uint32_t a)
{
    leg(s, t)->left--;
    if (t + 1 < s->c->rounds)
        is_there(s, r, t + 1, a);
    if (t != s->low || leg(s, t)->left)
        return;
    while (s->low < s->drawn && !leg(s, s->low)->left)
        end_round(s);
    for (uint32_t i = 0; i < s->c->ranks.ranks; i++)
        try_plan(s, i);
}

static void done(struct sim *s, uint32_t w, uint64_t task)
{
    uint64_t t = round_of(task);
    uint32_t a = (uint32_t)task, r = rank_of(s, w);
    switch (task_of(task)) {
    case STEP:
        if (--leg(s, t)->unended[a] == 0)
            stepped(s, r, t, a);
        break;
    case RECEIVE:
        half_step(s, r, t, a);
        break;
    case MIX:
        mixed(s, r, t, a);
        break;
    case PLAN:
        planned(s, r, t);
        try_plan(s, r);
        break;
    }
    go_on(s, w, task_of(task));
}

static void happens(struct sim *s, const struct tsgd_event *e)
{
    s->now = e->time;
    if (e->happens == DONE)
        done(s, e->place, e->task);
    else if (e->happens == SETS_OUT)
        sets_out(s, e);
    else if (s->c->cost.row.worker > 0)
        add(s, e->place, e->task);
    else
        half_step(s, e->place, round_of(e->task), (uint32_t)e->task);
}

static enum tsgd_status take(struct sim *s)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_ranksim *c = s->c;
    struct tsgd_error *err = s->err;
    struct tsgd_holding *h = &s->holding;
    const char *what = "the forecast";
    size_t k = c->tokens, ranks = c->ranks.ranks, workers = tsgd_mul(ranks, c->threads);
    for (int i = 0; i < KEPT; i++) {
        TRY(TSGD_HOLD(h, &s->leg[i].rank, k, what, err));
        TRY(TSGD_HOLD(h, &s->leg[i].node, k, what, err));
        TRY(TSGD_HOLD(h, &s->leg[i].need, k, what, err));
        TRY(TSGD_HOLD(h, &s->leg[i].unbegun, k, what, err));
        TRY(TSGD_HOLD(h, &s->leg[i].unended, k, what, err));
        TRY(TSGD_HOLD(h, &s->leg[i].sent, ranks, what, err));
        TRY(TSGD_HOLD(h, &s->leg[i].stepped, ranks, what, err));
    }
    TRY(TSGD_HOLD(h, &s->rank, ranks, what, err));
    TRY(TSGD_HOLD(h, &s->worker, workers < UINT32_MAX ? workers : SIZE_MAX, what, err));
    TRY(TSGD_HOLD(h, &s->core, c->cores, what, err));
    TRY(TSGD_HOLD(h, &s->free, c->cores, what, err));
    TRY(TSGD_HOLD(h, &s->held, tsgd_mul(ranks, KEPT), what, err));
    TRY(TSGD_HOLD(h, &s->next, k, what, err));
    TRY(TSGD_HOLD(h, &s->seen, ranks, what, err));
    TRY(TSGD_HOLD(h, &s->to, ranks, what, err));
    s->holders = (struct tsgd_holders){
        .nodes = c->ranks.nodes, .tokens = c->tokens, .teleports = c->teleports, .seed = c->seed,
        .presence = c->presence,
    };
    TRY(tsgd_holders_init(&s->holders, h, err));
done:
    return st;
}

static void begin(struct sim *s)
{
    const struct tsgd_ranksim *c = s->c;
    for (uint64_t i = c->cores; i-- > 0; )
        free_core(s, i);
    for (uint32_t w = c->ranks.ranks * c->threads; w-- > 0; ) {
        s->worker[w].core = w % c->cores;
        fall_asleep(s, w);
    }
    draw(s);
    for (uint32_t a = 0; a < c->tokens; a++)
        is_there(s, leg(s, 0)->rank[a], 0, a);
    for (uint32_t r = 0; r < c->ranks.ranks; r++)
        try_plan(s, r);
}

enum tsgd_status tsgd_ranksim_run(const struct tsgd_ranksim *c, struct tsgd_rank_times *out,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct sim s = {.c = c, .err = err};
    double rounds = (double)c->rounds;
    TRY(take(&s));
    begin(&s);
    while (s.st == TSGD_OK && s.low < c->rounds && s.events.n) {
        struct tsgd_event e = tsgd_events_next(&s.events);
        happens(&s, &e);
    }
    TRY(s.st);
    *out = (struct tsgd_rank_times){
        .seconds = (s.now - s.begun) / (rounds - (double)first_counted(c)),
        .work = s.total.work / rounds, .messages = s.total.messages / rounds,
        .bytes = s.total.bytes / rounds, .most_bytes = s.total.most_bytes / rounds,
        .most_tokens = s.total.most_tokens / rounds,
    };
done:
    for (uint32_t r = 0; s.rank && r < c->ranks.ranks; r++)
        free(s.rank[r].ready.task);
    tsgd_holding_release(&s.holding);
    tsgd_events_free(&s.events);
    return st;
}

double tsgd_ranksim_effort(const struct tsgd_ranksim *c)
{
    uint64_t links = 0, ranks = c->ranks.ranks;
    for (uint32_t i = 0; i < c->mixing->period; i++)
        links += c->mixing->w[i].ptr[c->tokens];
    double degree = (double)links / c->mixing->period / c->tokens;
    double others = (double)(ranks - 1);
    if (others > degree + 1)
        others = degree + 1;
    return c->tokens * (2 + 3 * others + degree * (2 + others)) + 2.0 * (double)ranks;
}
