/* run/own_data.h: data sets that a caller has in memory (tsgd_data_from_memory in telesgd.h).
 * Threads: read-only once made.                                                                 */
#ifndef TSGD_RUN_OWN_DATA_H
#define TSGD_RUN_OWN_DATA_H

#include "data/dataset.h"
#include "run/settings.h"

struct tsgd_data {
    char text[48];              /* "memory:NAME", as in --data */
    bool borrowed;              /* the arrays are the caller's */
    struct tsgd_dataset dataset;
};

/* Refuses settings that cannot go with the data set in memory, where one was set, and a "data" that
 * names one where none was. TSGD_EINVAL.                                                        */
enum tsgd_status tsgd_own_data_check(const struct tsgd_settings *s, struct tsgd_error *err);

#endif
