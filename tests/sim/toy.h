/* tests/sim/toy.h: a problem whose every bit matters. The gradient mixes the row with noise that
 * depends on (node, batch, part, coordinate), so that one torn, stale or swapped row changes the
 * result.                                                                                       */
#ifndef SIM_TOY_H
#define SIM_TOY_H

#include "model/problem.h"

struct toy {
    struct tsgd_problem problem;
    uint32_t empty_every;       /* node i has no data if i % empty_every == 1; 0: all have */
    long sleep_ns;              /* a gradient sleeps this long; 0: no */
    uint32_t explode_node;      /* from its second visit on its loss is infinite; UINT32_MAX: no */
};

struct toy toy_make(size_t dim, uint32_t nodes);

/* x^0 for it, dim floats, freed by the caller. */
float *toy_init(size_t dim);

#endif
