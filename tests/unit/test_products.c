/* The product kernels of every instruction set by themselves: edges of tiles, scalings of C,
 * memory.                                                                                        */
#include "linalg/isa.h"
#include "twin.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Room for `bytes` whose end is a page that must not be touched. */
static float *before_a_wall(size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (n * 4 + page - 1) / page * page;
    char *p = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert(p != MAP_FAILED && mprotect(p + bytes, page, PROT_NONE) == 0);
    return (float *)(void *)(p + bytes) - n;
}

enum { MOST = 50, DEEP = 900 };

struct memory {
    float *a, *b, *c;           /* ends of pages: what lies behind the matrices cannot be read */
    float *panel;
};

static struct memory memory(struct tsgd_rng *rng, const struct tsgd_kernels *kernels)
{
    struct memory m = {before_a_wall(MOST * DEEP), before_a_wall(MOST * DEEP),
                       before_a_wall(MOST * MOST), before_a_wall(kernels->gemm_panel())};
    twin_random(rng, m.a, MOST * DEEP);
    twin_random(rng, m.b, MOST * DEEP);
    return m;
}

/* Matrices end where the memory does, so they start anywhere. */
static void compare(const struct tsgd_kernels *kernels, struct tsgd_rng *rng,
                    const struct memory *mem, size_t m, size_t n, size_t k)
{
    static const float scale[] = {1, 0, -0.5f, 2};
    bool ta = tsgd_rng_below(rng, 2), tb = tsgd_rng_below(rng, 2);
    float beta = scale[tsgd_rng_below(rng, 4)];
    const float *a = mem->a + MOST * DEEP - m * k, *b = mem->b + MOST * DEEP - k * n;
    float *c = mem->c + MOST * MOST - m * n, old[MOST * MOST];
    size_t ars = ta ? 1 : k, acs = ta ? m : 1, brs = tb ? 1 : n, bcs = tb ? k : 1;
    twin_random(rng, old, m * n);
    for (size_t i = 0; i < m * n; i++)
        c[i] = beta == 0 ? NAN : old[i];
    kernels->gemm(&(struct tsgd_product){
        .m = m, .n = n, .k = k, .a = {a, ars, acs}, .b = {b, brs, bcs}, .beta = beta, .c = c,
        .rsc = n,
    }, mem->panel);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0, size = 0, add = (double)beta * (double)old[i * n + j];
            for (size_t p = 0; p < k; p++) {
                double term = (double)a[i * ars + p * acs] * (double)b[p * brs + j * bcs];
                sum += term;
                size += fabs(term);
            }
            double want = sum + add;
            double bound = FLT_EPSILON * ((double)(k + 2) * size + fabs(add));
            cr_assert(fabs((double)c[i * n + j] - want) <= bound,
                      "%s %zux%zux%zu%s%s beta %g at (%zu, %zu): %g, want %g", kernels->isa, m, n,
                      k,
                      ta ? " A^T" : "", tb ? " B^T" : "", (double)beta, i, j,
                      (double)c[i * n + j], want);
        }
}

/* Every edge of every tile: up to two tiles' rows and three vectors' columns and what follows. */
Test(products, agree_at_every_edge_of_a_tile_and_read_nothing_behind_the_matrices, .timeout = 300)
{
    const struct tsgd_kernels *kernels;
    for (size_t i = 0; (kernels = tsgd_isa_table(i)); i++) {
        struct tsgd_rng rng = tsgd_rng(5, TSGD_RNG_TEST, (uint32_t)i, 0);
        struct memory mem = memory(&rng, kernels);
        for (size_t m = 1; m <= MOST; m += TWIN_SLOW ? 7 : 1)
            for (size_t n = 1; n <= MOST; n += TWIN_SLOW ? 3 : 1)
                compare(kernels, &rng, &mem, m, n, 1 + tsgd_rng_below(&rng, 9));
        for (size_t k = 1; k <= MOST; k++)
            compare(kernels, &rng, &mem, 1 + tsgd_rng_below(&rng, MOST),
                    1 + tsgd_rng_below(&rng, MOST), k);
        for (size_t k = 398; k < DEEP; k += 100)
            for (size_t more = 0; more < 4; more++)
                compare(kernels, &rng, &mem, 1 + tsgd_rng_below(&rng, MOST),
                        1 + tsgd_rng_below(&rng, MOST), k + more);
    }
}

/* Bits depend on neither the place of the operands nor what C held. */
Test(products, have_the_same_bits_wherever_the_matrices_stand, .timeout = 60)
{
    enum { M = 29, N = 43, K = 37, SHIFT = 5 };
    const struct tsgd_kernels *kernels;
    struct tsgd_rng rng = tsgd_rng(6, TSGD_RNG_TEST, 0, 0);
    float *a = twin_floats(M * K + SHIFT), *b = twin_floats(K * N + SHIFT);
    float *c = twin_floats(M * N + SHIFT), first[M * N];
    twin_random(&rng, a, M * K);
    twin_random(&rng, b, K * N);
    for (size_t i = 0; (kernels = tsgd_isa_table(i)); i++)
        for (size_t turned = 0; turned < 2; turned++) {
            size_t brs = turned ? 1 : N, bcs = turned ? K : 1;
            float *panel = twin_floats(kernels->gemm_panel());
            struct tsgd_product p = {
                .m = M, .n = N, .k = K, .a = {a, K, 1}, .b = {b, brs, bcs}, .c = first, .rsc = N,
            };
            kernels->gemm(&p, panel);
            memmove(a + SHIFT, a, M * K * sizeof *a);
            memmove(b + SHIFT, b, K * N * sizeof *b);
            memset(c, -1, (M * N + SHIFT) * sizeof *c);
            p.a.p += SHIFT;
            p.b.p += SHIFT;
            p.c = c + SHIFT;
            kernels->gemm(&p, panel);
            free(panel);
            cr_assert(!memcmp(first, c + SHIFT, sizeof first), "%s turned %zu", kernels->isa,
                      turned);
            memmove(a, a + SHIFT, M * K * sizeof *a);
            memmove(b, b + SHIFT, K * N * sizeof *b);
        }
}

/* A diverged run must not look healthy: what is not a number shows in its row, and only there. */
Test(products, pass_on_nan_and_infinity, .timeout = 60)
{
    enum { M = 13, N = 35, K = 6 };
    const struct tsgd_kernels *kernels;
    for (size_t i = 0; (kernels = tsgd_isa_table(i)); i++) {
        float a[M * K], b[K * N], c[M * N];
        for (size_t j = 0; j < M * K; j++)
            a[j] = 1;
        for (size_t j = 0; j < K * N; j++)
            b[j] = 1;
        a[7 * K + 2] = NAN;
        b[3 * N + 33] = INFINITY;
        float *panel = twin_floats(kernels->gemm_panel());
        kernels->gemm(&(struct tsgd_product){
            .m = M, .n = N, .k = K, .a = {a, K, 1}, .b = {b, N, 1}, .c = c, .rsc = N,
        }, panel);
        free(panel);
        for (size_t r = 0; r < M; r++)
            for (size_t j = 0; j < N; j++)
                cr_assert(r == 7 ? isnan(c[r * N + j]) : j == 33 ? isinf(c[r * N + j])
                                                                 : c[r * N + j] == K,
                          "%s (%zu, %zu): %g", kernels->isa, r, j, (double)c[r * N + j]);
    }
}
