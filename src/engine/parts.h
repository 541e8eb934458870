/* engine/parts.h: the engine, put together from its parts, which engine/state.h lists. */
#ifndef TSGD_ENGINE_PARTS_H
#define TSGD_ENGINE_PARTS_H

#include "engine/account.h"
#include "engine/checkpoint.h"
#include "engine/mail.h"
#include "engine/slices.h"
#include "engine/start.h"
#include "engine/threads.h"
#include "engine/tokens.h"
#include "engine/watchdog.h"

struct tsgd_engine {
    struct state state;
    struct evaluation evaluation;
    struct checkpoint checkpoint;
    struct planner planner;
    struct mail mail;
    struct visits visits;
    struct teams teams;
    struct slices slices;
    struct tokens tokens;
    struct start start;
    struct threads threads;
    struct watchdog watchdog;
    struct worker writer;       /* as whom the writer of checkpoints looks at the network */
    struct account account;
};

#endif
