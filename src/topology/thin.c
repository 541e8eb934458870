#include "base/mem.h"
#include "topology/topology.h"

#include <string.h>

enum tsgd_status tsgd_mixing_thin(struct tsgd_mixing *s, uint64_t every, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_entry *diagonal = NULL;
    struct tsgd_csr *w = NULL;
    uint32_t k = s->w->n;
    if (every <= 1)
        return TSGD_OK;
    TRY(TSGD_NEW(&diagonal, k, "--mix-every", err));
    TRY(TSGD_NEW(&w, s->period + 1, "--mix-every", err));
    for (uint32_t a = 0; a < k; a++)
        diagonal[a] = (struct tsgd_entry){a, a, 1};
    TRY(tsgd_csr_build(&w[s->period], k, diagonal, k, err));
    memcpy(w, s->w, s->period * sizeof *w);
    free(s->w);
    s->w = w;
    s->every = every;
    w = NULL;
done:
    free(w);
    free(diagonal);
    return st;
}
