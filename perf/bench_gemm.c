/* Products through tsgd_gemm, those of the models' dense layers and some others, each beside the
 * same one through the stock kernels of BLIS for the same instruction set (`of_stock` is their time
 * over ours). With arguments: M N K and, to turn a matrix, `a`, `b` or `ab`.                     */
#include "bench.h"

#include "base/mem.h"
#include "linalg/gemm.h"
#include "linalg/isa.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct product {
    int m, n, k;
    const char *turned;             /* which operands stand transposed */
    float *a, *b, *c;
};

static const struct product products[] = {
    /* the dense layers of lenet, 32 samples: forward, weight gradient, input gradient */
    {120, 32, 256, "", 0, 0, 0}, {84, 32, 120, "", 0, 0, 0}, {10, 32, 84, "", 0, 0, 0},
    {120, 256, 32, "b", 0, 0, 0}, {84, 120, 32, "b", 0, 0, 0}, {10, 84, 32, "b", 0, 0, 0},
    {256, 32, 120, "a", 0, 0, 0}, {120, 32, 84, "a", 0, 0, 0}, {84, 32, 10, "a", 0, 0, 0},
    /* of the first layer of mlp */
    {256, 32, 784, "", 0, 0, 0}, {256, 784, 32, "b", 0, 0, 0}, {784, 32, 256, "a", 0, 0, 0},
    /* batches of other sizes, rows that end within a vector */
    {120, 16, 256, "", 0, 0, 0}, {120, 48, 256, "", 0, 0, 0}, {120, 64, 256, "", 0, 0, 0},
    {32, 120, 400, "", 0, 0, 0},
    {128, 128, 128, "", 0, 0, 0}, {256, 256, 256, "", 0, 0, 0}, {512, 512, 512, "", 0, 0, 0},
    {1024, 1024, 1024, "", 0, 0, 0},
};

static float *floats(size_t n)
{
    struct tsgd_error err;
    float *p = NULL;
    if (TSGD_NEW(&p, n, "benchmark", &err) != TSGD_OK) {
        fprintf(stderr, "bench_gemm: %s\n", err.text);
        exit(1);
    }
    for (size_t i = 0; i < n; i++)
        p[i] = (float)(i * 7919 % 2001) / 1000 - 1;
    return p;
}

static struct tsgd_mat operand(const float *p, int rows, int columns, bool turned)
{
    return turned ? (struct tsgd_mat){p, 1, (size_t)rows}
                  : (struct tsgd_mat){p, (size_t)columns, 1};
}

static void ours(void *arg)
{
    const struct product *x = arg;
    tsgd_gemm((size_t)x->m, (size_t)x->n, (size_t)x->k,
              operand(x->a, x->m, x->k, strchr(x->turned, 'a')),
              operand(x->b, x->k, x->n, strchr(x->turned, 'b')), 0, x->c, (size_t)x->n);
}

void sgemm_(const char *ta, const char *tb, const int *m, const int *n, const int *k,
            const float *alpha, const float *a, const int *lda, const float *b, const int *ldb,
            const float *beta, float *c, const int *ldc);

/* BLAS counts columns first, so its product is the transposed one. */
static void stock(void *arg)
{
    const struct product *x = arg;
    const char *ta = strchr(x->turned, 'a') ? "T" : "N", *tb = strchr(x->turned, 'b') ? "T" : "N";
    float one = 1, zero = 0;
    sgemm_(tb, ta, &x->n, &x->m, &x->k, &one, x->b, *tb == 'T' ? &x->k : &x->n, x->a,
           *ta == 'T' ? &x->m : &x->k, &zero, x->c, &x->n);
}

/* Some of the elements against sums in double. */
static bool is_right(const struct product *x)
{
    struct tsgd_mat a = operand(x->a, x->m, x->k, strchr(x->turned, 'a'));
    struct tsgd_mat b = operand(x->b, x->k, x->n, strchr(x->turned, 'b'));
    size_t count = (size_t)x->m * (size_t)x->n;
    for (size_t e = 0; e < count; e += 1 + count / 1000) {
        size_t i = e / (size_t)x->n, j = e % (size_t)x->n;
        double sum = 0, size = 0;
        for (size_t p = 0; p < (size_t)x->k; p++) {
            double term = (double)a.p[i * a.rs + p * a.cs] * (double)b.p[p * b.rs + j * b.cs];
            sum += term;
            size += fabs(term);
        }
        if (!(fabs((double)x->c[e] - sum) <= 1.2e-7 * (x->k + 1) * size))
            return false;
    }
    return true;
}

static bool measure(struct product x)
{
    x.a = floats((size_t)x.m * (size_t)x.k);
    x.b = floats((size_t)x.k * (size_t)x.n);
    x.c = floats((size_t)x.m * (size_t)x.n);
    struct bench_time theirs = bench_run(stock, &x);
    bool ok = is_right(&x);
    memset(x.c, -1, sizeof *x.c * (size_t)x.m * (size_t)x.n);
    struct bench_time t = bench_run(ours, &x);
    ok &= is_right(&x);
    ok = bench_print("gemm", t, 2.0 * x.m * x.n * x.k, ok, "m=%d n=%d k=%d turned=%s kernels=%s "
                     "of_stock=%.2f", x.m, x.n, x.k, *x.turned ? x.turned : "none",
                     tsgd_gemm_kernels(), theirs.median / t.median);
    free(x.a);
    free(x.b);
    free(x.c);
    return ok;
}

int main(int argc, char **argv)
{
    struct tsgd_error err;
    const char *isa = getenv("ISA");
    bool ok = true;
    if (tsgd_isa_init(isa, &err) != TSGD_OK || tsgd_gemm_init(&err) != TSGD_OK) {
        fprintf(stderr, "bench_gemm: %s\n", err.text);
        return 1;
    }
    if (argc > 3)
        return !measure((struct product){atoi(argv[1]), atoi(argv[2]), atoi(argv[3]),
                                         argc > 4 ? argv[4] : "", NULL, NULL, NULL});
    for (size_t i = 0; i < sizeof products / sizeof *products; i++)
        ok &= measure(products[i]);
    return !ok;
}
