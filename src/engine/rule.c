#include "engine/rule.h"

#include <assert.h>

static uint32_t count(const char *const name[TSGD_MAX_ROWS])
{
    uint32_t n = 0;
    while (n < TSGD_MAX_ROWS && name[n])
        n++;
    return n;
}

uint32_t tsgd_rule_exchanged(const struct tsgd_rule *r)
{
    assert(r->exchanged[0]);            /* x */
    return count(r->exchanged);
}

uint32_t tsgd_rule_own(const struct tsgd_rule *r) { return count(r->own); }
