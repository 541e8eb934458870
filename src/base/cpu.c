#include "base/cpu.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

/* Sets grow until the kernel's own fits: a cpu_set_t holds 1024 processors, and there are machines
 * with more.                                                                                    */
bool tsgd_cpu_mask_take(struct tsgd_cpu_mask *out)
{
    for (size_t cpus = CPU_SETSIZE; cpus <= 1 << 20; cpus *= 2) {
        struct tsgd_cpu_mask m = {CPU_ALLOC(cpus), CPU_ALLOC_SIZE(cpus)};
        if (m.set && sched_getaffinity(0, m.bytes, m.set) == 0) {
            *out = m;
            return true;
        }
        CPU_FREE(m.set);
    }
    return false;
}

void tsgd_cpu_mask_restore(struct tsgd_cpu_mask *m)
{
    if (m->set)
        sched_setaffinity(0, m->bytes, m->set);
    CPU_FREE(m->set);
    *m = (struct tsgd_cpu_mask)TSGD_CPU_MASK_INIT;
}

bool tsgd_cpu_may_pin(void)
{
    struct tsgd_cpu_mask m = TSGD_CPU_MASK_INIT;
    bool may = tsgd_cpu_mask_take(&m) && sched_setaffinity(0, m.bytes, m.set) == 0;
    CPU_FREE(m.set);
    return may;
}

uint32_t tsgd_cpu_list(uint32_t *out, uint32_t room)
{
    struct tsgd_cpu_mask m = TSGD_CPU_MASK_INIT;
    uint32_t count = 0;
    if (tsgd_cpu_mask_take(&m)) {
        const cpu_set_t *set = m.set;
        for (uint32_t i = 0; i < 8 * m.bytes; i++)
            if (CPU_ISSET_S(i, m.bytes, set) && count++ < room)
                out[count - 1] = i;
    }
    CPU_FREE(m.set);
    if (count == 0 && room > 0)
        out[0] = 0;             /* something runs this */
    return count < 1 ? 1 : count;
}

uint32_t tsgd_cpu_count(void) { return tsgd_cpu_list(NULL, 0); }

int tsgd_cpu_pin(pthread_attr_t *attr, uint32_t os)
{
    size_t bytes = CPU_ALLOC_SIZE(os + 1);
    cpu_set_t *set = CPU_ALLOC(os + 1);
    if (!set)
        return ENOMEM;
    CPU_ZERO_S(bytes, set);
    CPU_SET_S(os, bytes, set);
    int why = attr ? pthread_attr_setaffinity_np(attr, bytes, set) :
                     pthread_setaffinity_np(pthread_self(), bytes, set);
    CPU_FREE(set);
    return why;
}

void tsgd_cpu_name(char out[TSGD_CPU_NAME])
{
    char line[256];
    bool found = false;
    FILE *f = fopen("/proc/cpuinfo", "r");
    snprintf(out, TSGD_CPU_NAME, "unknown");
    while (f && !found && fgets(line, sizeof line, f)) {
        const char *colon = strncmp(line, "model name", 10) ? NULL : strchr(line, ':');
        found = colon && sscanf(colon, ": %127[^\n]", out) == 1;
    }
    if (f)
        fclose(f);
}
