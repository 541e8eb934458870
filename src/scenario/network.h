/* scenario/network.h: what a simulated network and its nodes cost, in seconds.
 *   transfer u -> v of so many bytes   factor * (link_seconds + bytes / bandwidth); within a node 0
 *   one gradient step at node i        step_seconds, or drawn for each node (stragglers)
 * The factor is 1 or tau, by --link-cost:
 *   preferred      the links of --link-topology over the n nodes cost 1 (either way, in any round
 *                  of its period), all others tau
 *   slow-links:P   an unordered pair of nodes is slow with probability P
 *   slow-nodes:P   a node is slow with probability P, and so is every transfer from or to it
 * --compute-seconds is S, or S:lognormal:SIGMA: node i takes S * exp(SIGMA * z_i), z_i standard
 * normal. Draws depend on the seed and the nodes alone, so they hold for the whole run and cost no
 * memory.
 * Ownership: whoever makes it releases it. Threads: read-only after make.                       */
#ifndef TSGD_SCENARIO_NETWORK_H
#define TSGD_SCENARIO_NETWORK_H

#include "topology/topology.h"

struct tsgd_network;

/* A value of --link-cost: one way to say which links are slow. network.c has their table. */
struct tsgd_link_cost {
    const char *name;
    bool takes_share;           /* :P */
    bool (*slow)(const struct tsgd_network *n, uint32_t from, uint32_t to);
};
extern const struct tsgd_link_cost tsgd_link_costs[];
extern const size_t tsgd_n_link_costs;

struct tsgd_network {
    bool on;                    /* there is a simulated clock */
    const struct tsgd_link_cost *link_cost;     /* NULL: no link is slow */
    double share, tau;
    struct tsgd_mixing links; /* of preferred, over the nodes */
    double link_seconds, bandwidth;     /* bytes a second; INFINITY: bytes cost nothing */
    double step_seconds, sigma;
    bool serial;                /* a node receives one transfer after the other */
    uint64_t seed;
};
#define TSGD_NETWORK_INIT {.on = false}

struct tsgd_network_options {
    const char *link_cost;      /* "preferred", "slow-links:P", "slow-nodes:P"; NULL: none are */
    double tau;                 /* 1 or more */
    const char *link_topology;  /* of preferred, over the nodes */
    double link_seconds;        /* 0 or more */
    double bandwidth;           /* above 0; INFINITY: bytes cost nothing */
    bool serial;                /* --port serial, else parallel */
    const char *compute_seconds;        /* "S", "S:lognormal:SIGMA" */
    uint32_t nodes;
    uint64_t seed;
};

/* Makes what the options ask for. On error *out is untouched. TSGD_EINVAL: --link-cost or
 * --compute-seconds have no such value, or the graph of --link-topology is refused. TSGD_ENOMEM. */
enum tsgd_status tsgd_network_make(struct tsgd_network *out, const struct tsgd_network_options *o,
                                   struct tsgd_error *err);
void tsgd_network_release(struct tsgd_network *n);

/* Seconds of a transfer of so many bytes, and of one gradient step at a node. */
double tsgd_network_transfer(const struct tsgd_network *n, uint32_t from, uint32_t to,
                             uint64_t bytes);
double tsgd_network_step(const struct tsgd_network *n, uint32_t node);

#endif
