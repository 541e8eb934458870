#include "sim/events.h"

#include "base/rng.h"
#include "scenario/network.h"
#include "sim/graphs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* In this order at one instant: ports choose when everything that is ready has said so. */
enum kind { STEPPED, ARRIVED, CHOOSE };

struct event {
    double time;
    enum kind kind;
    size_t id;                  /* visit, message or node */
};

struct message {
    uint32_t from, to, sender;
    bool exists, teleport;
    size_t visit;               /* of the token that waits for it */
    uint64_t order;             /* at the receiver's port */
    uint64_t bytes;
    double ready;               /* INFINITY: not yet */
};

struct world {
    const struct tsgd_engine_config *c;
    const struct events_visit *visit;
    size_t rounds, tokens;
    uint32_t *pop, *first;      /* [tokens] */
    size_t *base;               /* [rounds * tokens] its teleport; then one a neighbour */
    size_t *next;               /* [rounds * tokens] the next visit to the node; or SIZE_MAX */
    uint32_t *wait_step, *wait_mix;
    struct message *message;
    size_t n_messages;
    size_t *queue, *head, *tail;        /* messages by receiver and order; [nodes] the rest of it */
    bool *busy;                 /* [nodes] */
    struct event *heap;
    size_t n_events;
    double *end;
};

static void *zeros(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    if (!p)
        abort();
    return p;
}

static bool before(struct event a, struct event b)
{
    return a.time != b.time ? a.time < b.time : a.kind < b.kind;
}

static void push(struct world *w, double time, enum kind kind, size_t id)
{
    struct event e = {time, kind, id};
    size_t i = w->n_events++;
    for (; i > 0 && before(e, w->heap[(i - 1) / 2]); i = (i - 1) / 2)
        w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = e;
}

static struct event pop(struct world *w)
{
    struct event top = w->heap[0], e = w->heap[--w->n_events];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < w->n_events; i = child) {
        if (child + 1 < w->n_events && before(w->heap[child + 1], w->heap[child]))
            child++;
        if (!before(w->heap[child], e))
            break;
        w->heap[i] = w->heap[child];
    }
    w->heap[i] = e;
    return top;
}

/* ---- costs ---- */

static double unit(uint64_t seed, enum tsgd_purpose purpose, uint32_t a, uint32_t b)
{
    struct tsgd_rng rng = tsgd_rng(seed, purpose, a, b);
    return tsgd_rng_unit(&rng);
}

static bool slow(const struct tsgd_network *n, uint32_t u, uint32_t v)
{
    uint32_t low = u < v ? u : v, high = u < v ? v : u;
    if (!n->link_cost)
        return false;
    if (!strcmp(n->link_cost->name, "slow-links"))
        return unit(n->seed, TSGD_RNG_SLOW_LINK, low, high) < n->share;
    if (!strcmp(n->link_cost->name, "slow-nodes"))
        return unit(n->seed, TSGD_RNG_SLOW_NODE, low, 0) < n->share ||
               unit(n->seed, TSGD_RNG_SLOW_NODE, high, 0) < n->share;
    for (uint32_t r = 0; r < n->links.period; r++)
        for (uint32_t a = 0; a < n->links.w[r].n; a++)
            for (uint32_t i = n->links.w[r].ptr[a]; i < n->links.w[r].ptr[a + 1]; i++)
                if ((a == u && n->links.w[r].col[i] == v) || (a == v && n->links.w[r].col[i] == u))
                    return false;
    return true;
}

static const struct tsgd_network *network(const struct world *w) { return w->c->clock.network; }

static double seconds(const struct world *w, const struct message *m)
{
    const struct tsgd_network *n = network(w);
    double once = n->link_seconds + (double)m->bytes / n->bandwidth;
    return slow(n, m->from, m->to) ? n->tau * once : once;
}

static double speed(const struct tsgd_network *n, uint32_t node)
{
    struct tsgd_rng rng = tsgd_rng(n->seed, TSGD_RNG_NODE_SPEED, node, 0);
    return n->sigma > 0 ? n->step_seconds * exp(n->sigma * tsgd_rng_normal(&rng)) : n->step_seconds;
}

/* ---- what happens ---- */

static void post(struct world *w, double now, size_t id)
{
    struct message *m = &w->message[id];
    m->ready = now;
    if (m->from == m->to)
        push(w, now, ARRIVED, id);
    else if (network(w)->serial)
        push(w, now, CHOOSE, m->to);
    else
        push(w, now + seconds(w, m), ARRIVED, id);
}

static void may_step(struct world *w, double now, size_t v)
{
    if (--w->wait_step[v] == 0)
        push(w, now + w->visit[v].gradients * speed(network(w), w->visit[v].node), STEPPED, v);
}

static void begin(struct world *w, double now, size_t v)
{
    if (v >= w->rounds * w->tokens || w->visit[v].gone)
        return;
    if (w->message[w->base[v]].exists)
        post(w, now, w->base[v]);
    else if (w->visit[v].rests)
        push(w, now, STEPPED, v);
    else
        may_step(w, now, v);
}

static void may_mix(struct world *w, double now, size_t v)
{
    if (--w->wait_mix[v] > 0)
        return;
    w->end[v] = now;
    begin(w, now, v + w->tokens);
}

static void stepped(struct world *w, double now, size_t v)
{
    size_t round = v - v % w->tokens;
    for (size_t b = 0; b < w->tokens; b++)      /* whoever asks for this half-step */
        if (w->pop[b] == w->pop[v % w->tokens] && round + b != v)
            for (size_t m = w->base[round + b] + 1; m < w->n_messages &&
                 w->message[m].visit == round + b && !w->message[m].teleport; m++)
                if (w->message[m].exists && w->message[m].sender == v % w->tokens)
                    post(w, now, m);
    if (w->next[v] != SIZE_MAX)
        may_step(w, now, w->next[v]);
    may_mix(w, now, v);
}

/* The port takes the earliest of what is ready among those that are to come next. */
static void choose(struct world *w, double now, size_t node)
{
    size_t best = SIZE_MAX, head = w->head[node];
    if (w->busy[node] || head == w->tail[node])
        return;
    for (size_t i = head; i < w->tail[node]; i++) {
        const struct message *m = &w->message[w->queue[i]];
        const struct message *least = best == SIZE_MAX ? NULL : &w->message[w->queue[best]];
        if (m->order != w->message[w->queue[head]].order)
            break;
        if (m->ready < INFINITY && (!least || m->ready < least->ready ||
                                    (m->ready == least->ready && m->sender < least->sender)))
            best = i;
    }
    if (best == SIZE_MAX)
        return;
    size_t id = w->queue[best];
    w->queue[best] = w->queue[head];
    w->queue[head] = id;
    w->head[node]++;
    w->busy[node] = true;
    push(w, now + seconds(w, &w->message[id]), ARRIVED, id);
}

static void arrived(struct world *w, double now, size_t id)
{
    const struct message *m = &w->message[id];
    if (network(w)->serial && m->from != m->to) {
        w->busy[m->to] = false;
        push(w, now, CHOOSE, m->to);
    }
    if (m->teleport)
        may_step(w, now, m->visit);
    else
        may_mix(w, now, m->visit);
}

/* ---- the script: every message that will be sent, and who waits for how many ---- */

static size_t add_messages(struct world *w, size_t t, size_t a, uint32_t from)
{
    const struct tsgd_population *p = &w->c->population[w->pop[a]];
    const struct tsgd_csr *m = graph_at(p->mixing, t);
    const struct events_visit *all = w->visit + t * w->tokens, *v = &all[a];
    const struct tsgd_rule *l = &w->c->rule;
    size_t row = a - w->first[a], place = t * w->tokens + a, at = w->base[place];
    uint64_t group = (t * w->c->n_populations + w->pop[a]) * 2;
    uint64_t bytes = 4 * w->c->problem->dim;
    w->message[at++] = (struct message){
        .from = from, .to = v->node, .sender = (uint32_t)a, .teleport = true, .visit = place,
        .exists = t > 0 && !v->gone && !v->rests && from != v->node, .order = group * w->tokens,
        .bytes = bytes * (tsgd_rule_exchanged(l) + tsgd_rule_own(l)), .ready = INFINITY,
    };
    w->wait_mix[place] = 1;
    w->wait_step[place] = 1;
    for (uint32_t i = m ? m->ptr[row] : 0; m && i < m->ptr[row + 1]; i++, at++) {
        uint32_t b = w->first[a] + m->col[i];
        bool exists = b != a && !v->gone && !v->cut && !all[b].cut;
        w->message[at] = (struct message){
            .from = all[b].node, .to = v->node, .sender = b, .visit = place, .exists = exists,
            .order = (group + 1) * w->tokens + a, .bytes = bytes * tsgd_rule_exchanged(l),
            .ready = INFINITY,
        };
        w->wait_mix[place] += exists;
    }
    return at;
}

static const struct message *sorting;

static int by_port(const void *x, const void *y)
{
    const struct message *a = &sorting[*(const size_t *)x], *b = &sorting[*(const size_t *)y];
    if (a->to != b->to)
        return a->to < b->to ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static void make_queues(struct world *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_messages; i++)
        if (w->message[i].exists && w->message[i].from != w->message[i].to)
            w->queue[n++] = i;
    sorting = w->message;
    qsort(w->queue, n, sizeof *w->queue, by_port);
    for (size_t i = n; i-- > 0;)
        w->head[w->message[w->queue[i]].to] = i;
    for (size_t i = 0; i < n; i++)
        w->tail[w->message[w->queue[i]].to] = i + 1;
}

static void make_script(struct world *w)
{
    size_t places = w->rounds * w->tokens, at = 0;
    size_t *last = zeros(w->c->problem->nodes, sizeof *last);
    for (size_t i = 0; i < w->c->problem->nodes; i++)
        last[i] = SIZE_MAX;
    for (size_t place = 0; place < places; place++) {
        size_t a = place % w->tokens, t = place / w->tokens, row = a - w->first[a];
        const struct tsgd_mixing *s = w->c->population[w->pop[a]].mixing;
        const struct tsgd_csr *m = graph_at(s, t);
        w->base[place] = w->n_messages;
        w->n_messages += 1 + (m ? m->ptr[row + 1] - m->ptr[row] : 0);
    }
    w->message = zeros(w->n_messages, sizeof *w->message);
    w->queue = zeros(w->n_messages, sizeof *w->queue);
    w->heap = zeros(3 * w->n_messages + 3 * places + 16, sizeof *w->heap);
    for (size_t place = 0; place < places; place++) {
        const struct events_visit *v = &w->visit[place];
        size_t a = place % w->tokens;
        at = add_messages(w, place / w->tokens, a,
                          place < w->tokens ? (uint32_t)a : w->visit[place - w->tokens].node);
        w->next[place] = SIZE_MAX;
        if (v->gone || v->rests)
            continue;
        if (last[v->node] != SIZE_MAX) {
            w->next[last[v->node]] = place;
            w->wait_step[place]++;
        }
        last[v->node] = place;
    }
    if (places && at != w->n_messages)
        abort();
    make_queues(w);
    free(last);
}

double *events_run(const struct tsgd_engine_config *c, const struct events_visit *visit,
                   size_t rounds)
{
    size_t tokens = 0, nodes = c->problem->nodes;
    for (uint32_t q = 0; q < c->n_populations; q++)
        tokens += c->population[q].k;
    size_t places = rounds * tokens;
    struct world w = {
        .c = c, .visit = visit, .rounds = rounds, .tokens = tokens,
        .pop = zeros(tokens, 4), .first = zeros(tokens, 4), .base = zeros(places, sizeof(size_t)),
        .next = zeros(places, sizeof(size_t)), .wait_step = zeros(places, 4),
        .wait_mix = zeros(places, 4), .head = zeros(nodes, sizeof(size_t)),
        .tail = zeros(nodes, sizeof(size_t)), .busy = zeros(nodes, 1),
        .end = zeros(places, sizeof(double)),
    };
    for (uint32_t q = 0, a = 0, first = 0; q < c->n_populations; first += c->population[q++].k)
        for (; a < first + c->population[q].k; a++) {
            w.pop[a] = q;
            w.first[a] = first;
        }
    make_script(&w);
    for (size_t a = 0; a < tokens; a++)
        begin(&w, 0, a);
    while (w.n_events) {
        struct event e = pop(&w);
        switch (e.kind) {
        case STEPPED: stepped(&w, e.time, e.id); break;
        case ARRIVED: arrived(&w, e.time, e.id); break;
        case CHOOSE: choose(&w, e.time, e.id); break;
        }
    }
    free(w.pop);
    free(w.first);
    free(w.base);
    free(w.next);
    free(w.wait_step);
    free(w.wait_mix);
    free(w.head);
    free(w.tail);
    free(w.busy);
    free(w.message);
    free(w.queue);
    free(w.heap);
    return w.end;
}
