#include "engine/turn.h"

/* What others take of a task for a shorter time is not worth leaving. Who leaves and is back sooner
 * than EMPTY_NS was alone. A worker shares its core from the second cut within SOON_NS on, for now
 * and then the system needs any core for a moment.                                              */
enum { WORTH_NS = 500000, EMPTY_NS = 50000, SOON_NS = 50000000 };

void tsgd_turn_init(struct turn *t, const struct tsgd_clocks *now)
{
    *t = (struct turn){.leave_at = UINT64_MAX, .begun = now->ticks, .clocks = *now};
}

/* What others had of the worker's core since the clocks were last read. */
static double taken(const struct turn *t, const struct tsgd_clocks *now, double ns)
{
    double all = (double)(now->ns - t->clocks.ns);
    return all - (double)(now->cpu_ns - t->clocks.cpu_ns) -
           ns * (double)(now->idle - t->clocks.idle + t->left);
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

void tsgd_turn_long(struct turn *t, uint64_t begin, uint64_t end, const struct tsgd_clocks *now)
{
    double ns = (double)(now->ns - t->clocks.ns) / (double)(now->ticks - t->clocks.ticks);
    double took = ns * (double)(end - begin), away = taken(t, now, ns);
    if (took < WORTH_NS || away < took / 2) {
        t->usual = end - begin;
        return;
    }
    learn(t, begin - t->begun, (uint64_t)(away / ns));
    t->shares |= begin < t->until;
    t->clocks = *now;
    t->left = 0;
    t->calm = 0;
    t->until = end + (uint64_t)(SOON_NS / ns);
    tsgd_turn_begin(t, end);
}

void tsgd_turn_left(struct turn *t, uint64_t then, uint64_t now, uint64_t ns)
{
    t->left += now - then;
    if (ns < EMPTY_NS && (t->refused == 0 || then - t->refused < t->length)) {
        t->refused = t->refused ? t->refused : then;
        t->leave_at = now;
        return;
    }
    t->leaves = t->shares = ns >= EMPTY_NS;
    /* The longer nothing was cut, the faster: so a turn that has become longer is found out soon,
     * and one that has not is overstepped seldom.                                               */
    if (t->shares && t->calm < UINT16_MAX)
        t->length += t->usual * ++t->calm / 1024;
    tsgd_turn_begin(t, now);
}

void tsgd_turn_stay(struct turn *t, uint64_t now)
{
    t->leaves = false;
    t->shares = now < t->until;
    t->leave_at = t->shares ? now + t->length : UINT64_MAX;
}
