/* run/replay.h: what the settings of a run tell of it without its data and without training: by
 * which matrices its tokens mixed, and which node held which token in a round. Both are functions
 * of the settings, seed included, so they need not be logged.
 * Ownership: whoever inits it releases it; it must not be moved in between. One thread.          */
#ifndef TSGD_RUN_REPLAY_H
#define TSGD_RUN_REPLAY_H

#include "engine/holders.h"
#include "run/setup.h"

struct tsgd_replay {
    struct tsgd_setup setup;
    const struct tsgd_mixing *mixing;   /* belongs to the setup */
    struct tsgd_holders holders;
    struct tsgd_holding holding;
};
#define TSGD_REPLAY_INIT {.mixing = NULL}

/* Of `telesgd train`. Release it either way. TSGD_EINVAL: no such run; TSGD_EIO, TSGD_EFORMAT: the
 * file of a topology or of --availability-trace; TSGD_ENOMEM.                                   */
enum tsgd_status tsgd_replay_init(struct tsgd_replay *r, const struct tsgd_settings *settings,
                                  struct tsgd_error *err);
void tsgd_replay_release(struct tsgd_replay *r);

/* Into node[setup.tokens] who holds each token in round t, or TSGD_AWAY: it sits the round out. */
void tsgd_replay_round(struct tsgd_replay *r, uint64_t t, uint32_t *node);

#endif
