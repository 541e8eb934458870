/* engine/hooks.h: what the engine asks of the scenario that a run plays in, without knowing it:
 * which nodes are there, how large a step is, what time it is on a simulated network.
 * Threads: step sizes and presence are asked by any worker; a clock belongs to the planner.     */
#ifndef TSGD_ENGINE_HOOKS_H
#define TSGD_ENGINE_HOOKS_H

#include "engine/snapshot.h"
#include "topology/topology.h"

/* The step size of round t, counted from 0. */
struct tsgd_step_size {
    float (*at)(const void *schedule, uint64_t t);
    const void *schedule;
};

/* Which nodes are there in round t. there NULL: every node always is. */
struct tsgd_presence {
    bool (*there)(const void *churn, uint32_t node, uint64_t t);
    const void *churn;
    bool isolates;              /* links of a token whose node is away are cut for the round, and
                                 * their weight stays at both ends; only with fixed holders,
                                 * symmetric W */
};

static inline bool tsgd_is_there(const struct tsgd_presence *p, uint32_t node, uint64_t t)
{
    return !p->there || p->there(p->churn, node, t);
}

/* What one transfer carries, and how many tokens and nodes there are. */
struct tsgd_traffic {
    uint32_t tokens, nodes;
    uint64_t teleport_bytes;    /* of all rows that travel with a token */
    uint64_t gossip_bytes;      /* of the rows that are mixed */
};

/* A simulated clock, which follows the plan one round behind. Rounds are run in order, and within a
 * round populations by ascending first token. ops NULL: there is none.                          */
struct tsgd_clock {
    const struct tsgd_clock_ops *ops;
    const void *network;
};

struct tsgd_clock_ops {
    /* A clock at 0; `network` outlives it. TSGD_ENOMEM; *out is then untouched. */
    enum tsgd_status (*create)(void **out, const void *network, const struct tsgd_traffic *traffic,
                               struct tsgd_error *err);
    void (*free)(void *clock);
    /* Bytes that create takes. */
    size_t (*bytes)(const struct tsgd_traffic *traffic);
    /* What token a does in its next round: it visits a node and takes so many gradients, or it sits
     * the round out where it is (before its first visit: at node a); isolated: its links are
     * cut.                                                                                      */
    void (*visit)(void *clock, uint32_t a, uint32_t node, uint32_t gradients);
    void (*rest)(void *clock, uint32_t a, bool isolated);
    /* Runs that round of tokens first .. first + w->n - 1, which mix by w. */
    void (*round)(void *clock, const struct tsgd_csr *w, uint32_t first);
    /* When the last of tokens first .. first + k - 1 ended its last mix; 0 before any round. */
    double (*now)(const void *clock, uint32_t first, uint32_t k);
    /* What a stopped run must remember; that has been filled from a snapshot: false if no clock
     * could have that.                                                                          */
    void (*memory)(void *clock, tsgd_memory_fn *each, void *user);
    bool (*resumed)(void *clock);
};

#endif
