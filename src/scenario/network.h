/* scenario/network.h: what a simulated network and its nodes cost, in seconds.
 *   transfer u -> v of so many bytes   factor * (link_seconds + bytes / bandwidth); within a node 0
 *   one gradient step at node i        step_seconds, or drawn for each node (stragglers)
 * The factor is 1 or tau, by --link-cost:
 *   preferred      the links of --link-topology over the n nodes cost 1 (either way, in any round of its
 *                  period), all others tau
 *   slow-links:P   an unordered pair of nodes is slow with probability P
 *   slow-nodes:P   a node is slow with probability P, and so is every transfer from or to it
 * --compute-seconds is S, or S:lognormal:SIGMA: node i takes S * exp(SIGMA * z_i), z_i standard normal.
 * Draws depend on the seed and the nodes alone, so they hold for the whole run and cost no memory.
 * Ownership: whoever makes it releases it. Threads: read-only after make.                       */
#ifndef TSGD_SCENARIO_NETWORK_H
#define TSGD_SCENARIO_NETWORK_H

#include "topology/topology.h"

struct tsgd_network;

/* One way to say which links are slow; the rows stand in network.c. */
struct tsgd_link_rule {
    const char *name;
    bool takes_share;           /* :P */
    bool (*slow)(const struct tsgd_network *n, uint32_t from, uint32_t to);
};
extern const struct tsgd_link_rule tsgd_link_rules[];
extern const size_t tsgd_n_link_rules;

struct tsgd_network {
    bool on;                    /* there is a simulated clock */
    const struct tsgd_link_rule *rule;  /* NULL: no link is slow */
    double share, tau;
    struct tsgd_schedule links; /* of rule preferred, over the nodes */
    double link_seconds, bandwidth;     /* bytes a second; INFINITY: bytes cost nothing */
    double step_seconds, sigma;
    bool serial;                /* a node receives one transfer after the other */
    uint64_t seed;
};
#define TSGD_NETWORK_INIT {.on = false}

/* From the settings, whose defaults it fills in. It is on when one of --link-cost, --link-seconds,
 * --bandwidth, --compute-seconds is given. TSGD_EINVAL: a bad value, an option that would change
 * nothing; whatever --link-topology is refused for.                                             */
enum tsgd_status tsgd_network_make(struct tsgd_network *out, struct tsgd_settings *s,
                                   struct tsgd_error *err);
void tsgd_network_release(struct tsgd_network *n);

double tsgd_network_transfer(const struct tsgd_network *n, uint32_t from, uint32_t to,
                             uint64_t bytes);
double tsgd_network_step(const struct tsgd_network *n, uint32_t node);

#endif
