#include "base/machine.h"

#include "base/cpu.h"
#include "base/mem.h"

#include <hwloc.h>

/* hwloc's number of the last cache that the CPU has, on its way out to memory; 0 without any. */
static uint32_t last_cache(hwloc_obj_t pu)
{
    uint32_t found = 0;
    for (hwloc_obj_t o = pu->parent; o; o = o->parent)
        if (hwloc_obj_type_is_dcache(o->type))
            found = o->logical_index;
    return found;
}

static uint32_t core_of(hwloc_topology_t t, hwloc_obj_t pu)
{
    hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(t, HWLOC_OBJ_CORE, pu);
    return core ? core->logical_index : pu->logical_index;
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

/* A CPU that hwloc knows nothing about is described as a core of its own. */
static struct tsgd_cpu describe(hwloc_topology_t t, uint32_t os)
{
    hwloc_obj_t pu = t ? hwloc_get_pu_obj_by_os_index(t, os) : NULL;
    if (!pu)
        return (struct tsgd_cpu){.os = os, .core = os};
    int numa = pu->nodeset ? hwloc_bitmap_first(pu->nodeset) : 0;
    return (struct tsgd_cpu){.os = os, .core = core_of(t, pu), .cache = last_cache(pu),
                             .numa = numa < 0 ? 0 : (uint32_t)numa};
}

/* Numbers of the CPUs to use: this thread's, or all of a machine that hwloc only imagines. */
static enum tsgd_status numbers(uint32_t **out, uint32_t *n, hwloc_topology_t t,
                                struct tsgd_error *err)
{
    bool imagined = t && !hwloc_topology_is_thissystem(t);
    uint32_t count = imagined ? (uint32_t)hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_PU) :
                                tsgd_cpu_list(NULL, 0);
    enum tsgd_status st = TSGD_NEW(out, count, "list of CPUs", err);
    if (st != TSGD_OK)
        return st;
    *n = count;
    if (!imagined)
        tsgd_cpu_list(*out, count);
    for (uint32_t i = 0; imagined && i < count; i++)
        (*out)[i] = hwloc_get_obj_by_type(t, HWLOC_OBJ_PU, i)->os_index;
    return TSGD_OK;
}

enum tsgd_status tsgd_machine_init(struct tsgd_machine *out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_machine m = TSGD_MACHINE_INIT;
    hwloc_topology_t t = NULL;
    uint32_t *os = NULL;
    if (hwloc_topology_init(&t) == 0 && hwloc_topology_load(t)) {
        hwloc_topology_destroy(t);
        t = NULL;
    }
    TRY(numbers(&os, &m.n, t, err));
    TRY(TSGD_NEW(&m.cpu, m.n, "list of CPUs", err));
    for (uint32_t i = 0; i < m.n; i++)
        m.cpu[i] = describe(t, os[i]);
    qsort(m.cpu, m.n, sizeof *m.cpu, in_order);
    for (uint32_t i = 1; i < m.n; i++)
        if (m.cpu[i].core == m.cpu[i - 1].core)
            m.cpu[i].rank = m.cpu[i - 1].rank + 1;
    *out = m;
    m = (struct tsgd_machine)TSGD_MACHINE_INIT;
done:
    tsgd_machine_release(&m);
    free(os);
    if (t)
        hwloc_topology_destroy(t);
    return st;
}

void tsgd_machine_release(struct tsgd_machine *m)
{
    free(m->cpu);
    *m = (struct tsgd_machine)TSGD_MACHINE_INIT;
}
