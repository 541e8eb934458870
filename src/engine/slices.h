/* engine/slices.h: gossip of a whole population at once. Its rows are mixed where they stand, cut
 * into slices of coordinates that any worker claims; each float is read once and written once,
 * whatever the degree. Slices are counted through all rounds in which tokens mix: slice b of the
 * round that comes after `turns` such rounds is turns * slices + b.
 *
 * A row stays in one place, and x^t, its half-step and x^{t+1} follow each other there. In place of
 * the tokens' mixes, R1 and R2:
 *     R6  slice of round t: every token of the population shows 2t+1 and is free: all half-steps
 *         are there.
 * In a round in which tokens mix, no token of the population is mixed alone, so none leaves 2t+1
 * before all have come to it and the slices of round t are mixed; hence
 *     L1  While slices of round t are mixed, nobody else reads or writes these rows: a step or a
 *         fold of x^t came before 2t+1 (R3), those of x^{t+1} ask for 2t+2.
 *     L2  Slices are coordinates: two of them share no float. Each is handed out once, by the
 *         compare-and-swap on next_slice, which also tells old looks from new ones.
 *     L3  The words belong to whoever finishes the last slice: it alone moves them, from (2t+1,
 *         free) to (2t+2, free), once slices_done has counted all; a claim asks for another phase.
 *         So S1.
 *     L4  A slice of a later round asks for 2t+3 or more of all, hence comes after every 2t+2, when
 *         slices_done is 0 again and the plan slot of round t was read for the last time (R5).
 *
 * Ownership: init takes, release gives back.                                                    */
#ifndef TSGD_ENGINE_SLICES_H
#define TSGD_ENGINE_SLICES_H

#include "engine/visit.h"
#include "linalg/mix.h"

struct sliced_pop {
    uint32_t slices;            /* of one round */
    size_t slice_floats;        /* coordinates of a slice; the last one may have fewer */
    struct tsgd_mix_plan *plan; /* [period] of the mixing matrices */
    alignas(128) _Atomic uint64_t next_slice;   /* turns * slices + b: slices handed out */
    _Atomic uint32_t behind;    /* a token that was not there at the last look (R6) */
    alignas(128) _Atomic uint32_t slices_done;  /* of the round under way */
};

struct slices {
    struct state *s;
    struct planner *planner;
    const struct visits *visits;
    struct sliced_pop *pop;     /* NULL: gossip goes by rows */
    struct tsgd_holding holding;
};

/* Borrows the others; takes nothing where gossip goes by rows. With a holding that counts, only
 * what it would take. TSGD_ENOMEM.                                                              */
enum tsgd_status tsgd_slices_init(struct slices *l, struct state *s, struct planner *planner,
                                  const struct visits *visits, struct tsgd_error *err);
void tsgd_slices_release(struct slices *l);

/* Floats of a worker's strip, in which slices are mixed; 0 where gossip goes by rows. */
size_t tsgd_slices_strip(const struct state *s);

/* The task; run requires a claim. */
bool tsgd_slice_ready(struct slices *l, uint32_t q, uint64_t slice);
bool tsgd_slice_waits(struct slices *l, uint32_t q, uint64_t slice, struct waits *waits);
bool tsgd_slice_claim(struct slices *l, uint32_t q, uint64_t slice);
void tsgd_slice_run(struct slices *l, struct worker *w, uint32_t q, uint64_t slice);

#endif
