#include "run/rehearsal.h"

#include "base/clock.h"
#include "base/timing.h"
#include "linalg/mix.h"
#include "linalg/vec.h"
#include "run/pair.h"

#include <math.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

/* Bytes of rows at most; more home tokens than fit are timed as if they were so many. */
#define ROOM ((size_t)1 << 30)

/* Each kind of round for so long, but three visits at least, and tasks at most. */
#define SECONDS 0.2
enum { TASKS = 4096 };

static const char what[] = "the forecast";

/* Whose rows a task finds: its worker's; also others', one in each mix, or half of a slice's; or
 * others' alone, because the two threads visit each other's tokens in turn. By rows, in BESIDE all
 * are its own, but mixed in the way of OTHERS, which is slower than where all entries are equal. */
enum whose { OWN, BESIDE, OTHERS, SWAPPED, END };

/* What each task of a kind took. */
struct times {
    double seconds[TASKS];
    size_t n;
};

/* One of the two threads. */
struct actor {
    struct stage *s;
    uint32_t id, homes;
    float *aside;               /* [exchanged][homes][stride]: its tokens' rows where they are not
                                 * those of the slices */
    float *grad, *parts, *node, *strip;     /* parts: NULL, or [parts][stride] gradients */
    void *scratch;
    uint64_t visits;
    struct times mixes, gradients, updates;
    _Atomic uint32_t met;       /* how often it has come to meet the other one */
};

struct stage {
    const struct tsgd_costs *b;
    uint32_t actors, exchanged, own_rows, parts, nodes;
    size_t stride;
    bool steps;
    float *own;                 /* [own_rows][actors][homes][stride] */
    /* By rows: [exchanged][actors][rows][stride] on each side; mixes go from one to the other. */
    uint32_t rows;              /* of an actor: its homes, and as many as a mix reads */
    struct tsgd_csr w[3];       /* that rows are mixed by: OWN and SWAPPED, BESIDE, OTHERS; the last
                                 * one is of both actors' rows */
    float *x[2];
    int side;
    /* By slices: [exchanged][tokens][columns], whole rows where they fit. */
    uint32_t tokens, slices;
    size_t columns, width;      /* of each row; of a slice */
    float *z;
    struct tsgd_mix_plan plan;
    /* Of the round. Written by actor 0 before the two meet. */
    enum whose whose;
    bool away;                  /* each is with the other one's tokens */
    bool counts;
    struct actor actor[2];
    uint32_t cpu;               /* of actor 1 */
    int pinned;
    struct tsgd_holding holding;
};

/* ---- what it takes ---- */

static bool by_slices(const struct stage *s) { return s->tokens > 0; }

/* The rows of tokens that step are whole rows of those which slices mix. */
static bool are_whole(const struct stage *s) { return by_slices(s) && s->columns == s->stride; }

/* Each of n rows reads so many behind it. */
static enum tsgd_status make_circle(struct tsgd_csr *out, uint32_t n, uint32_t degree,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_entry *e = NULL;
    TRY(TSGD_NEW(&e, (size_t)n * degree, what, err));
    for (uint32_t a = 0; a < n; a++)
        for (uint32_t i = 0; i < degree; i++)
            e[a * degree + i] = (struct tsgd_entry){a, (a + i) % n, 1 / (float)degree};
    TRY(tsgd_csr_build(out, n, e, (size_t)n * degree, err));
done:
    free(e);
    return st;
}

/* Each of two times n rows reads one less of those behind it, and the other actor's of the same
 * number, which so is read once in a round.                                                      */
static enum tsgd_status make_circles(struct tsgd_csr *out, uint32_t n, uint32_t degree,
                                     struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_entry *e = NULL;
    TRY(TSGD_NEW(&e, (size_t)2 * n * degree, what, err));
    for (uint32_t a = 0; a < 2 * n; a++)
        for (uint32_t i = 0; i < degree; i++)
            e[a * degree + i] = (struct tsgd_entry){
                a, i ? a / n * n + (a + i - 1) % n : (a + n) % (2 * n), 1 / (float)degree,
            };
    TRY(tsgd_csr_build(out, 2 * n, e, (size_t)2 * n * degree, err));
    out->uniform = false;
done:
    free(e);
    return st;
}

static enum tsgd_status take_rows(struct stage *s, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_job *j = s->b->job;
    uint32_t degree = (uint32_t)ceil(tsgd_cost_rows_read(j->config.population->mixing));
    uint32_t homes = s->actor[0].homes;
    degree = degree < 2 ? 2 : degree < 17 ? degree : 17;        /* a row more costs as much */
    s->rows = homes < degree ? degree : homes;
    bool uniform = j->config.population->mixing->w[0].uniform;
    TRY(make_circle(&s->w[0], uniform ? degree : s->rows, degree, err));
    TRY(make_circle(&s->w[1], s->rows, degree, err));
    TRY(make_circles(&s->w[2], s->rows, degree, err));
    s->w[0].uniform = uniform;
    s->w[1].uniform = false;
    for (int side = 0; side < 2; side++) {
        uint32_t rows = s->exchanged * s->actors * s->rows;
        TRY(tsgd_hold_map(&s->holding, (void **)&s->x[side], rows * s->stride * sizeof(float),
                          what, err));
        for (uint32_t i = 0; i < rows; i++)
            memcpy(s->x[side] + i * s->stride, j->config.init, s->b->dim * sizeof(float));
    }
done:
    return st;
}

static enum tsgd_status take_slices(struct stage *s, uint32_t workers, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_job *j = s->b->job;
    size_t fit = ROOM / 4 / sizeof(float) / s->exchanged / s->tokens / 16 * 16;
    size_t rows = (size_t)s->tokens * s->exchanged;
    s->columns = s->stride < fit ? s->stride : fit;
    s->width = tsgd_engine_slice_floats(s->b->dim, rows, workers);
    s->slices = (uint32_t)((s->b->dim - 1) / s->width + 1);
    s->width = s->width < s->columns ? s->width : s->columns;
    TRY(tsgd_mix_plan_init(&s->plan, &j->config.population->mixing->w[0], &s->holding, err));
    TRY(tsgd_hold_map(&s->holding, (void **)&s->z, rows * s->columns * sizeof(float), what, err));
    for (size_t i = 0; i < rows; i++)
        memcpy(s->z + i * s->columns, j->config.init,
               (s->columns < s->b->dim ? s->columns : s->b->dim) * sizeof(float));
done:
    return st;
}

static enum tsgd_status take_actor(struct stage *s, struct actor *a, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_engine_config *c = &s->b->job->config;
    struct tsgd_holding *h = &s->holding;
    a->s = s;
    a->id = (uint32_t)(a - s->actor);
    TRY(tsgd_hold_map(h, (void **)&a->grad, s->stride * sizeof(float), what, err));
    TRY(tsgd_hold_map(h, &a->scratch, c->problem->scratch_bytes + 1, what, err));
    if (s->parts > 1)
        TRY(tsgd_hold_map(h, (void **)&a->parts, s->parts * s->stride * sizeof(float), what, err));
    if (c->rule.node)
        TRY(TSGD_HOLD(h, &a->node, s->stride, what, err));
    if (!by_slices(s))
        return TSGD_OK;
    TRY(TSGD_HOLD(h, &a->strip, tsgd_mix_scratch(s->tokens), what, err));
    if (are_whole(s) && a->id == 0)
        return TSGD_OK;
    TRY(tsgd_hold_map(h, (void **)&a->aside,
                      (size_t)s->exchanged * a->homes * s->stride * sizeof(float), what, err));
    for (uint32_t i = 0; i < s->exchanged * a->homes; i++)
        memcpy(a->aside + i * s->stride, c->init, s->b->dim * sizeof(float));
done:
    return st;
}

static enum tsgd_status take(struct stage *s, uint32_t workers, bool slices, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_costs *b = s->b;
    const struct tsgd_problem *p = b->job->config.problem;
    uint32_t k = (uint32_t)b->job->tokens, homes = tsgd_home_tokens(k, workers);
    s->actors = workers > 1 && tsgd_cpu_count() > 1 ? 2 : 1;
    s->exchanged = tsgd_rule_exchanged(&b->rule);
    s->own_rows = tsgd_rule_own(&b->rule);
    s->parts = p->parts > 1 ? p->parts : 1;
    s->stride = b->stride;
    s->nodes = b->job->config.teleports ? p->nodes : k < p->nodes ? k : p->nodes;
    size_t each = 2 * s->exchanged + s->own_rows + (s->parts > 1 ? s->parts : 0);
    size_t fit = ROOM / (s->stride * sizeof(float)) / s->actors / each + 1;
    homes = homes < fit ? homes : (uint32_t)fit;
    s->actor[0].homes = s->actor[1].homes = homes;
    if (slices) {
        s->tokens = k;
        if (k > homes && k - homes < homes)
            s->actor[1].homes = k - homes;
        TRY(take_slices(s, workers, err));
    } else {
        TRY(take_rows(s, err));
    }
    if (s->own_rows)
        TRY(tsgd_hold_map(&s->holding, (void **)&s->own,
                          (size_t)s->own_rows * s->actors * homes * s->stride * sizeof(float), what,
                          err));
    for (uint32_t i = 0; i < s->actors; i++)
        TRY(take_actor(s, &s->actor[i], err));
done:
    return st;
}

/* ---- a visit ---- */

static double since(uint64_t *start)
{
    uint64_t before = *start;
    *start = tsgd_thread_cpu_ns();
    return (double)(*start - before) * 1e-9;
}

static void count(const struct stage *s, struct times *t, double seconds)
{
    if (s->counts && t->n < TASKS)
        t->seconds[t->n++] = seconds;
}

/* Whose tokens the actor is with. */
static uint32_t host(const struct actor *me) { return me->s->away ? 1 - me->id : me->id; }

/* Its tokens' rows are those that are mixed by slices. */
static bool steps_on_slices(const struct actor *me)
{
    return are_whole(me->s) && (me->id == 0 || me->s->whose == OTHERS);
}

/* The first of its tokens among all. */
static uint32_t first_of(const struct actor *me)
{
    return me->id ? me->s->actor[0].homes : 0;
}

static float *exchanged(const struct actor *me, uint32_t i, uint32_t a, int side)
{
    const struct stage *s = me->s;
    if (!by_slices(s))
        return s->x[side] + ((i * s->actors + host(me)) * s->rows + a) * s->stride;
    if (steps_on_slices(me))
        return s->z + ((size_t)i * s->tokens + first_of(me) + a) * s->stride;
    return me->aside + (i * me->homes + a) * s->stride;
}

static struct tsgd_rows rows_of(const struct actor *me, uint32_t a)
{
    const struct stage *s = me->s;
    struct tsgd_rows rows = {.node = me->node};
    for (uint32_t i = 0; i < s->exchanged; i++)
        rows.exchanged[i] = exchanged(me, i, a, s->side);
    for (uint32_t i = 0; i < s->own_rows; i++)
        rows.own[i] = s->own + ((i * s->actors + host(me)) * s->actor[0].homes + a) * s->stride;
    return rows;
}

static void mix(struct actor *me, uint32_t a)
{
    const struct stage *s = me->s;
    const struct tsgd_costs *b = s->b;
    bool bypass = tsgd_mix_bypass(b->dim, b->job->tokens * s->stride * sizeof(float));
    bool among = s->whose == OTHERS;
    uint32_t first = host(me) * s->rows, row = among ? first + a : a;
    const struct tsgd_csr *w = &s->w[among ? 2 : s->whose == BESIDE];
    const float *rows = s->x[!s->side] + (among ? 0 : first) * s->stride;
    for (uint32_t i = 0; i < s->exchanged; i++, rows += s->actors * s->rows * s->stride)
        tsgd_mix_row(b->job->config.kernels, w, row % w->n, NULL, rows, s->stride, b->dim, bypass,
                     exchanged(me, i, a, s->side));
}

/* A node with data that are here, another one for each visit, and its next minibatch once all have
 * had their turn: so data are where a run finds them.                                            */
static uint32_t next_node(struct actor *me, uint64_t *batch)
{
    const struct stage *s = me->s;
    const struct tsgd_engine_config *c = &s->b->job->config;
    uint64_t half = me->id * (uint64_t)(s->nodes / 2);
    *batch = 0;
    for (uint32_t i = 0; i < s->nodes; i++) {
        uint32_t node = (uint32_t)((half + me->visits) % s->nodes);
        *batch = me->visits++ / s->nodes;
        if (tsgd_is_here(&c->ranks, node) && c->problem->ops->batch_count(c->problem, node, 0) > 0)
            return node;
    }
    return s->b->source;
}

/* A local step; where it is shared, the gradients of its parts alone. The step size is 0, so that x
 * stays as it is however long this takes.                                                       */
static void step(struct actor *me, const struct tsgd_rows *rows)
{
    const struct stage *s = me->s;
    const struct tsgd_problem *p = s->b->job->config.problem;
    uint64_t batch;
    uint32_t node = next_node(me, &batch);
    if (!me->parts) {
        tsgd_rule_step(&s->b->rule, rows, &(struct tsgd_step){.count = 1},
                       &(struct tsgd_minibatch){p, node, batch, me->grad, me->scratch});
        return;
    }
    for (uint32_t q = 0; q < s->parts; q++)
        if (p->ops->part_count(p, node, batch, q))
            p->ops->part_gradient(p, node, batch, q, rows->exchanged[0], me->parts + q * s->stride,
                                  me->scratch);
}

static void update(struct actor *me, const struct tsgd_rows *rows)
{
    const struct stage *s = me->s;
    const struct tsgd_costs *b = s->b;
    const struct tsgd_step step = {.count = 1};
    for (uint32_t q = 0; me->parts && q < s->parts; q++)
        tsgd_weigh(b->job->config.kernels, me->grad, me->parts + q * s->stride, b->dim,
                   1 / (float)s->parts, q > 0);
    b->rule.step(&b->rule, rows, me->grad, b->dim, &step);
}

static void visit(struct actor *me, uint32_t a)
{
    const struct stage *s = me->s;
    struct tsgd_rows rows = rows_of(me, a);
    uint64_t start = tsgd_thread_cpu_ns();
    if (!by_slices(s)) {
        mix(me, a);
        count(s, &me->mixes, since(&start));
    }
    if (s->steps)
        step(me, &rows);
    count(s, &me->gradients, since(&start));
    if (me->parts || !s->steps)
        update(me, &rows);
    count(s, &me->updates, since(&start));
}

/* ---- slices ---- */

/* Reads and writes what slices mix of this token's rows, as its step does. */
static void touch(const struct stage *s, uint32_t token)
{
    const struct tsgd_engine_config *c = &s->b->job->config;
    size_t n = s->columns < s->b->dim ? s->columns : s->b->dim;
    for (uint32_t i = 0; i < s->exchanged; i++)
        tsgd_weigh(c->kernels, s->z + ((size_t)i * s->tokens + token) * s->columns, c->init, n, 0,
                   true);
}

/* Slices of rows that are all its own are all for actor 0; else each takes every other one. */
static void mix_slices(struct actor *me)
{
    const struct stage *s = me->s;
    const struct tsgd_costs *b = s->b;
    size_t end = s->columns < b->dim ? s->columns : b->dim, actors = s->whose == OTHERS ? 2 : 1;
    uint64_t start = tsgd_thread_cpu_ns();
    for (size_t from = me->id * s->width; from < end; from += actors * s->width) {
        size_t to = from + s->width < end ? from + s->width : end;
        for (uint32_t i = 0; i < s->exchanged; i++)
            tsgd_mix_all(b->job->config.kernels, &s->plan, NULL,
                         s->z + (size_t)i * s->tokens * s->columns, s->columns, from, to,
                         me->strip);
        count(s, &me->mixes, since(&start) * (double)b->dim / (double)(to - from));
    }
}

/* ---- rounds ---- */

static void meet(struct actor *me)
{
    enum { LOOKS = 20000 };
    struct stage *s = me->s;
    if (s->actors < 2)
        return;
    struct actor *other = &s->actor[1 - me->id];
    /* Release and acquire: what each has written before is seen by the other one after. */
    uint32_t met = atomic_fetch_add_explicit(&me->met, 1, memory_order_release) + 1, looks = 0;
    while (atomic_load_explicit(&other->met, memory_order_acquire) < met)
        if (++looks < LOOKS)
            tsgd_pause();
        else
            sched_yield();
}

static void visit_all(struct actor *me)
{
    struct stage *s = me->s;
    bool mixes = by_slices(s) && (me->id == 0 || s->whose == OTHERS);
    for (uint32_t a = 0; a < me->homes; a++) {
        visit(me, a);
        if (mixes && !are_whole(s))
            touch(s, first_of(me) + a);
    }
    if (!by_slices(s))
        return;
    if (me->id == (s->whose == OTHERS))         /* and those of everybody else */
        for (uint32_t a = first_of(me) + me->homes; a < s->tokens; a++)
            touch(s, a);
    meet(me);
    if (mixes)
        mix_slices(me);
}

static void *other_one(void *stage)
{
    struct stage *s = stage;
    struct actor *me = &s->actor[1];
    s->pinned = tsgd_cpu_pin(NULL, s->cpu);
    for (;;) {
        meet(me);
        if (s->whose == END)
            return NULL;
        visit_all(me);
        meet(me);
    }
}

static void play_round(struct stage *s, enum whose whose, bool counts)
{
    s->whose = whose;
    s->away = whose == SWAPPED && !s->away;
    s->counts = counts;
    s->side = by_slices(s) ? 0 : !s->side;
    meet(&s->actor[0]);
    if (whose == END)
        return;
    visit_all(&s->actor[0]);
    meet(&s->actor[0]);
}

/* The mean without what was interrupted: the last minibatch of an epoch may be a short one, and
 * counts as often as it comes.                                                                  */
static double mean(struct times *x)
{
    struct tsgd_timing t = tsgd_timing_of(x->seconds, x->n);    /* sorts */
    double sum = 0;
    size_t kept = 0;
    for (; kept < x->n && x->seconds[kept] <= 3 * t.median; kept++)
        sum += x->seconds[kept];
    return kept ? sum / (double)kept : 0;
}

/* Rows are where rounds of this kind leave them after two of them, one for each side. */
static void play(struct stage *s, enum whose whose, double *mixed, double *stepped, double *updated)
{
    struct actor *me = &s->actor[0];
    me->mixes.n = me->gradients.n = me->updates.n = 0;
    play_round(s, whose, false);
    play_round(s, whose, false);
    uint64_t start = tsgd_now_ns();
    while (me->updates.n < TASKS &&
           (me->updates.n < 3 || (double)(tsgd_now_ns() - start) < SECONDS * 1e9))
        play_round(s, whose, true);
    *mixed = mean(&me->mixes);
    *stepped = mean(&me->gradients);
    *updated = mean(&me->updates);
}

static void play_all(struct stage *s, struct tsgd_rehearsal *out)
{
    double mixed, more, stepped, updated;
    play(s, OWN, &mixed, &out->gradient, &out->update);
    out->slices = s->slices;
    if (by_slices(s))
        out->mix = mixed;
    else
        out->read = mixed / (s->w[0].ptr[1] - s->w[0].ptr[0]);
    if (s->actors > 1 && !(by_slices(s) && s->tokens == s->actor[0].homes)) {
        if (!by_slices(s) && s->w[0].uniform)
            play(s, BESIDE, &mixed, &stepped, &updated);
        play(s, OTHERS, &more, &stepped, &updated);
        out->fetch = fmax(0, more - mixed) / (by_slices(s) ? s->tokens - s->actor[0].homes : 1);
        if (!by_slices(s))
            play(s, SWAPPED, &more, &stepped, &updated);
        out->step_fetch = fmax(0, stepped + updated - out->gradient - out->update);
    }
    play_round(s, END, false);
}

enum tsgd_status tsgd_rehearse(struct tsgd_rehearsal *out, const struct tsgd_costs *b,
                               uint32_t workers, bool slices, bool steps, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_rehearsal r = {.slices = 0};
    struct tsgd_pair p = TSGD_PAIR_INIT;
    struct stage *s = NULL;
    TRY(TSGD_NEW(&s, 1, what, err));
    s->b = b;
    s->steps = steps;
    TRY(take(s, workers, slices, err));
    if (s->actors > 1) {
        TRY(tsgd_pair_choose(&p, err));
        s->cpu = p.cpu[1];
        TRY(tsgd_pair_start(&p, other_one, s, err));
    }
    play_all(s, &r);
    if (s->actors > 1)
        TRY(tsgd_pair_end(&p, &s->pinned, err));
    *out = r;
done:
    if (s) {
        for (int i = 0; i < 3; i++)
            tsgd_csr_release(&s->w[i]);
        tsgd_holding_release(&s->holding);
    }
    free(s);
    return st;
}
