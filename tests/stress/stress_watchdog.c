/* tests/stress/stress_watchdog.c: a watchdog with the shortest slices looks at everything while the
 * run goes on and stands still by turns: now and then a gradient, a part or a block sleeps longer
 * than it takes the watchdog to speak. Every run must match the sequential simulator bit for bit,
 * and ThreadSanitizer must find nothing that it reads without right.
 *     stress_watchdog [RUNS]                                                                    */
#include "linalg/isa.h"
#include "method/method.h"
#include "scenario/rate.h"
#include "sim/sim.h"
#include "sim/toy.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct tsgd_problem_ops *toy_ops;
static _Atomic uint32_t calls, stalls, broken;

static void maybe_sleep(void)
{
    if (++calls % 64 == 0)
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

static double gradient(const struct tsgd_problem *p, uint32_t node, uint64_t b, const float *x,
                       float *grad, void *scratch)
{
    maybe_sleep();
    return toy_ops->gradient(p, node, b, x, grad, scratch);
}

static double part_gradient(const struct tsgd_problem *p, uint32_t node, uint64_t b, uint32_t part,
                            const float *x, float *grad, void *scratch)
{
    maybe_sleep();
    return toy_ops->part_gradient(p, node, b, part, x, grad, scratch);
}

static void evaluate(const struct tsgd_problem *p, uint32_t block, const float *x, void *scratch,
                     struct tsgd_measure *out)
{
    maybe_sleep();
    toy_ops->evaluate(p, block, x, scratch, out);
}

/* A text is a line that says what it is about, and lines of what stands still. */
static void on_stall(const char *text, void *user)
{
    bool moves = !strncmp(text, "it moves again, after ", 22);
    bool stands = !strncmp(text, "nothing has moved for ", 22) && strstr(text, "\n  worker ");
    (void)user;                         /* the simulator's collector */
    stalls += stands;
    broken += (!moves && !stands) || text[strlen(text) - 1] != '\n';
}

static bool never(const struct tsgd_eval *e) { return e->test_loss < 0; }

static int one(uint32_t i)
{
    static const char *const graphs[] = {"ring", "exp", "onepeer-exp", "complete", "alone"};
    uint32_t k = 2 + i % 7;
    struct toy toy = toy_make(60, k + 3);
    struct tsgd_problem_ops ops = *toy.problem.ops;
    struct tsgd_mixing mixing;
    struct tsgd_rate rate = {.eta = 0.1};
    float *init = toy_init(60);
    toy_ops = toy.problem.ops;
    ops.gradient = gradient;
    ops.part_gradient = part_gradient;
    ops.evaluate = evaluate;
    toy.problem.ops = &ops;
    toy.problem.parts = i % 3;
    if (tsgd_topology_build(&mixing, graphs[i % 5], k, 1, NULL))
        abort();
    struct tsgd_population p = {.k = k, .mixing = &mixing, .rounds = 30, .eval_every = 1 + i % 4,
                                .eta = tsgd_rate_step_size(&rate)};
    struct tsgd_engine_config c = {
        .problem = &toy.problem, .kernels = tsgd_isa_table(0), .population = &p,
        .n_populations = 1, .teleports = true, .local_steps = 1, .seed = i, .threads = 2 + i % 4,
        .init = init, .stall_seconds = 1e-6, .on_stall = on_stall,
    };
    if (tsgd_sgd_rule(&c.rule, i % 4 ? "token" : "node", 0.9, false, 1e-4, NULL))
        abort();
    alarm(120);
    int bad = sim_compare(graphs[i % 5], &c, (struct sim_end){0, i % 6 ? NULL : never});
    tsgd_mixing_release(&mixing);
    free(init);
    return bad;
}

int main(int argc, char **argv)
{
    uint32_t runs = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 40;
    int failed = 0;
    for (uint32_t i = 0; i < runs; i++)
        failed += one(i);
    failed += stalls == 0 || broken > 0;
    printf("stress_watchdog: %u runs, %u stalls told, %u texts broken, %d failed\n", runs, stalls,
           broken, failed);
    return failed != 0;
}
