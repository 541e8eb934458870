#include "base/machine.h"

#include "base/cpu.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TEXT = 4096, NO_NUMBER = -1 };

/* A small file below sys, without the line's end; "" where there is none. Takes no memory. */
__attribute__((format(printf, 3, 4)))
static void read_text(char out[TEXT], const char *sys, const char *path, ...)
{
    char below[128], whole[TEXT];
    va_list arguments;
    va_start(arguments, path);
    vsnprintf(below, sizeof below, path, arguments);
    va_end(arguments);
    out[0] = 0;
    int n = snprintf(whole, sizeof whole, "%s/devices/system/%s", sys, below);
    int f = n < (int)sizeof whole ? open(whole, O_RDONLY | O_CLOEXEC) : -1;
    if (f < 0)
        return;
    ssize_t bytes = read(f, out, TEXT - 1);
    out[bytes > 0 ? bytes : 0] = 0;
    out[strcspn(out, "\n")] = 0;
    close(f);
}

static const char *number(const char *text, int64_t *out)
{
    *out = *text >= '0' && *text <= '9' ? 0 : NO_NUMBER;
    for (; *text >= '0' && *text <= '9' && *out < UINT32_MAX; text++)
        *out = 10 * *out + (*text - '0');
    return text;
}

/* Whether a list such as "0-3,8" has n in it, and, in *first, what it begins with. */
static bool lists(const char *text, uint32_t n, int64_t *first)
{
    bool found = false;
    int64_t low, high;
    number(text, first);
    for (;; text++) {
        text = number(text, &low);
        high = low;
        if (*text == '-')
            text = number(text + 1, &high);
        found |= low != NO_NUMBER && low <= n && n <= high;
        if (*text != ',')
            return found;
    }
}

/* The first of the CPUs in this list, or `otherwise` where it is none of CPU `os`. */
static uint32_t first_of(const char *text, uint32_t os, uint32_t otherwise)
{
    int64_t first;
    return lists(text, os, &first) ? (uint32_t)first : otherwise;
}

static uint32_t core_of(const char *sys, uint32_t os)
{
    char text[TEXT];
    read_text(text, sys, "cpu/cpu%u/topology/thread_siblings_list", os);
    return first_of(text, os, os);
}

/* Of the highest level; caches of instructions do not count. */
static uint32_t cache_of(const char *sys, uint32_t os)
{
    char text[TEXT];
    uint32_t found = 0;
    int64_t level, highest = 0;
    for (int i = 0; ; i++) {
        read_text(text, sys, "cpu/cpu%u/cache/index%d/level", os, i);
        number(text, &level);
        if (level == NO_NUMBER)
            return found;
        read_text(text, sys, "cpu/cpu%u/cache/index%d/type", os, i);
        if (level <= highest || !strcmp(text, "Instruction"))
            continue;
        highest = level;
        read_text(text, sys, "cpu/cpu%u/cache/index%d/shared_cpu_list", os, i);
        found = first_of(text, os, 0);
    }
}

static uint32_t domain_of(const char *sys, uint32_t os)
{
    enum { MOST = 1024 };
    char online[TEXT], text[TEXT];
    int64_t ignored;
    read_text(online, sys, "node/online");
    for (uint32_t node = 0; node < MOST && online[0]; node++) {
        if (!lists(online, node, &ignored))
            continue;
        read_text(text, sys, "node/node%u/cpulist", node);
        if (lists(text, os, &ignored))
            return node;
    }
    return 0;
}

static int in_order(const void *a, const void *b)
{
    const struct tsgd_cpu *x = a, *y = b;
    if (x->numa != y->numa)
        return x->numa < y->numa ? -1 : 1;
    if (x->cache != y->cache)
        return x->cache < y->cache ? -1 : 1;
    if (x->core != y->core)
        return x->core < y->core ? -1 : 1;
    return x->os < y->os ? -1 : x->os > y->os;
}

enum tsgd_status tsgd_machine_describe(struct tsgd_machine *out, const char *sys,
                                       const uint32_t *os, uint32_t n, struct tsgd_error *err)
{
    struct tsgd_cpu *cpu = NULL;
    enum tsgd_status st = TSGD_NEW(&cpu, n, "list of CPUs", err);
    if (st != TSGD_OK)
        return st;
    for (uint32_t i = 0; i < n; i++)
        cpu[i] = (struct tsgd_cpu){.os = os[i], .core = core_of(sys, os[i]),
                                   .cache = cache_of(sys, os[i]), .numa = domain_of(sys, os[i])};
    qsort(cpu, n, sizeof *cpu, in_order);
    for (uint32_t i = 1; i < n; i++)
        if (cpu[i].core == cpu[i - 1].core)
            cpu[i].rank = cpu[i - 1].rank + 1;
    *out = (struct tsgd_machine){cpu, n};
    return TSGD_OK;
}

enum tsgd_status tsgd_machine_init(struct tsgd_machine *out, const char *sys,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t *os = NULL, n = tsgd_cpu_list(NULL, 0);
    TRY(TSGD_NEW(&os, n, "list of CPUs", err));
    tsgd_cpu_list(os, n);
    TRY(tsgd_machine_describe(out, sys, os, n, err));
done:
    free(os);
    return st;
}

/* How many numbers a list such as "0-3,8" has. */
static uint32_t count(const char *text)
{
    uint32_t n = 0;
    int64_t low, high;
    for (;; text++) {
        text = number(text, &low);
        high = low;
        if (*text == '-')
            text = number(text + 1, &high);
        n += low != NO_NUMBER && low <= high ? (uint32_t)(high - low + 1) : 0;
        if (*text != ',')
            return n;
    }
}

void tsgd_machine_measure(struct tsgd_machine_size *out, const char *sys)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN), pages = sysconf(_SC_PHYS_PAGES);
    long page = sysconf(_SC_PAGESIZE);
    char online[TEXT];
    read_text(online, sys, "node/online");
    *out = (struct tsgd_machine_size){
        .cpus = cpus > 0 ? (uint32_t)cpus : 0, .numa_domains = count(online),
        .memory_bytes = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0,
    };
}

void tsgd_machine_release(struct tsgd_machine *m)
{
    free(m->cpu);
    *m = (struct tsgd_machine)TSGD_MACHINE_INIT;
}
