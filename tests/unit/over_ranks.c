#include "over_ranks.h"

#include "run/settings.h"
#include "sim/settings.h"
#include "sim/within.h"

#include <criterion/criterion.h>
#include <pthread.h>

struct member {
    struct over_ranks *all;
    struct tsgd_settings *s;
    uint32_t rank;
};

static void *run_one(void *arg)
{
    const struct member *m = arg;
    struct over_ranks *all = m->all;
    struct tsgd_error err;
    struct tsgd_run *run;
    uint64_t i = 0;
    cr_assert(tsgd_run_create(&run, m->s, &err) == TSGD_OK, "rank %u: %s", m->rank, err.text);
    cr_assert(tsgd_run_train(run, NULL, NULL, &all->end[m->rank], &err) == TSGD_OK, "rank %u: %s",
              m->rank, err.text);
    if (m->s->trace)
        cr_assert(tsgd_run_save_trace(run, &all->traced[m->rank], &err) == TSGD_OK, "rank %u: %s",
                  m->rank, err.text);
    while (i < 32 && tsgd_run_worker_shares(run, i, &all->worker[m->rank][i], NULL) == TSGD_OK)
        i++;
    all->workers[m->rank] = i;
    tsgd_run_free(run);
    return NULL;
}

void run_over_ranks(struct over_ranks *out, const struct tsgd_settings *s, uint32_t ranks,
                    uint32_t late)
{
    struct within *world = within_create(ranks, 11, late);
    struct member member[OVER_MOST_RANKS];
    pthread_t thread[OVER_MOST_RANKS];
    cr_assert(ranks <= OVER_MOST_RANKS);
    *out = (struct over_ranks){.workers = {0}};
    for (uint32_t r = 0; r < ranks; r++) {
        member[r] = (struct member){out, settings_with(s, "%s", ""), r};
        if (ranks > 1)
            member[r].s->transport = within_rank(world, r);
        cr_assert(pthread_create(&thread[r], NULL, run_one, &member[r]) == 0);
    }
    for (uint32_t r = 0; r < ranks; r++)
        pthread_join(thread[r], NULL);
    cr_expect(within_is_empty(world));
    within_free(world);
}
