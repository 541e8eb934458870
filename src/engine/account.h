/* engine/account.h: what the workers of all ranks have spent their time on, when the run is over.
 * Ownership: init and begin take, release gives back. Threads: one, before and after the run.   */
#ifndef TSGD_ENGINE_ACCOUNT_H
#define TSGD_ENGINE_ACCOUNT_H

#include "engine/state.h"
#include "engine/worker.h"

/* How much of a wait, from `begin` to `end`, the message was on its way for which it was. Before,
 * nobody had sent it: then others had more to do, and that is uneven load.                      */
static inline uint64_t tsgd_lost_to_message(struct tsgd_way way, uint64_t begin, uint64_t end)
{
    uint64_t from = way.sent > begin ? way.sent : begin, to = way.came < end ? way.came : end;
    return to > from ? to - from : 0;
}

/* Where a worker was during its time. TAKEN: neither running nor asleep; the system gave its CPU to
 * others, or let it wait for memory or a file.                                                  */
enum presence { RAN, SLEPT, TAKEN, N_PRESENCES };

/* Divides so much time. Clocks differ a little, and going to sleep takes time of the CPU too, so
 * that more may have been counted than there was: then the CPU's time counts, and less of sleep. */
static inline void tsgd_divide_presence(double ns, double cpu_ns, double asleep_ns,
                                        double out[N_PRESENCES])
{
    out[RAN] = cpu_ns < ns ? cpu_ns : ns;
    out[SLEPT] = asleep_ns < ns - out[RAN] ? asleep_ns : ns - out[RAN];
    out[TAKEN] = ns - out[RAN] - out[SLEPT];
}

/* Of one worker. */
struct spending {
    double ns[N_TIMES];
    double presence[N_PRESENCES];       /* ns, of the same time */
    uint64_t steals, sleeps;
};

struct account {
    uint32_t workers;           /* of all ranks */
    uint32_t room;              /* of each rank, when tokens are spread: the most that one has */
    uint32_t *of_rank;          /* [ranks] how many workers each has, when tokens are spread */
    struct spending *worker;    /* [workers] rank by rank */
    struct tsgd_holding holding;
};

/* Takes what a run on one rank needs. TSGD_ENOMEM. */
enum tsgd_status tsgd_account_init(struct account *a, const struct state *s,
                                   struct tsgd_error *err);
void tsgd_account_release(struct account *a);

/* When tokens are spread, all ranks call both of these together, before the run and after it: how
 * many workers there are; and what this rank's have spent, told to all. TSGD_ENOMEM.            */
enum tsgd_status tsgd_account_begin(struct account *a, const struct state *s,
                                    struct tsgd_error *err);
void tsgd_account_settle(struct account *a, const struct state *s, const struct worker *worker,
                         double tick_ns);

#endif
