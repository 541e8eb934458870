/* mpi/metis.c: parts of a graph by METIS. Only in programs for several ranks, and in tests:
 * METIS draws with the C library's rand(), which a library that is a guest must not do.         */
#include "transport/partition.h"

#include <metis.h>
#include <pthread.h>

_Static_assert(sizeof(idx_t) == sizeof(int32_t), "a METIS whose numbers have 32 bits");

/* Two that draw at once would both draw other numbers. */
static pthread_mutex_t drawing = PTHREAD_MUTEX_INITIALIZER;

enum tsgd_status tsgd_partition(const struct tsgd_graph *g, uint32_t parts,
                                enum tsgd_partition_way way, int32_t *part,
                                struct tsgd_error *err)
{
    idx_t options[METIS_NOPTIONS], nodes = g->nodes, constraints = 1, n = (idx_t)parts, cut;
    METIS_SetDefaultOptions(options);
    options[METIS_OPTION_SEED] = 1;
    options[METIS_OPTION_NCUTS] = 4;
    if (way == TSGD_PARTITION_ROWS)
        options[METIS_OPTION_OBJTYPE] = METIS_OBJTYPE_VOL;
    pthread_mutex_lock(&drawing);
    int got = (way == TSGD_PARTITION_HALVES ? METIS_PartGraphRecursive : METIS_PartGraphKway)(
        &nodes, &constraints, g->ptr, g->col, NULL, NULL, g->weight, &n, NULL, NULL, options, &cut,
        part);
    pthread_mutex_unlock(&drawing);
    if (got == METIS_OK)
        return TSGD_OK;
    return tsgd_fail(err, TSGD_ENOMEM, "--place: METIS found no parts of the graph (%s); want "
                     "block", got == METIS_ERROR_MEMORY ? "out of memory" : "an error within");
}
