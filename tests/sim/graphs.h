/* tests/sim/graphs.h: which graphs there are, known apart from the builders, so that a test that
 * runs over topologies and sizes passes over those that cannot be, and fails if another one is
 * refused.                                                                                      */
#ifndef SIM_GRAPHS_H
#define SIM_GRAPHS_H

#include "topology/topology.h"

/* Whether the example of this row of the table is a graph for k tokens. */
bool graph_exists(size_t row, uint32_t k);

/* Builds it; false: there is none, and the builder says so. A builder that does not agree with
 * graph_exists, or refuses without naming the topology, ends the program.                       */
bool graph_build(struct tsgd_mixing *out, size_t row, uint32_t k, uint64_t seed);

/* Whether the matrices are of the kind that D2 needs: one for all rounds, and symmetric. */
bool graph_has_spectrum(const struct tsgd_mixing *s);

/* The matrix by which tokens mix in round t, counted from 0; NULL: they do not. It goes through the
 * rounds one by one, and counts.                                                                */
const struct tsgd_csr *graph_at(const struct tsgd_mixing *s, uint64_t t);

#endif
