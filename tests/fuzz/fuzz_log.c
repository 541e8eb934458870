/* Logs that are read back. The first byte of an input says which metrics are wanted: none, all, or
 * every second one.                                                                             */
#include "fuzz/fuzz.h"
#include "log/runlog.h"
#include "run/metrics.h"

#include <math.h>
#include <string.h>

static void look_at(const struct tsgd_runlog *log, uint64_t wanted)
{
    MUST(json_is_object(log->config));
    MUST(!log->summary == (log->state >= TSGD_LOG_RUNNING));
    MUST(*tsgd_log_state_name(log->state));
    for (size_t m = 0; m < tsgd_n_metrics; m++) {
        bool found = !isnan(log->end[m]);
        for (size_t i = 0; i < log->n; i++) {
            double x = tsgd_runlog_value(log, i, m);
            MUST(isnan(x) || (x >= 0 && (wanted >> m & 1)));
            found |= !isnan(x);
        }
        MUST(tsgd_runlog_has(log, m) == found);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t sets[] = {0, TSGD_EVERY_METRIC, 0x5555555555555555};
    struct tsgd_runlog log;
    struct tsgd_error err;
    uint64_t wanted = sets[fuzz_byte(&data, &size) % 3];
    memset(&log, 0, sizeof log);
    enum tsgd_status st = tsgd_runlog_read(&log, fuzz_file(0, data, size), wanted, &err);
    if (st == TSGD_OK) {
        look_at(&log, wanted);
        tsgd_runlog_release(&log);
    } else {
        fuzz_refused(st, &err);
        MUST(!log.path && !log.row && !log.config);
    }
    return 0;
}
