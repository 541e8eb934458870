#include "run/replay.h"

enum tsgd_status tsgd_replay_init(struct tsgd_replay *r, const struct tsgd_settings *settings,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_setup *setup = &r->setup;
    *r = (struct tsgd_replay)TSGD_REPLAY_INIT;
    TRY(tsgd_setup_init(setup, settings, TSGD_FOR_TRAIN, err));
    TRY(tsgd_setup_make_scene(setup, err));
    TRY(tsgd_setup_mixing(setup, setup->tokens, &r->mixing, err));
    r->holders = (struct tsgd_holders){
        .nodes = (uint32_t)setup->s->nodes, .tokens = (uint32_t)setup->tokens,
        .teleports = setup->teleports, .seed = setup->s->seed,
        .presence = tsgd_churn_presence(&setup->churn),
    };
    TRY(tsgd_holders_init(&r->holders, &r->holding, err));
done:
    return st;
}

void tsgd_replay_round(struct tsgd_replay *r, uint64_t t, uint32_t *node)
{
    tsgd_holders_begin(&r->holders, t);
    tsgd_holders_next(&r->holders, 0, r->holders.tokens, node);
    tsgd_holders_end(&r->holders);
}

void tsgd_replay_release(struct tsgd_replay *r)
{
    tsgd_holding_release(&r->holding);
    tsgd_setup_release(&r->setup);
    *r = (struct tsgd_replay)TSGD_REPLAY_INIT;
}
