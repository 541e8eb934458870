/* tests/stress/stress_sleep.c: lost wake-ups. Steps that last nanoseconds, or sleep longer than a
 * worker waits awake, and workers without patience, so that they fall asleep all the time and
 * each depends on another to wake it. A worker that is never woken is a hang: a watchdog ends the
 * program with SIGALRM. The result must also be that of one thread, and where workers must fall
 * asleep, they did.
 *     stress_sleep [SECONDS]                                                                    */
#include "base/clock.h"
#include "linalg/isa.h"
#include "sim/sim.h"
#include "sim/toy.h"
#include "method/sgd.h"
#include "scenario/rate.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct end {
    uint64_t hash, sleeps;
};

static struct end train(const char *topology, uint32_t k, uint32_t threads, uint32_t patience,
                        uint64_t rounds, long sleep_ns, bool slices, uint32_t parts)
{
    struct tsgd_mixing w = TSGD_MIXING_INIT;
    struct tsgd_rule l;
    struct toy toy = toy_make(4, k + 3);
    float *init = toy_init(4);
    struct sim_log *log = calloc(1, sizeof *log);
    struct tsgd_outcome outcome;
    if (tsgd_topology_build(&w, topology, k, 0, NULL) ||
        tsgd_sgd_rule(&l, "token", 0, false, 0, NULL))
        abort();
    toy.sleep_ns = sleep_ns;
    toy.problem.parts = parts;
    struct tsgd_population p = {
        .k = k, .mixing = &w, .eta = tsgd_rate_step_size(&(struct tsgd_rate){.eta = 0.1}),
        .rounds = rounds, .eval_every = rounds / 3 + 1,
    };
    struct tsgd_engine_config c = {
        .problem = &toy.problem, .kernels = tsgd_isa_table(0),
        .population = &p, .n_populations = 1, .teleports = true,
        .rule = l, .local_steps = 1, .seed = 5, .threads = threads, .patience = patience,
        .init = init,
        .gossip = slices ? TSGD_GOSSIP_SLICES : TSGD_GOSSIP_ROWS,
    };
    alarm(60);
    sim_engine(&c, (struct sim_end){0}, log, &outcome);
    struct end end = {log->eval[log->n - 1].state_hash, outcome.sleeps};
    sim_log_release(log);
    free(log);
    free(init);
    tsgd_mixing_release(&w);
    return end;
}

int main(int argc, char **argv)
{
    static const char *const topologies[] = {"ring", "onepeer-exp", "complete", "exp"};
    static const uint32_t threads[] = {2, 3, 8, 24}, patience[] = {1, 2, 0, 17};
    uint64_t sleeps = 0, end = tsgd_now_ns() + (uint64_t)((argc > 1 ? atof(argv[1]) : 10) * 1e9);
    int runs = 0, failed = 0, slept = 0;
    for (int i = 0; tsgd_now_ns() < end || runs < 8; i++, runs++) {
        /* Two tokens that need each other, one for each worker, sleep soonest and most often. */
        uint32_t k = i % 2 == 0 ? 2 : i % 5 == 4 ? 24 : 2 + (uint32_t)i % 4;
        long sleep_ns = i % 6 >= 4 ? 20000 : 0;     /* a step that needs no core */
        uint64_t rounds = sleep_ns ? 100 : 20000 / k;
        uint32_t parts = 1 + (uint32_t)i / 2 % 3;
        const char *t = topologies[i % 4];
        bool slices = i / 4 % 2;
        uint32_t n = threads[i / 2 % 4], looks = i % 2 == 0 ? 1 : patience[i / 3 % 4];
        struct end want = train(t, k, 1, 0, rounds, 0, !slices, parts);
        struct end got = train(t, k, n, looks, rounds, sleep_ns, slices, parts);
        /* Two tokens need each other in every round, and their steps last longer than a look: the
         * worker that ends its step first finds nothing to do.                                  */
        bool must_sleep = k == 2 && sleep_ns > 0 && looks == 1;
        if (want.hash != got.hash || (must_sleep && got.sleeps == 0)) {
            printf("FAIL %s k=%u threads=%u slices=%d: %s\n", t, k, n, slices,
                   want.hash != got.hash ? "other bits" : "nobody slept");
            failed++;
        }
        sleeps += got.sleeps;
        slept += must_sleep;
    }
    if (slept == 0) {
        printf("FAIL no setting in which workers must sleep\n");
        failed++;
    }
    printf("stress_sleep: %llu sleeps\n", (unsigned long long)sleeps);
    printf("stress_sleep: %d passed, %d failed\n", runs - failed, failed);
    return failed != 0;
}
