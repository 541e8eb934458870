/* Machines that lack something: one CPU, few CPUs for many threads, no huge pages. The bits are the
 * simulator's all the same, and nobody waits for ever.                                          */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cpu.h"
#include "linalg/isa.h"
#include "method/method.h"
#include "scenario/rate.h"
#include "sim/sim.h"
#include "sim/toy.h"

/* This process, and the threads that it starts from now on, have the first n of its CPUs. */
static bool keep_cpus(int n)
{
    cpu_set_t all, few;
    CPU_ZERO(&few);
    cr_assert(sched_getaffinity(0, sizeof all, &all) == 0);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&few) < n; cpu++)
        if (CPU_ISSET((size_t)cpu, &all))
            CPU_SET((size_t)cpu, &few);
    if (CPU_COUNT(&few) < n)
        return false;
    cr_assert(sched_setaffinity(0, sizeof few, &few) == 0);
    cr_assert(tsgd_cpu_count() == (size_t)n);
    return true;
}

static void expect_bits(const char *topology, uint32_t k, uint32_t threads, size_t dim,
                        uint32_t parts, bool pin)
{
    struct tsgd_mixing mixing;
    struct tsgd_rate rate = {.eta = 0.1};
    struct toy toy = toy_make(dim, k + 5);
    float *init = toy_init(dim);
    cr_assert(tsgd_topology_build(&mixing, topology, k, 1, NULL) == TSGD_OK);
    toy.problem.parts = parts;
    struct tsgd_population p = {.k = k, .mixing = &mixing, .eta = tsgd_rate_step_size(&rate),
                                .rounds = 40, .eval_every = 3, .eval_at_start = true};
    struct tsgd_engine_config c = {
        .problem = &toy.problem, .kernels = tsgd_isa_table(0), .population = &p,
        .n_populations = 1, .teleports = true, .local_steps = 1, .seed = 9, .threads = threads,
        .pin = pin, .eval_tokens = k % 2, .init = init,
    };
    cr_assert(tsgd_sgd_rule(&c.rule, threads % 3 ? "token" : "node", 0.9, false, 1e-4, NULL) ==
              TSGD_OK);
    cr_expect(sim_compare(topology, &c, (struct sim_end){0}) == 0, "%s k=%u threads=%u parts=%u",
              topology, k, threads, parts);
    tsgd_mixing_release(&mixing);
    free(init);
}

static void expect_bits_of_all(uint32_t threads, bool pin)
{
    static const char *const graphs[] = {"ring", "exp", "onepeer-exp", "alone"};
    for (uint32_t i = 0; i < 4; i++)
        for (uint32_t k = 3; k <= 18; k += 5)
            expect_bits(graphs[i], k, threads, 50, i % 3, pin);
}

Test(scarce, two_to_sixteen_threads_on_one_cpu, .timeout = 300)
{
    cr_assert(keep_cpus(1));
    for (uint32_t threads = 2; threads <= 16; threads++)
        expect_bits_of_all(threads, threads % 4 == 0);
}

Test(scarce, sixteen_threads_on_two_cpus, .timeout = 300)
{
    if (!keep_cpus(2))
        cr_skip_test("one CPU alone");
    for (int i = 0; i < 4; i++)
        expect_bits_of_all(16, i % 2);
}

/* The kernel refuses the advice from now on, in this process. */
static void refuse_advice(void)
{
    struct sock_filter f[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof f / sizeof *f, .filter = f};
    cr_assert(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    cr_assert(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
    void *p = mmap(NULL, 1 << 22, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert(p != MAP_FAILED);
    cr_assert(madvise(p, 1 << 22, MADV_HUGEPAGE) == -1 && errno == EINVAL);
    munmap(p, 1 << 22);
}

/* Rows of several huge pages, had there been any. */
Test(scarce, no_huge_pages, .timeout = 300)
{
    cr_assert(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0);
    expect_bits("ring", 3, 2, 600000, 0, false);
    refuse_advice();
    expect_bits("ring", 3, 2, 600000, 0, false);
    expect_bits("exp", 5, 3, 70000, 3, true);
}
