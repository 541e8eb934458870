/* tests/stress/stress_objective.c: an objective of a caller's own, called from all sides: several
 * runs at a time share it, each with more threads than cores. Its callbacks write all of their
 * scratch with plain stores, so that ThreadSanitizer tells of two threads that were handed the
 * same, and look whether it stays as they wrote it. Every run must have the evaluations that it has
 * alone with one thread.
 *     stress_objective [ROUNDS]                                                                 */
#include "base/hash.h"
#include "sim/settings.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DIM = 40, NODES = 30, SCRATCH = 640, RUNS = 3 };

static _Atomic unsigned torn;

/* Fills the scratch with draws of the call, gives way, and sees that they are still there. */
static double work(const struct tsgd_call *c)
{
    float *z = c->scratch;
    tsgd_random_normals(c->random, z, SCRATCH / sizeof *z);
    uint64_t before = tsgd_hash(z, SCRATCH);
    if (before % 8 == 0)
        sched_yield();
    if (tsgd_hash(z, SCRATCH) != before)
        atomic_fetch_add(&torn, 1);
    return (double)z[c->visit % 160];
}

static double gradient(const struct tsgd_call *c, const float *x, float *grad, void *user)
{
    const float *target = user;
    double noise = work(c), loss = 0;
    for (int j = 0; j < DIM; j++) {
        grad[j] = x[j] - target[c->node] + 0.1f * (float)noise;
        loss += (double)grad[j] * (double)grad[j];
    }
    return loss;
}

static void evaluate(const struct tsgd_call *c, const float *x, double *value, void *user)
{
    (void)user;
    value[0] = (double)x[c->block] + work(c);
    value[1] = (double)(x[c->block] * x[c->block]);
}

static uint32_t samples(uint32_t node, uint64_t visit, void *user)
{
    (void)user;
    return (node + (uint32_t)visit) % 7;
}

/* What all evaluations of a run hash to, wall time aside. */
struct course {
    const struct tsgd_settings *s;
    uint64_t hash, evals;
};

static bool note(const struct tsgd_eval *eval, void *user)
{
    struct course *c = user;
    struct tsgd_eval e = *eval;
    e.wall_seconds = (double)c->hash;
    c->hash = tsgd_hash(&e, sizeof e);
    c->evals++;
    return false;
}

static void *train(void *course)
{
    struct course *c = course;
    struct tsgd_run *run;
    struct tsgd_error err;
    c->hash = c->evals = 0;
    if (tsgd_run_create(&run, c->s, &err) || tsgd_run_train(run, note, c, NULL, &err)) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    tsgd_run_free(run);
    return NULL;
}

/* RUNS at a time, each by so many threads. */
static int crowd(const struct tsgd_settings *s, const struct course *alone, unsigned threads)
{
    struct course c[RUNS];
    pthread_t thread[RUNS];
    int bad = 0;
    for (unsigned i = 0; i < RUNS; i++) {
        c[i].s = settings_with(s, "threads=%u gossip=%s", threads + i, i % 2 ? "rows" : "slices");
        if (pthread_create(&thread[i], NULL, train, &c[i]))
            abort();
    }
    for (unsigned i = 0; i < RUNS; i++) {
        pthread_join(thread[i], NULL);
        if (c[i].hash == alone->hash && c[i].evals == alone->evals)
            continue;
        bad++;
        printf("FAIL %s, %u threads: other evaluations than alone\n",
               tsgd_settings_get(s, "method"), threads + i);
    }
    return bad;
}

int main(int argc, char **argv)
{
    static const char *const ways[] = {
        "method=teleport active=12 topology=exp eval=tokens",
        "method=teleport active=7 availability=0.6 local-steps=3 link-seconds=1",
        "method=dsgd topology=ring mix-every=2 final-average=true",
        "method=momentum-tracking momentum=0.5",
    };
    static const struct tsgd_objective_metric metrics[] = {{"drawn", false}, {"square", true}};
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 60, trained = 0;
    float target[NODES];
    int bad = 0;
    for (int i = 0; i < NODES; i++)
        target[i] = (float)i;
    const struct tsgd_objective o = {
        .size = sizeof o, .name = "crowd", .dim = DIM, .nodes = NODES, .blocks = DIM,
        .scratch_bytes = SCRATCH, .user = target, .gradient = gradient, .samples = samples,
        .evaluate = evaluate, .metrics = metrics, .n_metrics = 2,
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct tsgd_settings *s = settings_of("%s rounds=%u eval-every=3 lr=0.05 threads=1",
                                              ways[i], rounds);
        struct course alone = {.s = s};
        if (tsgd_settings_set_objective(s, &o, NULL))
            abort();
        alarm(120);                     /* a run that hangs ends the program by SIGALRM */
        train(&alone);
        for (unsigned threads = 2; threads <= 8; threads += 3, trained += RUNS)
            bad += crowd(s, &alone, threads);
    }
    if (torn)
        printf("FAIL %u times a scratch was written by another thread\n", torn);
    bad += torn > 0;
    printf("stress_objective: %u passed, %d failed\n", trained - (unsigned)bad, bad);
    return bad != 0;
}
