/* transport/partition.h: which nodes of a graph should lie together, so that few of its links lead
 * from one part to another. A program that is linked with a partitioner (mpi/metis.c, as
 * telesgd-mpi is) has it; in others the function's address is NULL.
 * Threads: any, while nobody else in the process draws from the C library's rand(), with which
 * METIS draws.                                                                                  */
#ifndef TSGD_TRANSPORT_PARTITION_H
#define TSGD_TRANSPORT_PARTITION_H

#include "base/status.h"

/* Undirected: a link stands at both of its ends, and none leads from a node to itself. The
 * neighbours of node a are col[ptr[a]] .. col[ptr[a + 1] - 1]. METIS counts with 32 bits and a
 * sign.                                                                                         */
struct tsgd_graph {
    int32_t nodes;
    int32_t *ptr, *col;
    int32_t *weight;            /* of each link, at least 1 */
};

/* Ways to look for parts; which one finds the best depends on the graph. */
enum tsgd_partition_way {
    TSGD_PARTITION_HALVES,      /* few weights cut, by halves of halves */
    TSGD_PARTITION_WEIGHTS,     /* few weights cut, all parts at once */
    TSGD_PARTITION_ROWS,        /* few pairs of a node and another part that it has a link to */
    TSGD_PARTITION_WAYS
};

/* Fills part[nodes] with numbers below `parts`, the same ones every time. Parts are about equally
 * large; how equally, and whether each has a node, is for the caller to look at. TSGD_ENOMEM.   */
enum tsgd_status tsgd_partition(const struct tsgd_graph *g, uint32_t parts,
                                enum tsgd_partition_way way, int32_t *part,
                                struct tsgd_error *err)
    __attribute__((weak, visibility("hidden")));

#endif
