#include "run/interval.h"

#include "base/text.h"

#include <string.h>

enum tsgd_status tsgd_interval_parse(const char *text, uint64_t *rounds, uint64_t *ns,
                                     struct tsgd_error *err)
{
    static const struct { char unit; uint64_t ns; } units[] = {
        {'s', 1000000000}, {'m', 60000000000}, {'h', 3600000000000},
    };
    enum { MOST_SECONDS = 1000000000 };
    char number[24] = "";
    size_t n = strlen(text);
    double value;
    *rounds = *ns = 0;
    if (!strcmp(text, "never") || (tsgd_parse_u64(text, rounds) && *rounds > 0))
        return TSGD_OK;
    if (n > 1 && n < sizeof number)
        memcpy(number, text, n - 1);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (text[n - 1] == units[i].unit && tsgd_parse_double(number, &value) && value > 0 &&
            value * (double)units[i].ns <= 1e9 * MOST_SECONDS) {
            *ns = (uint64_t)(value * (double)units[i].ns);
            return TSGD_OK;
        }
    return tsgd_fail(err, TSGD_EINVAL, "--checkpoint-every: '%.40s' is no number of rounds from 1 "
                     "up, no time such as 30s, 5m or 2h, and not never", text);
}
