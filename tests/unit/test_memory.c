/* A lack of memory is an error, never the end of the process: in a child, one allocation of a run's
 * life after the other finds no memory.                                                         */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "linalg/isa.h"
#include "run/replay.h"
#include "run/setup.h"
#include "run/split_view.h"
#include "topology/spectrum.h"
#include "sim/settings.h"
#include "telesgd.h"
#include "twin.h"

/* In place of the C library's, for all of this program and the libraries it loads. Sanitizers bring
 * their own.                                                                                    */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && defined(__GLIBC__)

static _Atomic long left = -1;      /* allocations until the one that fails; below 0: none does */

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *p, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

static bool fails(void)
{
    if (atomic_load_explicit(&left, memory_order_relaxed) < 0 || atomic_fetch_sub(&left, 1) != 0)
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t bytes) { return fails() ? NULL : __libc_malloc(bytes); }
void *calloc(size_t count, size_t bytes) { return fails() ? NULL : __libc_calloc(count, bytes); }
void *realloc(void *p, size_t bytes) { return fails() ? NULL : __libc_realloc(p, bytes); }

void *aligned_alloc(size_t alignment, size_t bytes)
{
    return fails() ? NULL : __libc_memalign(alignment, bytes);
}

int posix_memalign(void **out, size_t alignment, size_t bytes)
{
    void *p = fails() ? NULL : __libc_memalign(alignment, bytes);
    *out = p ? p : *out;
    return p ? 0 : ENOMEM;
}

enum { LIVED = 10, TOLD = 11, BROKEN = 12 };    /* what a child found */

/* What came of it, when memory was lacking or was not. */
static int judge(long n, enum tsgd_status st, const struct tsgd_error *err)
{
    bool reached = atomic_exchange(&left, -1) < 0;
    if (st != TSGD_OK && st != TSGD_ENOMEM)
        fprintf(stderr, "allocation %ld: %s\n", n, err->text);
    if (st == TSGD_OK)
        return reached ? TOLD : LIVED;
    return st == TSGD_ENOMEM && err->text[0] ? TOLD : BROKEN;
}

/* A run's life, in which allocation `n` from here on fails. */
static int life_of_run(const struct tsgd_settings *s, long n)
{
    struct tsgd_run *run = NULL;
    struct tsgd_error err = {.text = ""};
    struct tsgd_summary end;
    atomic_store(&left, n);
    enum tsgd_status st = tsgd_run_create(&run, s, &err);
    if (st == TSGD_OK) {
        st = tsgd_run_train(run, NULL, NULL, &end, &err);
        tsgd_run_free(run);
    } else if (run) {
        return BROKEN;
    }
    return judge(n, st, &err);
}

/* The same of one rank of three, up to where a training would begin. */
static int life_of_rank(const struct tsgd_settings *settings, long n)
{
    struct tsgd_transport transport = {.rank = 1, .ranks = 3};
    struct tsgd_settings *s = settings_with(settings, " ");
    struct tsgd_setup r = {.task = NULL};
    struct tsgd_error err = {.text = ""};
    s->transport = &transport;
    atomic_store(&left, n);
    enum tsgd_status st = tsgd_setup_init(&r, s, TSGD_FOR_TRAIN, &err);
    if (st == TSGD_OK)
        st = tsgd_setup_make(&r, NULL, &err);
    tsgd_setup_release(&r);
    return judge(n, st, &err);
}

/* The same of what telesgd split shows. */
static int life_of_view(const struct tsgd_settings *s, long n)
{
    struct tsgd_shelf *shelf = NULL;
    struct tsgd_split_view v = TSGD_SPLIT_VIEW_INIT;
    struct tsgd_split_stats stats;
    struct tsgd_error err = {.text = ""};
    atomic_store(&left, n);
    enum tsgd_status st = tsgd_shelf_create(&shelf, &err);
    if (st == TSGD_OK)
        st = tsgd_split_view_make(&v, shelf, s, &err);
    if (st == TSGD_OK)
        st = tsgd_split_view_stats(&v, &stats, &err);
    tsgd_split_view_release(&v);
    tsgd_shelf_free(shelf);
    return judge(n, st, &err);
}

/* The same of what telesgd report tells anew of a run. */
static int life_of_replay(const struct tsgd_settings *s, long n)
{
    struct tsgd_replay r;
    struct tsgd_error err = {.text = ""};
    double value[8];
    atomic_store(&left, n);
    enum tsgd_status st = tsgd_replay_init(&r, s, &err);
    if (st == TSGD_OK)
        st = tsgd_singular_values(value, r.mixing, 0, 1, &err);
    tsgd_replay_release(&r);
    return judge(n, st, &err);
}

/* From the first allocation to the last one that there is; each in a process of its own, so that no
 * library has got its memory already.                                                           */
static void every_allocation_fails(int (*life)(const struct tsgd_settings *s, long n),
                                   const struct tsgd_settings *s)
{
    for (long n = 0;; n++) {
        int status;
        pid_t child = fork();
        cr_assert(child >= 0);
        if (child == 0)
            _exit(life(s, n));
        cr_assert(waitpid(child, &status, 0) == child);
        cr_assert(WIFEXITED(status), "allocation %ld: signal %d", n, WTERMSIG(status));
        cr_assert(WEXITSTATUS(status) == TOLD || WEXITSTATUS(status) == LIVED,
                  "allocation %ld: status %d", n, WEXITSTATUS(status));
        if (WEXITSTATUS(status) == LIVED) {
            cr_assert(n > 20, "only %ld allocations", n);
            return;
        }
    }
}

#define SMALL "nodes=4 active=2 rounds=2 lr=0.01 threads=2 "

Test(memory, each_allocation_of_a_pinned_run_may_fail, .timeout = 240)
{
    every_allocation_fails(life_of_run, settings_of(SMALL "model=quadratic pin=true"));
}

Test(memory, each_allocation_of_a_network_may_fail, .timeout = 240)
{
    every_allocation_fails(life_of_run, settings_of(SMALL "model=lenet data=blobs:200,1x16x16,10"));
}

static double one(const struct tsgd_call *call, const float *x, float *grad, void *user)
{
    (void)call, (void)x, (void)grad, (void)user;
    return 1;
}

Test(memory, each_allocation_of_an_objective_may_fail, .timeout = 240)
{
    const struct tsgd_objective o = {.size = sizeof o, .name = "one", .dim = 2, .nodes = 4,
                                     .gradient = one};
    struct tsgd_settings *s = settings_of("active=2 rounds=2 threads=2");
    cr_assert(tsgd_settings_set_objective(s, &o, NULL) == TSGD_OK);
    every_allocation_fails(life_of_run, s);
}

Test(memory, each_allocation_of_one_rank_of_several_may_fail, .timeout = 240)
{
    every_allocation_fails(life_of_rank, settings_of(SMALL "model=logistic data=digits "
                                                     "validation=0.2 normalize=data "
                                                     "partition=dirichlet:9"));
    every_allocation_fails(life_of_rank, settings_of(SMALL "model=logistic data=blobs:200,16,4"));
}

Test(memory, each_allocation_of_a_view_of_a_split_may_fail, .timeout = 240)
{
    every_allocation_fails(life_of_view,
                           settings_of("data=blobs:200,1x16x16,10 nodes=4 validation=0.2 "
                                       "partition=dirichlet:1"));
}

Test(memory, each_allocation_of_a_replay_may_fail, .timeout = 240)
{
    every_allocation_fails(life_of_replay, settings_of(SMALL "model=quadratic availability=0.5"));
}

ParameterizedTestParameters(memory, each_allocation_with_large_products_may_fail)
{
    return twin_rows(twin_isas());
}

/* Beyond 2^27 multiply-adds, where BLIS would take memory from its pool. */
ParameterizedTest(size_t *row, memory, each_allocation_with_large_products_may_fail,
                  .timeout = 1200)
{
    every_allocation_fails(life_of_run,
                           settings_of("model=mlp:520 data=blobs:1100,1x20x26,10 nodes=1 active=1 "
                                       "rounds=1 lr=0.01 batch=512 step-parts=1 threads=1 isa=%s",
                                       tsgd_isa_table(*row)->isa));
}

#endif
