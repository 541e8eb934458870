#include "engine/config.h"

#include "base/cpu.h"
#include "base/mem.h"
#include "linalg/mix.h"

size_t tsgd_config_tokens(const struct tsgd_engine_config *c)
{
    size_t tokens = 0;
    for (uint32_t q = 0; q < c->n_populations; q++)
        tokens += c->population[q].k;
    return tokens;
}

uint32_t tsgd_engine_workers(const struct tsgd_problem *p, uint64_t tokens, uint64_t threads)
{
    uint64_t most = p->parts > 1 ? tokens * p->parts : tokens;
    return (uint32_t)(threads < most ? threads : most);
}

/* Whether a population is faster by slices with this many workers. Slices make all workers wait for
 * the round's last step. That costs nothing with one worker, and little where every token reads
 * most others, as rows then wait too, or where the workers share the tokens evenly, as they then
 * end together, if nobody else uses the CPUs; rows that stay in the shared cache (`cached`) are not
 * worth that risk, as mixing them takes little time either way. Otherwise workers idle that by rows
 * would be a round ahead; they also do where there are more workers than CPUs and the one with the
 * last step has no CPU just then. Tokens that never mix need not wait for each other at all, but by
 * slices a single one need not even be copied.                                                  */
static bool gains(const struct tsgd_population *p, uint32_t workers, bool cached)
{
    size_t links = 0, rows = (size_t)p->k * p->mixing->period;
    for (uint32_t r = 0; r < p->mixing->period; r++)
        links += tsgd_csr_off_diagonal(&p->mixing->w[r]);
    if (links == 0)
        return p->k == 1;
    if (workers > tsgd_cpu_count())
        return false;
    return workers == 1 || 2 * links > rows * p->k || (!cached && p->k % workers == 0);
}

bool tsgd_engine_slices(const struct tsgd_engine_config *c)
{
    size_t tokens = tsgd_config_tokens(c), row = c->problem->dim * sizeof(float);
    /* By rows each has two places. */
    size_t rows = tsgd_mul(2 * (size_t)tsgd_rule_exchanged(&c->rule), tsgd_mul(tokens, row));
    bool all = true;
    if (c->transport)                   /* no rank has all half-steps */
        return false;
    if (c->gossip != TSGD_GOSSIP_AUTO)
        return c->gossip == TSGD_GOSSIP_SLICES;
    for (uint32_t q = 0; q < c->n_populations; q++)
        all &= gains(&c->population[q], c->threads < tokens ? c->threads : (uint32_t)tokens,
                     tsgd_mix_cached(rows));
    return all;
}
