/* Which CPUs there are, on machines that are not there too, and which worker runs on which. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cpu.h"
#include "engine/placement.h"
#include "sim/settings.h"
#include "telesgd.h"

/* A machine that is not there: domains of caches of cores of threads, all alike, in a folder laid
 * out like /sys. number: the system's number of thread t of core c, of `cores` cores.           */
struct imagined {
    uint32_t domains, caches, cores, threads;
    uint32_t (*number)(uint32_t t, uint32_t c, uint32_t cores, uint32_t threads);
    bool silent;                /* the system tells nothing */
};

static uint32_t thread_by_thread(uint32_t t, uint32_t c, uint32_t cores, uint32_t threads)
{
    return (void)cores, c * threads + t;
}

/* The first threads of all cores come before their siblings. */
static uint32_t core_by_core(uint32_t t, uint32_t c, uint32_t cores, uint32_t threads)
{
    return (void)threads, t * cores + c;
}

__attribute__((format(printf, 2, 3)))
static void put(const char *text, const char *path, ...)
{
    char file[256];
    va_list arguments;
    va_start(arguments, path);
    vsnprintf(file, sizeof file, path, arguments);
    va_end(arguments);
    for (char *at = strchr(file + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = 0;
        mkdir(file, 0777);
        *at = '/';
    }
    FILE *f = fopen(file, "w");
    cr_assert(f && fprintf(f, "%s\n", text) > 0 && fclose(f) == 0, "%s", file);
}

/* The CPUs of `count` cores from core `first` on, as a list. */
static const char *list(const struct imagined *m, uint32_t first, uint32_t count, char text[1024])
{
    uint32_t cores = m->domains * m->caches * m->cores, used = 0;
    bool in[256] = {false};
    for (uint32_t c = first; c < first + count; c++)
        for (uint32_t t = 0; t < m->threads; t++)
            in[m->number(t, c, cores, m->threads)] = true;
    text[0] = 0;
    for (uint32_t i = 0, end; i < 256; i = end + 1) {
        for (end = i; end < 255 && in[i] && in[end + 1]; end++)
            ;
        if (in[i])
            used += (uint32_t)snprintf(text + used, 1024 - used, end > i ? "%s%u-%u" : "%s%u",
                                       used ? "," : "", i, end);
    }
    return text;
}

static struct tsgd_machine imagine(struct imagined m)
{
    static char folder[] = "/tmp/telesgd-sys-XXXXXX";
    uint32_t cores = m.domains * m.caches * m.cores, n = cores * m.threads, os[256];
    uint32_t per_domain = cores / m.domains;
    char text[1024];
    struct tsgd_machine out;
    cr_assert(mkdtemp(folder));
    for (uint32_t d = 0; d < m.domains && !m.silent; d++)
        put(list(&m, d * per_domain, per_domain, text), "%s/devices/system/node/node%u/cpulist",
            folder, d);
    snprintf(text, sizeof text, "0-%u", m.domains - 1);
    if (!m.silent)
        put(text, "%s/devices/system/node/online", folder);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t c = i / m.threads, cpu = m.number(i % m.threads, c, cores, m.threads);
        static const char *const levels[] = {"1", "1", "2", "3"};
        static const char *const types[] = {"Data", "Instruction", "Unified", "Unified"};
        os[i] = cpu;
        for (uint32_t k = 0; k < 4 && !m.silent; k++) {
            uint32_t shared = k == 3 ? m.cores : 1;
            char base[200];
            snprintf(base, sizeof base, "%s/devices/system/cpu/cpu%u/cache/index%u", folder, cpu,
                     k);
            put(levels[k], "%s/level", base);
            put(types[k], "%s/type", base);
            put(list(&m, c / shared * shared, shared, text), "%s/shared_cpu_list", base);
        }
        if (!m.silent)
            put(list(&m, c, 1, text), "%s/devices/system/cpu/cpu%u/topology/thread_siblings_list",
                folder, cpu);
    }
    cr_assert(tsgd_machine_describe(&out, folder, os, n, NULL) == TSGD_OK);
    struct tsgd_machine_size size;
    tsgd_machine_measure(&size, folder);
    cr_expect(size.numa_domains == (m.silent ? 0 : m.domains), "%u domains", size.numa_domains);
    snprintf(text, sizeof text, "rm -r %s", folder);
    cr_assert(system(text) == 0);
    return out;
}

static const struct imagined two_domains = {2, 2, 2, 2, thread_by_thread, false};

static struct tsgd_machine this_machine(void)
{
    struct tsgd_machine m;
    cr_assert(tsgd_machine_init(&m, "/sys", NULL) == TSGD_OK);
    return m;
}

Test(placement, this_machine_has_the_cpus_of_the_affinity_mask)
{
    struct tsgd_machine m = this_machine();
    cr_expect(m.n == tsgd_cpu_count());
    for (uint32_t i = 0; i < m.n; i++) {
        cpu_set_t set;
        cr_assert(sched_getaffinity(0, sizeof set, &set) == 0);
        cr_expect(CPU_ISSET(m.cpu[i].os, &set), "CPU %u", m.cpu[i].os);
    }
    tsgd_machine_release(&m);
}

Test(placement, a_list_of_domains_may_have_gaps)
{
    struct tsgd_machine_size size;
    char folder[] = "/tmp/telesgd-sys-XXXXXX", text[64];
    cr_assert(mkdtemp(folder));
    put("0-1,4,8-10", "%s/devices/system/node/online", folder);
    tsgd_machine_measure(&size, folder);
    cr_expect(size.numa_domains == 6, "%u", size.numa_domains);
    snprintf(text, sizeof text, "rm -r %s", folder);
    cr_assert(system(text) == 0);
}

/* As /proc tells it, in kilobytes. */
Test(placement, the_size_of_this_machine_is_the_system_s)
{
    struct tsgd_machine_size size;
    unsigned long long total = 0;
    char line[256];
    uint32_t cpus = 0;
    tsgd_machine_measure(&size, "/sys");
    FILE *f = fopen("/proc/meminfo", "r");
    cr_assert(f && fscanf(f, "MemTotal: %llu", &total) == 1 && fclose(f) == 0);
    cr_expect(size.memory_bytes == 1024 * (uint64_t)total);
    f = fopen("/proc/stat", "r");
    cr_assert(f != NULL);
    while (fgets(line, sizeof line, f))
        cpus += !strncmp(line, "cpu", 3) && line[3] != ' ';
    fclose(f);
    cr_expect(size.cpus == cpus, "%u, want %u", size.cpus, cpus);
}

Test(placement, cpus_that_are_not_allowed_are_left_out)
{
    struct tsgd_machine all = this_machine();
    uint32_t last = all.cpu[all.n - 1].os;
    cr_assert(tsgd_cpu_pin(NULL, last) == 0);
    struct tsgd_machine one = this_machine();
    cr_expect(one.n == 1 && one.cpu[0].os == last && one.cpu[0].rank == 0);
    tsgd_machine_release(&one);
    tsgd_machine_release(&all);
}

Test(placement, cpus_are_grouped_by_domain_cache_and_core)
{
    struct tsgd_machine m = imagine(two_domains);
    cr_assert(m.n == 16);
    for (uint32_t i = 0; i < 16; i++) {
        const struct tsgd_cpu *c = &m.cpu[i];
        cr_expect(c->numa == i / 8 && c->cache == i / 4 * 4 && c->core == i / 2 * 2 &&
                  c->rank == i % 2, "CPU %u: domain %u cache %u core %u rank %u", i, c->numa,
                  c->cache, c->core, c->rank);
    }
    tsgd_machine_release(&m);
}

/* The system may number the first threads of all cores before their siblings. */
Test(placement, siblings_are_found_whatever_their_numbers)
{
    struct tsgd_machine m = imagine((struct imagined){2, 1, 2, 2, core_by_core, false});
    static const uint32_t os[] = {0, 4, 1, 5, 2, 6, 3, 7};
    cr_assert(m.n == 8);
    for (uint32_t i = 0; i < 8; i++)
        cr_expect(m.cpu[i].os == os[i] && m.cpu[i].core == i / 2 && m.cpu[i].rank == i % 2,
                  "place %u: CPU %u", i, m.cpu[i].os);
    tsgd_machine_release(&m);
}

Test(placement, a_machine_of_which_nothing_is_known_is_one_group)
{
    struct tsgd_machine m = imagine((struct imagined){1, 1, 3, 1, thread_by_thread, true});
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
    struct tsgd_machine m = imagine(two_domains);
    expect_places(&m, 1, (uint32_t[]){0});
    expect_places(&m, 3, (uint32_t[]){0, 2, 4});
    expect_places(&m, 8, (uint32_t[]){0, 2, 4, 6, 8, 10, 12, 14});
    expect_places(&m, 10, (uint32_t[]){0, 1, 2, 3, 4, 6, 8, 10, 12, 14});
    expect_places(&m, 16, (uint32_t[]){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
    tsgd_machine_release(&m);
}

Test(placement, more_workers_than_cpus_share_them_evenly)
{
    struct tsgd_machine m = imagine((struct imagined){1, 1, 2, 1, thread_by_thread, true});
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

/* In place of the C library's, for all of this program. */
static bool refuses;

int pthread_setaffinity_np(pthread_t thread, size_t bytes, const cpu_set_t *set)
{
    cr_assert(pthread_equal(thread, pthread_self()));
    return refuses ? EINVAL : sched_setaffinity(0, bytes, set) ? errno : 0;
}

Test(placement, a_cpu_that_the_system_refuses_is_an_error_of_create)
{
    struct tsgd_error err;
    struct tsgd_run *run;
    const struct tsgd_settings *s = settings_of("model=quadratic nodes=20 active=7 rounds=2 "
                                                "lr=0.01 pin=true");
    refuses = true;
    cr_assert(tsgd_run_create(&run, s, &err) == TSGD_EINVAL && !run);
    cr_expect(strstr(err.text, "--pin: worker 0 cannot be kept on CPU ") &&
              strstr(err.text, ": Invalid argument; leave --pin out"), "%s", err.text);
}
