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
};

struct message {
    uint64_t t;
    uint32_t a, from, to;
    bool private, left, arrived, taken;
    double out, in;             /* when it leaves, when it is there */
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
    uint64_t *served, services; /* [ranks] when it last began something, in numbers of beginnings */
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

/* The earliest thing that rank r could begin. */
static bool choose(struct fleet *f, uint32_t r, struct worker *best, size_t *from)
{
    uint64_t lowest = UINT64_MAX, bar = slowest(f) + WINDOW;
    for (uint32_t a = 0; a < f->c->tokens; a++) {
        uint64_t t = f->round[a];
        if (t >= f->c->rounds)
            continue;
        if (f->stage[a] == 0 && f->p.rank[t * f->c->tokens + a] == r && t + 1 < bar &&
            (4 * t + STEPS) * f->c->tokens + a < lowest) {
            lowest = (4 * t + STEPS) * f->c->tokens + a;
            *best = (struct worker){.what = STEPS, .t = t, .a = a};
        }
        if (can_mix(f, a, r) && (4 * t + MIXES) * f->c->tokens + a < lowest) {
            lowest = (4 * t + MIXES) * f->c->tokens + a;
            *best = (struct worker){.what = MIXES, .t = t, .a = a};
        }
    }
    for (size_t i = 0; i < f->n; i++) {
        struct message *m = &f->message[i];
        if (m->to == r && m->arrived && !m->taken &&
            (4 * m->t + RECEIVES) * f->c->tokens + m->a < lowest) {
            lowest = (4 * m->t + RECEIVES) * f->c->tokens + m->a;
            *best = (struct worker){.what = RECEIVES, .t = m->t, .a = m->a};
            *from = i;
        }
    }
    return lowest != UINT64_MAX;
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
                                          .private = private, .out = out, .in = INFINITY};
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

/* What is due now. Messages meet the port of their receiver in the order in which they left. */
static bool due(struct fleet *f)
{
    bool any = false;
    for (;;) {
        struct message *first = NULL;
        for (size_t i = 0; i < f->n; i++)
            if (!f->message[i].left && f->message[i].out <= f->now &&
                (!first || f->message[i].out < first->out))
                first = &f->message[i];
        if (!first)
            break;
        first->left = any = true;
        double in = f->in[first->to] > first->out ? f->in[first->to] : first->out;
        first->in = f->in[first->to] = in + way(f->c, first->private);
    }
    for (size_t i = 0; i < f->n; i++) {
        struct message *m = &f->message[i];
        if (m->left && !m->arrived && m->in <= f->now) {
            m->arrived = any = true;
            if (f->c->cost.row.worker == 0) {
                m->taken = true;
                *here(f, m->t, m->a, m->to) = m->t + 1;
            }
        }
    }
    for (uint32_t i = 0; i < f->c->ranks.ranks * f->c->threads; i++)
        if (f->worker[i].busy && f->worker[i].end <= f->now) {
            end(f, i / f->c->threads, &f->worker[i]);
            any = true;
        }
    for (size_t i = 0; i < f->n;)       /* what is over */
        if (f->message[i].taken)
            f->message[i] = f->message[--f->n];
        else
            i++;
    return any;
}

static uint64_t busy(const struct fleet *f)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < f->c->ranks.ranks * f->c->threads; i++)
        n += f->worker[i].busy;
    return n;
}

static struct worker *idle(const struct fleet *f, uint32_t r)
{
    for (uint32_t i = 0; i < f->c->threads; i++)
        if (!f->worker[r * f->c->threads + i].busy)
            return &f->worker[r * f->c->threads + i];
    return NULL;
}

/* Of the ranks that could begin something, the one that has not for the longest. */
static bool start_one(struct fleet *f)
{
    struct worker w, best_w = {.busy = false};
    size_t from = 0, best_from = 0;
    uint32_t best = UINT32_MAX;
    if (busy(f) == f->c->cores)
        return false;
    for (uint32_t r = 0; r < f->c->ranks.ranks; r++)
        if (idle(f, r) && choose(f, r, &w, &from) &&
            (best == UINT32_MAX || f->served[r] < f->served[best])) {
            best = r;
            best_w = w;
            best_from = from;
        }
    if (best == UINT32_MAX)
        return false;
    begin(f, &best_w, best_from);
    *idle(f, best) = best_w;
    f->served[best] = ++f->services;
    return true;
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
    f.served = zeros(ranks, sizeof *f.served);
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
    free(f.served);
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
