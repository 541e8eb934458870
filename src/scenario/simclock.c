#include "scenario/simclock.h"

#include "base/mem.h"

/* A half-step that waits for the port of its receiver. */
struct arrival {
    double ready;
    uint32_t token, from;
};

struct token {
    double stepped;             /* when its last step ended */
    uint32_t to;                /* where it is to be in the round to come */
    uint32_t gradients;
    bool started;               /* it has been through a round: its rows are its own */
    bool rests, isolated;
};

struct tsgd_simclock {
    const struct tsgd_network *network;
    uint64_t teleport_bytes, gossip_bytes;
    struct token *token;
    double *mixed;              /* [tokens] when its last mix ended */
    uint32_t *at;               /* [tokens] where it is */
    double *idle, *port;        /* [nodes] end of the last step, of the last incoming transfer */
    struct arrival *arrival;    /* [tokens] of one token, for the serial port */
    uint32_t tokens, nodes;
};

size_t tsgd_simclock_bytes(uint32_t tokens, uint32_t nodes)
{
    size_t token = sizeof(struct token) + sizeof(double) + sizeof(uint32_t) +
                   sizeof(struct arrival);
    return tsgd_add(tsgd_mul(tokens, token), tsgd_mul(nodes, 2 * sizeof(double)));
}

enum tsgd_status tsgd_simclock_create(struct tsgd_simclock **out,
                                      const struct tsgd_network *network, uint32_t tokens,
                                      uint64_t teleport_bytes, uint64_t gossip_bytes,
                                      uint32_t nodes, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_simclock *c = NULL;
    TRY(TSGD_NEW(&c, 1, "simulated clock", err));
    c->network = network;
    c->teleport_bytes = teleport_bytes;
    c->gossip_bytes = gossip_bytes;
    c->tokens = tokens;
    c->nodes = nodes;
    TRY(TSGD_NEW(&c->token, tokens, "simulated clock", err));
    TRY(TSGD_NEW(&c->mixed, tokens, "simulated clock", err));
    TRY(TSGD_NEW(&c->at, tokens, "simulated clock", err));
    TRY(TSGD_NEW(&c->arrival, tokens, "simulated clock", err));
    TRY(TSGD_NEW(&c->idle, nodes, "simulated clock", err));
    TRY(TSGD_NEW(&c->port, nodes, "simulated clock", err));
    for (uint32_t a = 0; a < tokens; a++)
        c->at[a] = a;
    *out = c;
    c = NULL;
done:
    tsgd_simclock_free(c);
    return st;
}

void tsgd_simclock_free(struct tsgd_simclock *c)
{
    if (!c)
        return;
    free(c->token);
    free(c->mixed);
    free(c->at);
    free(c->arrival);
    free(c->idle);
    free(c->port);
    free(c);
}

void tsgd_simclock_visit(struct tsgd_simclock *c, uint32_t a, uint32_t node, uint32_t gradients)
{
    struct token *x = &c->token[a];
    x->to = node;
    x->gradients = gradients;
    x->rests = x->isolated = false;
}

void tsgd_simclock_rest(struct tsgd_simclock *c, uint32_t a, bool isolated)
{
    struct token *x = &c->token[a];
    x->to = c->at[a];
    x->rests = true;
    x->isolated = isolated;
}

static double later(double a, double b) { return a > b ? a : b; }

/* When a transfer that is ready at `ready` has arrived (K5, K6). */
static double receive(struct tsgd_simclock *c, double ready, uint32_t from, uint32_t to,
                      uint64_t bytes)
{
    double seconds = tsgd_network_transfer(c->network, from, to, bytes);
    if (from == to || !c->network->serial)
        return ready + seconds;
    return c->port[to] = later(c->port[to], ready) + seconds;
}

/* K1, K2 */
static void step(struct tsgd_simclock *c, uint32_t a)
{
    struct token *x = &c->token[a];
    double there = c->mixed[a];
    if (x->started && x->to != c->at[a])
        there = receive(c, there, c->at[a], x->to, c->teleport_bytes);
    c->at[a] = x->to;
    x->started = true;
    x->stepped = there;
    if (x->rests)
        return;
    x->stepped = later(there, c->idle[x->to]) +
                 x->gradients * tsgd_network_step(c->network, x->to);
    c->idle[x->to] = x->stepped;
}

static int by_ready_time(const void *a, const void *b)
{
    const struct arrival *x = a, *y = b;
    if (x->ready != y->ready)
        return x->ready < y->ready ? -1 : 1;
    return x->token < y->token ? -1 : x->token > y->token;
}

/* K3, K4 */
static void mix(struct tsgd_simclock *c, const struct tsgd_csr *w, uint32_t first, uint32_t a)
{
    struct token *all = c->token + first, *x = &all[a];
    const uint32_t *at = c->at + first;
    double mixed = x->stepped;
    size_t n = 0;
    for (uint32_t i = w->ptr[a]; i < w->ptr[a + 1] && !x->isolated; i++) {
        uint32_t b = w->col[i];
        if (b != a && !all[b].isolated)
            c->arrival[n++] = (struct arrival){all[b].stepped, b, at[b]};
    }
    if (c->network->serial && n > 1)
        qsort(c->arrival, n, sizeof *c->arrival, by_ready_time);
    for (size_t i = 0; i < n; i++)
        mixed = later(mixed, receive(c, c->arrival[i].ready, c->arrival[i].from, at[a],
                                     c->gossip_bytes));
    c->mixed[first + a] = mixed;
}

void tsgd_simclock_round(struct tsgd_simclock *c, const struct tsgd_csr *w, uint32_t first)
{
    for (uint32_t a = 0; a < w->n; a++)
        step(c, first + a);
    for (uint32_t a = 0; a < w->n; a++)
        mix(c, w, first, a);
}

double tsgd_simclock_now(const struct tsgd_simclock *c, uint32_t first, uint32_t k)
{
    double now = 0;
    for (uint32_t a = first; a < first + k; a++)
        now = later(now, c->mixed[a]);
    return now;
}

/* ---- for the engine ---- */

static enum tsgd_status create(void **out, const void *network, const struct tsgd_traffic *t,
                               struct tsgd_error *err)
{
    struct tsgd_simclock *c;
    enum tsgd_status st = tsgd_simclock_create(&c, network, t->tokens, t->teleport_bytes,
                                               t->gossip_bytes, t->nodes, err);
    if (st == TSGD_OK)
        *out = c;
    return st;
}

static void free_clock(void *clock) { tsgd_simclock_free(clock); }

static size_t bytes(const struct tsgd_traffic *t)
{
    return tsgd_simclock_bytes(t->tokens, t->nodes);
}

static void visit(void *clock, uint32_t a, uint32_t node, uint32_t gradients)
{
    tsgd_simclock_visit(clock, a, node, gradients);
}

static void rest(void *clock, uint32_t a, bool isolated) { tsgd_simclock_rest(clock, a, isolated); }

static void run_round(void *clock, const struct tsgd_csr *w, uint32_t first)
{
    tsgd_simclock_round(clock, w, first);
}

static double now(const void *clock, uint32_t first, uint32_t k)
{
    return tsgd_simclock_now(clock, first, k);
}

static void memory(void *clock, tsgd_memory_fn *each, void *user)
{
    struct tsgd_simclock *c = clock;
    const struct tsgd_piece piece[] = {
        {"clock_mixed", TSGD_WHOLE_RUN, TSGD_PIECE_F64, c->mixed, c->tokens},
        {"clock_at", TSGD_WHOLE_RUN, TSGD_PIECE_U32, c->at, c->tokens},
        {"clock_idle", TSGD_WHOLE_RUN, TSGD_PIECE_F64, c->idle, c->nodes},
        {"clock_port", TSGD_WHOLE_RUN, TSGD_PIECE_F64, c->port, c->nodes},
    };
    for (size_t i = 0; i < sizeof piece / sizeof *piece; i++)
        each(user, &piece[i]);
}

static bool resumed(void *clock)
{
    struct tsgd_simclock *c = clock;
    bool good = true;
    for (uint32_t a = 0; a < c->tokens; a++) {
        c->token[a].started = true;     /* snapshots are of later rounds than the first */
        good &= c->at[a] < c->nodes;
    }
    return good;
}

static const struct tsgd_clock_ops ops = {
    .create = create, .free = free_clock, .bytes = bytes, .visit = visit, .rest = rest,
    .round = run_round, .now = now, .memory = memory,
    .resumed = resumed,
};

struct tsgd_clock tsgd_network_clock(const struct tsgd_network *network)
{
    return (struct tsgd_clock){network->on ? &ops : NULL, network};
}
