/* Traces of --availability-trace. The first byte of an input is the number of nodes less one. */
#include "fuzz/fuzz.h"
#include "scenario/churn.h"

/* By looking at every interval. */
static bool is_there(const struct tsgd_churn *c, uint32_t node, uint64_t t)
{
    bool named = false;
    for (size_t i = 0; i < c->intervals; i++) {
        if (c->interval[i].node != node)
            continue;
        named = true;
        if (c->interval[i].from <= t && t < c->interval[i].to)
            return true;
    }
    return !named;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tsgd_churn c = TSGD_CHURN_INIT;
    struct tsgd_error err;
    uint32_t nodes = fuzz_byte(&data, &size) % 32 + 1;
    if (size > 4096)
        return -1;              /* is_there takes long */
    enum tsgd_status st = tsgd_churn_read(&c, fuzz_file(0, data, size), nodes, &err);
    if (st == TSGD_OK) {
        for (size_t i = 0; i < c.intervals; i++) {
            const struct tsgd_interval *s = &c.interval[i];
            const uint64_t at[] = {s->from - 1, s->from, s->to - 1, s->to};
            MUST(s->node < nodes && s->from <= s->to && s->line > 0);
            for (int j = 0; j < 4; j++)
                MUST(tsgd_churn_there(&c, s->node, at[j]) == is_there(&c, s->node, at[j]));
        }
        for (uint32_t i = 0; i < nodes; i++)
            MUST(tsgd_churn_there(&c, i, 3) == is_there(&c, i, 3));
    } else {
        fuzz_refused(st, &err);
        MUST(!c.interval);
    }
    tsgd_churn_release(&c);
    return 0;
}
