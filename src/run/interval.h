/* run/interval.h: how often checkpoints are written, the value of --checkpoint-every. */
#ifndef TSGD_RUN_INTERVAL_H
#define TSGD_RUN_INTERVAL_H

#include "base/status.h"

/* "100": every 100 rounds; "30s", "5m", "2h": every so many nanoseconds; "never". What does not
 * apply is 0. TSGD_EINVAL.                                                                      */
enum tsgd_status tsgd_interval_parse(const char *text, uint64_t *rounds, uint64_t *ns,
                                     struct tsgd_error *err);

#endif
