#include "sim/fleet.h"

#include "engine/holders.h"
#include "sim/graphs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 8 };

static void *zeros(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    if (!p)
        abort();
    return p;
}

/* rank[rounds + 1][tokens] of the holder; away[..]: it has none and rests. */
struct plan {
    uint32_t *rank;
    bool *away;
};

static struct plan plan_of(const struct tsgd_ranksim *c)
{
    size_t k = c->tokens, n = (c->rounds + 1) * k;
    struct plan p = {zeros(n, sizeof *p.rank), zeros(n, sizeof *p.away)};
    uint32_t *node = zeros(k, sizeof *node);
    struct tsgd_holding holding = TSGD_HOLDING_INIT;
    struct tsgd_holders h = {
        .nodes = c->ranks.nodes, .tokens = c->tokens, .teleports = c->teleports, .seed = c->seed,
        .presence = c->presence,
    };
    if (tsgd_holders_init(&h, &holding, NULL) != TSGD_OK)
        abort();
    for (uint64_t t = 0; t <= c->rounds; t++) {
        tsgd_holders_begin(&h, t);
        tsgd_holders_next(&h, 0, c->tokens, node);
        tsgd_holders_end(&h);
        for (uint32_t a = 0; a < k; a++) {
            p.away[t * k + a] = node[a] == TSGD_AWAY;
            uint32_t at = node[a] != TSGD_AWAY ? node[a] : a;
            p.rank[t * k + a] = node[a] == TSGD_AWAY && t > 0 ? p.rank[(t - 1) * k + a] :
                (uint32_t)((uint64_t)at * c->ranks.ranks / c->ranks.nodes);
        }
    }
    tsgd_holding_release(&holding);
    free(node);
    return p;
}

static void drop_plan(struct plan *p)
{
    free(p->rank);
    free(p->away);
}

/* Whether token a's mix of round t reads b's half-step, b other than a. */
static bool reads(const struct tsgd_ranksim *c, const struct plan *p, uint64_t t, uint32_t a,
                  uint32_t b)
{
    const struct tsgd_csr *w = graph_at(c->mixing, t);
    size_t at = t * c->tokens;
    if (!w || a == b || (c->presence.isolates && (p->away[at + a] || p->away[at + b])))
        return false;
    for (uint32_t i = w->ptr[a]; i < w->ptr[a + 1]; i++)
        if (w->col[i] == b)
            return true;
    return false;
}

/* Entries of row a, which a mix costs; none where a mixes with nobody. */
static uint32_t entries(const struct tsgd_ranksim *c, const struct plan *p, uint64_t t, uint32_t a)
{
    const struct tsgd_csr *w = graph_at(c->mixing, t);
    uint32_t n = w ? w->ptr[a + 1] - w->ptr[a] : 0;
    bool cut = c->presence.isolates && p->away[t * c->tokens + a];
    return n > 1 && !cut ? n : 0;
}

static double speed(const struct tsgd_ranksim *c, uint64_t t, uint32_t a, const struct plan *p)
{
    return p->away[t * c->tokens + a] ? 0 : c->cost.step;
}

/* Whether the half-step of a in round t is sent to rank r; *private: its private rows too. */
static bool sent(const struct tsgd_ranksim *c, const struct plan *p, uint64_t t, uint32_t a,
                 uint32_t r, bool *private)
{
    const uint32_t *now = p->rank + t * c->tokens, *next = now + c->tokens;
    bool wanted = next[a] == r;
    *private = wanted && c->cost.own.bytes > 0;
    for (uint32_t b = 0; b < c->tokens && !wanted; b++)
        wanted = next[b] == r && reads(c, p, t, b, a);
    return wanted && now[a] != r;
}

static double way(const struct tsgd_ranksim *c, bool private)
{
    return c->cost.row.way + (private ? c->cost.own.way : 0);
}

static double handling(const struct tsgd_ranksim *c, bool private)
{
    return c->cost.row.worker + (private ? c->cost.own.worker : 0);
}

/* ---- every instant anew ---- */

enum { STEPS, RECEIVES, MIXES };        /* in this order within a round */

struct worker {
    bool busy;
    double end;
    int what;
    uint64_t t;
    uint32_t a;
    uint64_t core;              /* that it has, or had last */
    uint64_t waits;             /* for it since this beginning; 0: it sleeps, or is busy */
    uint64_t since;             /* this one it is busy or sleeps */
};

struct message {
    uint64_t t;
    uint32_t a, from, to;
    bool private, left, arrived, taken;
    double out, in;             /* when it leaves, when it is there */
    uint64_t sent;              /* since this beginning */
};

struct fleet {
    const struct tsgd_ranksim *c;
    struct plan p;
    double now;
    double *out, *in;           /* [ranks] when ports are free */
    struct worker *worker;      /* [ranks][threads] */
    uint64_t *round;            /* [tokens] the one it is in */
    int *stage;                 /* [tokens] 0: to be stepped, 1: under way, 2: to be mixed,
                                 * 3: mixes */
    uint64_t *here;             /* [WINDOW][tokens][ranks] 1 + the last round whose half-step could
                                 * be read there */
    uint64_t beginnings;        /* of work, of waiting and of sleep: the order of all that */
    uint64_t *freed;            /* [cores] since when it is free */
    struct message *message;    /* those under way */
    size_t n, room;
};

static uint64_t *here(const struct fleet *f, uint64_t t, uint32_t a, uint32_t r)
{
    return &f->here[((t % WINDOW) * f->c->tokens + a) * f->c->ranks.ranks + r];
}

static bool is_here(const struct fleet *f, uint64_t t, uint32_t a, uint32_t r)
{
    return *here(f, t, a, r) == t + 1;
}

static uint64_t slowest(const struct fleet *f)
{
    uint64_t least = UINT64_MAX;
    for (uint32_t a = 0; a < f->c->tokens; a++)
        least = f->round[a] < least ? f->round[a] : least;
    return least;
}

static bool can_mix(struct fleet *f, uint32_t a, uint32_t r)
{
    uint64_t t = f->round[a];
    if (f->stage[a] != 2 || f->p.rank[(t + 1) * f->c->tokens + a] != r || !is_here(f, t, a, r))
        return false;
    for (uint32_t b = 0; b < f->c->tokens; b++)
        if (reads(f->c, &f->p, t, a, b) && !is_here(f, t, b, r))
            return false;
    return true;
}

/* The earliest thing that rank r could begin; how many there are. */
static uint64_t choose(struct fleet *f, uint32_t r, struct worker *best, size_t *from)
{
    uint64_t lowest = UINT64_MAX, bar = slowest(f) + WINDOW, n = 0;
    for (uint32_t a = 0; a < f->c->tokens; a++) {
        uint64_t t = f->round[a];
        if (t >= f->c->rounds)
            continue;
        bool steps = f->stage[a] == 0 && f->p.rank[t * f->c->tokens + a] == r && t + 1 < bar;
        bool mixes = can_mix(f, a, r);
        n += steps + mixes;
        if (steps && (4 * t + STEPS) * f->c->tokens + a < lowest) {
            lowest = (4 * t + STEPS) * f->c->tokens + a;
            *best = (struct worker){.what = STEPS, .t = t, .a = a};
        }
        if (mixes && (4 * t + MIXES) * f->c->tokens + a < lowest) {
            lowest = (4 * t + MIXES) * f->c->tokens + a;
            *best = (struct worker){.what = MIXES, .t = t, .a = a};
        }
    }
    for (size_t i = 0; i < f->n; i++) {
        struct message *m = &f->message[i];
        bool receives = m->to == r && m->arrived && !m->taken;
        n += receives;
        if (receives && (4 * m->t + RECEIVES) * f->c->tokens + m->a < lowest) {
            lowest = (4 * m->t + RECEIVES) * f->c->tokens + m->a;
            *best = (struct worker){.what = RECEIVES, .t = m->t, .a = m->a};
            *from = i;
        }
    }
    return n;
}

static void begin(struct fleet *f, struct worker *w, size_t from)
{
    const struct tsgd_ranksim *c = f->c;
    bool private;
    w->busy = true;
    if (w->what == STEPS) {
        w->end = f->now + speed(c, w->t, w->a, &f->p);
        for (uint32_t to = 0; to < c->ranks.ranks; to++)
            if (sent(c, &f->p, w->t, w->a, to, &private))
                w->end += handling(c, private);
        f->stage[w->a] = 1;
    } else if (w->what == MIXES) {
        w->end = f->now + entries(c, &f->p, w->t, w->a) * c->cost.read;
        f->stage[w->a] = 3;
    } else {
        w->end = f->now + handling(c, f->message[from].private);
        f->message[from].taken = true;
    }
}

static void send(struct fleet *f, uint32_t from, uint32_t to, uint64_t t, uint32_t a, bool private)
{
    if (f->n == f->room) {
        f->room = 2 * f->room + 64;
        f->message = realloc(f->message, f->room * sizeof *f->message);
        if (!f->message)
            abort();
    }
    double out = f->out[from] > f->now ? f->out[from] : f->now;
    f->out[from] = out + way(f->c, private);
    f->message[f->n++] = (struct message){.t = t, .a = a, .from = from, .to = to,
                                          .private = private, .out = out, .in = INFINITY,
                                          .sent = ++f->beginnings};
}

static void end(struct fleet *f, uint32_t r, struct worker *w)
{
    bool private;
    w->busy = false;
    if (w->what == STEPS) {
        /* Its next holder's rank comes first, then those of its readers, as the engine sends. */
        uint32_t next = f->p.rank[(w->t + 1) * f->c->tokens + w->a];
        bool done[64] = {false};
        for (uint32_t i = 0; i <= f->c->tokens; i++) {
            uint32_t b = i ? i - 1 : w->a;
            uint32_t to = i ? f->p.rank[(w->t + 1) * f->c->tokens + b] : next;
            if ((!i || reads(f->c, &f->p, w->t, b, w->a)) && !done[to] &&
                sent(f->c, &f->p, w->t, w->a, to, &private)) {
                done[to] = true;
                send(f, r, to, w->t, w->a, private);
            }
        }
        *here(f, w->t, w->a, r) = w->t + 1;
        f->stage[w->a] = 2;
    } else if (w->what == MIXES) {
        f->round[w->a]++;
        f->stage[w->a] = 0;
    } else {
        *here(f, w->t, w->a, r) = w->t + 1;
    }
}

static uint32_t workers(const struct fleet *f) { return f->c->ranks.ranks * f->c->threads; }

static uint32_t rank_of(const struct fleet *f, const struct worker *w)
{
    return (uint32_t)(w - f->worker) / f->c->threads;
}

/* Of those that are at an end now, the one that began first; NULL: there is none. */
static struct worker *first_to_end(struct fleet *f)
{
    struct worker *first = NULL;
    for (uint32_t i = 0; i < workers(f); i++) {
        struct worker *w = &f->worker[i];
        if (w->busy && w->end <= f->now && (!first || w->since < first->since))
            first = w;
    }
    return first;
}

static bool is_free(const struct fleet *f, uint64_t core)
{
    for (uint32_t i = 0; i < workers(f); i++)
        if (f->worker[i].busy && f->worker[i].core == core)
            return false;
    return true;
}

/* Of free cores; none: the same core. */
static uint64_t last_freed(const struct fleet *f, uint64_t core)
{
    for (uint64_t i = 0; i < f->c->cores; i++)
        if (is_free(f, i) && (!is_free(f, core) || f->freed[i] > f->freed[core]))
            core = i;
    return core;
}

/* Who waits longest for the core, or for any; NULL: nobody does. */
static struct worker *first_in_line(struct fleet *f, uint64_t core)
{
    struct worker *first = NULL;
    bool moves = f->c->cost.step > f->c->stays;
    for (uint32_t i = 0; i < workers(f); i++) {
        struct worker *w = &f->worker[i];
        if (w->waits && (moves || w->core == core) && (!first || w->waits < first->waits))
            first = w;
    }
    return first;
}

static uint64_t in_line(const struct fleet *f, uint32_t r)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < f->c->threads; i++)
        n += f->worker[r * f->c->threads + i].waits > 0;
    return n;
}

static void fall_asleep(struct fleet *f, struct worker *w)
{
    w->busy = false;
    w->waits = 0;
    w->since = ++f->beginnings;
}

/* The worker begins its rank's earliest thing, on the core that is its own now. */
static bool start(struct fleet *f, struct worker *w)
{
    struct worker next;
    size_t from = 0;
    if (!choose(f, rank_of(f, w), &next, &from))
        return false;
    next.core = w->core;
    next.since = ++f->beginnings;
    begin(f, &next, from);
    *w = next;
    return true;
}

/* Who has ended goes on if nobody waits for its core. Else, or if it finds nothing, others do. */
static void make_room(struct fleet *f, struct worker *w)
{
    uint32_t r = rank_of(f, w);
    struct worker next, *other = first_in_line(f, w->core);
    size_t from;
    if (!other && start(f, w))
        return;
    if (choose(f, r, &next, &from) > in_line(f, r))
        w->waits = ++f->beginnings;
    else
        fall_asleep(f, w);
    for (uint64_t core = w->core; other; other = first_in_line(f, core)) {
        uint64_t had = other->core;
        other->core = core;
        if (start(f, other))
            return;
        other->core = had;
        fall_asleep(f, other);
    }
    f->freed[w->core] = ++f->beginnings;
}

/* Of a rank that has more to do than workers in line for a core, the last to fall asleep wakes. */
static bool wake_one(struct fleet *f, uint32_t r)
{
    struct worker next, *w = NULL;
    size_t from;
    for (uint32_t i = 0; i < f->c->threads; i++) {
        struct worker *v = &f->worker[r * f->c->threads + i];
        if (!v->busy && !v->waits && (!w || v->since > w->since))
            w = v;
    }
    if (!w || choose(f, r, &next, &from) <= in_line(f, r))
        return false;
    if (!is_free(f, w->core))
        w->core = last_freed(f, w->core);
    if (is_free(f, w->core))
        return start(f, w);
    w->waits = ++f->beginnings;
    return true;
}

/* Of messages that leave now, or are there now, the first; of several the first that was sent. */
static struct message *first_message(struct fleet *f, bool left)
{
    struct message *first = NULL;
    double least = f->now;
    for (size_t i = 0; i < f->n; i++) {
        struct message *m = &f->message[i];
        double at = left ? m->in : m->out;
        if ((left ? m->left && !m->arrived : !m->left) && at <= f->now &&
            (!first || at < least || (at == least && m->sent < first->sent))) {
            first = m;
            least = at;
        }
    }
    return first;
}

/* What is due now. Messages meet the port of their receiver in the order in which they left. */
static bool due(struct fleet *f)
{
    bool any = false;
    for (struct message *m; (m = first_message(f, false)); any = true) {
        m->left = true;
        double in = f->in[m->to] > m->out ? f->in[m->to] : m->out;
        m->in = f->in[m->to] = in + way(f->c, m->private);
    }
    for (struct message *m; (m = first_message(f, true)); any = true) {
        m->arrived = true;
        if (f->c->cost.row.worker == 0) {
            m->taken = true;
            *here(f, m->t, m->a, m->to) = m->t + 1;
        }
        while (wake_one(f, m->to)) {}
    }
    for (struct worker *w; (w = first_to_end(f)); any = true) {
        end(f, rank_of(f, w), w);
        make_room(f, w);
        while (wake_one(f, rank_of(f, w))) {}
    }
    for (size_t i = 0; i < f->n;)       /* what is over */
        if (f->message[i].taken)
            f->message[i] = f->message[--f->n];
        else
            i++;
    return any;
}

static bool start_one(struct fleet *f)
{
    for (uint32_t r = 0; r < f->c->ranks.ranks; r++)
        if (wake_one(f, r))
            return true;
    return false;
}

static void start_all(struct fleet *f)
{
    while (start_one(f)) {}
}

static double next_time(const struct fleet *f)
{
    double next = INFINITY;
    for (uint32_t i = 0; i < f->c->ranks.ranks * f->c->threads; i++)
        if (f->worker[i].busy && f->worker[i].end < next)
            next = f->worker[i].end;
    for (size_t i = 0; i < f->n; i++) {
        const struct message *m = &f->message[i];
        double at = !m->left ? m->out : !m->arrived ? m->in : INFINITY;
        next = at < next ? at : next;
    }
    return next;
}

double fleet_seconds(const struct tsgd_ranksim *c)
{
    size_t ranks = c->ranks.ranks, k = c->tokens;
    struct fleet f = {.c = c, .p = plan_of(c)};
    double begun = 0;
    f.out = zeros(ranks, sizeof *f.out);
    f.in = zeros(ranks, sizeof *f.in);
    f.worker = zeros(ranks * c->threads, sizeof *f.worker);
    f.round = zeros(k, sizeof *f.round);
    f.stage = zeros(k, sizeof *f.stage);
    f.freed = zeros(c->cores, sizeof *f.freed);
    for (uint32_t i = 0; i < workers(&f); i++)
        f.worker[i] = (struct worker){.core = i % c->cores, .since = workers(&f) - i};
    for (uint64_t i = 0; i < c->cores; i++)
        f.freed[i] = c->cores - i;
    f.beginnings = workers(&f) + c->cores;
    f.here = zeros(WINDOW * k * ranks, sizeof *f.here);
    while (slowest(&f) < c->rounds) {
        do
            start_all(&f);
        while (due(&f));        /* what takes no time */
        bool before = slowest(&f) < c->rounds / 4;
        f.now = next_time(&f);
        if (f.now == INFINITY)
            break;
        while (due(&f)) {
            if (before && slowest(&f) >= c->rounds / 4)
                begun = f.now;
            start_all(&f);
        }
    }
    double seconds = (f.now - begun) / (double)(c->rounds - c->rounds / 4);
    if (slowest(&f) < c->rounds)
        seconds = NAN;          /* it hangs */
    free(f.out);
    free(f.in);
    free(f.worker);
    free(f.round);
    free(f.stage);
    free(f.freed);
    free(f.here);
    free(f.message);
    drop_plan(&f.p);
    return seconds;
}

/* ---- no events ---- */

static const double *sort_by;

static int by_time(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return sort_by[x] != sort_by[y] ? (sort_by[x] < sort_by[y] ? -1 : 1) : (x > y) - (x < y);
}

static double *earliest(double *worker, uint32_t n)
{
    double *best = worker;
    for (uint32_t i = 1; i < n; i++)
        best = worker[i] < *best ? &worker[i] : best;
    return best;
}

double fleet_formula(const struct tsgd_ranksim *c)
{
    uint32_t k = c->tokens, ranks = c->ranks.ranks;
    struct plan p = plan_of(c);
    double *there = zeros(k, sizeof *there), *stepped = zeros(k, sizeof *stepped);
    double *mixed = zeros(k, sizeof *mixed), *out = zeros(ranks, sizeof *out);
    double *in = zeros(ranks, sizeof *in), *arrived = zeros((size_t)k * ranks, sizeof *arrived);
    double *worker = zeros((size_t)ranks * c->threads, sizeof *worker);
    double begun = 0, last = 0;
    uint32_t *order = zeros(k, sizeof *order);
    bool private;
    for (uint64_t t = 0; t < c->rounds; t++) {
        const uint32_t *now = p.rank + t * k, *next = now + k;
        for (uint32_t a = 0; a < k; a++)
            order[a] = a;
        sort_by = there;
        qsort(order, k, sizeof *order, by_time);
        for (uint32_t i = 0; i < k; i++) {      /* steps, and sends after them */
            uint32_t a = order[i];
            double *w = earliest(worker + (size_t)now[a] * c->threads, c->threads);
            double start = *w > there[a] ? *w : there[a], time = speed(c, t, a, &p);
            for (uint32_t r = 0; r < ranks; r++)
                if (sent(c, &p, t, a, r, &private))
                    time += handling(c, private);
            *w = stepped[a] = start + time;
        }
        sort_by = stepped;
        qsort(order, k, sizeof *order, by_time);
        for (uint32_t i = 0; i < k; i++)        /* messages, one after the other at either port */
            for (uint32_t r = 0; r < ranks; r++) {
                uint32_t a = order[i], from = now[a];
                double *at = &arrived[(size_t)a * ranks + r];
                *at = stepped[a];
                if (!sent(c, &p, t, a, r, &private))
                    continue;
                double left = out[from] > stepped[a] ? out[from] : stepped[a];
                out[from] = left + way(c, private);
                in[r] = (in[r] > left ? in[r] : left) + way(c, private);
                double *w = earliest(worker + (size_t)r * c->threads, c->threads);
                *w += handling(c, private);     /* by whoever has the least to do */
                *at = in[r] + handling(c, private);
            }
        for (uint32_t a = 0; a < k; a++) {
            double *w = earliest(worker + (size_t)next[a] * c->threads, c->threads);
            double seconds = entries(c, &p, t, a) * c->cost.read;
            mixed[a] = arrived[(size_t)a * ranks + next[a]];
            for (uint32_t b = 0; b < k; b++)
                if (reads(c, &p, t, a, b) && arrived[(size_t)b * ranks + next[a]] > mixed[a])
                    mixed[a] = arrived[(size_t)b * ranks + next[a]];
            mixed[a] += seconds;
            *w += seconds;
            last = mixed[a] > last ? mixed[a] : last;
        }
        memcpy(there, mixed, k * sizeof *there);
        if (t + 1 == c->rounds / 4)
            begun = last;
    }
    double seconds = (last - begun) / (double)(c->rounds - c->rounds / 4);
    free(there);
    free(stepped);
    free(mixed);
    free(out);
    free(in);
    free(arrived);
    free(worker);
    free(order);
    drop_plan(&p);
    return seconds;
}

double fleet_least(const struct tsgd_ranksim *c)
{
    uint32_t k = c->tokens, ranks = c->ranks.ranks;
    struct plan p = plan_of(c);
    double *work = zeros(ranks, sizeof *work), *out = zeros(ranks, sizeof *out);
    double *in = zeros(ranks, sizeof *in), all = 0, chain = 0, least;
    bool private;
    for (uint64_t t = 0; t < c->rounds; t++)
        for (uint32_t a = 0; a < k; a++) {
            uint32_t r = p.rank[t * k + a], next = p.rank[(t + 1) * k + a];
            double step = speed(c, t, a, &p), mix = entries(c, &p, t, a) * c->cost.read;
            chain += a == 0 ? step + mix : 0;
            for (uint32_t to = 0; to < ranks; to++)
                if (sent(c, &p, t, a, to, &private)) {
                    work[r] += handling(c, private);
                    work[to] += handling(c, private);
                    out[r] += way(c, private);
                    in[to] += way(c, private);
                }
            work[r] += step;
            work[next] += mix;
        }
    for (uint32_t r = 0; r < ranks; r++)
        all += work[r];
    least = fmax(all / (double)c->cores, chain);
    for (uint32_t r = 0; r < ranks; r++)
        least = fmax(least, fmax(work[r] / c->threads, fmax(out[r], in[r])));
    free(work);
    free(out);
    free(in);
    drop_plan(&p);
    return least / (double)c->rounds;
}
