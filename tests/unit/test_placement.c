/* Which CPUs there are, on machines that hwloc imagines, and which worker runs on which. */
#include <criterion/criterion.h>
#include <sched.h>
#include <stdlib.h>

#include "base/cpu.h"
#include "engine/placement.h"
#include "sim/settings.h"
#include "telesgd.h"

static struct tsgd_machine machine(const char *synthetic)
{
    struct tsgd_machine m;
    if (synthetic)
        setenv("HWLOC_SYNTHETIC", synthetic, 1);
    cr_assert(tsgd_machine_init(&m, NULL) == TSGD_OK);
    return m;
}

/* Each test runs in a process of its own, so HWLOC_SYNTHETIC stays its own too. */
static const char two_domains[] = "numa:2 l3:2 core:2 pu:2";

Test(placement, this_machine_has_the_cpus_of_the_affinity_mask)
{
    struct tsgd_machine m = machine(NULL);
    cr_expect(m.n == tsgd_cpu_count());
    for (uint32_t i = 0; i < m.n; i++) {
        cpu_set_t set;
        cr_assert(sched_getaffinity(0, sizeof set, &set) == 0);
        cr_expect(CPU_ISSET(m.cpu[i].os, &set), "CPU %u", m.cpu[i].os);
    }
    tsgd_machine_release(&m);
}

Test(placement, cpus_that_are_not_allowed_are_left_out)
{
    struct tsgd_machine all = machine(NULL);
    uint32_t last = all.cpu[all.n - 1].os;
    cr_assert(tsgd_cpu_pin(NULL, last) == 0);
    struct tsgd_machine one = machine(NULL);
    cr_expect(one.n == 1 && one.cpu[0].os == last && one.cpu[0].rank == 0);
    tsgd_machine_release(&one);
    tsgd_machine_release(&all);
}

Test(placement, cpus_are_grouped_by_domain_cache_and_core)
{
    struct tsgd_machine m = machine(two_domains);
    cr_assert(m.n == 16);
    for (uint32_t i = 0; i < 16; i++) {
        const struct tsgd_cpu *c = &m.cpu[i];
        cr_expect(c->numa == i / 8 && c->cache == i / 4 && c->core == i / 2 && c->rank == i % 2,
                  "CPU %u: domain %u cache %u core %u rank %u", i, c->numa, c->cache, c->core,
                  c->rank);
    }
    tsgd_machine_release(&m);
}

/* The system may number the first threads of all cores before their siblings. */
Test(placement, siblings_are_found_whatever_their_numbers)
{
    struct tsgd_machine m = machine("numa:2 l3:1 core:2 pu:2(indexes=0,4,1,5,2,6,3,7)");
    static const uint32_t os[] = {0, 4, 1, 5, 2, 6, 3, 7};
    cr_assert(m.n == 8);
    for (uint32_t i = 0; i < 8; i++)
        cr_expect(m.cpu[i].os == os[i] && m.cpu[i].core == i / 2 && m.cpu[i].rank == i % 2,
                  "place %u: CPU %u", i, m.cpu[i].os);
    tsgd_machine_release(&m);
}

Test(placement, a_machine_that_hwloc_knows_nothing_of_is_one_group)
{
    struct tsgd_machine m = machine("pu:3");
    cr_assert(m.n == 3);
    for (uint32_t i = 0; i < 3; i++)
        cr_expect(m.cpu[i].numa == 0 && m.cpu[i].cache == 0 && m.cpu[i].rank == 0);
    cr_expect(m.cpu[0].core != m.cpu[1].core);
    tsgd_machine_release(&m);
}

static void expect_places(const struct tsgd_machine *m, uint32_t n, const uint32_t *want)
{
    uint32_t cpu[40];
    tsgd_place_workers(m, n, cpu);
    for (uint32_t i = 0; i < n; i++)
        cr_expect(cpu[i] == want[i], "%u workers: worker %u in place %u, want %u", n, i, cpu[i],
                  want[i]);
}

Test(placement, siblings_come_last_and_neighbours_stay_together)
{
    struct tsgd_machine m = machine(two_domains);
    expect_places(&m, 1, (uint32_t[]){0});
    expect_places(&m, 3, (uint32_t[]){0, 2, 4});
    expect_places(&m, 8, (uint32_t[]){0, 2, 4, 6, 8, 10, 12, 14});
    expect_places(&m, 10, (uint32_t[]){0, 1, 2, 3, 4, 6, 8, 10, 12, 14});
    expect_places(&m, 16, (uint32_t[]){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
    tsgd_machine_release(&m);
}

Test(placement, more_workers_than_cpus_share_them_evenly)
{
    struct tsgd_machine m = machine("pu:2");
    expect_places(&m, 5, (uint32_t[]){0, 0, 0, 1, 1});
    expect_places(&m, 4, (uint32_t[]){0, 0, 1, 1});
    tsgd_machine_release(&m);
}

Test(placement, a_thread_is_pinned_and_let_go)
{
    struct tsgd_cpu_mask before = TSGD_CPU_MASK_INIT;
    uint32_t os, count = tsgd_cpu_list(&os, 1);
    cr_assert(tsgd_cpu_mask_take(&before));
    cr_assert(tsgd_cpu_pin(NULL, os) == 0);
    cr_expect(tsgd_cpu_count() == 1 && (uint32_t)sched_getcpu() == os);
    tsgd_cpu_mask_restore(&before);
    cr_expect(tsgd_cpu_count() == count);
    cr_expect(tsgd_cpu_pin(NULL, 8000) != 0, "there is no such CPU");
    cr_expect(tsgd_cpu_count() == count);
}

static uint64_t end_of(bool pin, uint64_t threads, tsgd_eval_fn *on_eval, void *user)
{
    struct tsgd_summary end;
    struct tsgd_error err;
    struct tsgd_run *run;
    struct tsgd_settings *s = settings_of("model=quadratic nodes=20 active=7 rounds=200 lr=0.01 "
                                          "threads=%d pin=%s", (int)threads,
                                          pin ? "true" : "false");
    cr_assert(tsgd_run_create(&run, s, &err) == TSGD_OK, "%s", err.text);
    cr_assert(tsgd_run_train(run, on_eval, user, &end, &err) == TSGD_OK, "%s", err.text);
    tsgd_run_free(run);
    return end.last.state_hash;
}

static bool on_one_cpu(const struct tsgd_eval *eval, void *user)
{
    bool *pinned = user;
    (void)eval;
    *pinned &= tsgd_cpu_count() == 1;
    return false;
}

Test(placement, pinned_workers_stay_on_one_cpu_and_change_no_bit)
{
    uint32_t before = tsgd_cpu_count();
    for (uint64_t threads = 1; threads < 7; threads += 2) {
        bool pinned = true;
        uint64_t want = end_of(false, threads, NULL, NULL);
        cr_expect(end_of(true, threads, on_one_cpu, &pinned) == want);
        cr_expect(pinned, "%d threads: an evaluation ran on a worker that may move", (int)threads);
        cr_expect(tsgd_cpu_count() == before, "the caller is free again");
    }
}
