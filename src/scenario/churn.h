/* scenario/churn.h: which nodes are there in which round.
 *   --availability P          each node in each round with probability P, independently: a draw
 *                             from (seed, round, node), so no memory, whatever n is
 *   --availability-trace FILE a node that FILE names is there in rounds from <= t < to of its
 *                             intervals; a node that it does not name is always there. An interval
 *                             takes 32 bytes.
 * A token whose node is away takes no step and stays with its last holder. Whether its row still
 * gossips is --offline: hold (it does) or isolate (its links of that round are cut, and their
 * weight moves to the diagonals of both ends, which keeps a symmetric W doubly stochastic).
 * Ownership: whoever makes it releases it. Threads: read-only after make.                       */
#ifndef TSGD_SCENARIO_CHURN_H
#define TSGD_SCENARIO_CHURN_H

#include "engine/hooks.h"

struct tsgd_interval {
    uint32_t node;
    uint64_t from, to, line;    /* line: of the file, for its errors */
};

struct tsgd_churn {
    bool on;                    /* otherwise every node is always there */
    bool isolate;               /* cut the links of a token whose node is away; fixed holders */
    double share;               /* probability that a node is there in a round */
    uint64_t seed;
    struct tsgd_interval *interval;     /* [intervals] by node, then from; NULL: `share` decides */
    size_t intervals;
};
#define TSGD_CHURN_INIT {false, false, 1, 0, NULL, 0}

struct tsgd_churn_options {
    double availability;        /* above 0, at most 1; of no meaning with a trace */
    const char *trace;          /* of --availability-trace; or NULL */
    bool isolate;               /* --offline isolate, else hold */
    uint32_t nodes;
    uint64_t rounds;            /* 0: only --samples ends the run */
    uint64_t seed;
    const char *method, *topology;      /* as errors name them */
    bool teleports;             /* the method's tokens do */
    const struct tsgd_mixing *mixing; /* what they mix by */
};

/* Makes what the options ask for. On error *out is untouched. TSGD_EINVAL: isolate with tokens that
 * travel or with a matrix that is not symmetric, a trace that leaves nobody. TSGD_EIO, TSGD_EFORMAT
 * with the line: the trace.                                                                     */
enum tsgd_status tsgd_churn_make(struct tsgd_churn *out, const struct tsgd_churn_options *o,
                                 struct tsgd_error *err);

/* Reads a trace: lines `node from to` of whole numbers; # begins a comment. `nodes` is the number
 * of nodes. TSGD_EFORMAT: missing fields, from > to, intervals of a node that overlap, no such
 * node.                                                                                         */
enum tsgd_status tsgd_churn_read(struct tsgd_churn *out, const char *path, uint32_t nodes,
                                 struct tsgd_error *err);
void tsgd_churn_release(struct tsgd_churn *c);

/* Whether the node is there in round t. */
bool tsgd_churn_there(const struct tsgd_churn *c, uint32_t node, uint64_t t);

/* The same for the engine, which borrows c. */
struct tsgd_presence tsgd_churn_presence(const struct tsgd_churn *c);

#endif
