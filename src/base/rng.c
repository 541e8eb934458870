#include "base/rng.h"

#include "base/elementary.h"

#include <Random123/philox.h>
#include <math.h>

struct tsgd_rng tsgd_rng(uint64_t seed, enum tsgd_purpose purpose, uint32_t a, uint64_t b)
{
    return (struct tsgd_rng){
        .key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
        .counter = {0, a, (uint32_t)b, tsgd_rng_tag(purpose, b)},
        .used = 4,
    };
}

uint32_t tsgd_rng_u32(struct tsgd_rng *r)
{
    if (r->used == 4) {
        philox4x32_ctr_t c = {{r->counter[0], r->counter[1], r->counter[2], r->counter[3]}};
        philox4x32_key_t k = {{r->key[0], r->key[1]}};
        c = philox4x32(c, k);
        for (int i = 0; i < 4; i++)
            r->word[i] = c.v[i];
        r->counter[0]++;
        r->used = 0;
    }
    return r->word[r->used++];
}

uint64_t tsgd_rng_u64(struct tsgd_rng *r)
{
    uint64_t low = tsgd_rng_u32(r);
    return low | (uint64_t)tsgd_rng_u32(r) << 32;
}

uint32_t tsgd_rng_below(struct tsgd_rng *r, uint32_t n)
{
    uint64_t product = (uint64_t)tsgd_rng_u32(r) * n;
    if ((uint32_t)product < n) {
        uint32_t reject = -n % n;       /* 2^32 mod n */
        while ((uint32_t)product < reject)
            product = (uint64_t)tsgd_rng_u32(r) * n;
    }
    return (uint32_t)(product >> 32);
}

double tsgd_rng_unit(struct tsgd_rng *r)
{
    return (double)(tsgd_rng_u64(r) >> 11) * 0x1p-53;
}

double tsgd_rng_normal(struct tsgd_rng *r)
{
    double u = ((double)tsgd_rng_u32(r) + 0.5) * 0x1p-32;
    double v = (double)tsgd_rng_u32(r) * 0x1p-32;
    return sqrt(-2 * tsgd_log(u)) * tsgd_cos(6.283185307179586 * v);
}

double tsgd_rng_log_gamma(struct tsgd_rng *r, double shape)
{
    double boost = 0;
    if (shape < 1) {                    /* G(shape) = G(shape + 1) * U^(1/shape) */
        boost = tsgd_log1p(-tsgd_rng_unit(r)) / shape;
        shape += 1;
    }
    double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = tsgd_rng_normal(r), v = 1 + c * x;
        double u = 1 - tsgd_rng_unit(r);
        if (v <= 0)
            continue;
        v = v * v * v;
        if (tsgd_log(u) < 0.5 * x * x + d - d * v + d * tsgd_log(v))
            return boost + tsgd_log(d * v);
    }
}

void tsgd_rng_shuffle(struct tsgd_rng *r, uint32_t *items, uint32_t n)
{
    for (uint32_t i = n; i > 1; i--) {
        uint32_t j = tsgd_rng_below(r, i), x = items[j];
        items[j] = items[i - 1];
        items[i - 1] = x;
    }
}

void tsgd_rng_mark(struct tsgd_rng *r, bool *taken, uint32_t n, uint32_t count)
{
    for (uint32_t i = n - count; i < n; i++) {
        uint32_t j = tsgd_rng_below(r, i + 1);
        taken[taken[j] ? i : j] = true;
    }
}
