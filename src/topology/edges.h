/* topology/edges.h: what a topology writes down, and how it becomes mixing matrices.
 * A builder says how many edges it will add, which refuses what would not fit before anything is
 * computed, and then adds weighted entries, or links whose weights follow from the degrees, for one
 * round or several. Who cannot know how many (a graph that is drawn, or in a file) may run out of
 * memory; that is remembered, no edge is added any more, and tsgd_edges_finish tells it.        */
#ifndef TSGD_TOPOLOGY_EDGES_H
#define TSGD_TOPOLOGY_EDGES_H

#include "linalg/csr.h"

struct tsgd_edges {
    uint32_t n;                 /* tokens */
    uint32_t period;            /* rounds after which the graph repeats; grows with what is added */
    struct tsgd_edge {
        uint32_t round;
        bool link;
        struct tsgd_entry entry;
    } *edge;
    size_t count, room;
    bool no_memory;
    bool everybody;             /* the complete graph, which is not written down edge by edge */
    bool allow_disconnected;    /* a graph that falls into parts is accepted */
};
#define TSGD_EDGES_INIT(tokens) {(tokens), 1, NULL, 0, 0, false, false, false}

/* Room for `count` edges, links or weights, over all rounds. TSGD_ENOMEM: these edges, or the
 * matrices that they become, would not fit.                                                     */
enum tsgd_status tsgd_edges_reserve(struct tsgd_edges *e, size_t count, bool links,
                                    struct tsgd_error *err);

/* W_round[a][b] += weight. */
void tsgd_edges_weight(struct tsgd_edges *e, uint32_t round, uint32_t a, uint32_t b, double weight);

/* An undirected edge with Metropolis-Hastings weight 1 / (1 + max(deg a, deg b)); what is missing
 * to 1 stands on the diagonal. Twice the same link counts once, a loop not at all. A round has
 * links or weights, not both.                                                                   */
void tsgd_edges_link(struct tsgd_edges *e, uint32_t round, uint32_t a, uint32_t b);

/* W[a][b] = 1 / n for all a and b, in the only round there is. */
void tsgd_edges_everybody(struct tsgd_edges *e);

/* Removes all edges, for another draw. */
void tsgd_edges_clear(struct tsgd_edges *e);

/* The first token that no path, over all rounds and whichever way the edges point, joins to token
 * 0; n: there is none. In a doubly stochastic matrix, what is joined one way is joined the other
 * way too. Out of memory: n, and remembered.                                                    */
uint32_t tsgd_edges_cut_off(struct tsgd_edges *e);

/* One matrix a round into w[e->period], which the caller owns; on error w is as it was.
 * TSGD_ENOMEM, also when memory would not suffice, before it is taken.                          */
enum tsgd_status tsgd_edges_finish(struct tsgd_edges *e, struct tsgd_csr *w,
                                   struct tsgd_error *err);

void tsgd_edges_release(struct tsgd_edges *e);

#endif
