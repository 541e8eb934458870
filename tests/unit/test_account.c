/* What workers spend their time on, over several ranks: what is lost to messages apart from what is
 * lost to uneven load, and the sums over all ranks, which every rank knows.                     */
#include "engine/account.h"
#include "over_ranks.h"
#include "sim/settings.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(account, .timeout = 120);

/* A wait from 100 to 200. */
static const struct { uint64_t sent, came, lost; const char *what; } ways[] = {
    {0, 0, 0, "for no message"},
    {20, 90, 0, "for one that was there before"},
    {20, 130, 30, "for one that was under way when it began"},
    {120, 200, 80, "for one that was sent during it"},
    {120, 170, 50, "for one after which it went on"},
    {50, 300, 100, "for one that was under way all the time"},
    {210, 250, 0, "for one of which the clocks say that it was sent afterwards"},
    {180, 150, 0, "for one that came before it was sent, as far as clocks can tell"},
};

Test(account, loses_to_a_message_what_of_a_wait_it_was_on_its_way)
{
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct tsgd_way way = {ways[i].sent, ways[i].came};
        cr_expect_eq(tsgd_lost_to_message(way, 100, 200), ways[i].lost, "%s", ways[i].what);
    }
}

/* Of 100 ns, so many of the CPU and so many asleep. */
static const struct { double cpu, asleep, ran, slept, taken; const char *what; } days[] = {
    {100, 0, 100, 0, 0, "it had a core all the time"},
    {0, 100, 0, 100, 0, "it slept all the time"},
    {60, 30, 60, 30, 10, "others took a tenth"},
    {10, 0, 10, 0, 90, "others took nearly all"},
    {95, 10, 95, 5, 0, "falling asleep has been counted twice"},
    {103, 10, 100, 0, 0, "the CPU's clock is ahead"},
    {0, 120, 0, 100, 0, "ticks are ahead"},
};

Test(account, a_worker_that_neither_ran_nor_slept_was_kept_from_its_cpu)
{
    for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
        double got[N_PRESENCES];
        tsgd_divide_presence(100, days[i].cpu, days[i].asleep, got);
        cr_expect(got[RAN] == days[i].ran && got[SLEPT] == days[i].slept &&
                  got[TAKEN] == days[i].taken, "%s: %g, %g, %g", days[i].what, got[RAN],
                  got[SLEPT], got[TAKEN]);
    }
}

static double presence(const struct tsgd_summary *s)
{
    return s->share_ran + s->share_slept + s->share_taken;
}

/* One worker never sleeps, and its gradients are work of the CPU. */
Test(account, a_single_worker_does_not_sleep)
{
    struct over_ranks got;
    struct tsgd_settings *s = settings_of("data=digits model=mlp:64 nodes=12 active=6 rounds=40 "
                                          "eval-every=20 threads=1");
    run_over_ranks(&got, s, 1, 0);
    const struct tsgd_summary *end = &got.end[0];
    cr_expect(end->share_slept == 0 && end->sleeps == 0 && end->share_ran > 0 &&
              end->share_taken >= 0 && fabs(presence(end) - 1) < 1e-9, "%g, %g, %g",
              end->share_ran, end->share_slept, end->share_taken);
}

static double sum(const struct tsgd_summary *s)
{
    return s->share_step + s->share_mix + s->share_eval + s->share_messages + s->share_wait +
           s->share_other;
}

/* Of momentum and teleports, so that rows travel which are private. */
static struct tsgd_settings *small(void)
{
    return settings_of("data=digits model=mlp:8 nodes=12 active=6 rounds=20 eval-every=7 threads=2 "
                       "momentum=0.9");
}

Test(account, of_one_rank_has_nothing_lost_to_messages)
{
    struct over_ranks got;
    run_over_ranks(&got, small(), 1, 0);
    cr_expect(got.end[0].share_messages == 0 && fabs(sum(&got.end[0]) - 1) < 1e-9);
    cr_expect_eq(got.workers[0], 2);
    cr_expect_eq(got.end[0].last.bytes_between_ranks, 0);
}

/* Every rank knows the workers of all, in the same order, and what they add up to. */
Test(account, over_ranks_is_of_the_workers_of_all_of_them)
{
    struct over_ranks got;
    for (uint32_t ranks = 2; ranks <= 4; ranks++) {
        run_over_ranks(&got, small(), ranks, 3);
        for (uint32_t r = 0; r < ranks; r++) {
            const struct tsgd_summary *end = &got.end[r];
            cr_expect(fabs(sum(end) - 1) < 1e-9, "rank %u of %u: shares sum to %g", r, ranks,
                      sum(end));
            cr_expect(fabs(presence(end) - 1) < 1e-9 && end->share_ran > 0 &&
                      end->share_ran == got.end[0].share_ran, "rank %u of %u: %g, %g, %g", r, ranks,
                      end->share_ran, end->share_slept, end->share_taken);
            cr_expect(end->share_step > 0 && end->share_messages > 0);
            cr_expect(end->share_messages == got.end[0].share_messages &&
                      end->share_wait == got.end[0].share_wait);
            cr_expect(end->steals == got.end[0].steals && end->sleeps == got.end[0].sleeps);
            cr_expect_eq(got.workers[r], 2 * ranks);
            cr_expect(!memcmp(got.worker[r], got.worker[0], 2 * ranks * sizeof *got.worker[0]));
        }
        for (uint32_t i = 0; i < 2 * ranks; i++) {
            const struct tsgd_worker_shares *w = &got.worker[0][i];
            double all = w->step + w->mix + w->eval + w->messages + w->wait + w->other;
            cr_expect(fabs(all - 1) < 1e-9, "worker %u of %u ranks: %g", i, ranks, all);
            cr_expect(fabs(w->ran + w->slept + w->taken - 1) < 1e-9 && w->ran > 0,
                      "worker %u of %u ranks: %g, %g, %g", i, ranks, w->ran, w->slept, w->taken);
        }
    }
}
