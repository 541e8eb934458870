#include "model/random.h"

#include "linalg/isa.h"
#include "linalg/vec.h"

#include <math.h>
#include <string.h>

/* What is in a struct tsgd_random. It is copied in and out, since callers see other types there. */
struct stream {
    struct tsgd_rng rng;
    const struct tsgd_kernels *kernels;
};
_Static_assert(sizeof (struct stream) <= sizeof (struct tsgd_random), "there is room for it");

static struct stream load(const struct tsgd_random *r)
{
    struct stream s;
    memcpy(&s, r->own, sizeof s);
    return s;
}

static void store(struct tsgd_random *r, const struct stream *s) { memcpy(r->own, s, sizeof *s); }

void tsgd_random_start(struct tsgd_random *out, const struct tsgd_kernels *kernels, uint64_t seed,
                       enum tsgd_purpose purpose, uint32_t a, uint64_t b)
{
    struct stream s = {tsgd_rng(seed, purpose, a, b), kernels};
    *out = (struct tsgd_random){{0}};
    store(out, &s);
}

/* Kernels for any CPU will do: normals are the same bits with all. */
void tsgd_random_init(struct tsgd_random *out, uint64_t seed, uint64_t number)
{
    if (out)
        tsgd_random_start(out, tsgd_isa_table(0), seed, TSGD_RNG_CALLER, (uint32_t)(number >> 32),
                          (uint32_t)number);
}

uint64_t tsgd_random_u64(struct tsgd_random *r)
{
    if (!r)
        return 0;
    struct stream s = load(r);
    uint64_t x = tsgd_rng_u64(&s.rng);
    store(r, &s);
    return x;
}

uint32_t tsgd_random_below(struct tsgd_random *r, uint32_t n)
{
    if (!r)
        return 0;
    struct stream s = load(r);
    uint32_t x = tsgd_rng_below(&s.rng, n);
    store(r, &s);
    return x;
}

double tsgd_random_uniform(struct tsgd_random *r)
{
    if (!r)
        return NAN;
    struct stream s = load(r);
    double x = tsgd_rng_unit(&s.rng);
    store(r, &s);
    return x;
}

double tsgd_random_normal(struct tsgd_random *r)
{
    if (!r)
        return NAN;
    struct stream s = load(r);
    double x = tsgd_rng_normal(&s.rng);
    store(r, &s);
    return x;
}

void tsgd_random_normals(struct tsgd_random *r, float *out, size_t n)
{
    if (!r || !out)
        return;
    struct stream s = load(r);
    tsgd_rng_next_normals(s.kernels, &s.rng, out, n);
    store(r, &s);
}
