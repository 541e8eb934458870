/* run/place.h: which rank each node is on, where tokens stay with their nodes: so that few rows
 * travel between ranks. A token's half-step goes once to each other rank that has a node which
 * mixes with it.
 * Threads: one.                                                                                 */
#ifndef TSGD_RUN_PLACE_H
#define TSGD_RUN_PLACE_H

#include "topology/topology.h"
#include "transport/ranks.h"

/* What lies between the ranks, when nobody is away. */
struct tsgd_cut {
    uint64_t links, of_links;   /* pairs of tokens that mix in some round: those on two ranks, and
                                 * all of them */
    uint64_t rows, rounds;      /* half-steps that travel in so many rounds, a period */
    uint32_t least, most;       /* nodes of a rank */
};

/* TSGD_ENOMEM. */
enum tsgd_status tsgd_place_cut(struct tsgd_cut *out, const struct tsgd_mixing *w,
                                const struct tsgd_ranks *ranks, struct tsgd_error *err);

/* The rank of each node, by the graph: parts by the program's partitioner, of which no two differ
 * by more than one node or the largest is within 3 % of the mean, and which cost no more rows than
 * blocks do. The same wherever it is asked for with the same METIS. Free *of. TSGD_EINVAL: this
 * program has no partitioner, there are more ranks than nodes, or more links than METIS counts.
 * TSGD_ENOMEM.                                                                                  */
enum tsgd_status tsgd_place_graph(uint32_t **of, const struct tsgd_mixing *w, uint32_t ranks,
                                  struct tsgd_error *err);

/* Refuses to place by the graph in a program that has no partitioner. TSGD_EINVAL. */
enum tsgd_status tsgd_place_can(struct tsgd_error *err);

#endif
