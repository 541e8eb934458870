#include "engine/turn.h"

/* What others take of a task for a shorter time is not worth leaving. Who leaves and is back sooner
 * than EMPTY_NS was alone. A worker shares its core from the second cut within SOON_NS on, for now
 * and then the system needs any core for a moment. Clocks that count at different rates would pass
 * for others' time if they were compared over longer than READ_NS.                              */
enum { WORTH_NS = 500000, EMPTY_NS = 50000, SOON_NS = 50000000, READ_NS = 200000000 };

static void begin(struct turn *t, uint64_t now)
{
    t->begun = now;
    t->refused = 0;
    t->leave_at = t->shares ? now + t->length : UINT64_MAX;
}

static double ns_of_tick(const struct turn *t, const struct tsgd_clocks *now)
{
    return (double)(now->ns - t->clocks.ns) / (double)(now->ticks - t->clocks.ticks);
}

/* Before anything is known of the clock's rate, every task is a long one. */
static void take(struct turn *t, const struct tsgd_clocks *now)
{
    if (now->ticks > t->clocks.ticks && now->ns > t->clocks.ns) {
        double ns = ns_of_tick(t, now);
        t->worth = (uint64_t)(WORTH_NS / ns);
        t->read_at = now->ticks + (uint64_t)(READ_NS / ns);
    }
    t->clocks = *now;
}

void tsgd_turn_init(struct turn *t, const struct tsgd_clocks *now)
{
    *t = (struct turn){.leave_at = UINT64_MAX, .begun = now->ticks, .clocks = *now};
}

/* A task that began so long after its turn was cut, by others who had the core for `away`. Their
 * turns are the first guess at its own. A turn that is shorter by much may be chance, so its length
 * is taken back by an eighth at most.                                                           */
static void learn(struct turn *t, uint64_t after, uint64_t away)
{
    uint64_t least = t->length - t->length / 8;
    if (t->length == 0)
        t->length = away > t->usual ? away - t->usual : 0;
    else if (t->shares && after < t->length + t->usual / 4)
        t->length = after > least + t->usual / 4 ? after - t->usual / 4 : least;
    if (t->length < 2 * t->usual)
        t->length = 2 * t->usual;
}

static void cut(struct turn *t, uint64_t from, uint64_t end, uint64_t away)
{
    learn(t, from - t->begun, away);
    t->shares |= from < t->until;
    t->calm = 0;
    t->until = end + SOON_NS / WORTH_NS * t->worth;
    begin(t, end);
}

void tsgd_turn_read(struct turn *t, uint64_t from, uint64_t end, const struct tsgd_clocks *now)
{
    bool known = t->worth != 0, is_long = tsgd_turn_is_long(t, from, end);
    uint64_t took = end - from;
    double others = (double)(now->ns - t->clocks.ns) - (double)(now->cpu_ns - t->clocks.cpu_ns);
    double away = now->ticks > t->clocks.ticks ? others / ns_of_tick(t, now) : 0;
    take(t, now);
    if (!known)
        t->usual = took;
    else if (is_long && away > (double)took / 2)
        cut(t, from, end, away < (double)took ? (uint64_t)away : took);
    else if (took > t->usual)
        t->usual += t->usual / 16 + 1;
}

void tsgd_turn_left(struct turn *t, uint64_t then, const struct tsgd_clocks *now)
{
    take(t, now);
    bool empty = now->ticks - then < t->worth / (WORTH_NS / EMPTY_NS);
    if (empty && (t->refused == 0 || then - t->refused < t->length)) {
        t->refused = t->refused ? t->refused : then;
        t->leave_at = now->ticks;
        return;
    }
    t->leaves = t->shares = !empty;
    if (t->shares)
        t->until = now->ticks + SOON_NS / WORTH_NS * t->worth;
    /* The longer nothing was cut, the faster: so a turn that has become longer is found out soon,
     * and one that has not is overstepped seldom.                                               */
    t->calm += t->calm < UINT16_MAX;
    if (t->shares)
        t->length += t->usual * t->calm / 1024;
    begin(t, now->ticks);
}

/* Whether the core is shared is not known for ever. */
static void forget(struct turn *t, uint64_t now)
{
    t->shares &= now < t->until;
    t->leaves &= t->shares;
}

void tsgd_turn_stay(struct turn *t, uint64_t now)
{
    t->leaves = false;
    forget(t, now);
    t->leave_at = t->shares ? now + t->length : UINT64_MAX;
}

void tsgd_turn_slept(struct turn *t, const struct tsgd_clocks *now)
{
    take(t, now);
    forget(t, now->ticks);
    begin(t, now->ticks);
}

void tsgd_turn_waited(struct turn *t, uint64_t now)
{
    if (now >= t->leave_at && !t->refused)
        begin(t, now);
}
