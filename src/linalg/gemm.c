#include "linalg/gemm.h"

#include "base/mem.h"
#include "linalg/blocking.h"
#include "linalg/vec.h"

static size_t less(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool is_small(size_t m, size_t n, size_t k)
{
    return tsgd_mul(tsgd_mul(m, n), k) <= TSGD_GEMM_SMALL;
}

/* Some micro-kernels load what follows their operands before they know that it is not needed. */
enum { LOADED_EARLY = 256 };

/* Floats of the packed block of B; that of A stands behind it. */
static size_t packed_b(const struct tsgd_blocking *b, size_t n, size_t k)
{
    size_t columns = tsgd_round_up(less(n, b->nc), b->nr);
    return tsgd_round_up(columns * less(k, b->kc), 16);
}

size_t tsgd_gemm_scratch(const struct tsgd_backend *on, size_t m, size_t n, size_t k)
{
    const struct tsgd_blocking *b = on->blocking;
    size_t panel = on->kernels->gemm_panel(), rows = b->by_columns ? n : m;
    if (is_small(m, n, k))
        return panel;
    size_t blocks = packed_b(b, b->by_columns ? m : n, k) + LOADED_EARLY +
                    tsgd_round_up(less(rows, b->mc), b->mr) * less(k, b->kc);
    return panel > blocks ? panel : blocks;
}

/* Rows of A or columns of B, `width` of them side by side: panel after panel, each `depth` deep. */
static void pack(const struct tsgd_kernels *kernels, size_t width, size_t n, size_t depth,
                 struct tsgd_mat from, float *to)
{
    for (size_t i = 0; i < n; i += width, from.p += width * from.cs, to += width * depth)
        kernels->gemm_pack(width, less(width, n - i), depth, from, to);
}

/* C's block at c, m x n, from packed blocks of A and B. */
static void sweep(const struct tsgd_backend *on, size_t m, size_t n, struct tsgd_tile t)
{
    const struct tsgd_blocking *b = on->blocking;
    const float *first_a = t.a;
    float *c = t.c;
    for (size_t j = 0; j < n; j += b->nr, t.b = t.next_b) {
        t.n = less(b->nr, n - j);
        t.next_b = t.b + b->nr * t.k;
        t.a = first_a;
        for (size_t i = 0; i < m; i += b->mr, t.a = t.next_a) {
            t.m = less(b->mr, m - i);
            t.next_a = t.a + b->mr * t.k;
            t.c = c + i * t.rs + j * t.cs;
            b->micro(on->kernels, b, &t);
        }
    }
}

/* The loops of BLIS around the micro-kernel. */
static void blocked(const struct tsgd_backend *on, const struct tsgd_product *p, float *scratch)
{
    const struct tsgd_blocking *b = on->blocking;
    struct tsgd_product q = *p;
    size_t rs = p->rsc, cs = 1;
    if (b->by_columns) {                /* C^T = B^T A^T: its columns are contiguous */
        q.m = p->n;
        q.n = p->m;
        q.a = (struct tsgd_mat){p->b.p, p->b.cs, p->b.rs};
        q.b = (struct tsgd_mat){p->a.p, p->a.cs, p->a.rs};
        rs = 1;
        cs = p->rsc;
    }
    float *a = scratch + packed_b(b, q.n, q.k);
    for (size_t jc = 0; jc < q.n; jc += b->nc)
        for (size_t pc = 0, depth; pc < q.k; pc += depth) {
            size_t n = less(b->nc, q.n - jc);
            depth = less(b->kc, q.k - pc);
            pack(on->kernels, b->nr, n, depth,
                 (struct tsgd_mat){q.b.p + pc * q.b.rs + jc * q.b.cs, q.b.rs, q.b.cs}, scratch);
            for (size_t ic = 0; ic < q.m; ic += b->mc) {
                size_t m = less(b->mc, q.m - ic);
                pack(on->kernels, b->mr, m, depth,
                     (struct tsgd_mat){q.a.p + ic * q.a.rs + pc * q.a.cs, q.a.cs, q.a.rs}, a);
                sweep(on, m, n, (struct tsgd_tile){
                    .k = depth, .a = a, .b = scratch, .beta = pc ? 1 : q.beta,
                    .c = q.c + ic * rs + jc * cs, .rs = rs, .cs = cs,
                });
            }
        }
}

void tsgd_gemm(const struct tsgd_backend *on, const struct tsgd_product *p, float *scratch)
{
    if (is_small(p->m, p->n, p->k))
        on->kernels->gemm(p, scratch);
    else
        blocked(on, p, scratch);
}

void tsgd_gemm_update(const struct tsgd_backend *on, const struct tsgd_product *p,
                      const struct tsgd_update *u, float *scratch)
{
    if (is_small(p->m, p->n, p->k)) {
        on->kernels->gemm_update(p, u, scratch);
        return;
    }
    blocked(on, p, scratch);
    for (size_t i = 0; i < p->m; i++) {
        struct tsgd_update row = tsgd_update_from(u, i * p->rsc);
        tsgd_sgd(on->kernels, &row, p->c + i * p->rsc, p->n);
    }
}
