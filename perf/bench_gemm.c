/* Products through tsgd_gemm, those of the models' dense layers and some others, each beside the
 * same one through the stock kernels of BLIS for the same instruction set (`of_stock` is their time
 * over ours). --help says what arguments do.                                                     */
#include "bench.h"

#include "base/mem.h"
#include "linalg/gemm.h"

#include <blis.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct product {
    int m, n, k;
    const char *turned;             /* which operands stand transposed */
};

struct operands {
    struct product of;
    float *a, *b, *c, *scratch;
};

static struct tsgd_backend on;

static const struct product products[] = {
    /* the dense layers of lenet, 32 samples: forward, weight gradient, input gradient */
    {120, 32, 256, ""}, {84, 32, 120, ""}, {10, 32, 84, ""},
    {120, 256, 32, "b"}, {84, 120, 32, "b"}, {10, 84, 32, "b"},
    {256, 32, 120, "a"}, {120, 32, 84, "a"}, {84, 32, 10, "a"},
    /* of the first layer of mlp */
    {256, 32, 784, ""}, {256, 784, 32, "b"}, {784, 32, 256, "a"},
    /* batches of other sizes, rows that end within a vector */
    {120, 16, 256, ""}, {120, 48, 256, ""}, {120, 64, 256, ""},
    {32, 120, 400, ""},
    {128, 128, 128, ""}, {256, 256, 256, ""}, {512, 512, 512, ""},
    {1024, 1024, 1024, ""},
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
    const struct operands *x = arg;
    tsgd_gemm(&on, &(struct tsgd_product){
        .m = (size_t)x->of.m, .n = (size_t)x->of.n, .k = (size_t)x->of.k,
        .a = operand(x->a, x->of.m, x->of.k, strchr(x->of.turned, 'a')),
        .b = operand(x->b, x->of.k, x->of.n, strchr(x->of.turned, 'b')),
        .c = x->c, .rsc = (size_t)x->of.n,
    }, x->scratch);
}

/* BLAS counts columns first, so its product is the transposed one. */
static void stock(void *arg)
{
    const struct operands *x = arg;
    const char *ta = strchr(x->of.turned, 'a') ? "T" : "N";
    const char *tb = strchr(x->of.turned, 'b') ? "T" : "N";
    float one = 1, zero = 0;
    sgemm_(tb, ta, &x->of.n, &x->of.m, &x->of.k, &one, x->b, *tb == 'T' ? &x->of.k : &x->of.n, x->a,
           *ta == 'T' ? &x->of.m : &x->of.k, &zero, x->c, &x->of.n);
}

/* Some of the elements against sums in double. */
static bool is_right(const struct operands *x)
{
    struct tsgd_mat a = operand(x->a, x->of.m, x->of.k, strchr(x->of.turned, 'a'));
    struct tsgd_mat b = operand(x->b, x->of.k, x->of.n, strchr(x->of.turned, 'b'));
    size_t count = (size_t)x->of.m * (size_t)x->of.n;
    for (size_t e = 0; e < count; e += 1 + count / 1000) {
        size_t i = e / (size_t)x->of.n, j = e % (size_t)x->of.n;
        double sum = 0, size = 0;
        for (size_t p = 0; p < (size_t)x->of.k; p++) {
            double term = (double)a.p[i * a.rs + p * a.cs] * (double)b.p[p * b.rs + j * b.cs];
            sum += term;
            size += fabs(term);
        }
        if (!(fabs((double)x->c[e] - sum) <= 1.2e-7 * (x->of.k + 1) * size))
            return false;
    }
    return true;
}

static bool measure(struct product of)
{
    struct operands x = {.of = of};
    x.a = floats((size_t)of.m * (size_t)of.k);
    x.b = floats((size_t)of.k * (size_t)of.n);
    x.c = floats((size_t)of.m * (size_t)of.n);
    x.scratch = floats(tsgd_gemm_scratch(&on, (size_t)of.m, (size_t)of.n, (size_t)of.k));
    struct bench_time theirs = bench_run(stock, &x);
    bool ok = is_right(&x);
    memset(x.c, -1, sizeof *x.c * (size_t)of.m * (size_t)of.n);
    struct bench_time t = bench_run(ours, &x);
    ok &= is_right(&x);
    ok = bench_print("gemm", t, 2.0 * of.m * of.n * of.k, ok, "m=%d n=%d k=%d turned=%s kernels=%s "
                     "of_stock=%.2f", of.m, of.n, of.k, *of.turned ? of.turned : "none",
                     tsgd_backend_name(&on), theirs.median / t.median);
    free(x.a);
    free(x.b);
    free(x.c);
    free(x.scratch);
    return ok;
}

/* BLIS itself would take `generic` kernels on CPUs that are newer than BLIS. */
static void choose_stock(void)
{
#if defined(__x86_64__)
    const char *isa = on.kernels->isa;
    char number[12];
    int id = !strcmp(isa, "avx512") ? BLIS_ARCH_SKX : strcmp(isa, "avx2") ? BLIS_ARCH_PENRYN :
             __builtin_cpu_is("amd") ? BLIS_ARCH_ZEN2 : BLIS_ARCH_HASWELL;
    snprintf(number, sizeof number, "%d", id);
    setenv("BLIS_ARCH_TYPE", number, 0);
#endif
}

static bool size(const char *text, int *out)
{
    char more;
    return sscanf(text, "%d%c", out, &more) == 1 && *out > 0;
}

int main(int argc, char **argv)
{
    struct tsgd_error err;
    const char *isa = getenv("ISA");
    bool ok = true;
    struct product of = {.turned = argc > 4 ? argv[4] : ""};
    bench_arguments(argc, argv, 4, "[M N K [a | b | ab]]",
                    "Products, beside those of BLIS's stock kernels: of the models, or of M x K by "
                    "K x N\nnumbers with a, b or both turned; on the widest instruction set, or on "
                    "that in $ISA.");
    if (argc > 1 && (argc < 4 || !size(argv[1], &of.m) || !size(argv[2], &of.n) ||
                     !size(argv[3], &of.k) || strspn(of.turned, "ab") < strlen(of.turned))) {
        fprintf(stderr, "bench_gemm: found '%s', want M N K, whole numbers from 1 up, and perhaps "
                "a, b or ab\n", argv[1]);
        return 2;
    }
    if (tsgd_backend_init(&on, isa, &err) != TSGD_OK) {
        fprintf(stderr, "bench_gemm: %s\n", err.text);
        return 1;
    }
    choose_stock();
    if (argc > 1)
        return !measure(of);
    for (size_t i = 0; i < sizeof products / sizeof *products; i++)
        ok &= measure(products[i]);
    return !ok;
}
